"""Metrics whose rows are weighted: the entries of `weighted_metrics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..validation import instance
from ._base import Figure, Metric, weighted_update


@dataclass(eq=False)
class Weighted(Metric):
    """A metric in which every row counts with its weight, the sample_weight and class_weight of fit and evaluate.

    compile(weighted_metrics=[...]) makes it. `metric` must have a method update(y, p, weights).
    """

    metric: Metric = instance(Metric)

    state_names = ("state",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._update = weighted_update("compile: weighted_metrics", self.metric)
        vars(self).update(direction=self.metric.direction, runs=self.metric.runs)

    def default_name(self) -> str:
        return self.metric.name or self.metric.default_name()

    @property
    def state(self) -> dict[str, Any]:
        """The metric's state, by its state_names."""
        return {name: getattr(self.metric, name) for name in self.metric.state_names}

    @state.setter
    def state(self, values: dict[str, Any]) -> None:
        vars(self.metric).update(values)

    def reset(self) -> None:
        self.metric.reset()

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        self._update(y, p, weights)

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> None:
        self._update(y, p, weights)

    def result(self) -> Figure:
        return self.metric.result()
