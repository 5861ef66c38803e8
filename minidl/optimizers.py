"""How the parameters move. With one flat vector an optimiser is its formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import settings


@dataclass(eq=False)
class Optimizer:
    """theta <- theta + step(grad).   A subclass writes update(theta, grad), and build(theta) if it has a memory.

    theta and grad are vectors of one length and dtype; update writes into theta and leaves grad as it is.
    The learning rate is finite and > 0; it may be set anew at any time.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        self.learning_rate = settings.number(type(self).__name__, "learning_rate", self.learning_rate, "(0, inf)")

    @property
    def built(self) -> bool:
        """Whether it already trains a model."""
        return hasattr(self, "iterations")

    def build(self, theta: np.ndarray) -> None:
        """Start anew for this vector."""
        self.iterations = 0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update(theta, grad)")


@dataclass(eq=False)
class SGD(Optimizer):
    """theta <- theta - lr g.   With momentum mu:  v <- mu v - lr g,  theta <- theta + v.   As in Keras.

    learning_rate  > 0
    momentum       mu in [0, 1) (Polyak 1964)
    nesterov       theta <- theta + mu v - lr g with the new v (Sutskever et al. 2013)
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.momentum = settings.number("SGD", "momentum", self.momentum, "[0, 1)")
        settings.boolean("SGD", "nesterov", self.nesterov)

    def build(self, theta: np.ndarray) -> None:
        super().build(theta)
        self.velocity = np.zeros_like(theta) if self.momentum else None

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.iterations += 1
        step = self.learning_rate * grad
        if self.velocity is None:
            theta -= step
            return
        v = self.velocity
        v *= self.momentum
        v -= step
        theta += self.momentum * v - step if self.nesterov else v


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {"sgd": SGD}


def get(what: str, given: Optimizer | str) -> Optimizer:
    """The optimiser itself, or the one a Keras string stands for."""
    return settings.resolve(what, given, Optimizer, OPTIMIZERS)
