"""Derivatives of sums, means, extremes and products of entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import SettingError
from ._array import REMEDY, Axis, Traced
from ._shapes import ordered, rearranged, reshape


def total(a: Traced, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    def pull(g: np.ndarray) -> np.ndarray:
        return np.broadcast_to(g if keepdims or axis is None else np.expand_dims(g, axis), a.shape)

    return Traced(a.value.sum(axis=axis, keepdims=keepdims), [(a, pull)])


def mean(a: Traced, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    found = total(a, axis, keepdims=keepdims)
    return found / (a.size / max(found.size, 1))


def variance(a: Traced, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Traced:
    squares: Traced = np.square(a - mean(a, axis, keepdims=True))
    found = total(squares, axis, keepdims=keepdims)
    return found / (a.size / found.size - ddof)


def deviation(a: Traced, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.sqrt(variance(a, axis, ddof=ddof, keepdims=keepdims))


def length(a: Traced, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The Euclidean length, NumPy's norm(a)."""
    if ord not in (None, 2, "euclidean", "fro"):
        raise SettingError(f"norm with ord={ord!r} has no known derivative here; {REMEDY}")
    return np.sqrt(total(a * a, axis, keepdims=keepdims))


def largest(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Traced:
    """The largest entry; of equal ones the first has the derivative."""
    if axis is None:
        found = largest(reshape(a, (-1,)), 0)
        return reshape(found, (1,) * a.ndim) if keepdims else found
    place = np.expand_dims(np.argmax(a.value.real, axis=axis), axis)

    def pull(g: np.ndarray) -> np.ndarray:
        whole = np.zeros(a.shape, g.dtype)
        np.put_along_axis(whole, place, g if keepdims else np.expand_dims(g, axis), axis)
        return whole

    found_value = np.take_along_axis(a.value, place, axis)
    return Traced(found_value if keepdims else found_value.squeeze(axis), [(a, pull)])


def smallest(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Traced:
    return -largest(-a, axis, keepdims=keepdims)


def spread(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Any:
    return largest(a, axis, keepdims=keepdims) - smallest(a, axis, keepdims=keepdims)


def product(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Traced:
    """The product of the entries. The derivative of one is the product of the others, also if some are 0."""
    if axis is None:
        found = product(reshape(a, (-1,)), 0)
        return reshape(found, (1,) * a.ndim) if keepdims else found
    values = np.moveaxis(a.value, axis, -1)
    one = np.ones_like(values[..., :1])
    before = np.cumprod(np.concatenate([one, values[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, values[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    others = np.moveaxis(before * after, -1, axis)

    def pull(g: np.ndarray) -> np.ndarray:
        return (g if keepdims else np.expand_dims(g, axis)) * others

    return Traced(np.prod(a.value, axis=axis, keepdims=keepdims), [(a, pull)])


def running_total(a: Traced, axis: int | None = None) -> Traced:
    if axis is None:
        return running_total(reshape(a, (-1,)), 0)

    def pull(g: np.ndarray) -> np.ndarray:
        return np.flip(np.cumsum(np.flip(g, axis), axis), axis)

    return Traced(np.cumsum(a.value, axis), [(a, pull)])


def average(a: Traced, axis: int | None = None, *, weights: Any = None, keepdims: bool = False) -> Any:
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    given = np.asarray(weights)
    if axis is not None and given.ndim == 1:
        given = given.reshape([-1 if place == axis % a.ndim else 1 for place in range(a.ndim)])
    shares = np.broadcast_to(given, a.shape)
    return total(a * shares, axis, keepdims=keepdims) / shares.sum(axis=axis, keepdims=keepdims)


def median(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Any:
    if axis is None:
        found = median(reshape(a, (-1,)), 0)
        return reshape(found, (1,) * a.ndim) if keepdims else found
    entries, n = ordered(a, axis), a.shape[axis]
    middle = rearranged(np.take)(entries, [(n - 1) // 2, n // 2], axis)
    return mean(middle, axis, keepdims=keepdims)


def difference(a: Traced, n: int = 1, axis: int = -1) -> Any:
    for _ in range(n):
        size = a.shape[axis]
        a = np.take(a, range(1, size), axis) - np.take(a, range(size - 1), axis)
    return a
