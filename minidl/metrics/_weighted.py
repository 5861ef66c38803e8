"""Metrics whose rows are weighted: the entries of `weighted_metrics`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._base import weighted_update
from ._wrapper import MetricWrapper


@dataclass(eq=False)
class Weighted(MetricWrapper):
    """A metric in which every row counts with its weight, the sample_weight and class_weight of fit and evaluate.

    compile(weighted_metrics=[...]) makes it. `metric` must have a method update(y, p, weights).
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._update = weighted_update("compile: weighted_metrics", self.metric)

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        self._update(y, p, weights)

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None, mask: np.ndarray | None = None) -> None:
        self._update(*self.metric.counting_rows(y, p, weights, mask))
