"""The metric of one output among several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..losses import OutputPart
from ..validation import integer
from ._means import LossMetric
from ._wrapper import MetricWrapper


@dataclass(eq=False)
class OutputLoss(LossMetric):
    """(1/m) sum_i w_i l(p_i, y_i):   the loss of one output as training computes it, with the weights of the rows."""

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.add(self.loss.weighted_terms(p, y, weights), None)

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None, mask: np.ndarray | None = None) -> None:
        counting = weights if mask is None else self.loss.masked_weights(p, weights, mask)
        self.update(*self.by_position(y, p, counting))


@dataclass(eq=False)
class OutputMetric(MetricWrapper):
    """A metric of the output number `place` of a model with several outputs, which the model sets as `part`."""

    place: int = integer(0, default=0)

    part = cast(OutputPart, None)

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self.measure(y, p, None)

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None, mask: Any = None) -> None:
        part, own = self.part, None if mask is None else mask[self.place]
        self.metric.measure(part.of_targets(y), part.of_outputs(p), part.of_weights(weights), own)
