"""Slopes from values alone: the complex step where it can be taken, central differences elsewhere.

complex   f'(t) = Im f(t + i h) / h, h = 1e-20: exact to rounding, with no step to choose (Squire & Trapp 1998)
central   f'(t) = (f(t + h) - f(t - h)) / 2 h, h = eps^(1/3) max(1, |t|): an error of about 1e-10
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import validation
from ..data import finite, numeric
from ..errors import SettingError, ShapeError

COMPLEX_STEP = 1e-20
EPS = float(np.finfo(np.float64).eps)
CENTRAL_STEP = EPS ** (1 / 3)
METHODS = ("complex", "central")

Function = Callable[[Any], Any]


def relative_difference(a: Any, b: Any) -> float:
    """|a - b| / (|a| + |b|) in the Euclidean norm: the notebook's number. 0 if both are 0, 1 if one is not finite."""
    a, b = np.ravel(np.asarray(a, np.float64)), np.ravel(np.asarray(b, np.float64))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 1.0
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    if scale == 0:
        return 0.0
    a, b = a / scale, b / scale  # so that no square underflows
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))


@contextmanager
def complex_arithmetic() -> Iterator[None]:
    """Inside, a cast that would drop the imaginary part, and with it the slope, is an error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        yield


# What a function that cannot take complex numbers raises when it is given some.
NOT_COMPLEX = (TypeError, ValueError, np.exceptions.ComplexWarning)


def slope(f: Function, point: Any, direction: Any, method: str, scale: float = 1.0) -> Any:
    """The slope of f, number or array, at the point along the direction. `scale` widens the central step."""
    if method == "complex":
        return np.imag(f(point + 1j * COMPLEX_STEP * direction)) / COMPLEX_STEP
    h = CENTRAL_STEP * scale
    return (np.real(f(point + h * direction)) - np.real(f(point - h * direction))) / (2 * h)


def complex_safe(f: Function, point: np.ndarray, direction: np.ndarray) -> bool:
    """Whether f carries slopes through complex numbers: wherever it is smooth, complex step and difference agree."""
    try:
        with complex_arithmetic():
            exact = slope(f, point, direction, "complex")
    except NOT_COMPLEX:
        return False
    return agree([exact], lambda step: [np.real(f(point + step * direction))])


def agree(exact: list[Any], f: Callable[[float], list[Any]]) -> bool:
    """Whether these slopes are those of the arrays f(t) at t = 0, each number judged alone.

    A step over which it is not straight, for a kink or a sharp bend, settles nothing; a shorter one may.
    """
    here = f(0.0)
    for h in (CENTRAL_STEP, 1e-2 * CENTRAL_STEP, 1e-4 * CENTRAL_STEP):
        for claimed, before, now, after in zip(exact, f(-h), here, f(h), strict=True):
            difference = (after - before) / (2 * h)
            rounding = 100 * EPS / h * np.abs(now).max(initial=1.0)
            straight = np.abs(after - 2 * now + before) / h <= 1e-3 * np.abs(difference) + rounding
            off = np.abs(claimed - difference) > 1e-4 * (np.abs(claimed) + np.abs(difference)) + rounding
            if (straight & off).any():
                return False
    return True


def numerical_gradient(f: Function, theta: Any, method: str = "auto") -> Any:
    """df/dtheta of a function f(theta) -> number, entry by entry. theta an array or a number; so is the result.

    method  "complex", "central", or "auto": the complex step if f bears it
    """
    validation.check_choice("numerical_gradient", "method", method, ("auto", *METHODS))
    point = point_of("numerical_gradient", theta)

    def of(array: np.ndarray) -> Any:
        # a function of a number is given a number; each call its own copy
        return number("numerical_gradient", f(array.copy() if array.ndim else array[()]))

    method = taken("numerical_gradient: f", method, lambda: probe(of, point))
    gradient = np.empty(point.shape)
    for index in np.ndindex(point.shape):
        direction = np.zeros(point.shape)
        direction[index] = 1.0
        with complex_arithmetic():
            gradient[index] = slope(of, point, direction, method, max(1.0, abs(float(point[index]))))
    return gradient if point.ndim else float(gradient)


def taken(what: str, method: str, safe: Callable[[], bool]) -> str:
    """The method to take: "auto" is the complex step where it is safe; asked for where it is not, it is refused."""
    if method == "central" or safe():
        return "complex" if method == "auto" else method
    if method == "auto":
        return "central"
    words = 'loses the imaginary parts of complex numbers (np.abs? a cast?): method must be "auto" or "central"'
    raise SettingError(f"{what} {words}")


def point_of(who: str, theta: Any) -> np.ndarray:
    """A point to differentiate at: real, finite numbers in float64."""
    return finite(who, "theta", numeric(who, "theta", theta), np.dtype(np.float64))


def number(who: str, value: Any) -> Any:
    """What f has returned, which must be a number."""
    if np.ndim(value) or value is None:
        got = "None" if value is None else f"an array of shape {np.shape(value)}"
        raise ShapeError(f"{who}: f(theta) must be a number, got {got}")
    return value


def probe(f: Function, point: np.ndarray) -> bool:
    """Whether f is complex-safe, judged a little beside the point, so that no kink hides the answer."""
    rng = np.random.default_rng(0)
    return all(complex_safe(f, beside(point, rng), scattered(point, rng)) for _ in range(2))


def beside(point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A point close by."""
    return point + 1e-3 * scattered(point, rng)


def scattered(point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random step of the point's own size, or of size 1 where that is less."""
    return rng.standard_normal(point.shape) * np.maximum(1, np.abs(point))
