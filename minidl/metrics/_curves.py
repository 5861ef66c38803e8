"""Figures of the curves that a threshold draws: areas, and the best point under a condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..ops import sigmoid
from ..validation import boolean, choice, integer, real, setting
from ._base import Metric, by_entry, one_hot, ratio
from ._counts import check_thresholds, of_class, weights_of_class


class Points(NamedTuple):
    """Counts at each threshold, the lowest first."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    positives: Any  # the number of them
    negatives: Any

    def recall(self) -> Any:
        return ratio(self.true_positives, self.positives)

    def specificity(self) -> Any:
        return ratio(self.negatives - self.false_positives, self.negatives)

    def false_positive_rate(self) -> Any:
        return ratio(self.false_positives, self.negatives)

    def precision(self) -> Any:
        return ratio(self.true_positives, self.true_positives + self.false_positives)


class Curve(Metric):
    """Entries of y and p, counted by the place of p among thresholds. A subclass writes places(p)."""

    num_thresholds: int

    state_names = ("positives", "negatives")

    def reset(self) -> None:
        self.positives = np.zeros(self.num_thresholds, np.int64)
        self.negatives = np.zeros(self.num_thresholds, np.int64)

    def places(self, p: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write places(p)")

    def _count_places(self, positive: np.ndarray, p: np.ndarray, weights: np.ndarray | None, labels: int = 1) -> None:
        """Count, for each of the labels alone if they are several: then p (m, labels)."""
        places = self.places(p)
        if labels > 1:
            places = places * labels + np.arange(labels)
        shares = None if weights is None else np.broadcast_to(by_entry(weights), p.shape)
        for name, cases in (("positives", positive), ("negatives", ~positive)):
            chosen = None if shares is None else shares[cases]
            counts = np.bincount(places[cases], chosen, minlength=self.num_thresholds * labels)
            before = getattr(self, name)
            setattr(self, name, before + (counts.reshape(-1, labels) if before.ndim == 2 else counts))


def evenly(p: np.ndarray, num_thresholds: int) -> np.ndarray:
    """Count the thresholds below each p, of thresholds evenly spaced over [0, 1]. NaN counts as 0."""
    return np.fmax(np.ceil(np.clip(p, 0, 1) * (num_thresholds - 1)), 0).astype(np.int64)


def from_above(counts: np.ndarray) -> np.ndarray:
    """The sums of counts[i], counts[i + 1], ... for every i."""
    return counts[::-1].cumsum(axis=0)[::-1]


@dataclass(eq=False)
class AUC(Curve):
    """The area under a curve over all entries.   p in [0, 1].

    The curve has num_thresholds points, at thresholds evenly spaced over [0, 1], as in Keras. For the exact area pass
    sklearn.metrics.roc_auc_score or average_precision_score to compile. 0 if all entries are of one class.

    curve             "ROC": recall against false positive rate; "PR": precision against recall
    summation_method  between two points take "interpolation" (lines; for PR between the counts, Davis & Goadrich 2006),
                      "minoring" (the lower of both points) or "majoring" (the higher)
    thresholds        thresholds in [0, 1] instead, to which the two ends are added
    multi_label       True: the mean of the areas of each output
    from_logits       True if p are logits: sigmoid(p) is measured
    """

    num_thresholds: int = integer(2, default=200)
    curve: str = choice("ROC", "PR", default="ROC")
    summation_method: str = choice("interpolation", "minoring", "majoring", default="interpolation")
    thresholds: list[float] | None = setting(check_thresholds, default=None, optional=True)
    multi_label: bool = boolean(default=False)
    from_logits: bool = boolean(default=False)

    def reset(self) -> None:
        if self.thresholds is not None:
            self._inner = np.sort(np.atleast_1d(self.thresholds))
            self.num_thresholds = len(self._inner) + 2
        super().reset()
        if self.multi_label:
            self.positives, self.negatives = self.positives[:, None], self.negatives[:, None]

    def places(self, p: np.ndarray) -> np.ndarray:
        """Return the number of inner thresholds below each p; the first threshold lies below 0, the last above 1."""
        if self.thresholds is None:
            return np.maximum(evenly(p, self.num_thresholds) - 1, 0)
        return np.searchsorted(self._inner.astype(p.dtype), np.nan_to_num(p, nan=0.0))

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        positive = one_hot(y, p) != 0
        p = sigmoid(p) if self.from_logits else p
        self._count_places(positive, p, weights, p.shape[1] if self.multi_label else 1)

    def result(self) -> float:
        right, wrong = from_above(self.positives), from_above(self.negatives)
        points = Points(right, wrong, right[0], wrong[0])
        if self.curve == "ROC":
            areas = self._area(points.false_positive_rate(), points.recall())
        elif self.summation_method != "interpolation":
            areas = self._area(points.recall(), points.precision())
        else:
            areas = _interpolated(points)
        return float(areas.mean())

    def _area(self, x: np.ndarray, y: np.ndarray) -> Any:
        heights: Any = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}
        return ((x[:-1] - x[1:]) * heights[self.summation_method](y[:-1], y[1:])).sum(axis=0)


def _interpolated(points: Points) -> Any:
    """The area under the PR curve with true and false positives on lines between two thresholds a < b.

    With slope s = dTP / dP and intercept c = TP_b - s P_b the part is s (dTP + c log(P_a / P_b)) / positives, P the
    number of predicted positives. The logarithm is 0 if P_b is 0. (Davis & Goadrich 2006)
    """
    right, predicted = points.true_positives, points.true_positives + points.false_positives
    found = right[:-1] - right[1:]
    slope = np.asarray(ratio(found, predicted[:-1] - predicted[1:]))
    intercept = right[1:] - slope * predicted[1:]
    growth = np.where(predicted[1:] > 0, predicted[:-1] / np.where(predicted[1:] > 0, predicted[1:], 1), 1)
    return np.sum(ratio(slope * (found + intercept * np.log(growth)), points.positives), axis=0)


class BestPoint(Curve):
    """The best of one figure among the thresholds at which another one is large enough, or 0.

    The thresholds are num_thresholds numbers evenly spaced over [0, 1]; an entry is predicted positive if p lies above.
    class_id: count the entries of this class alone.
    """

    class_id: int | None

    def places(self, p: np.ndarray) -> np.ndarray:
        return evenly(p, self.num_thresholds)

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        positive = one_hot(y, p) != 0
        if self.class_id is not None:
            positive, p = (of_class(self, array, self.class_id) for array in (positive, p))
            weights = weights_of_class(self, weights, self.class_id)
        self._count_places(positive, p, weights)

    def points(self) -> Points:
        right, wrong = from_above(self.positives), from_above(self.negatives)
        return Points(np.append(right[1:], 0), np.append(wrong[1:], 0), right[0], wrong[0])


def _best(figures: np.ndarray, condition: np.ndarray) -> float:
    return float(figures[condition].max(initial=0))


@dataclass(eq=False)
class SensitivityAtSpecificity(BestPoint):
    """The largest sensitivity, TP / positives, with a specificity, TN / negatives, of at least `specificity`."""

    specificity: float = real("[0, 1]")
    num_thresholds: int = integer(2, default=200)
    class_id: int | None = integer(0, default=None, optional=True)

    def result(self) -> float:
        points = self.points()
        return _best(points.recall(), points.specificity() >= self.specificity)


@dataclass(eq=False)
class SpecificityAtSensitivity(BestPoint):
    """The largest specificity, TN / negatives, with a sensitivity, TP / positives, of at least `sensitivity`."""

    sensitivity: float = real("[0, 1]")
    num_thresholds: int = integer(2, default=200)
    class_id: int | None = integer(0, default=None, optional=True)

    def result(self) -> float:
        points = self.points()
        return _best(points.specificity(), points.recall() >= self.sensitivity)


@dataclass(eq=False)
class PrecisionAtRecall(BestPoint):
    """The largest precision with a recall of at least `recall`."""

    recall: float = real("[0, 1]")
    num_thresholds: int = integer(2, default=200)
    class_id: int | None = integer(0, default=None, optional=True)

    def result(self) -> float:
        points = self.points()
        return _best(points.precision(), points.recall() >= self.recall)


@dataclass(eq=False)
class RecallAtPrecision(BestPoint):
    """The largest recall with a precision of at least `precision`."""

    precision: float = real("[0, 1]")
    num_thresholds: int = integer(2, default=200)
    class_id: int | None = integer(0, default=None, optional=True)

    def result(self) -> float:
        points = self.points()
        return _best(points.recall(), points.precision() >= self.precision)
