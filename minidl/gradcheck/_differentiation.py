"""Derivatives from values alone: the complex step where a function supports it, central differences elsewhere.

complex step        f'(t) = Im f(t + i h) / h, h = 1e-20: exact to rounding, no step to choose (Squire & Trapp 1998)
central difference  f'(t) = (f(t + h) - f(t - h)) / 2 h, h = eps^(1/3) max(1, |t|): an error of about 1e-10
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError

EPS = float(np.finfo(np.float64).eps)
Function = Callable[[Any], Any]


@dataclass(frozen=True)
class ComplexStep:
    """Im f(i h direction) / h.

    name, label  as users write it and as reports print it
    dtype        of the points at which it evaluates a function
    resolution   relative difference below which two derivatives along one direction are equal
    closeness    relative difference up to which a cause must explain a wrong gradient
    offsets      distances of points away from a kink, several because one of them may meet another kink
    exact        True if derivatives are right to rounding
    rounding     the error of a derivative for an error of 1 in the value; 0 if nothing is subtracted
    near_kinks   the methods to try, in turn, at points near a kink
    """

    step: float = 1e-20

    name, label, dtype = "complex", "complex step", np.complex128
    resolution, closeness, offsets = 1e-12, 1e-9, (1e-7, 1e-6, 1e-5)
    exact, rounding = True, 0.0

    @property
    def near_kinks(self) -> tuple[ComplexStep, ...]:
        return (self,)

    def derivative(self, f: Function, direction: Any, scale: float = 1.0) -> Any:
        """The derivative along the direction of f, which maps an offset from the point to a number or an array.

        scale  multiplies the step of a difference
        """
        return np.imag(f(1j * self.step * direction)) / self.step


@dataclass(frozen=True)
class CentralDifference:
    """(f(h direction) - f(-h direction)) / 2 h. A shorter step crosses fewer kinks and has a larger rounding error."""

    step: float = EPS ** (1 / 3)

    name, label, dtype = "central", "central differences", np.float64
    resolution, closeness, offsets = 1e-7, 1e-6, (1e-6, 1e-5, 1e-4, 1e-3)  # the step must not reach back to the kink
    exact = False

    @property
    def rounding(self) -> float:
        return 1 / self.step

    @property
    def near_kinks(self) -> tuple[CentralDifference, ...]:
        return tuple(CentralDifference(scale * self.step) for scale in (1.0, 1e-2, 1e-3))

    def derivative(self, f: Function, direction: Any, scale: float = 1.0) -> Any:
        h = self.step * scale
        return (np.real(f(h * direction)) - np.real(f(-h * direction))) / (2 * h)


Differentiation = ComplexStep | CentralDifference
COMPLEX, CENTRAL = ComplexStep(), CentralDifference()
METHODS: dict[str, Differentiation] = {method.name: method for method in (COMPLEX, CENTRAL)}


def choose_method(what: str, name: str, supports_complex: Callable[[], bool]) -> Differentiation:
    """The method of that name; "auto" is the complex step if the function supports it."""
    if name == CENTRAL.name:
        return CENTRAL
    if supports_complex():
        return COMPLEX
    if name == "auto":
        return CENTRAL
    problem = "loses the imaginary parts of complex numbers (np.abs? a cast?)"
    raise SettingError(f'{what} {problem}: method must be "auto" or "central"')


def relative_difference(a: Any, b: Any) -> float:
    """|a - b| / (|a| + |b|) in the Euclidean norm. 0 if both are 0, 1 if an entry is not finite."""
    a, b = np.ravel(np.asarray(a, np.float64)), np.ravel(np.asarray(b, np.float64))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 1.0
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    if scale == 0:
        return 0.0
    a, b = a / scale, b / scale  # so that no square underflows
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))


# ---- does a function support complex numbers?


@contextmanager
def complex_arithmetic() -> Iterator[None]:
    """Inside, a cast that drops the imaginary part, and the derivative with it, is an error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        yield


def keeps_derivatives(f: Callable[[Any], list[Any]]) -> bool:
    """True if the imaginary parts of f carry its derivatives.   f maps a real or complex step to arrays.

    f is differentiated at 0 by both methods, and each number judged alone. Where f is not straight over the step of the
    difference, because of a kink or a sharp bend, that step decides nothing; a shorter one may.
    """
    try:
        with complex_arithmetic():
            exact = [np.imag(y) / COMPLEX.step for y in f(1j * COMPLEX.step)]
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return False
    here = f(0.0)
    for h in (CENTRAL.step, 1e-2 * CENTRAL.step, 1e-4 * CENTRAL.step):
        judged = [_agree(h, *map(np.real, arrays)) for arrays in zip(exact, f(-h), here, f(h), strict=True)]
        if not all(agree for agree, _ in judged):
            return False
        if all(decided for _, decided in judged):
            break
    return True


def _agree(h: float, derivative: Any, before: Any, now: Any, after: Any) -> tuple[bool, bool]:
    """False first if a central difference contradicts the derivative; True next if the step decides every number."""
    difference = (after - before) / (2 * h)
    rounding = 100 * EPS / h * np.abs(now).max(initial=1.0)
    straight = np.abs(after - 2 * now + before) / h <= 1e-3 * np.abs(difference) + rounding
    off = np.abs(derivative - difference) > 1e-4 * (np.abs(derivative) + np.abs(difference)) + rounding
    return not (straight & off).any(), bool(straight.all())


def random_step(point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random step as large as the point's entries, and at least of size 1. Integers stay where they are."""
    if point.dtype.kind in "iu":
        return np.zeros(point.shape)
    return np.asarray(rng.standard_normal(point.shape) * np.maximum(1, abs(point)))


def largest(array: np.ndarray) -> float:
    """The largest finite modulus in the array, or 0."""
    finite = abs(array[np.isfinite(array)])
    return float(finite.max(initial=0.0))
