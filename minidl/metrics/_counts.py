"""Counts of right and wrong predictions, and figures made of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..validation import choice, integer, real
from ._base import Metric, one_hot, ratio


class Counts(Metric):
    """True positives, false positives and false negatives among the entries of y and p."""

    state_names = ("true_positives", "false_positives", "false_negatives")

    def reset(self) -> None:
        self.true_positives: Any = 0
        self.false_positives: Any = 0
        self.false_negatives: Any = 0

    def _count(self, positive: np.ndarray, predicted: np.ndarray, axis: int | None) -> None:
        """Count along an axis: `positive` holds the truth, `predicted` the prediction, both as booleans."""
        self.true_positives = self.true_positives + np.count_nonzero(predicted & positive, axis=axis)
        self.false_positives = self.false_positives + np.count_nonzero(predicted & ~positive, axis=axis)
        self.false_negatives = self.false_negatives + np.count_nonzero(~predicted & positive, axis=axis)


@dataclass(eq=False)
class ThresholdCounts(Counts):
    """Counts over all entries; an entry is predicted positive if p > thresholds."""

    thresholds: float = real("[0, 1]", default=0.5)

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self._count(one_hot(y, p) != 0, p > self.thresholds, None)


class Precision(ThresholdCounts):
    """True positives / predicted positives (p > thresholds), over all entries; 0 if the divisor is 0."""

    def result(self) -> float:
        return ratio(self.true_positives, self.true_positives + self.false_positives)


class Recall(ThresholdCounts):
    """True positives (p > thresholds) / positives, over all entries; 0 if the divisor is 0."""

    def result(self) -> float:
        return ratio(self.true_positives, self.true_positives + self.false_negatives)


@dataclass(eq=False)
class F1Score(Counts):
    """2 / (1 / precision + 1 / recall) of each output, averaged over the outputs; 0 if both are 0.

    average    "macro": the plain mean; "weighted": weighted by the number of positives; "micro": the score of the
               counts of all outputs together
    threshold  an entry is predicted positive if p > threshold; None: if it is the largest of its row (with one
               output: if p > 0.5)
    """

    average: str = choice("macro", "weighted", "micro", default="macro")
    threshold: float | None = real("[0, 1]", default=None, optional=True)

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        if self.threshold is None and p.shape[1] > 1:
            predicted = p == p.max(axis=1, keepdims=True)
        else:
            predicted = p > (0.5 if self.threshold is None else self.threshold)
        self._count(one_hot(y, p) != 0, predicted, 0)

    def result(self) -> float:
        right, wrong = np.atleast_1d(self.true_positives), np.atleast_1d(self.false_positives + self.false_negatives)
        if self.average == "micro":
            right, wrong = right.sum(keepdims=True), wrong.sum(keepdims=True)
        scores = 2 * right / np.maximum(2 * right + wrong, 1)
        if self.average == "weighted":
            positive = np.atleast_1d(self.true_positives + self.false_negatives)
            return ratio(float(scores @ positive), int(positive.sum()))
        return float(scores.mean())


@dataclass(eq=False)
class AUC(Metric):
    """The area under the ROC curve (recall against false positive rate), over all entries.   p in [0, 1].

    The curve has num_thresholds points, at thresholds evenly spaced over [0, 1], joined by lines, as in Keras. For the
    exact curve pass sklearn.metrics.roc_auc_score to compile. 0 if all entries are of one class.
    """

    num_thresholds: int = integer(2, default=200)

    state_names = ("positives", "negatives")

    def reset(self) -> None:
        self.positives = np.zeros(self.num_thresholds, np.int64)  # counted by the largest threshold below p
        self.negatives = np.zeros(self.num_thresholds, np.int64)

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        places = np.ceil(np.clip(p, 0, 1) * (self.num_thresholds - 1)) - 1
        places, positive = np.fmax(places, 0).astype(np.int64), one_hot(y, p) != 0  # NaN counts as 0
        self.positives = self.positives + np.bincount(places[positive], minlength=self.num_thresholds)
        self.negatives = self.negatives + np.bincount(places[~positive], minlength=self.num_thresholds)

    def result(self) -> float:
        right, wrong = (np.cumsum(counts[::-1]) for counts in (self.positives, self.negatives))
        return ratio(float(np.trapezoid(right, wrong)), int(right[-1]) * int(wrong[-1]))
