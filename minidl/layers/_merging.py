"""Layers of several inputs: a Graph passes them a tuple of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..validation import boolean, check_integer, setting
from ._base import Layer

Shapes = tuple[tuple[int, ...], ...]


@dataclass(eq=False)
class Merging(Layer):
    """y = f(x_1, ..., x_k).   forward takes a tuple of arrays, backward returns dL/dx_1, ..., dL/dx_k as a tuple.

    A subclass writes forward and backward; `build` receives the shapes of the k inputs and returns the shape of y. By
    default all shapes are the same.
    """

    several_inputs = True

    def build(self, input_shape: Any) -> tuple[int, ...]:
        shapes = self.shapes_of(input_shape)
        if len(set(shapes)) > 1:
            raise ShapeError(f"{type(self).__name__} takes inputs of one shape, got {_listed(shapes)}")
        return shapes[0]

    def compute_mask(self, x: Any, mask: Any) -> Any:
        """Return True where one of the inputs counts, as Keras does; None if an input has no mask."""
        return None if mask is None or any(one is None for one in mask) else reduce(np.logical_or, mask)

    def shapes_of(self, input_shape: Any) -> Shapes:
        """Return the shapes of the inputs; raise ShapeError for a single one."""
        if not (isinstance(input_shape, tuple) and len(input_shape) > 1 and isinstance(input_shape[0], tuple)):
            raise ShapeError(f"{type(self).__name__} takes two inputs or more, got one of shape {input_shape}")
        return input_shape


def _listed(shapes: Shapes) -> str:
    return " and ".join(str(shape) for shape in shapes)


class Add(Merging):
    """y = x_1 + ... + x_k,   dL/dx_i = dL/dy.   All of one shape (m, ...)."""

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        self.count = len(x)
        return reduce(np.add, x)

    def backward(self, dy: np.ndarray) -> Any:
        return (dy,) * self.count


class Subtract(Merging):
    """y = x_1 - x_2,   dL/dx_1 = dL/dy,   dL/dx_2 = -dL/dy.   Both of one shape (m, ...)."""

    def build(self, input_shape: Any) -> tuple[int, ...]:
        if len(self.shapes_of(input_shape)) != 2:
            raise ShapeError(f"Subtract takes two inputs, got {len(input_shape)}")
        return super().build(input_shape)

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        return x[0] - x[1]

    def backward(self, dy: np.ndarray) -> Any:
        return dy, -dy


class Multiply(Merging):
    """y = x_1 ... x_k,   dL/dx_i = dL/dy times the product of the other inputs.   All of one shape (m, ...).

    Steps of an input that are masked are left out of the product, as in Keras; where all are, y is 0.
    """

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        return self._product(x, None)

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        counts = _counts(x, mask)
        if counts is None:
            return self.forward(x, training), None
        one = x[0].dtype.type(1)
        y = self._product(tuple(np.where(count, part, one) for part, count in zip(x, counts, strict=True)), counts)
        return y * reduce(np.logical_or, counts), self.compute_mask(x, mask)

    def _product(self, x: Any, counts: list[Any] | None) -> np.ndarray:
        self.x, self.counts = x, counts
        return reduce(np.multiply, x)

    def backward(self, dy: np.ndarray) -> Any:
        x, counts = self.x, self.counts
        dx = tuple(reduce(np.multiply, (*x[:i], *x[i + 1 :]), dy) for i in range(len(x)))
        return dx if counts is None else tuple(part * count for part, count in zip(dx, counts, strict=True))


def _counts(x: Any, mask: Any) -> list[Any] | None:
    """Return for each input where it counts, (m, steps, 1, ...), or True; None if no input has a mask."""
    if mask is None or all(one is None for one in mask):
        return None
    ranks = [part.ndim for part in x]
    return [
        np.True_ if one is None else one.reshape(one.shape + (1,) * (rank - one.ndim))
        for one, rank in zip(mask, ranks, strict=True)
    ]


class Average(Merging):
    """y = (x_1 + ... + x_k) / k,   dL/dx_i = dL/dy / k.   All of one shape (m, ...)."""

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        self.count = len(x)
        return reduce(np.add, x) / len(x)

    def backward(self, dy: np.ndarray) -> Any:
        return (dy / self.count,) * self.count


class Maximum(Merging):
    """y = max(x_1, ..., x_k),   dL/dx_i = dL/dy where x_i is the first that is largest, else 0.   Shapes (m, ...).

    Steps of an input that are masked are left out, as in Keras; where all are, y is x_1.
    """

    last = -np.inf  # any input is chosen before this

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        self.winner = winner = self.first([x_i.real for x_i in x])
        self.count = len(x)
        return np.choose(winner, x)

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        counts = _counts(x, mask)
        if counts is None:
            return self.forward(x, training), None
        last = x[0].real.dtype.type(self.last)
        filled = [np.where(count, part, last) for part, count in zip(x, counts, strict=True)]
        self.winner = winner = self.first([part.real for part in filled])
        self.count = len(x)
        return np.choose(winner, x), self.compute_mask(x, mask)

    def first(self, x: list[np.ndarray]) -> np.ndarray:
        """Return the number of the input that y is, of each entry."""
        return np.argmax(x, axis=0)

    def backward(self, dy: np.ndarray) -> Any:
        return tuple(dy * (self.winner == i) for i in range(self.count))


class Minimum(Maximum):
    """y = min(x_1, ..., x_k),   dL/dx_i = dL/dy where x_i is the first that is smallest, else 0.   Shapes (m, ...).

    Masks are those of Maximum.
    """

    last = np.inf

    def first(self, x: list[np.ndarray]) -> np.ndarray:
        return np.argmin(x, axis=0)


def _check_axis(who: str, name: str, value: Any) -> int:
    return -1 if type(value) is int and value == -1 else check_integer(who, f"{name}, if not -1,", value, 1)


@dataclass(eq=False)
class Concatenate(Merging):
    """y = [x_1, ..., x_k], joined along an axis; dL/dx_i is the part of dL/dy that x_i became.

    axis  of the arrays (m, ...): -1 the last one, or 1, 2, ...; along the others the shapes are the same
    """

    axis: int = setting(_check_axis, default=-1)

    def build(self, input_shape: Any) -> tuple[int, ...]:
        shapes = self.shapes_of(input_shape)
        place = self.axis if self.axis == -1 else self.axis - 1
        if place >= min(len(shape) for shape in shapes):
            raise ShapeError(f"Concatenate(axis={self.axis}): there is no such axis in rows {_listed(shapes)}")
        others = {(*shape[:place], *shape[place:][1:]) for shape in shapes}
        if len({len(shape) for shape in shapes}) > 1 or len(others) > 1:
            raise ShapeError(f"Concatenate(axis={self.axis}) joins shapes that differ along it, got {_listed(shapes)}")
        self.ends = np.cumsum([shape[place] for shape in shapes])[:-1].tolist()
        joined = list(shapes[0])
        joined[place] = sum(shape[place] for shape in shapes)
        return tuple(joined)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        """Join the masks along the steps; along the features return True where one of the inputs counts."""
        if mask is None or all(one is None for one in mask):
            return None
        whole = [np.ones(part.shape[:2], bool) if one is None else one for part, one in zip(x, mask, strict=True)]
        return np.concatenate(whole, axis=1) if self.axis == 1 else reduce(np.logical_or, whole)

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        return np.concatenate(x, axis=self.axis)

    def backward(self, dy: np.ndarray) -> Any:
        return tuple(np.split(dy, self.ends, axis=self.axis))


@dataclass(eq=False)
class Dot(Merging):
    """y = sum_i a_i b_i of each row.   a, b (m, n) -> y (m, 1);   dL/da = b dL/dy,   dL/db = a dL/dy.

    normalize  True: of a / |a| and b / |b|, the cosine similarity; a row of zeros stays zero
    """

    normalize: bool = boolean(default=False)

    def build(self, input_shape: Any) -> tuple[int, ...]:
        shapes = self.shapes_of(input_shape)
        if len(shapes) != 2 or len(set(shapes)) > 1 or len(shapes[0]) != 1:
            raise ShapeError(f"Dot takes two inputs of one shape (n,), got {_listed(shapes)}")
        return (1,)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return None

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        a, b = x
        self.lengths = lengths = tuple(_length(v) for v in x) if self.normalize else (1.0, 1.0)
        self.units = units = a / lengths[0], b / lengths[1]
        self.y = y = (units[0] * units[1]).sum(axis=1, keepdims=True)
        return y

    def backward(self, dy: np.ndarray) -> Any:
        (a, b), y = self.units, self.y
        if not self.normalize:
            return dy * b, dy * a
        return dy * (b - y * a) / self.lengths[0], dy * (a - y * b) / self.lengths[1]


def _length(v: np.ndarray) -> np.ndarray:
    # no abs: v may be complex
    length = np.sqrt((v * v).sum(axis=1, keepdims=True))
    return np.where(length == 0, length.dtype.type(1), length)
