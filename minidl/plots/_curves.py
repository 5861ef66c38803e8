"""Plots of trainings: cost curves, their spread over seeds, accuracies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..comparison import Comparison
from ..errors import DataError, SettingError
from ..validation import check_choice
from ._drawing import COLORS, LINES, axes_for, legend, style
from ._trainings import Training, read_trainings, read_variants

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Curve(NamedTuple):
    """One line of a plot: a figure of a training under this label. Trainings under one label have the same number."""

    label: str
    number: int
    figure: str
    epochs: np.ndarray
    values: np.ndarray


def cost_curves(
    histories: Any,
    *,
    key: str | Sequence[str] = "loss",
    validation: bool = True,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw figures against the epoch, one line per training; that of the validation rows is dashed.

    histories   a History, its dict, a list or table of costs, a trained model or estimator, a Comparison; or several
                of them, as a list or as {label: one of these}; the runs of a variant have one look
    key         the figure to draw, or several
    validation  draw "val_loss" beside "loss" if it was recorded
    log         make the axis of the figures logarithmic

    An epoch whose figure is not finite is left out. `history.plot()` calls this.
    """
    who, keys = "cost_curves", _check_keys("cost_curves", key)
    trainings = read_trainings(who, histories, keys)
    curves = [
        Curve(label, number, figure, *training.points(figure))
        for number, (label, runs) in enumerate(trainings.items())
        for training in runs
        for figure in training.shown(f"{who}: {label}" if label else who, keys, validation)
    ]
    _check_values(who, keys, log, [curve.values for curve in curves])
    ax = axes_for(who, ax)
    figures = list(dict.fromkeys(curve.figure for curve in curves))
    entered: set[str] = set()
    for curve in curves:
        look = _look(curve, figures) if len(trainings) > 1 else _look_alone(curve, figures)
        hidden = {"label": "_nolegend_"} if look["label"] in entered else {}  # runs under one label share its entry
        entered.add(look["label"])
        ax.plot(curve.epochs, curve.values, marker="o" if len(curve.values) == 1 else "", **look | hidden)
    return _finish(ax, keys, log, entries=len(figures) * len(trainings) if len(curves) > 1 or any(trainings) else 0)


def _look(curve: Curve, figures: list[str]) -> dict[str, Any]:
    """One colour for each training, one kind of line for each figure; if there is one figure, for each training."""
    if len(figures) == 1:
        return {"label": curve.label} | style(curve.number)
    line = LINES[figures.index(curve.figure) % len(LINES)]
    return style(curve.number) | {"label": f"{curve.label} {curve.figure}", "linestyle": line}


def _look_alone(curve: Curve, figures: list[str]) -> dict[str, Any]:
    """One colour for each figure of a single training; that of the validation rows is dashed."""
    validated = curve.figure.startswith("val_") and len(figures) > 1
    bases = list(dict.fromkeys(figure.removeprefix("val_") for figure in figures))
    label = curve.figure if len(figures) > 1 else curve.label
    color = COLORS[bases.index(curve.figure.removeprefix("val_")) % len(COLORS)]
    return {"label": label, "color": color, "linestyle": LINES[validated]}


def cost_spread(comparison: Any, ax: Axes | None = None, *, key: str = "loss", log: bool = False) -> Axes:
    """Draw the mean cost over the seeds against the epoch, one line per variant, in a band from lowest to highest.

    comparison  a Comparison, {variant: a list of trainings}, or a list of trainings; each as in `cost_curves`
    key         the figure to draw
    log         make the axis of the figure logarithmic

    The line of a variant ends with its shortest run; runs of no epochs are left out. `comparison.plot()` calls this.
    """
    who, keys = "cost_spread", _check_keys("cost_spread", [key])
    variants = read_variants(who, comparison, keys)
    figures = dict.fromkeys(figure for runs in variants.values() for run in runs for figure in run.figures)
    if figures:
        check_choice(who, "key", key, tuple(figures))
    bands = {name: _band(runs, key) for name, runs in variants.items()}
    _check_values(who, keys, log, [costs.ravel() for _, costs in bands.values()])
    ax = axes_for(who, ax)
    for number, (name, (epochs, costs)) in enumerate(bands.items()):
        look = style(number)
        ax.plot(epochs, costs.mean(axis=0), label=name, **look)
        ax.fill_between(epochs, costs.min(axis=0), costs.max(axis=0), color=look["color"], alpha=0.2)
    return _finish(ax, keys, log, entries=len(variants) if any(variants) else 0)


def _band(runs: Iterable[Training], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs that all runs have, and the figure (runs, epochs)."""
    points = [run.points(key) for run in runs if run.length]
    length = min((len(epochs) for epochs, _ in points), default=0)
    if not length:
        return np.empty(0), np.empty((1, 0))
    return points[0][0][:length], np.array([costs[:length] for _, costs in points])


def accuracies(comparison: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy on train rows (white) beside that on test rows (hatched), mean and standard deviation.

    comparison  a Comparison; or trainings as in `cost_spread`, and then the accuracies are those of the last epoch, and
                the test rows are the validation rows
    """
    who = "accuracies"
    found = _measured(comparison) if isinstance(comparison, Comparison) else _recorded(who, comparison)
    if not any(values for bars in found.values() for values in bars.values()):
        wanted = "compare measures it if the targets are classes, fit after compile(metrics=['accuracy'])"
        raise DataError(f"{who}: no accuracy was measured; {wanted}")
    ax = axes_for(who, ax)
    for kind, shift, hatch in (("train", -0.2, ""), ("test", 0.2, "///")):
        bars = {place + shift: found[name][kind] for place, name in enumerate(found) if found[name][kind]}
        means, spreads = ([float(f(values)) for values in bars.values()] for f in (np.mean, np.std))
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": "black", "hatch": hatch}
        if bars:
            ax.bar(list(bars), means, 0.4, yerr=spreads, capsize=3, label=kind, **look)
    ax.set(xticks=range(len(found)), xticklabels=list(found), ylabel="accuracy", ylim=(0, 1.02))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _measured(comparison: Comparison) -> dict[str, dict[str, list[float]]]:
    """The accuracies of each variant on train and test rows, one for each seed."""
    kinds = ("train", "test")
    return {name: {kind: comparison.values(name, f"{kind}_accuracy") for kind in kinds} for name in comparison.runs}


def _recorded(who: str, histories: Any) -> dict[str, dict[str, list[float]]]:
    """The last accuracies in the histories of each name."""
    variants = read_variants(who, histories, ["accuracy"])
    return {
        name: {kind: _last_accuracies(runs, prefix) for kind, prefix in (("train", ""), ("test", "val_"))}
        for name, runs in variants.items()
    }


def _last_accuracies(runs: list[Training], prefix: str) -> list[float]:
    """The last accuracy of every run that has one, under any of Keras's names: accuracy, acc, binary_accuracy."""
    values = [
        run.points(figure)[1]
        for run in runs
        for figure in run.figures
        if figure.startswith("val_") == bool(prefix) and figure.endswith(("accuracy", "acc"))
    ]
    return [float(curve[-1]) for curve in values if len(curve)]


def _check_keys(who: str, key: Any) -> list[str]:
    keys = [key] if isinstance(key, str) else list(key) if isinstance(key, list | tuple) else []
    if not keys or not all(isinstance(name, str) for name in keys):
        raise SettingError(f"{who}: key must be the name of a figure, such as 'loss', or a list of names; got {key!r}")
    return keys


def _check_values(who: str, keys: Sequence[str], log: bool, curves: list[np.ndarray]) -> None:
    """Raise DataError if nothing would be seen."""
    values = np.concatenate([np.empty(0), *curves])
    if not values.size:
        raise DataError(f"{who}: no epoch has a finite {' or '.join(keys)}; train first with fit(x, y)")
    if log and not (values > 0).any():
        raise DataError(f"{who}: a logarithmic axis shows numbers above 0; the largest is {values.max():g}")


def _finish(ax: Axes, keys: Sequence[str], log: bool, *, entries: int) -> Axes:
    from matplotlib.ticker import MaxNLocator

    ax.set(xlabel="epoch", ylabel=", ".join(keys))
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    if log:
        ax.set_yscale("log")
    if entries:
        legend(ax, entries)
    return ax
