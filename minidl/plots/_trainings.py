"""The figures of trainings, read from whatever holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from ..validation import check_choice
from ._drawing import refusal

WANTED = "a History, its dict, a table or list of costs, a trained model or estimator, a Comparison, or several by name"
HOLDERS = ("history", "history_", "loss_curve_", "model_")  # attributes of models and estimators that lead to figures


class Training(NamedTuple):
    """The figures of one training by name, a number for each epoch, and the numbers of its epochs if they are known."""

    figures: Mapping[str, np.ndarray]
    epoch: Any = None

    @property
    def length(self) -> int:
        """The number of epochs."""
        return max(map(len, self.figures.values()), default=0)

    def points(self, figure: str) -> tuple[np.ndarray, np.ndarray]:
        """(epochs, values) of a figure where it is finite. A figure of fewer epochs lies at even distances.

        That is how `validation_freq` measures it: at the last of every so many epochs.
        """
        values = self.figures.get(figure, np.empty(0))
        every = self.length // len(values) if len(values) else 1
        known = self.epoch is not None and len(self.epoch) == self.length
        epoch = np.asarray(self.epoch) if known else np.arange(self.length)
        finite = np.isfinite(values)
        return epoch[every - 1 :: every][: len(values)][finite], values[finite]

    def shown(self, who: str, keys: Sequence[str], validation: bool) -> list[str]:
        """Return the figures to draw: each key, with its val_ figure if there is one. A training of no epochs has none.

        Raise SettingError if the training does not have a key.
        """
        if not self.length:
            return []
        wanted = [check_choice(who, "key", key, tuple(self.figures)) for key in keys]
        beside = [figure for key in keys for figure in (key, f"val_{key}") if figure in self.figures]
        return list(dict.fromkeys(beside if validation else wanted))


def read_variants(who: str, given: Any, keys: Sequence[str]) -> dict[str, list[Training]]:
    """Return the trainings of each name; those without a name under "". A bare list of costs is the first key."""
    given = getattr(given, "runs", given)  # those of a Comparison
    if isinstance(given, Mapping) and given and not _is_one_training(given, keys):
        return {str(name): _read_all(who, value, keys[0]) for name, value in given.items()}
    return {"": _read_all(who, given, keys[0])}


def read_trainings(who: str, given: Any, keys: Sequence[str]) -> dict[str, list[Training]]:
    """Return the trainings of each name; those of a list are named by their numbers."""
    found = read_variants(who, given, keys)
    if not any(training.length for trainings in found.values() for training in trainings):
        raise DataError(f"{who}: no epoch has been recorded; train first with fit(x, y)")
    nameless = found.get("", [])
    return {f"training {number}": [one] for number, one in enumerate(nameless)} if len(nameless) > 1 else found


def _is_one_training(given: Mapping[Any, Any], keys: Sequence[str]) -> bool:
    """True for {figure: costs}; False for {name: training}, where a training may be a list of costs."""
    figures = {"loss", *keys}
    named = any(name in figures or str(name).startswith("val_") for name in given)
    return named and all(_numbers(value) is not None for value in given.values())


def _read_all(who: str, given: Any, key: str) -> list[Training]:
    """Return the training, or the trainings of a list."""
    one = _read(given, key)
    if one is not None:
        return [one]
    if not isinstance(given, list | tuple):
        raise refusal(who, WANTED, given)
    return [training for item in given for training in _read_all(who, item, key)]


def _read(given: Any, key: str) -> Training | None:
    """Return the training that the object holds, or None."""
    holder = next((name for name in HOLDERS if hasattr(given, name)), None)
    if holder:
        inner = _read(getattr(given, holder), key)
        epoch = getattr(given, "epoch", None)
        return inner if inner is None or epoch is None else Training(inner.figures, epoch)
    if isinstance(given, Mapping) or hasattr(given, "columns"):
        return _read_table({str(name): _numbers(given[name]) for name in given})
    costs = _numbers(given)
    return None if costs is None else Training({key: costs})


def _read_table(columns: dict[str, np.ndarray | None]) -> Training | None:
    """Return the columns of a dict or a frame as a training; one named "epoch" numbers the epochs, as in CSVLogger."""
    epoch = columns.pop("epoch", None)
    figures = {name: values for name, values in columns.items() if values is not None}
    return None if len(figures) < len(columns) else Training(figures, epoch)


def _numbers(given: Any) -> np.ndarray | None:
    """Return a list of numbers as an array, or None if it is something else. None among them is NaN."""
    if isinstance(given, str | Mapping):
        return None
    try:
        array = np.asarray(given)
        return array.astype(float) if array.dtype.kind in "biufO" and array.ndim == 1 else None
    except (TypeError, ValueError):
        return None
