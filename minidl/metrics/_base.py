"""The base classes of metrics, and the names that metrics have in History."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import metrics, validation
from ..errors import SettingError
from ..naming import snake_case, unique


@dataclass(eq=False)
class Metric(validation.Validated):
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


# ---- the names that metrics have in History


def named(what: str, given: object) -> dict[str, Metric]:
    """Return metrics by the names they have in History: a string as typed, an object as its class in snake case.

    A function becomes a Scorer and keeps its name. Names that repeat are numbered: precision, precision_1.
    """
    found: dict[str, Metric] = {}
    for item in [] if given is None else list(given) if isinstance(given, list | tuple) else [given]:
        name = _name(item)
        if name in ("loss", "data_loss", "penalty"):
            raise SettingError(f"{what}: History already has an entry {name}; rename the metric")
        found[unique(name, found)] = _metric(what, item)
    return found


def _name(item: Any) -> str:
    if isinstance(item, str):
        return item
    function = item.function if isinstance(item, metrics.Scorer) else item
    return str(getattr(function, "__name__", snake_case(type(function).__name__)))


def _metric(what: str, item: Any) -> Metric:
    if callable(item) and not isinstance(item, type | Metric):
        return metrics.Scorer(item)
    return validation.resolve(what, item, Metric, metrics.METRICS)
