"""Gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..parameters import Parameters
from ..schedules import Schedule
from ..validation import boolean, real
from ._base import Optimizer


@dataclass(eq=False)
class SGD(Optimizer):
    """theta <- theta - lr g.   With momentum mu:  v <- mu v - lr g,  theta <- theta + v.

    momentum  mu in [0, 1) (Polyak 1964)
    nesterov  theta <- theta + mu v - lr g with the new v (Sutskever et al. 2013)
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = real("[0, 1)", default=0.0)
    nesterov: bool = boolean(default=False)

    state_names = ("iterations", "velocity")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.velocity = np.zeros_like(params.theta) if self.momentum else None

    @property
    def skips_zeros(self) -> bool:
        return type(self).update is SGD.update and not self.momentum and getattr(self, "velocity", None) is None

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        step = self.rate * grad
        self.iterations += 1
        if self.velocity is None:
            theta -= step
            return
        v = self.velocity
        v *= self.momentum
        v -= step
        theta += self.momentum * v - step if self.nesterov else v
