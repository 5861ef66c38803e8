"""The NumPy idioms of the inner loop, each several times faster than the obvious expression that it stands for.

All of them take complex arrays too, for the complex step of the gradient checker.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .errors import ShapeError


@lru_cache(maxsize=16)
def _constant(value: float, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """A read-only array full of the value, kept because every step of a training needs the same ones again."""
    # zeros that are never written to take no memory, whatever their number
    array = np.full(shape, value, dtype) if value else np.zeros(shape, dtype)
    array.flags.writeable = False
    return array


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0). Two arrays take a third of the time of an array and the number 0."""
    return np.maximum(x, _constant(0, x.shape, x.dtype))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), accurate in both tails and without overflow."""
    largest = 88.0 if z.dtype == np.float32 else 709.0  # exp of more is infinite in this dtype
    e = np.exp(np.minimum(-z, largest))
    e += 1
    return 1 / e


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z_j) / sum_k exp(z_k) along the last axis."""
    e = np.exp(_below_maximum(z))
    return e / row_sums(e)


def log_softmax(z: np.ndarray) -> np.ndarray:
    """log(exp(z_j) / sum_k exp(z_k)) along the last axis, finite for every finite z."""
    t = _below_maximum(z)
    return t - np.log(row_sums(np.exp(t)))


def _below_maximum(z: np.ndarray) -> np.ndarray:
    """z - max(z) along the last axis: the exponentials do not overflow, and at least one of them is 1."""
    with np.errstate(over="ignore"):
        return np.maximum(z - z.max(axis=-1, keepdims=True), float(np.finfo(z.dtype).min))


def row_sums(x: np.ndarray) -> np.ndarray:
    """x.sum(axis=-1, keepdims=True)."""
    return x.dot(_constant(1, x.shape[-1:], x.dtype))[..., None]


def as_matrix(x: np.ndarray) -> np.ndarray:
    """x (..., n) as a matrix with n columns, a matrix as it is."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def product(x: np.ndarray, W: np.ndarray) -> np.ndarray:
    """x W along the last axis of x (..., n): NumPy's fastest product of small matrices, and of large ones."""
    return x.dot(W) if x.ndim == 2 else as_matrix(x).dot(W).reshape(*x.shape[:-1], W.shape[1])


def column_sums(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x.sum(axis=0) of a matrix x."""
    return _constant(1, x.shape[:1], x.dtype).dot(x, out=out)


def column_products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a * b).sum(axis=0) of two matrices, without the matrix of the products."""
    products: np.ndarray = np.einsum("ij,ij->j", a, b)
    return products


def row_products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a * b).sum(axis=-1, keepdims=True) of two matrices, without the matrix of the products."""
    products: np.ndarray = np.einsum("ij,ij->i", a, b)
    return products[:, None]


def to_unit_length(
    x: np.ndarray, axes: int | tuple[int, ...], least: float = 1e-12
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x / |x|, |x| along the axes, and True where |x| is shorter than `least` and counts as it."""
    length = np.sqrt((x * x).sum(axis=axes, keepdims=True))  # no abs: x may be complex
    is_short = length.real < least
    length = np.where(is_short, length.dtype.type(least), length)
    return x / length, length, is_short


def position_rows(
    p: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return p (m, ..., k), y (m, ..., numbers) and weights, (m,) or (m, ...), with one row for each position."""
    if p.ndim == 2:
        return p, y, weights
    if y.shape[:-1] != p.shape[:-1]:
        remedy = "there must be a target at each position, or after return_sequences=False one a row"
        raise ShapeError(f"targets {y.shape} and outputs {p.shape} have different positions; {remedy}")
    rows = p.reshape(-1, p.shape[-1])
    if weights is not None:
        weights = np.repeat(weights.reshape(-1), len(rows) // weights.size)
    return rows, y.reshape(len(rows), y.shape[-1]), weights


def over_positions(positions: tuple[int, ...], array: np.ndarray) -> np.ndarray:
    """Return an array of the first of the axes `positions` with an axis of length 1 for each of the others."""
    return array.reshape(array.shape + (1,) * (len(positions) - array.ndim))


def mean_weights(m: int, dtype: np.dtype[Any]) -> np.ndarray:
    """The vector (1/m, ..., 1/m), read-only: `losses.dot(mean_weights(m, dtype))` is the mean of m losses."""
    return _constant(1 / m, (m,), dtype)
