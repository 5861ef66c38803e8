"""Counts of right and wrong predictions, and figures made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import check_real, integer, setting
from ._base import Figure, Metric, count, figure, one_hot, ratio
from ._ranking import among_largest


class Counts(Metric):
    """True positives, false positives and false negatives among the entries of y and p."""

    state_names: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives", "false_negatives")

    def reset(self) -> None:
        self.true_positives: Any = 0
        self.false_positives: Any = 0
        self.false_negatives: Any = 0

    def _count(self, positive: np.ndarray, predicted: np.ndarray, axis: Any, weights: np.ndarray | None = None) -> None:
        """Count along the axes: `positive` holds the truth, `predicted` the prediction, both as booleans."""
        self.true_positives = self.true_positives + count(predicted & positive, weights, axis)
        self.false_positives = self.false_positives + count(predicted & ~positive, weights, axis)
        self.false_negatives = self.false_negatives + count(~predicted & positive, weights, axis)


def check_thresholds(who: str, name: str, value: Any) -> float | list[float]:
    """Return a number in [0, 1], or a list of them."""
    check = partial(check_real, who, name, interval="[0, 1]")
    if not isinstance(value, list | tuple):
        return check(value)
    if not value:
        raise SettingError(f"{who}: {name} must hold at least one number, got {value!r}")
    return [check(number) for number in value]


@dataclass(eq=False)
class ThresholdCounts(Counts):
    """Counts over all entries; an entry is predicted positive if p > thresholds.

    thresholds  a number in [0, 1], or a list, for an array of one figure per threshold; None: 0.5, or with top_k none
    top_k       an entry is predicted positive only if it is among the k largest of its row
    class_id    count the entries of this class alone
    """

    thresholds: float | list[float] | None = setting(check_thresholds, default=None, optional=True)
    top_k: int | None = integer(1, default=None, optional=True)
    class_id: int | None = integer(0, default=None, optional=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        lowest = 0.5 if self.top_k is None else -math.inf
        levels = np.atleast_1d(lowest if self.thresholds is None else self.thresholds)
        several = len(levels) > 1
        self._levels = levels[:, None, None] if several else levels[0]
        self._axis = (1, 2) if several else None

    def as_rows(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Check what `update_state` takes; with top_k a vector is one row."""
        if self.top_k is not None and np.ndim(y_pred) == 1:
            y_true, y_pred = np.atleast_2d(y_true), np.atleast_2d(y_pred)
        return super().as_rows(y_true, y_pred, sample_weight)

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        positive = one_hot(y, p) != 0
        if self.top_k is not None:
            p = np.where(among_largest(p, self.top_k), p, -np.inf)
        if self.class_id is not None:
            positive, p = (of_class(self, array, self.class_id) for array in (positive, p))
            weights = weights_of_class(self, weights, self.class_id)
        self._count(positive, p > np.asarray(self._levels, p.dtype), self._axis, weights)


def of_class(metric: Metric, array: np.ndarray, class_id: int) -> np.ndarray:
    """Return the column (m, 1) of a class."""
    if class_id >= array.shape[1]:
        outputs = f"there are {array.shape[1]} outputs"
        raise ShapeError(f"{type(metric).__name__}: class_id is {class_id}, and {outputs}; the first class is 0")
    return array[:, class_id : class_id + 1]


def weights_of_class(metric: Metric, weights: np.ndarray | None, class_id: int) -> np.ndarray | None:
    """Return the weights of the entries of a class: those of its column, or of the rows as they are."""
    return weights if weights is None or weights.ndim == 1 else of_class(metric, weights, class_id)


class Precision(ThresholdCounts):
    """True positives / predicted positives (p > thresholds), over all entries; 0 if the divisor is 0."""

    def result(self) -> Figure:
        return ratio(self.true_positives, self.true_positives + self.false_positives)


class Recall(ThresholdCounts):
    """True positives (p > thresholds) / positives, over all entries; 0 if the divisor is 0."""

    def result(self) -> Figure:
        return ratio(self.true_positives, self.true_positives + self.false_negatives)


class TruePositives(ThresholdCounts):
    """The number of positives that are predicted positive: y is not 0, p > thresholds."""

    def result(self) -> Figure:
        return figure(self.true_positives)


class FalsePositives(ThresholdCounts):
    """The number of negatives that are predicted positive: y is 0, p > thresholds."""

    direction = "down"

    def result(self) -> Figure:
        return figure(self.false_positives)


class FalseNegatives(ThresholdCounts):
    """The number of positives that are predicted negative: y is not 0, p <= thresholds."""

    direction = "down"

    def result(self) -> Figure:
        return figure(self.false_negatives)


class TrueNegatives(ThresholdCounts):
    """The number of negatives that are predicted negative: y is 0, p <= thresholds."""

    state_names = ("true_negatives",)

    def reset(self) -> None:
        self.true_negatives: Any = 0

    def _count(self, positive: np.ndarray, predicted: np.ndarray, axis: Any, weights: np.ndarray | None = None) -> None:
        self.true_negatives = self.true_negatives + count(~predicted & ~positive, weights, axis)

    def result(self) -> Figure:
        return figure(self.true_negatives)
