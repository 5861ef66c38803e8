"""The base classes of metrics."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..validation import Validated


@dataclass(eq=False)
class Metric(Validated):
    """A figure of targets y and outputs p, both (m, k), over all rows since its last reset.

    A subclass writes reset(), update(y, p) for the rows of one batch, and result() -> float. With settings it is a
    dataclass of them. For class labels y (m, 1) and k > 1 outputs, the metrics here take the one-hot rows of y: nothing
    broadcasts.

    state_names  the attributes that reset() makes; training resumes in the middle of an epoch with them
    direction    "up" if larger is better, else "down"
    runs         False if result() is useless or slow in the middle of an epoch
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    direction: ClassVar[str] = "up"
    runs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reset()

    def reset(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write reset()")

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update(y, p)")

    def result(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} must write result()")


class MeanMetric(Metric):
    """The mean of an array per batch. A subclass writes values(y, p), for y of the shape of p."""

    state_names = ("total", "count")

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write values(y, p)")

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        values = self.values(one_hot(y, p), p)
        self.total += float(values.sum(dtype=np.float64))
        self.count += values.size

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0


def one_hot(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return y (m, k) as it is, and class labels y (m, 1) as rows (m, k) with a 1 at the class."""
    return y if y.shape == p.shape else (y == np.arange(p.shape[1])).astype(p.dtype)


def ratio(part: float, whole: float) -> float:
    """part / whole, or 0 if whole is 0."""
    return float(part / whole) if whole else 0.0
