"""Metrics of the order of the outputs in a row."""

from dataclasses import dataclass

import numpy as np

from ..validation import integer
from ._base import MeanMetric


def among_largest(p: np.ndarray, k: int) -> np.ndarray:
    """Return True at the k largest entries of each row; of equal ones the first."""
    order = np.argsort(-p, axis=1, kind="stable")[:, :k]
    among = np.zeros(p.shape, bool)
    np.put_along_axis(among, order, True, axis=1)
    return among


@dataclass(eq=False)
class TopKCategoricalAccuracy(MeanMetric):
    """The fraction of rows in which fewer than k outputs are larger than that of the right class, argmax y."""

    k: int = integer(1, default=5)

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        right = np.take_along_axis(p, y.argmax(axis=1)[:, None], axis=1)
        return np.count_nonzero(p > right, axis=1) < self.k


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """TopKCategoricalAccuracy for targets that are class labels.   y (m, 1), labels 0 to k - 1."""
