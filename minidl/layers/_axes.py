"""Axes of x in the settings of layers, and arrays as matrices along them."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError, ShapeError

Axes = int | tuple[int, ...]


def check_axis(who: str, name: str, value: Any) -> int:
    """Return an axis of x: 1 is the first after the batch, -1 the last. A list of one axis is that axis."""
    one = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    try:
        axis = 0 if isinstance(one, bool) else operator.index(one)
    except TypeError:
        axis = 0
    if axis == 0:
        message = "must be an axis of x after the batch, such as 1, the first of a row, or -1, the last"
        raise SettingError(f"{who}: {name} {message}, got {value!r}")
    return axis


def check_axes(who: str, name: str, value: Any) -> Axes:
    """Return one axis of x, or several as a tuple."""
    if isinstance(value, list | tuple) and len(value) > 1:
        return tuple(check_axis(who, f"each of {name}", axis) for axis in value)
    return check_axis(who, name, value)


def places(who: str, axes: Axes, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of x in their order, counted from its first, for rows of this shape.

    Raises ShapeError if x lacks one of them, and for one that is named twice.
    """
    given, ndim = axes if isinstance(axes, tuple) else (axes,), len(input_shape) + 1
    found = sorted({axis % ndim for axis in given if -ndim < axis < ndim})
    if len(found) < len(given):
        last = len(input_shape)
        allowed = f"they have the axes 1 to {last}, or -{last} to -1, each once" if last else "they have no axes"
        raise ShapeError(f"{who}: axis={axes} does not fit rows of shape {input_shape}; {allowed}")
    return tuple(found)


def mixes_steps(axes: tuple[int, ...], row_shape: tuple[int, ...] | None) -> bool:
    """Return True if x is a sequence, and its steps are among these axes of x."""
    return 1 in axes and len(row_shape or ()) > 1


@dataclass(frozen=True)
class Unfolding:
    """Unfolds arrays (m, ...) to matrices: some axes become the columns, the others the rows. (Kolda & Bader 2009)

    axes  those of the columns, in their order, counted from the first
    size  the number of columns
    last  True if the axes are the last ones: a contiguous array is not copied then
    """

    axes: tuple[int, ...]
    size: int
    last: bool

    @classmethod
    def of(cls, row_shape: tuple[int, ...], axes: tuple[int, ...]) -> Unfolding:
        """Return the unfolding of arrays with rows of this shape."""
        ndim = len(row_shape) + 1
        last = axes == tuple(range(ndim - len(axes), ndim))
        return cls(axes, math.prod(row_shape[axis - 1] for axis in axes), last)

    def matrix(self, x: np.ndarray) -> np.ndarray:
        """Return (rows, size)."""
        return self._moved(x).reshape(-1, self.size)

    def wide_matrix(self, x: np.ndarray) -> np.ndarray:
        """Return (rows / k, k size), k neighbouring rows side by side: NumPy is slow with rows of few numbers."""
        moved = self._moved(x)
        k = moved.shape[-2] if moved.ndim > 2 and len(self.axes) == 1 else 1
        return moved.reshape(-1, k * self.size)

    def fold(self, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of the shape from any of the matrices of such an array."""
        if self.last:
            return matrix.reshape(shape)
        rest = [n for axis, n in enumerate(shape) if axis not in self.axes]
        moved = matrix.reshape(*rest, *(shape[axis] for axis in self.axes))
        return np.moveaxis(moved, range(len(rest), len(shape)), self.axes)

    def _moved(self, x: np.ndarray) -> np.ndarray:
        return x if self.last else np.moveaxis(x, self.axes, range(x.ndim - len(self.axes), x.ndim))
