"""The metric of one output among several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..validation import instance, integer
from ._base import Figure, Metric
from ._means import LossMetric


@dataclass(eq=False)
class OutputLoss(LossMetric):
    """(1/m) sum_i w_i l(p_i, y_i):   the loss of one output as training computes it, with the weights of the rows."""

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        losses = self.loss.terms(p, y)[0]
        self.add(losses if weights is None else losses * weights, None)

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> None:
        self.update(y, p, weights)


@dataclass(eq=False)
class OutputMetric(Metric):
    """A metric of the output number `place` of a model with several outputs, whose columns the model sets."""

    metric: Metric = instance(Metric)
    place: int = integer(0, default=0)

    state_names = ("state",)
    columns = cast("tuple[slice, slice]", None)  # in y and in p

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self).update(direction=self.metric.direction, runs=self.metric.runs)

    def default_name(self) -> str:
        return self.metric.name or self.metric.default_name()

    @property
    def state(self) -> dict[str, Any]:
        """The metric's state, by its state_names."""
        return {name: getattr(self.metric, name) for name in self.metric.state_names}

    @state.setter
    def state(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self.metric, name, value)

    def reset(self) -> None:
        self.metric.reset()

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        in_y, in_p = self.columns
        self.metric.update(y[:, in_y], p[:, in_p])

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> None:
        in_y, in_p = self.columns
        own = weights if weights is None or weights.ndim == 1 else weights[:, self.place]
        self.metric.measure(y[:, in_y], p[:, in_p], own)

    def result(self) -> Figure:
        return self.metric.result()
