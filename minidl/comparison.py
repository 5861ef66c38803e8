"""Comparison of model variants: trained on the same data from several seeds each, in one table."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import validation
from ._lazy import extension
from ._tables import html_table, text_table
from .callbacks import Bar, Callback, History, Logs, bar_wanted, check_verbose
from .diagnostics import class_labels, collect_signals
from .errors import DataError, NonFiniteError, SettingError
from .metrics import Accuracy
from .model import Model
from .ops import position_rows
from .seeding import Streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Variant = Model | Callable[[int], Model]
COLUMNS = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


@dataclass
class Run:
    """One training: the trained model, its history and figures, and the error message if it diverged."""

    seed: int
    model: Model
    history: History
    figures: dict[str, float]
    failed: str | None = None


@dataclass
class Comparison:
    """The runs of each variant by its name. `str` and HTML are a table: mean and standard deviation over the seeds.

    layers  sizes of activations and gradients before training, per variant and layer, from the first seed
    """

    runs: dict[str, list[Run]]
    layers: dict[str, dict[str, dict[str, float]]]

    def plot(self, ax: Axes | None = None, *, key: str = "loss") -> Axes:
        """Draw the mean cost curve of every variant, with its spread: see `minidl.plots.cost_spread`."""
        axes: Axes = extension("plots").cost_spread(self, ax, key=key)
        return axes

    def model(self, name: str) -> Model:
        """The trained model of the variant's first seed."""
        return self.runs[name][0].model

    def values(self, name: str, figure: str) -> list[float]:
        """A figure ("test_accuracy") of the variant, one value per seed; empty if it was not measured."""
        return [run.figures[figure] for run in self.runs[name] if figure in run.figures]

    @property
    def columns(self) -> list[str]:
        """The figures that were measured."""
        return [figure for figure in COLUMNS if any(self.values(name, figure) for name in self.runs)]

    def rows_of_text(self) -> list[tuple[str, ...]]:
        """The cells of the table, row by row; the first row is the heading."""
        table = [("variant", "seeds", *(column.replace("_", " ") for column in self.columns), "")]
        for name, runs in self.runs.items():
            failed = sum(run.failed is not None for run in runs)
            cells = (_mean_and_std(self.values(name, column)) for column in self.columns)
            table.append((str(name), str(len(runs)), *cells, f"{failed} diverged" if failed else ""))
        return table

    def __str__(self) -> str:
        head, *rows = self.rows_of_text()
        return "\n".join(text_table(head, rows))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self.rows_of_text()
        return html_table("", head, rows)

    def to_dict(self) -> dict[str, Any]:
        """The table as plain numbers: {variant: {figure: {"mean", "std", "values"}}}."""
        return {
            name: {
                column: {"mean": float(np.mean(values)), "std": float(np.std(values)), "values": values}
                for column in self.columns
                if (values := self.values(name, column))
            }
            for name in self.runs
        }


def _mean_and_std(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "-"


def compare(
    models: Mapping[str, Variant],
    x: Any,
    y: Any,
    *,
    validation_data: Any = None,
    epochs: int = 1,
    batch_size: int | None = None,
    seeds: int | Iterable[int] = 3,
    verbose: Any = "auto",
) -> Comparison:
    """Train every variant on the same x and y, once for each seed, and compare the results.

    models           {name: a model that is not built, or a function of the seed that returns one}
    validation_data  (x, y) of the test columns
    seeds            a number of seeds, counted from 0, or the seeds themselves
    verbose          0: silent; 1: one bar over all epochs of all runs; "auto": a bar if it can be seen

    The models stay as they are: each seed trains a copy. A run that diverges is reported in the table; nothing is
    raised.
    """
    seeds = _as_seeds(seeds)
    epochs = validation.check_integer("compare", "epochs", epochs, 1)
    check_verbose("compare", verbose)
    _check_models(models)
    tests = {"train": (x, y)}
    if validation_data is not None:
        if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
            raise DataError("compare: validation_data must be (x, y)")
        tests["test"] = tuple(validation_data)
    shown = bar_wanted() if verbose == "auto" else bool(verbose)
    watching: list[Callback] = []

    def run(name: str, seed: int) -> Run:
        model, failed = _make(name, models[name], seed), None
        try:
            model.fit(x, y, batch_size, epochs, verbose=0, callbacks=watching, validation_data=validation_data)
        except NonFiniteError as error:
            failed = str(error)
        return Run(seed, model, model.history, _figures(model, tests), failed)

    layers = {name: collect_signals(_make(name, variant, seeds[0]), x, y).sizes for name, variant in models.items()}
    with Bar(len(models) * len(seeds) * epochs, "epoch") if shown else nullcontext() as bar:
        watching += [_EpochCounter(bar)] if bar else []
        runs = {name: [run(name, seed) for seed in seeds] for name in models}
    return Comparison(runs, layers)


def _as_seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        return list(range(validation.check_integer("compare", "seeds", seeds, 1)))
    numbers = [validation.check_integer("compare", "seeds", seed, 0) for seed in seeds]
    if not numbers:
        raise SettingError("compare: seeds must contain at least one seed, got none")
    return numbers


def _check_models(models: Mapping[str, Variant]) -> None:
    if not isinstance(models, Mapping) or not models:
        raise SettingError(f"compare: models must be a dict such as {{'He': model}}, got {models!r}")
    for name, variant in models.items():
        if isinstance(variant, Model) and variant.built:
            raise SettingError(f"compare: {name} is already built from one seed; pass a model that is not built")
        if not (isinstance(variant, Model) or callable(variant)):
            raise SettingError(f"compare: {name} must be a model or a function of the seed, got {variant!r}")


def _make(name: str, variant: Variant, seed: int) -> Model:
    """The variant's model for this seed."""
    if isinstance(variant, Model):
        model = copy.deepcopy(variant)
        model.seed, model.streams = seed, Streams.split(seed)
        return model
    model = variant(seed)
    if not isinstance(model, Model):
        raise SettingError(f"compare: {name}({seed}) must return a model, got {model!r}")
    return model


class _EpochCounter(Callback):
    """Advance the progress bar at every epoch."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.bar.update()


def _figures(model: Model, tests: Mapping[str, Any]) -> dict[str, float]:
    """The data loss on each of the test sets, and the accuracy if the targets are classes."""
    figures = {}
    for kind, (x, y) in tests.items():
        logs = model.evaluate(x, y, return_dict=True)
        figures[f"{kind}_loss"] = float(logs.get("data_loss", logs["loss"]))
        if model.ports.outputs:
            continue  # there is no accuracy of several outputs
        outputs, targets, _ = position_rows(model.predict(x), model.examples("compare", x, y).y, None)
        scores = outputs.shape[1] > 1 or bool(((outputs >= 0) & (outputs <= 1)).all())
        if class_labels(targets) is not None and scores:
            accuracy = Accuracy()
            accuracy.update(targets, outputs)
            figures[f"{kind}_accuracy"] = accuracy.result()
    return figures
