"""Derivatives of functions that move, choose, repeat and join entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._array import Pull, Traced, unbroadcast, value_of


def reshape(a: Traced, shape: Any) -> Traced:
    return Traced(a.value.reshape(shape), [(a, lambda g: g.reshape(a.shape))])


def transpose(a: Traced, axes: Sequence[int] | None = None) -> Traced:
    back = None if axes is None else np.argsort(axes)
    return Traced(np.transpose(a.value, axes), [(a, lambda g: np.transpose(g, back))])


def expand_dims(a: Traced, axis: Any) -> Traced:
    return reshape(a, np.expand_dims(a.value, axis).shape)


def squeeze(a: Traced, axis: Any = None) -> Traced:
    return reshape(a, np.squeeze(a.value, axis).shape)


def broadcast_to(a: Traced, shape: tuple[int, ...]) -> Traced:
    return Traced(np.broadcast_to(a.value, shape), [(a, lambda g: unbroadcast(g, a.shape))])


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = min if a_min is None else a_min, max if a_max is None else a_max
    raised = a if low is None else np.maximum(a, low)
    return raised if high is None else np.minimum(raised, high)


def where(condition: Any, a: Any, b: Any) -> Traced:
    chosen = np.asarray(value_of(condition)).real != 0
    result = np.where(chosen, value_of(a), value_of(b))
    sides = [(a, chosen), (b, ~chosen)]

    def pull(taken: np.ndarray, shape: tuple[int, ...]) -> Pull:
        return lambda g: unbroadcast(np.where(taken, g, 0), shape)  # not g * taken, which is NaN for infinite g

    return Traced(result, [(side, pull(taken, side.shape)) for side, taken in sides if isinstance(side, Traced)])


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Traced:
    values = [value_of(array) for array in arrays]
    ends = np.cumsum([0] + [np.shape(value)[axis] for value in values]).tolist()

    def pull(start: int, stop: int) -> Pull:
        return lambda g: np.take(g, range(start, stop), axis)

    spans = zip(arrays, ends, ends[1:], strict=False)
    parents = [(a, pull(start, stop)) for a, start, stop in spans if isinstance(a, Traced)]
    return Traced(np.concatenate(values, axis=axis), parents)


def stack(arrays: Sequence[Any], axis: int = 0) -> Traced:
    return concatenate([np.expand_dims(array, axis) for array in arrays], axis)


def append(a: Any, b: Any, axis: int | None = None) -> Traced:
    return concatenate([np.reshape(a, -1), np.reshape(b, -1)]) if axis is None else concatenate([a, b], axis)


def hstack(arrays: Sequence[Any]) -> Traced:
    parts = [np.reshape(array, -1) if np.ndim(array) == 0 else array for array in arrays]
    return concatenate(parts, 0 if np.ndim(parts[0]) == 1 else 1)


def vstack(arrays: Sequence[Any]) -> Traced:
    return concatenate([np.reshape(array, (1, -1)) if np.ndim(array) < 2 else array for array in arrays])


def rearranged(function: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that chooses, repeats and moves entries: the same function of their numbers, 0, 1, ..."""

    def rearranged(a: Traced, *args: Any, **options: Any) -> Any:
        places = function(np.arange(a.size).reshape(a.shape), *args, **options)
        return [chosen(a, part) for part in places] if isinstance(places, list | tuple) else chosen(a, places)

    return rearranged


def chosen(a: Traced, places: np.ndarray) -> Traced:
    def pull(g: np.ndarray) -> np.ndarray:
        whole = np.zeros(a.size, g.dtype)
        np.add.at(whole, places, g)
        return whole.reshape(a.shape)

    return Traced(a.value.reshape(-1)[places], [(a, pull)])


def ordered(a: Traced, axis: int | None = -1) -> Any:
    return rearranged(np.take_along_axis)(a, np.argsort(a.value.real, axis=axis, kind="stable"), axis)


def padded(a: Traced, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Traced:
    if mode != "constant":
        return rearranged(np.pad)(a, pad_width, mode)
    chosen = np.pad(np.ones(a.shape, bool), pad_width)

    def pull(g: np.ndarray) -> np.ndarray:
        return g[chosen].reshape(a.shape)

    return Traced(np.pad(a.value, pad_width, constant_values=constant_values), [(a, pull)])


def of_part(part: Callable[..., np.ndarray]) -> Callable[..., Traced]:
    """The rule of tril and triu: some entries stay, the others become 0."""
    return lambda a, k=0: where(part(np.ones(a.shape, bool), k), a, 0.0)


def diagonal_matrix(a: Traced, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix of a diagonal: NumPy's diag."""
    if a.ndim == 2:
        return np.diagonal(a, k)
    places = np.diag(np.arange(1, a.size + 1), k)
    return where(places > 0, chosen(a, np.maximum(places - 1, 0)), 0.0)
