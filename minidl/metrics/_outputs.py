"""The metric of one output among several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from ..validation import integer
from ._means import LossMetric
from ._wrapper import MetricWrapper


@dataclass(eq=False)
class OutputLoss(LossMetric):
    """(1/m) sum_i w_i l(p_i, y_i):   the loss of one output as training computes it, with the weights of the rows."""

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        losses = self.loss.terms(p, y)[0]
        self.add(losses if weights is None else losses * weights, None)

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> None:
        self.update(y, p, weights)


@dataclass(eq=False)
class OutputMetric(MetricWrapper):
    """A metric of the output number `place` of a model with several outputs, whose columns the model sets."""

    place: int = integer(0, default=0)

    columns = cast("tuple[slice, slice]", None)  # in y and in p

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        in_y, in_p = self.columns
        self.metric.update(y[:, in_y], p[:, in_p])

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> None:
        in_y, in_p = self.columns
        own = weights if weights is None or weights.ndim == 1 else weights[:, self.place]
        self.metric.measure(y[:, in_y], p[:, in_p], own)
