"""What an optimiser is: a formula on two vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from .. import validation
from ..parameters import Parameters
from ..schedules import Schedule


class Optimizer:
    """theta <- theta + step(grad).   A subclass writes

    update(theta, grad)  changes theta in place and leaves grad as it is; both are vectors of one length and dtype
    build(params)        if it has a memory: makes vectors like `params.theta`, named in `state_names`

    With settings of its own it is a dataclass of them, the learning rate first.

    The learning rate is finite and > 0, or a schedule; it may be set anew at any time. `rate` is that of this step.
    """

    learning_rate: Any
    iterations: int
    state_names: ClassVar[tuple[str, ...]] = ("iterations",)
    outermost: ClassVar[bool] = False  # True for a wrapper that no other wrapper may contain
    takes_steps: ClassVar[bool] = True  # False if `update` cannot be called

    def __init__(self, learning_rate: float | Schedule) -> None:
        self.learning_rate = learning_rate
        self.__post_init__()

    def __post_init__(self) -> None:
        if not isinstance(self.learning_rate, Schedule):
            self.learning_rate = validation.check_real(
                type(self).__name__, "learning_rate", self.learning_rate, "(0, inf)"
            )

    @property
    def built(self) -> bool:
        """Whether it already trains a model."""
        return hasattr(self, "iterations")

    @property
    def rate(self) -> float:
        """The learning rate of the step that comes next."""
        rate = self.learning_rate
        if type(rate) is float and 0 <= rate < math.inf:
            return rate
        rate = rate(self.iterations) if callable(rate) else rate  # or set anew, and not checked yet
        return validation.check_real(type(self).__name__, "learning_rate", rate, "[0, inf)")

    def walk(self) -> Iterator[Optimizer]:
        """This optimizer, then those that it wraps, from the outside in."""
        yield self

    def count_state(self) -> int:
        """The number of numbers in the state of this optimizer and those that it wraps."""
        state = (getattr(optimizer, name) for optimizer in self.walk() for name in optimizer.state_names)
        return sum(np.size(value) for value in state if value is not None)

    @property
    def serializable(self) -> Optimizer:
        """The optimizer to serialise, without process-local wrappers."""
        return self

    def build(self, params: Parameters) -> None:
        """Start anew for these parameters."""
        self.iterations = 0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update(theta, grad)")

    def finish(self, theta: np.ndarray) -> None:
        """Called once at the end of a training."""

    def _check(self, name: str, interval: str = "[0, 1)") -> None:
        """Check a setting."""
        validation.keep_number(self, name, interval)
