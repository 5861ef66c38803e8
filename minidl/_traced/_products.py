"""Derivatives of products of matrices and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import SettingError
from ._array import Pull, Traced, unbroadcast, value_of
from ._shapes import squeeze
from ._sums import total


def matmul(a: Any, b: Any) -> Traced:
    """Products of matrices, of stacks of matrices (..., n, k) (..., k, m), and of vectors."""
    if np.ndim(a) == 1 or np.ndim(b) == 1:
        return _with_vectors(a, b)
    x, y = np.asarray(value_of(a)), np.asarray(value_of(b))
    pulls: list[tuple[Any, Pull]] = [
        (a, lambda g: unbroadcast(g @ np.swapaxes(y, -1, -2), x.shape)),
        (b, lambda g: unbroadcast(np.swapaxes(x, -1, -2) @ g, y.shape)),
    ]
    return Traced(x @ y, [(side, pull) for side, pull in pulls if isinstance(side, Traced)])


def _with_vectors(a: Any, b: Any) -> Any:
    row, column = np.ndim(a) == 1, np.ndim(b) == 1
    product = matmul(np.expand_dims(a, 0) if row else a, np.expand_dims(b, 1) if column else b)
    return squeeze(product, tuple(axis for axis, gone in ((-2, row), (-1, column)) if gone))


def dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) <= 2:  # beyond that, dot pairs all matrices of a with all of b
        return matmul(a, b)
    raise SettingError(f"dot of shapes {np.shape(a)} and {np.shape(b)} has no known derivative here; use matmul")


def outer(a: Any, b: Any) -> Any:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


def vdot(a: Any, b: Any) -> Any:
    return total(np.reshape(a, -1) * np.reshape(b, -1))


def inner(a: Any, b: Any) -> Any:
    return matmul(a, b if np.ndim(b) == 1 else np.swapaxes(b, -1, -2))
