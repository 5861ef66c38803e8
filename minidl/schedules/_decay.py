"""Keras's schedules, and a warm-up for any of them."""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from ..errors import SettingError
from ..validation import boolean, check_real, instance, integer, real, setting
from ._base import Schedule


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """r decay_rate^(t / T);   with staircase t / T is rounded down."""

    initial_learning_rate: float = real("(0, inf)")
    decay_steps: float = real("(0, inf)")
    decay_rate: float = real("(0, inf)")
    staircase: bool = boolean(default=False)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** _periods(step, self.decay_steps, self.staircase)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """r / (1 + decay_rate t / T);   with staircase t / T is rounded down."""

    initial_learning_rate: float = real("(0, inf)")
    decay_steps: float = real("(0, inf)")
    decay_rate: float = real("[0, inf)")
    staircase: bool = boolean(default=False)

    def __call__(self, step: int) -> float:
        periods = _periods(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """(r - end) (1 - t / T)^power + end until step T, then end.

    With cycle, T grows to its next multiple as soon as it is passed, and the rate rises again.
    """

    initial_learning_rate: float = real("(0, inf)")
    decay_steps: float = real("(0, inf)")
    end_learning_rate: float = real("[0, inf)", default=0.0001)
    power: float = real("(0, inf)", default=1.0)
    cycle: bool = boolean(default=False)

    def __call__(self, step: int) -> float:
        periods = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        done = min(step / (self.decay_steps * periods), 1)
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - done) ** self.power + self.end_learning_rate


def _check_each(who: str, name: str, values: Iterable[float], interval: str) -> tuple[float, ...]:
    return tuple(check_real(who, f"each of {name}", value, interval) for value in values)


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """values[0] up to and including step boundaries[0], then values[1] up to and including boundaries[1], and so on.

    boundaries  in increasing order
    values      one more than boundaries
    """

    boundaries: tuple[float, ...] = setting(partial(_check_each, interval="[0, inf)"))
    values: tuple[float, ...] = setting(partial(_check_each, interval="(0, inf)"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise SettingError(f"PiecewiseConstantDecay: boundaries must increase, got {self.boundaries}")
        if len(self.values) != len(self.boundaries) + 1:
            counts = f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            raise SettingError(f"PiecewiseConstantDecay: values must be one more than boundaries, got {counts}")

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """r ((1 - alpha) (1 + cos(pi t / T)) / 2 + alpha) until step T, then alpha r. (Loshchilov & Hutter 2017)

    With a warmup_target the rate first rises linearly from r to the target, in warmup_steps, and decays from there:
    then t counts from the end of the warm-up, and the target replaces r in the formula.
    """

    initial_learning_rate: float = real("[0, inf)")
    decay_steps: float = real("(0, inf)")
    alpha: float = real("[0, 1]", default=0.0)
    warmup_target: float | None = real("(0, inf)", default=None, optional=True)
    warmup_steps: float = real("[0, inf)", default=0.0)

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
    """Cosine decays one after the other, each t_mul times as long as the one before, starting m_mul times as high.

    The first takes first_decay_steps; none falls below alpha r. (Loshchilov & Hutter 2017)

    t_mul  at least 1
    """

    initial_learning_rate: float = real("(0, inf)")
    first_decay_steps: float = real("(0, inf)")
    t_mul: float = real("[1, inf)", default=2.0)
    m_mul: float = real("(0, inf)", default=1.0)
    alpha: float = real("[0, 1]", default=0.0)

    def __call__(self, step: int) -> float:
        start, length, height = 0.0, self.first_decay_steps, 1.0
        if self.t_mul == 1:
            start, height = step // length * length, self.m_mul ** (step // length)
        while step >= start + length:  # Keras takes a logarithm, whose rounding may miss the restart
            start, length, height = start + length, length * self.t_mul, height * self.m_mul
        return self.initial_learning_rate * _cosine((step - start) / length, height, self.alpha)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A linear rise from 0 to the first rate of another schedule, then that schedule from its start.

    WarmUp(ExponentialDecay(0.1, 1000, 0.5), steps=100). (Goyal et al. 2017)
    """

    schedule: Schedule = instance(Schedule)
    steps: int = integer(1)

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return self.schedule(0) * (step / self.steps)
        return self.schedule(step - self.steps)


def _periods(step: int, length: float, staircase: bool) -> float:
    return math.floor(step / length) if staircase else step / length


def _cosine(done: float, height: float, alpha: float) -> float:
    """A half cosine wave that falls from `height` to alpha while `done` goes from 0 to 1."""
    return (1 - alpha) * height * (1 + math.cos(math.pi * done)) / 2 + alpha
