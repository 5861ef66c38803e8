"""Means of one value per row or per entry."""

from dataclasses import dataclass

import numpy as np

from ..validation import real
from ._base import MeanMetric


@dataclass(eq=False)
class BinaryAccuracy(MeanMetric):
    """The fraction of entries with (p > threshold) == y."""

    threshold: float = real(default=0.5)

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p > self.threshold) == y


class CategoricalAccuracy(MeanMetric):
    """The fraction of rows with argmax p == argmax y."""

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return p.argmax(axis=1) == y.argmax(axis=1)


class SparseCategoricalAccuracy(CategoricalAccuracy):
    """The fraction of rows with argmax p == y.   y (m, 1), labels 0 to k - 1."""


class Accuracy(MeanMetric):
    """Keras's "accuracy": BinaryAccuracy for one output, CategoricalAccuracy for several.

    Several outputs are taken as classes that exclude each other. If they do not, as after Sigmoid, use
    BinaryAccuracy().
    """

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        kind = BinaryAccuracy() if p.shape[1] == 1 else CategoricalAccuracy()
        return kind.values(y, p)


class MeanSquaredError(MeanMetric):
    """The mean of (p - y)^2 over all entries."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p - y) ** 2


class MeanAbsoluteError(MeanMetric):
    """The mean of |p - y| over all entries."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.abs(p - y)
