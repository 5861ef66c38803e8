"""Figures to watch. A metric is fed batch by batch and says its result over all rows since its last reset."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import settings
from .settings import snake_case


class Metric:
    """A subclass writes reset(), update(y, p) on arrays (m, k), and result() -> float."""

    def reset(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write reset()")

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update(y, p)")

    def result(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} must write result()")


@dataclass(eq=False)
class BinaryAccuracy(Metric):
    """The share of entries where (p > threshold) == y."""

    threshold: float = 0.5

    def __post_init__(self) -> None:
        settings.number("BinaryAccuracy", "threshold", self.threshold)
        self.reset()

    def reset(self) -> None:
        self.right = self.seen = 0

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self.right += int(np.count_nonzero((p > self.threshold) == y))
        self.seen += y.size

    def result(self) -> float:
        return self.right / self.seen if self.seen else 0.0


METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": BinaryAccuracy,
    "acc": BinaryAccuracy,
    "binary_accuracy": BinaryAccuracy,
}


def named(what: str, given: object) -> dict[str, Metric]:
    """Metrics by the names they have in History: a string as it was typed, an object as its class in snake case."""
    items = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
    names = [item if isinstance(item, str) else snake_case(type(item).__name__) for item in items]
    if len(set(names)) < len(names):
        raise settings.SettingError(f"{what}: two metrics have the same name in {', '.join(names)}")
    return {name: settings.resolve(what, item, Metric, METRICS) for name, item in zip(names, items, strict=True)}
