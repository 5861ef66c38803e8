"""Claimed gradients next to derivatives, along lines: single entries of a tensor, or one direction through it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._differentiation import CENTRAL, Differentiation
from ._measure import Measured, measure
from ._products import Bracket
from ._subjects import Subject

ROUNDING = 1e-12  # a relative difference below it is reported as it is; above it, the rounding error is subtracted


class Place:
    """A point, the gradient claimed there, and its rounding error, computed only when it matters."""

    def __init__(self, subject: Subject, point: np.ndarray) -> None:
        self.subject, self.point, self.gradient = subject, point, subject.gradient(point)

    @cached_property
    def bounds(self) -> dict[str, float]:
        """Per tensor."""
        return self.subject.gradient_bounds(self.point, self.gradient)


@dataclass
class Look:
    """Derivatives along some directions, as backward claims them (analytic) and from values alone (numeric).

    size   the size of what the analytic ones are summed from
    bound  how far rounding may move the analytic ones, computed only when it matters
    blur   how far rounding may move the numeric ones
    """

    analytic: np.ndarray
    numeric: np.ndarray
    size: np.ndarray
    bound: Callable[[], float]
    blur: np.ndarray

    def __post_init__(self) -> None:
        off = np.abs(self.analytic - self.numeric)
        self.off = np.where(np.isfinite(off), off, np.nan)  # which is within no tolerance

    @cached_property
    def beyond(self) -> np.ndarray:
        """The differences that rounding does not explain."""
        return self.off - self.bound() - self.blur

    def differ(self, tolerance: float) -> np.ndarray:
        """True where values differ by more than the tolerance and rounding, or are not finite."""
        allowed = tolerance * (self.size + abs(self.numeric))
        differ = ~(self.off <= allowed)
        return ~(self.beyond <= allowed) if differ.any() else differ

    def settle(self, chosen: np.ndarray) -> None:
        """Let the derivatives of the chosen ones be what is claimed: a closer look found no difference."""
        self.numeric[chosen], self.off[chosen] = self.analytic[chosen], 0.0
        vars(self).pop("beyond", None)

    def difference(self, chosen: np.ndarray) -> float:
        """|a - n| / (|a| + |n|) of the chosen ones in the Euclidean norm, beyond rounding; 1 if one is not finite."""
        total = length(self.size[chosen]) + length(self.numeric[chosen])
        if not math.isfinite(total):
            return 1.0
        off = length(self.off[chosen])
        if off and off >= ROUNDING * total:
            off = length(np.maximum(self.beyond[chosen], 0))
        return off / total if off else 0.0


class Lines(ABC):
    """Lines through the point along which one tensor moves.

    value_bound  of the rounding error of the value
    """

    def __init__(self, subject: Subject, path: str, value_bound: Callable[[], float]) -> None:
        self.subject, self.path, self.value_bound = subject, path, value_bound
        self.part = subject.parts[path]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def look(self, place: Place, method: Differentiation, chosen: np.ndarray) -> Look:
        """The claims and the derivatives at a place."""

    @abstractmethod
    def claims(self, gradient: np.ndarray) -> np.ndarray:
        """The derivatives along the lines by a gradient of all tensors."""

    @abstractmethod
    def bracket(self, chosen: np.ndarray, step: float) -> Bracket:
        """The range of the derivatives at the point if it is a kink."""

    @abstractmethod
    def measured(self, k: int, *, whole: bool = False) -> Measured:
        """The derivative along one line, with the noise of the values. whole: see `Subject.line`."""


class EntryLines(Lines):
    """Every line moves one entry."""

    def __init__(self, subject: Subject, path: str, value_bound: Callable[[], float], entries: np.ndarray) -> None:
        super().__init__(subject, path, value_bound)
        self.entries = entries
        self.scales = np.maximum(1.0, abs(subject.point[self.part.slice][entries]))  # large entries move further

    def __len__(self) -> int:
        return len(self.entries)

    def look(self, place: Place, method: Differentiation, chosen: np.ndarray) -> Look:
        claimed = self.claims(place.gradient)[chosen]
        numeric = self.subject.derivatives(place.point, self.path, self.entries[chosen], method)
        blur = method.rounding * self.value_bound() / self.scales[chosen]
        return Look(claimed, numeric, abs(claimed), lambda: place.bounds[self.path], blur)

    def claims(self, gradient: np.ndarray) -> np.ndarray:
        return gradient[self.part.slice][self.entries]

    def bracket(self, chosen: np.ndarray, step: float) -> Bracket:
        return self.subject.bracket(self.subject.point, self.path, self.entries[chosen], step)

    def measured(self, k: int, *, whole: bool = False) -> Measured:
        subject, entry = self.subject, self.entries[[k]]
        values = subject.line(subject.point, self.path, entry, np.ones(1), whole=whole)
        return measure(values, float(subject.point[self.part.slice][entry[0]]), float(self.scales[k]))


class DirectionLine(Lines):
    """One line that moves all entries of a tensor, or some of them. A wrong entry shows little in it.

    direction  of the whole tensor
    """

    def __init__(self, subject: Subject, path: str, value_bound: Callable[[], float], direction: np.ndarray) -> None:
        super().__init__(subject, path, value_bound)
        self.direction, self.moving, self.length = direction, direction != 0, length(direction)

    def __len__(self) -> int:
        return 1

    def look(self, place: Place, method: Differentiation, chosen: np.ndarray) -> Look:
        claimed, size = place.gradient[self.part.slice], self.length
        numeric = self.subject.tensor_derivative(place.point, self.path, self.direction, method)
        analytic, sizes = self.claims(place.gradient), np.array([length(claimed[self.moving]) * size])
        blur = np.array([method.rounding * self.value_bound()])
        return Look(analytic, np.array([numeric]), sizes, lambda: place.bounds[self.path] * size, blur)

    def claims(self, gradient: np.ndarray) -> np.ndarray:
        return np.array([gradient[self.part.slice] @ self.direction])

    def bracket(self, chosen: np.ndarray, step: float) -> Bracket:
        return self.subject.bracket_along(self.subject.point, self.path, self.direction, step)

    def measured(self, k: int, *, whole: bool = False) -> Measured:
        values = self.subject.line(self.subject.point, self.path, slice(None), self.direction, whole=whole)
        return measure(values, None, 1.0)


class UntrustedError(Exception):
    """The complex step is wrong: a function loses some imaginary parts."""


def check_zeros(subject: Subject, path: str, entries: np.ndarray, method: Differentiation) -> None:
    """Raise UntrustedError if the value moves with entries along which the complex step is exactly 0.

    They move together in a random direction. At a kink the complex step is 0 on one side alone.
    """
    direction = np.zeros(subject.parts[path].size)
    direction[entries] = np.random.default_rng(6).standard_normal(len(entries))
    if subject.tensor_derivative(subject.point, path, -direction, method):
        return
    steps = (CENTRAL.step, 1e-2 * CENTRAL.step)
    wide, narrow = (
        subject.tensor_derivative(subject.point, path, step / CENTRAL.step * direction, CENTRAL) * (CENTRAL.step / step)
        for step in steps
    )
    if abs(wide) * method.step < np.finfo(np.float64).tiny:  # the complex step underflows
        return
    if not subject.can_bracket(path) or abs(wide - narrow) > 1e-2 * abs(wide):  # rounding errors do not agree
        return
    found = subject.bracket_along(subject.point, path, direction, CENTRAL.step)
    if found.radius[0] <= 1e-2 * abs(wide):  # it is no kink
        raise UntrustedError


def length(a: np.ndarray) -> float:
    """The Euclidean norm."""
    return float(np.hypot.reduce(a))  # unlike the root of a sum of squares it does not overflow
