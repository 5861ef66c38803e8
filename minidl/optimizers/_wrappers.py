"""Optimisers around an optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError
from ..parameters import Parameters
from ._base import Optimizer


class Wrapper(Optimizer):
    """An optimiser around another one, `self.optimizer`, whose learning rate and count of steps are its own too."""

    optimizer: Optimizer
    state_names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        who = type(self).__name__
        if not isinstance(self.optimizer, Optimizer):
            raise SettingError(f"{who}: optimizer must be an Optimizer object, got {self.optimizer!r}")
        if not self.optimizer.takes_steps:
            raise SettingError(f"{who} wraps optimizers that take steps, {type(self.optimizer).__name__} does not")
        if self.optimizer.outermost:
            outside = type(self.optimizer).__name__
            raise SettingError(f"{who}: {outside} goes outside: {outside}({who}(...), ...)")

    @property
    def learning_rate(self) -> Any:
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.optimizer.learning_rate = rate

    @property
    def iterations(self) -> int:  # type: ignore[override]  # counted by the one inside
        return self.optimizer.iterations

    def walk(self) -> Iterator[Optimizer]:
        yield self
        yield from self.optimizer.walk()

    def build(self, params: Parameters) -> None:
        self.optimizer.build(params)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.optimizer.update(theta, grad)

    def finish(self, theta: np.ndarray) -> None:
        self.optimizer.finish(theta)


@dataclass(eq=False)
class Clip(Wrapper):
    """The optimiser with a gradient kept in bounds: exactly one of

    value        each entry of g in [-value, value]                                  (Keras's clipvalue)
    norm         each parameter's gradient at most this long: g min(1, norm / |g|)   (clipnorm)
    global_norm  the whole gradient at most this long                                (global_clipnorm)

    (Pascanu, Mikolov & Bengio 2013)
    """

    optimizer: Optimizer
    value: float | None = field(default=None, kw_only=True)
    norm: float | None = field(default=None, kw_only=True)
    global_norm: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("value", "norm", "global_norm") if getattr(self, name) is not None]
        if len(given) != 1:
            raise SettingError(f"Clip takes one of value, norm and global_norm, got {', '.join(given) or 'none'}")
        self._check(given[0], "(0, inf)")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.slices = list(params.slices.values())

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        super().update(theta, self.clipped(grad))

    def clipped(self, grad: np.ndarray) -> np.ndarray:
        """The gradient within its bounds."""
        if self.value is not None:
            return np.clip(grad, -self.value, self.value)
        clipped, bound = grad.copy(), self.norm or self.global_norm or math.inf
        for part in self.slices if self.norm else [slice(None)]:
            length = math.sqrt(grad[part].dot(grad[part]))
            if length > bound:
                clipped[part] *= bound / length
        return clipped


@dataclass(eq=False)
class MovingAverage(Wrapper):
    """The optimiser, and an average of the weights that replaces them at the end of fit. (Polyak & Juditsky 1992)

    average <- momentum average + (1 - momentum) theta, from the first step's theta on; momentum in [0, 1).
    Keras's use_ema=True.
    """

    optimizer: Optimizer
    momentum: float = field(default=0.99, kw_only=True)

    state_names = ("average",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("momentum")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.average = params.theta.copy()

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        super().update(theta, grad)
        if self.iterations == 1:
            self.average[:] = theta
        else:
            self.average += (1 - self.momentum) * (theta - self.average)

    def finish(self, theta: np.ndarray) -> None:
        super().finish(theta)
        theta[:] = self.average
