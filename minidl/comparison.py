"""Variants of a network, trained on the same data from several seeds each, side by side."""

from __future__ import annotations

import copy
import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import validation
from ._lazy import extension
from .callbacks import Callback, History, Logs, bar_wanted, check_verbose, progress_bar
from .diagnostics.signals import class_numbers, collect
from .errors import DataError, NonFiniteError, SettingError
from .metrics import Accuracy
from .model import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Variant = Model | Callable[[int], Model]
COLUMNS = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


@dataclass
class Run:
    """One training: the model as it ended, its history, its figures, and the message if it ended in no number."""

    seed: int
    model: Model
    history: History
    figures: dict[str, float]
    failed: str | None = None


@dataclass
class Comparison:
    """The runs of each variant by its name. `str` and HTML are a table, mean and standard deviation over the seeds.

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
        """A figure ("test_accuracy") of the variant, a number a seed; none if it was not measured."""
        return [run.figures[figure] for run in self.runs[name] if figure in run.figures]

    @property
    def columns(self) -> list[str]:
        """The figures that were measured."""
        return [figure for figure in COLUMNS if any(self.values(name, figure) for name in self.runs)]

    def rows_of_text(self) -> list[tuple[str, ...]]:
        """The table, cell by cell, under its heading."""
        table = [("variant", "seeds", *(column.replace("_", " ") for column in self.columns), "")]
        for name, runs in self.runs.items():
            failed = sum(run.failed is not None for run in runs)
            remark = f"{failed} ended in what is no number" if failed else ""
            cells = (_spread(self.values(name, column)) for column in self.columns)
            table.append((str(name), str(len(runs)), *cells, remark))
        return table

    def __str__(self) -> str:
        table = self.rows_of_text()
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines = [
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))] for row in table
        ]
        return "\n".join("  ".join(line).rstrip() for line in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self.rows_of_text()
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        lines = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in body)
        return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"

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


def _spread(values: list[float]) -> str:
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
    """Train every variant on the same x and y, once for each seed, and put them side by side.

    models           {name: a model that is not built, or a function of the seed that makes one}
    validation_data  (x, y) of the test columns
    seeds            so many, from 0 on, or these
    verbose          0 silent, 1 one bar over all epochs of all runs, "auto" a bar where one can be seen

    The models given stay as they are: each seed trains a copy. A run that ends in no number is told apart, not raised.
    """
    seeds = _numbers(seeds)
    epochs = validation.check_integer("compare", "epochs", epochs, 1)
    check_verbose("compare", verbose)
    _refuse_bad(models)
    tests = {"train": (x, y)}
    if validation_data is not None:
        if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
            raise DataError("compare: validation_data must be (x, y)")
        tests["test"] = tuple(validation_data)
    shown = bar_wanted() if verbose == "auto" else bool(verbose)
    bar = progress_bar(len(models) * len(seeds) * epochs) if shown else None
    runs: dict[str, list[Run]] = {}
    layers = {}
    for name, variant in models.items():
        layers[name] = collect(_made(name, variant, seeds[0]), x, y, 300).sizes
        runs[name] = []
        for seed in seeds:
            model = _made(name, variant, seed)
            failed = _train(model, x, y, epochs, batch_size, validation_data, bar)
            runs[name].append(Run(seed, model, model.history, _figures(model, tests), failed))
    if bar is not None:
        bar.close()
    return Comparison(runs, layers)


def _numbers(seeds: int | Iterable[int]) -> list[int]:
    """The seeds themselves."""
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        return list(range(validation.check_integer("compare", "seeds", seeds, 1)))
    numbers = [validation.check_integer("compare", "seeds", seed, 0) for seed in seeds]
    if not numbers:
        raise SettingError("compare: seeds must name at least one seed, got none")
    return numbers


def _refuse_bad(models: Mapping[str, Variant]) -> None:
    if not isinstance(models, Mapping) or not models:
        raise SettingError(f"compare: models must be a dict such as {{'He': model}}, got {models!r}")
    for name, variant in models.items():
        if isinstance(variant, Model) and variant.built:
            raise SettingError(f"compare: {name} is built, so its weights have a seed already: pass one that is not")
        if not (isinstance(variant, Model) or callable(variant)):
            raise SettingError(f"compare: {name} must be a model or a function of the seed, got {variant!r}")


def _made(name: str, variant: Variant, seed: int) -> Model:
    """The variant's model for this seed."""
    if isinstance(variant, Model):
        model = copy.deepcopy(variant)
        model.seed, model.rng = seed, np.random.default_rng(seed)
        return model
    model = variant(seed)
    if not isinstance(model, Model):
        raise SettingError(f"compare: {name}({seed}) must return a model, got {model!r}")
    return model


class _Counter(Callback):
    """Moves the one bar on at every epoch."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.bar.update()


def _train(
    model: Model, x: Any, y: Any, epochs: int, batch_size: int | None, validation_data: Any, bar: Any
) -> str | None:
    """Train the model; the message of the NonFiniteError, if it ended so."""
    watching = [] if bar is None else [_Counter(bar)]
    try:
        model.fit(x, y, batch_size, epochs, verbose=0, callbacks=watching, validation_data=validation_data)
    except NonFiniteError as error:
        return str(error)
    return None


def _figures(model: Model, tests: Mapping[str, Any]) -> dict[str, float]:
    figures = {}
    for kind, (x, y) in tests.items():
        logs = model.evaluate(x, y, return_dict=True)
        figures[f"{kind}_loss"] = float(logs.get("data_loss", logs["loss"]))
        targets, outputs = model.examples("compare", x, y).y, model.predict(x)
        decided = outputs.shape[1] > 1 or bool(((outputs >= 0) & (outputs <= 1)).all())
        if class_numbers(targets) is not None and decided:
            accuracy = Accuracy()
            accuracy.update(targets, outputs)
            figures[f"{kind}_accuracy"] = accuracy.result()
    return figures
