"""Means of precision and recall."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..validation import choice, real
from ._base import Figure, one_hot, ratio
from ._counts import Counts


@dataclass(eq=False)
class FBetaScore(Counts):
    """(1 + beta^2) / (1 / precision + beta^2 / recall) of each output, averaged over the outputs; 0 if both are 0.

    average    "macro": the plain mean; "weighted": weighted by the number of positives; "micro": the score of the
               counts of all outputs together; None: an array of the score of each output
    beta       above 0; recall counts beta times as much as precision
    threshold  an entry is predicted positive if p > threshold; None: if it is the largest of its row (with one
               output: if p > 0.5)
    """

    average: str | None = choice("macro", "weighted", "micro", default="macro", optional=True)
    beta: float = real("(0, inf)", default=1.0)
    threshold: float | None = real("[0, 1]", default=None, optional=True)

    def default_name(self) -> str:
        return "fbeta_score"  # Keras's

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        if self.threshold is None and p.shape[1] > 1:
            predicted = p == p.max(axis=1, keepdims=True)
        else:
            predicted = p > (0.5 if self.threshold is None else self.threshold)
        self._count(one_hot(y, p) != 0, predicted, 0, weights)

    def result(self) -> Figure:
        found, invented, missed = map(np.atleast_1d, (self.true_positives, self.false_positives, self.false_negatives))
        if self.average == "micro":
            found, invented, missed = (part.sum(keepdims=True) for part in (found, invented, missed))
        square = self.beta**2
        right = (1 + square) * found
        scores = np.asarray(ratio(right, right + square * missed + invented))
        if self.average is None:
            return scores
        if self.average == "weighted":
            positive = found + missed
            return ratio(float(scores @ positive), float(positive.sum()))
        return float(scores.mean())


@dataclass(eq=False)
class F1Score(FBetaScore):
    """2 / (1 / precision + 1 / recall) of each output, averaged over the outputs: FBetaScore with beta = 1."""

    beta: float = field(default=1.0, init=False, repr=False)

    def default_name(self) -> str:
        return "f1_score"
