"""Layers that change only the shape, or the places of the numbers."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import check_integer, integer, setting
from ._base import Layer


class Flatten(Layer):
    """x (m, a, b, ...) -> y (m, a b ...): each row becomes a vector."""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(input_shape),)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(self.shape)


def _check_target(who: str, name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise SettingError(f"{who}: {name} must be a tuple such as (4, 4, 1), without the batch, got {value!r}")
    shape = tuple(-1 if n == -1 else check_integer(who, f"each of {name}, but one -1,", n, 1) for n in value)
    if shape.count(-1) > 1:
        raise SettingError(f"{who}: {name} may have one -1, got {value!r}")
    return shape


@dataclass(eq=False)
class Reshape(Layer):
    """x (m, ...) -> y (m, *target_shape), the numbers of each row in the same order.

    target_shape  of a row of y; one of its numbers may be -1: it follows from the others
    """

    target_shape: tuple[int, ...] = setting(_check_target)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.row = row = self._row_of(input_shape)
        if math.prod(row) != math.prod(input_shape):
            given = f"rows of shape {input_shape} have {math.prod(input_shape)} numbers"
            raise ShapeError(f"Reshape: {given}, which do not fit target_shape {self.target_shape}")
        return row

    def _row_of(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        size, known = math.prod(input_shape), math.prod(n for n in self.target_shape if n != -1)
        return tuple(size // known if n == -1 else n for n in self.target_shape)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(len(x), *self._row_of(x.shape[1:]))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(self.shape)


def _check_dims(who: str, name: str, value: Any) -> tuple[int, ...]:
    dims = tuple(value) if isinstance(value, list | tuple) else ()
    if not dims or sorted(dims) != list(range(1, len(dims) + 1)):
        message = "must hold each axis of a row once, 1 is the first: (2, 1) exchanges two"
        raise SettingError(f"{who}: {name} {message}; got {value!r}")
    return dims


@dataclass(eq=False)
class Permute(Layer):
    """Axis i of y is axis dims[i - 1] of x: Permute((2, 1)) makes (m, features, steps) of (m, steps, features).

    dims  the axes of x in their new order; 1 is the first after the batch, as in Keras
    """

    dims: tuple[int, ...] = setting(_check_dims)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != len(self.dims):
            raise ShapeError(f"Permute: dims {self.dims} do not fit rows of shape {input_shape}")
        return tuple(input_shape[axis - 1] for axis in self.dims)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return x.transpose(0, *self.dims)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.transpose(np.argsort((0, *self.dims)))


@dataclass(eq=False)
class RepeatVector(Layer):
    """y_t = x for each of n steps,   dL/dx = sum_t dL/dy_t.   x (m, features) -> y (m, n, features)."""

    n: int = integer(1)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 1:
            message = f"RepeatVector takes rows of features, got rows of shape {input_shape}: put Flatten() before"
            raise ShapeError(message)
        return (self.n, *input_shape)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return x[:, None].repeat(self.n, axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx: np.ndarray = dy.sum(axis=1)
        return dx
