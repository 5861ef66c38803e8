"""Constraints: sets that weights are put back into after every update.

A constraint is given to a layer: Dense(8, kernel_constraint=MaxNorm(3)). Names and numbers are Keras's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import validation
from .errors import SettingError
from .validation import Configured, Validated, check_integer, check_real, hint, real, setting


class Constraint(Configured, Validated):
    """A formula w -> the weights to keep, an array of the same shape. Applied to a parameter after every update.

    A subclass writes `__call__(w)` and does not write into w. With settings it is a frozen dataclass of them.
    """

    def __call__(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write __call__(w)")


@dataclass(frozen=True)
class NonNeg(Constraint):
    """w <- max(w, 0)."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(w, 0)


def _check_axis(who: str, name: str, value: Any) -> int | tuple[int, ...]:
    if isinstance(value, Iterable):
        return tuple(check_integer(who, f"each of {name}", axis, -32) for axis in value)
    return check_integer(who, name, value, -32)


def _with_lengths(w: np.ndarray, lengths: np.ndarray, wanted: Any) -> np.ndarray:
    """Scale vectors of these lengths to the wanted ones. A vector of zeros has no direction: it stays."""
    return w * np.where(lengths > 0, wanted / np.where(lengths > 0, lengths, 1), 1).astype(w.dtype)


def _lengths(w: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.sqrt((w * w).sum(axis=axis, keepdims=True)))


@dataclass(frozen=True)
class MaxNorm(Constraint):
    """w <- w min(1, max_value / |w|), for each vector w along the axis. (Srebro & Shraibman 2005; Hinton et al. 2012)

    max_value  the largest length, at least 0
    axis       0: the weights that enter one unit of a Dense layer; several axes: all entries along them
    """

    max_value: float = real("[0, inf)", default=2.0)
    axis: int | tuple[int, ...] = setting(_check_axis, default=0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        lengths = _lengths(w, self.axis)
        return _with_lengths(w, lengths, np.minimum(lengths, self.max_value))


@dataclass(frozen=True)
class UnitNorm(Constraint):
    """w <- w / |w|, for each vector w along the axis.

    axis  0: the weights that enter one unit of a Dense layer; several axes: all entries along them
    """

    axis: int | tuple[int, ...] = setting(_check_axis, default=0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return _with_lengths(w, _lengths(w, self.axis), 1.0)


@dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """w <- w ((1 - rate) + rate min(max(|w|, min_value), max_value) / |w|), for each vector w along the axis.

    min_value, max_value  the interval that lengths belong into, at least 0
    rate                  in [0, 1]: the part of the way into the interval that one update goes; 1: all of it
    axis                  0: the weights that enter one unit of a Dense layer; several axes: all entries along them
    """

    min_value: float = real("[0, inf)", default=0.0)
    max_value: float = real("[0, inf)", default=1.0)
    rate: float = real("[0, 1]", default=1.0)
    axis: int | tuple[int, ...] = setting(_check_axis, default=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("MinMaxNorm", "max_value", self.max_value, f"[{self.min_value}, inf)")

    def __call__(self, w: np.ndarray) -> np.ndarray:
        lengths = _lengths(w, self.axis)
        nearest = np.clip(lengths, self.min_value, self.max_value)
        return _with_lengths(w, lengths, lengths + self.rate * (nearest - lengths))


# Keras's strings
CONSTRAINTS: dict[str, Callable[[], Constraint]] = {
    "max_norm": MaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}


def check_constraint(who: str, name: str, value: Any) -> Constraint:
    """Return the value, which must be a Constraint, or make the one that a Keras string such as "max_norm" names."""
    if isinstance(value, str):
        return validation.resolve(f"{who}: {name}", value, Constraint, CONSTRAINTS)
    if not isinstance(value, Constraint):
        wanted = "a constraint such as MaxNorm(3), a string such as 'max_norm', or None"
        raise SettingError(f"{who}: {name} must be {wanted}, got {value!r}{hint(value, Constraint)}")
    return value
