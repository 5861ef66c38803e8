"""Plots. Each function draws on the given Axes, or on new ones, and returns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import validation
from .callbacks import History
from .errors import DataError, ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .comparison import Comparison
    from .diagnostics import Diagnosis, Monitor
    from .gradcheck import Report
    from .model import Model

LINES = ("-", "--", "-.", ":")  # distinct in black and white, too
MARKERS = "os^Dv"


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    return ax


def cost_curves(histories: Mapping[str, Any] | Any, *, key: str = "loss", ax: Axes | None = None) -> Axes:
    """Draw the cost against the epoch, one line per training.

    histories  a History, its dict, a list of costs, or {label: one of these}
    key        the figure to draw
    """
    ax = _axes(ax)
    several = isinstance(histories, Mapping) and key not in histories
    named = histories if several else {"": histories}
    for number, (label, history) in enumerate(named.items()):
        costs = history.history if isinstance(history, History) else history
        if isinstance(costs, Mapping):
            costs = costs[validation.check_choice("cost_curves", "key", key, tuple(costs))]
        ax.plot(costs, LINES[number % len(LINES)], label=label)
    ax.set(xlabel="epoch", ylabel=key)
    if any(named):
        ax.legend()
    return ax


def decision_boundary(model: Model, x: Any, y: Any, *, ax: Axes | None = None, resolution: int = 200) -> Axes:
    """Draw the model's output over the plane of two features, the line at 0.5, and the points x (m, 2).

    The plane extends 15 % beyond the range of the points.
    """
    x, y = np.asarray(x), np.asarray(y).ravel()
    if x.ndim != 2 or x.shape[1] != 2:
        raise ShapeError(f"decision_boundary: x must be (m, 2) to lie in a plane, got {x.shape}")
    ax = _axes(ax)
    margin = 0.15 * (x.max(axis=0) - x.min(axis=0)) + 1e-3
    sides = [np.linspace(x[:, i].min() - margin[i], x[:, i].max() + margin[i], resolution) for i in (0, 1)]
    xx, yy = np.meshgrid(*sides)
    outputs = model.predict(np.column_stack([xx.ravel(), yy.ravel()]))[:, 0].reshape(xx.shape)
    ax.contourf(xx, yy, outputs, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6, extend="both")
    ax.contour(xx, yy, outputs, levels=[0.5], colors="black", linewidths=1)
    for label, marker in zip(np.unique(y), MARKERS, strict=False):
        points = x[y == label]
        ax.scatter(points[:, 0], points[:, 1], marker=marker, s=14, c="white", edgecolors="black", linewidths=0.7)
    return ax


def gradient_report(report: Report, ax: Axes | None = None) -> Axes:
    """Draw the relative difference of every tensor on a logarithmic scale, wrong ones hatched: `report.plot()`."""
    ax = _axes(ax)
    names = list(report.tensors)[::-1]
    shown = [max(report.tensors[name].difference, 1e-17) for name in names]
    bars = ax.barh(names, shown, color="0.8", edgecolor="black")
    for bar, name in zip(bars, names, strict=True):
        if not report.tensors[name].passed:
            bar.set(hatch="///", facecolor="white")
    ax.set(xscale="log", xlim=(1e-17, 2), xlabel="relative difference of backward and derivative (hatched: wrong)")
    ax.set_title(report.title)
    return ax


# ---- a training


def confusion_matrix(model: Model, x: Any, y: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the counts of true and predicted classes: scikit-learn's ConfusionMatrixDisplay.   y (m,) class labels."""
    from sklearn.metrics import ConfusionMatrixDisplay

    ax, outputs = _axes(ax), model.predict(x)
    predicted = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(int)
    ConfusionMatrixDisplay.from_predictions(np.asarray(y).ravel(), predicted, ax=ax, cmap="Greys", colorbar=False)
    return ax


def update_ratios(monitor: Monitor, *, ax: Axes | None = None) -> Axes:
    """Draw |step| / |w| of every kernel against the step, from a Monitor. A grey line marks the usual 1e-3."""
    ax, record = _axes(ax), monitor.record
    ratios = record.ratios
    for number, place in enumerate(np.flatnonzero(record.kernels)):
        ax.plot(record.steps, ratios[:, place], LINES[number % len(LINES)], label=record.paths[place], color="black")
    ax.axhline(1e-3, color="0.6", zorder=0)
    ax.set(yscale="log", xlabel="step", ylabel="|step| / |w|")
    ax.legend()
    return ax


def histograms(values: Mapping[int, Any], *, ax: Axes | None = None, bins: int = 40) -> Axes:
    """Draw one histogram per epoch above the other, the first at the bottom.   values {epoch: numbers}

    `callbacks.Distributions` collects them: histograms(distributions.values["dense/kernel"]).
    """
    ax = _axes(ax)
    numbers = {epoch: np.asarray(v).ravel() for epoch, v in values.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(numbers.values())), bins)
    for level, v in enumerate(numbers.values()):
        heights = np.histogram(v, edges)[0]
        line = level + 0.9 * heights / heights.max()
        ax.fill_between(edges[:-1], level, line, step="post", color="0.85", edgecolor="black", zorder=-level)
    ax.set(yticks=range(len(numbers)), yticklabels=[str(epoch) for epoch in numbers], xlabel="value", ylabel="epoch")
    return ax


# ---- a network


def signal(diagnosis: Diagnosis, ax: Axes | None = None) -> Axes:
    """Draw the size of every kernel layer's output, and of the gradient at it: `diagnosis.plot()`."""
    ax = _axes(ax)
    for what, line, marker in (("activation", "-", "o"), ("gradient", "--", "s")):
        sizes = [max(sizes[what], 1e-30) for sizes in diagnosis.layers.values()]
        ax.plot(list(diagnosis.layers), sizes, line, marker=marker, color="black", label=what)
    ax.set(yscale="log", ylabel="root mean square", title=diagnosis.headline)
    ax.legend()
    return ax


# ---- a comparison


def cost_spread(comparison: Comparison, ax: Axes | None = None, *, key: str = "loss") -> Axes:
    """Draw the mean cost over the seeds against the epoch, one line per variant, in a band from lowest to highest.

    The line of a variant ends with its shortest run. `comparison.plot()` calls this.
    """
    known = dict.fromkeys(figure for runs in comparison.runs.values() for run in runs for figure in run.history.history)
    validation.check_choice("cost_spread", "key", key, tuple(known))
    ax = _axes(ax)
    for number, (name, runs) in enumerate(comparison.runs.items()):
        curves = [run.history.history.get(key, []) for run in runs]
        costs = np.array([curve[: min(map(len, curves))] for curve in curves])
        line = ax.plot(costs.mean(axis=0), LINES[number % len(LINES)], label=name)[0]
        ax.fill_between(range(costs.shape[1]), costs.min(axis=0), costs.max(axis=0), color=line.get_color(), alpha=0.2)
    ax.set(xlabel="epoch", ylabel=key)
    ax.legend()
    return ax


def accuracies(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy on train rows (white) beside that on test rows (hatched), mean and standard deviation."""
    if not {"train_accuracy", "test_accuracy"} & set(comparison.columns):
        raise DataError("accuracies: no accuracy was measured; compare measures it if the targets are classes")
    ax, names = _axes(ax), list(comparison.runs)
    for kind, shift, hatch in (("train", -0.2, ""), ("test", 0.2, "///")):
        values = [comparison.values(name, f"{kind}_accuracy") for name in names]
        if all(values):
            means, spreads = ([f(v) for v in values] for f in (np.mean, np.std))
            places = np.arange(len(names)) + shift
            bars = ax.bar(places, means, 0.4, yerr=spreads, capsize=3, label=kind, facecolor="white", edgecolor="black")
            for bar in bars:
                bar.set_hatch(hatch)
    ax.set(xticks=range(len(names)), xticklabels=names, ylabel="accuracy", ylim=(0, 1.02))
    ax.legend(loc="lower right")
    return ax


def layer_sizes(comparison: Comparison, *, what: str = "activation", ax: Axes | None = None) -> Axes:
    """Draw the size of every kernel layer's activation (or "gradient") before training, one line per variant."""
    validation.check_choice("layer_sizes", "what", what, ("activation", "gradient"))
    ax = _axes(ax)
    for number, (name, layers) in enumerate(comparison.layers.items()):
        sizes = [max(sizes[what], 1e-30) for sizes in layers.values()]
        ax.plot(list(layers), sizes, LINES[number % len(LINES)], marker=MARKERS[number % len(MARKERS)], label=name)
    ax.set(yscale="log", ylabel=f"{what}, root mean square")
    ax.legend()
    return ax
