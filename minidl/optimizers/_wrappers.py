"""Optimizers that wrap another optimizer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError
from ..parameters import Parameters
from ..validation import check_instance, integer, real, setting
from ._base import Optimizer


class Wrapper(Optimizer):
    """An optimizer that wraps another one, `self.optimizer`, and shares its learning rate and its count of steps.

    A subclass is a dataclass with a field `optimizer: Optimizer`.
    """

    optimizer: Optimizer
    state_names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        who = type(self).__name__
        inner = type(check_instance(who, "optimizer", self.optimizer, Optimizer)).__name__
        if not self.optimizer.takes_steps:
            raise SettingError(f"{who} wraps optimizers that take steps, {inner} does not")
        if self.optimizer.outermost:
            raise SettingError(f"{who}: {inner} goes outside: {inner}({who}(...), ...)")
        super().__post_init__()

    @property
    def learning_rate(self) -> Any:
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.optimizer.learning_rate = rate

    @property
    def iterations(self) -> int:  # type: ignore[override]  # the wrapped optimizer counts
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
    """The wrapped optimizer, with the gradient clipped in exactly one of three ways:

    value        each entry of g to [-value, value]                                   (Keras's clipvalue)
    norm         the gradient of each parameter to this length: g min(1, norm / |g|)  (clipnorm)
    global_norm  the whole gradient to this length                                    (global_clipnorm)

    (Pascanu, Mikolov & Bengio 2013)
    """

    optimizer: Optimizer
    value: float | None = real("(0, inf)", default=None, optional=True, kw_only=True)
    norm: float | None = real("(0, inf)", default=None, optional=True, kw_only=True)
    global_norm: float | None = real("(0, inf)", default=None, optional=True, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("value", "norm", "global_norm") if getattr(self, name) is not None]
        if len(given) != 1:
            raise SettingError(f"Clip takes one of value, norm and global_norm, got {', '.join(given) or 'none'}")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.slices = list(params.slices.values())

    @property
    def skips_zeros(self) -> bool:
        return type(self).update is Clip.update and self.norm is None and self.optimizer.skips_zeros

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        super().update(theta, self.clipped(grad))

    def clipped(self, grad: np.ndarray) -> np.ndarray:
        """Return the clipped gradient, in a new array."""
        if self.value is not None:
            return np.clip(grad, -self.value, self.value)
        clipped, limit = grad.copy(), self.norm or self.global_norm or math.inf
        for part in self.slices if self.norm else [slice(None)]:
            length = math.sqrt(grad[part].dot(grad[part]))
            if length > limit:
                clipped[part] *= limit / length
        return clipped


def _check_patterns(who: str, name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(pattern, str) for pattern in value):
        raise SettingError(f"{who}: {name} must be a tuple of strings such as ('bias',), got {value!r}")
    return tuple(value)


@dataclass(eq=False)
class WeightDecay(Wrapper):
    """theta <- theta - lr weight_decay theta, then the step of the wrapped optimizer. (Loshchilov & Hutter 2019)

    All parameters decay, biases too, as with `weight_decay` of Keras's optimizers. WeightDecay(Adam()) is AdamW.

    exclude  regular expressions, such as "bias": parameters whose path contains one do not decay
    """

    optimizer: Optimizer
    weight_decay: float = real("[0, inf)", default=0.004, kw_only=True)
    exclude: tuple[str, ...] = setting(_check_patterns, default=(), kw_only=True)

    def build(self, params: Parameters) -> None:
        super().build(params)
        kept = [part for path, part in params.slices.items() if any(re.search(name, path) for name in self.exclude)]
        self.factors: Any = np.ones(len(params.theta), params.theta.dtype)
        for part in kept:
            self.factors[part] = 0
        self.factors = self.factors if kept else 1.0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        theta *= 1 - self.rate * self.weight_decay * self.factors
        super().update(theta, grad)


@dataclass(eq=False)
class MovingAverage(Wrapper):
    """The wrapped optimizer, with a moving average of the weights that replaces them at the end of fit.

    average <- momentum average + (1 - momentum) theta, starting with theta after the first step; momentum in [0, 1).
    Keras's use_ema=True. (Polyak & Juditsky 1992)

    overwrite_every  the average also replaces theta after every so many steps; None: at the end alone
    """

    optimizer: Optimizer
    momentum: float = real("[0, 1)", default=0.99, kw_only=True)
    overwrite_every: int | None = integer(1, default=None, optional=True, kw_only=True)

    state_names = ("average",)

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.average = params.theta.copy()

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        super().update(theta, grad)
        if self.iterations == 1:
            self.average[:] = theta
        else:
            self.average += (1 - self.momentum) * (theta - self.average)
        if self.overwrite_every and self.iterations % self.overwrite_every == 0:
            theta[:] = self.average

    def finish(self, theta: np.ndarray) -> None:
        super().finish(theta)
        theta[:] = self.average


@dataclass(eq=False)
class Accumulate(Wrapper):
    """One step of the wrapped optimizer every `steps` batches, with the mean of their gradients.

    The step is that of one batch as large as all of them, as far as their rows are as many. `iterations` counts steps.
    """

    optimizer: Optimizer
    steps: int = integer(2, kw_only=True)

    state_names = ("total", "batches")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.total, self.batches = np.zeros_like(params.grad), 0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.total += grad
        self.batches += 1
        if self.batches == self.steps:
            super().update(theta, self.total / self.steps)
            self.total[:], self.batches = 0, 0
