"""Learning rates that change with the step: SGD(ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.5)).

A schedule is a formula: step -> learning rate, for step = 0, 1, 2, ... updates done before. Names and numbers are
Keras's; r is the initial learning rate, T the decay steps.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from . import validation
from .errors import SettingError


class Schedule:
    """A subclass writes __call__(step) -> float."""

    def __call__(self, step: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} must write __call__(step)")


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """r decay_rate^(t / T);   with staircase t / T is rounded down."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _check(self, "(0, inf)", "initial_learning_rate", "decay_steps", "decay_rate")
        validation.check_boolean("ExponentialDecay", "staircase", self.staircase)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** _periods(step, self.decay_steps, self.staircase)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """r / (1 + decay_rate t / T);   with staircase t / T is rounded down."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _check(self, "(0, inf)", "initial_learning_rate", "decay_steps")
        _check(self, "[0, inf)", "decay_rate")
        validation.check_boolean("InverseTimeDecay", "staircase", self.staircase)

    def __call__(self, step: int) -> float:
        periods = _periods(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """(r - end) (1 - t / T)^power + end until step T, then end.

    With cycle T grows, whenever it is passed, to its next multiple, and the rate rises again.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self) -> None:
        _check(self, "(0, inf)", "initial_learning_rate", "decay_steps", "power")
        _check(self, "[0, inf)", "end_learning_rate")
        validation.check_boolean("PolynomialDecay", "cycle", self.cycle)

    def __call__(self, step: int) -> float:
        periods = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        done = min(step / (self.decay_steps * periods), 1)
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - done) ** self.power + self.end_learning_rate


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """values[0] to step boundaries[0] and with it, then values[1] to step boundaries[1], and so on.

    boundaries  rising; there is one value more than boundaries
    """

    boundaries: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        who = "PiecewiseConstantDecay"
        for name, interval in (("boundaries", "[0, inf)"), ("values", "(0, inf)")):
            numbers = tuple(
                validation.check_real(who, f"each of {name}", value, interval) for value in getattr(self, name)
            )
            object.__setattr__(self, name, numbers)  # a list is welcome, but a frozen schedule holds a tuple
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise SettingError(f"{who}: boundaries must rise, got {self.boundaries}")
        if len(self.values) != len(self.boundaries) + 1:
            counts = f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            raise SettingError(f"{who}: there must be one value more than boundaries, got {counts}")

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """r ((1 - alpha) (1 + cos(pi t / T)) / 2 + alpha) until step T, then alpha r. (Loshchilov & Hutter 2017)

    With a warmup_target the rate first rises in a line from r to it, in warmup_steps, and decays from there: then
    t counts from the end of the warm-up, and the target stands for r.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        _check(self, "[0, inf)", "initial_learning_rate", "warmup_steps")
        _check(self, "(0, inf)", "decay_steps", *(() if self.warmup_target is None else ("warmup_target",)))
        _check(self, "[0, 1]", "alpha")

    def __call__(self, step: int) -> float:
        start, target = self.initial_learning_rate, self.warmup_target
        if target is None:
            return self._decayed(start, step)
        if step < self.warmup_steps:
            return start + (target - start) * (step / self.warmup_steps)
        return self._decayed(target, step - self.warmup_steps)

    def _decayed(self, rate: float, steps: float) -> float:
        return rate * _cosine(min(steps / self.decay_steps, 1), 1.0, self.alpha)


@dataclass(frozen=True)
class CosineDecayRestarts(Schedule):
    """Cosine decays one after the other, each t_mul times as long, and from m_mul times as high, as the one before.

    The first takes first_decay_steps; none falls below alpha r. (Loshchilov & Hutter 2017)

    t_mul  at least 1
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "(0, inf)", "initial_learning_rate", "first_decay_steps", "m_mul")
        _check(self, "[1, inf)", "t_mul")
        _check(self, "[0, 1]", "alpha")

    def __call__(self, step: int) -> float:
        start, length, height = 0.0, self.first_decay_steps, 1.0
        if self.t_mul == 1:
            start, height = step // length * length, self.m_mul ** (step // length)
        while step >= start + length:  # not through a logarithm: its rounding may miss the restart
            start, length, height = start + length, length * self.t_mul, height * self.m_mul
        return self.initial_learning_rate * _cosine((step - start) / length, height, self.alpha)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """In a line from 0 to the first rate of another schedule, in so many steps; then that schedule, from its start on.

    WarmUp(ExponentialDecay(0.1, 1000, 0.5), steps=100). (Goyal et al. 2017)
    """

    schedule: Schedule
    steps: int

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise SettingError(f"WarmUp: schedule must be a Schedule object, got {self.schedule!r}")
        validation.check_integer("WarmUp", "steps", self.steps, 1)

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return self.schedule(0) * (step / self.steps)
        return self.schedule(step - self.steps)


def _periods(step: int, length: float, staircase: bool) -> float:
    return math.floor(step / length) if staircase else step / length


def _cosine(done: float, height: float, alpha: float) -> float:
    # from `height` down to alpha, as `done` goes from 0 to 1
    return (1 - alpha) * height * (1 + math.cos(math.pi * done)) / 2 + alpha


def _check(schedule: Any, interval: str, *names: str) -> None:
    for name in names:
        validation.check_real(type(schedule).__name__, name, getattr(schedule, name), interval)
