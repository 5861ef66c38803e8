"""Gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import validation
from ..parameters import Parameters
from ..schedules import Schedule
from ._base import Optimizer


@dataclass(eq=False)
class SGD(Optimizer):
    """theta <- theta - lr g.   With momentum mu:  v <- mu v - lr g,  theta <- theta + v.

    momentum  mu in [0, 1) (Polyak 1964)
    nesterov  theta <- theta + mu v - lr g with the new v (Sutskever et al. 2013)
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    state_names = ("iterations", "velocity")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("momentum")
        validation.check_boolean("SGD", "nesterov", self.nesterov)

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.velocity = np.zeros_like(params.theta) if self.momentum else None

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
