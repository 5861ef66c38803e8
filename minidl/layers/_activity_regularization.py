"""A penalty on what passes through a network, instead of on its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import Penalty
from ..regularizers import check_penalty
from ..validation import setting
from ._base import Layer


@dataclass(eq=False)
class ActivityRegularization(Layer):
    """y = x, and R(x) / m is added to the objective, m the rows of the batch.   dL/dx = dL/dy + (1/m) dR/dx.

    x (m, ...) -> y of the same shape. ActivityRegularization(L1(0.01)) after a ReLU makes most of its outputs 0, a
    sparse code. The loss of training and of evaluation contains the penalty; weights of rows do not change it.

    penalty  R: L2(lambd) is lambd / 2 sum x^2, L1(lambd) is lambd sum |x|, `L2.keras(l2)` is Keras's l2 sum x^2
    """

    keeps_mask = True

    penalty: Penalty = setting(check_penalty)

    adds_penalty = True

    @property
    def uses_padding(self) -> bool:
        return len(self.row_shape or ()) > 1

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        x = self.x
        return dy + self.penalty.of_vector(x.shape).gradient(x.reshape(-1), 1.0).reshape(x.shape) / len(x)

    def activity_penalty(self) -> Any:
        """Return R(x) / m."""
        x = self.x
        return self.penalty.of_vector(x.shape).value(x.reshape(-1), 1.0) / len(x)
