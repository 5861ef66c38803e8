"""The base class of optimizers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError
from ..parameters import Parameters
from ..schedules import Schedule
from ..validation import Validated, check_real, hint


class Optimizer(Validated):
    """theta <- theta + step(grad).   A subclass writes

    update(theta, grad)  changes theta in place and does not change grad; both are vectors of one length and dtype
    build(params)        only if it has state: makes arrays like `params.theta`, named in `state_names`

    With settings it is a dataclass of them, the learning rate first.

    learning_rate  at least 0, or a schedule; it may be set to another value at any time
    rate           the learning rate of the current step
    takes_steps    False if the optimizer runs the whole training itself, without `update`
    message        the reason why a training ended that the optimizer ran itself, else ""
    outermost      True if no other optimizer can wrap this one
    skips_zeros    True if `update` works on each entry alone, and changes neither theta nor the state where grad is 0
    """

    learning_rate: Any
    iterations: int
    message: str = ""
    state_names: ClassVar[tuple[str, ...]] = ("iterations",)
    takes_steps: ClassVar[bool] = True
    outermost: ClassVar[bool] = False

    def __init__(self, learning_rate: float | Schedule) -> None:
        self.learning_rate = learning_rate
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        if callable(self.learning_rate) and not isinstance(self.learning_rate, Schedule):
            message = f"learning_rate must be a number or a Schedule object, got {self.learning_rate!r}"
            raise SettingError(f"{type(self).__name__}: {message}{hint(self.learning_rate, Schedule)}")
        if not isinstance(self.learning_rate, Schedule):
            self.learning_rate = check_real(type(self).__name__, "learning_rate", self.learning_rate, "[0, inf)")

    @property
    def built(self) -> bool:
        """True if the optimizer already belongs to a model in training."""
        return hasattr(self, "iterations")

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.learning_rate
        if type(rate) is float and 0 <= rate < math.inf:
            return rate
        rate = rate(self.iterations) if callable(rate) else rate  # a schedule, or a new value, not checked yet
        return check_real(type(self).__name__, "learning_rate", rate, "[0, inf)")

    def walk(self) -> Iterator[Optimizer]:
        """Yield this optimizer, then those that it wraps, outermost first."""
        yield self

    def count_state(self) -> int:
        """Return how many numbers the state of this optimizer and of those that it wraps consists of."""
        state = (getattr(optimizer, name) for optimizer in self.walk() for name in optimizer.state_names)
        return sum(np.size(value) for value in state if value is not None)

    @property
    def skips_zeros(self) -> bool:
        """True if a training may pass `update` some of the entries alone; a subclass answers for its own `update`."""
        return False

    @property
    def serializable(self) -> Optimizer:
        """The optimizer that a file stores: this one, without wrappers that belong to the process."""
        return self

    def build(self, params: Parameters) -> None:
        """Start training these parameters: reset the state."""
        self.iterations = 0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        who = type(self).__name__
        if not self.takes_steps:
            raise SettingError(f"{who} has no single steps: call fit")
        raise NotImplementedError(f"{who} must write update(theta, grad)")

    def finish(self, theta: np.ndarray) -> None:
        """Called once at the end of a training, with the parameters, which it may change."""
