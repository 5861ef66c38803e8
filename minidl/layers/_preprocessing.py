"""Layers that bring data to a scale that networks learn well from. Training does not change them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..validation import boolean, setting
from ._axes import Axes, check_axes, places
from ._base import Layer

SMALLEST = 1e-7  # Keras's backend.epsilon(): the smallest standard deviation to divide by

Numbers = float | tuple[Any, ...]  # one, or nested tuples of them


def _check_numbers(who: str, name: str, value: Any) -> Numbers:
    """Return a number as a float, an array or a list of numbers as nested tuples of floats."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise SettingError(f"{who}: {name} must be a number, or an array of numbers, got {value!r}")
    return cast(Numbers, _nested(array.astype(float).tolist()))


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


@dataclass(eq=False)
class Rescaling(Layer):
    """y = scale x + offset,   dL/dx = scale dL/dy.   x (m, ...) -> y of the same shape.

    Rescaling(1 / 255) brings the bytes of images to [0, 1], Rescaling(1 / 127.5, offset=-1) to [-1, 1].

    scale   a number, or an array of one for each channel, the last axis of x
    offset  the same
    """

    keeps_mask = True

    scale: Numbers = setting(_check_numbers)
    offset: Numbers = setting(_check_numbers, default=0.0)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            _check_fit(f"Rescaling: {name}", np.shape(value), input_shape)
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = x * _in_dtype_of(x, self.scale)
        y += _in_dtype_of(x, self.offset)
        return y

    def backward(self, dy: np.ndarray) -> Any:
        return dy * _in_dtype_of(dy, self.scale)


def _in_dtype_of(x: np.ndarray, value: Any) -> Any:
    return value if isinstance(value, float) else np.asarray(value, x.real.dtype)


def _check_fit(what: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Raise ShapeError unless an array of the shape can be repeated to the wanted one."""
    try:
        fits = np.broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{what} has shape {shape}, which does not fit {wanted}")


def _check_kept(who: str, name: str, value: Any) -> Axes | None:
    return None if value is None or value == () or value == [] else check_axes(who, name, value)


@dataclass(eq=False)
class Normalization(Layer):
    """y = (x - mean) / max(sqrt(variance), 1e-7);   if invert, y = mean + max(sqrt(variance), 1e-7) x.

    x (m, ...) -> y of the same shape. Each feature has a mean and a variance: those of the data that `adapt` receives,
    or those given here. Training does not change them. Before `adapt` they are 0 and 1.

    State, unless mean and variance are given: adapt_mean and adapt_variance, whose shape are the lengths of the axes,
    and count, the number of values that each was computed from.

    axis      of the features, counted as in Keras: 1 is the first after the batch, -1 the last; several: each place
              along all of them has a mean; None: all numbers have one
    mean      a number, or an array whose axes are the last of `axis`; together with variance
    variance  the same, at least 0
    invert    True: from normalized values to those of the data
    """

    keeps_mask = True

    axis: Axes | None = setting(_check_kept, default=-1)
    mean: Numbers | None = setting(_check_numbers, default=None, optional=True)
    variance: Numbers | None = setting(_check_numbers, default=None, optional=True)
    invert: bool = boolean(default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        mean, variance = (np.asarray(value) for value in (self.mean, self.variance))
        if (self.mean is None) != (self.variance is None) or mean.shape != variance.shape:
            both = f"got mean={self.mean!r} and variance={self.variance!r}"
            raise SettingError(f"Normalization: mean and variance must be given together, in one shape; {both}")
        if self.variance is not None and variance.min(initial=0) < 0:
            raise SettingError(f"Normalization: variance must be at least 0, got {self.variance!r}")

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]  # no state if mean and variance are given
        return ("adapt_mean", "adapt_variance", "count") if self.mean is None else ()

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        axes = self._places(input_shape)
        shape = self.features = tuple(input_shape[axis - 1] for axis in axes)
        self.repeated = tuple(n if axis in axes else 1 for axis, n in enumerate(input_shape, start=1))
        if self.mean is not None:
            _check_fit("Normalization: mean", np.asarray(self.mean).shape, shape)
        elif not self._is_adapted:
            self.adapt_mean: np.ndarray = np.zeros(shape, np.float32)
            self.adapt_variance: np.ndarray = np.ones(shape, np.float32)
            self.count = np.array(0, np.int32)
        elif self.adapt_mean.shape != shape:
            adapted = f"adapt received features of shape {self.adapt_mean.shape}"
            raise ShapeError(f"Normalization: {adapted}, but those of rows of shape {input_shape} have shape {shape}")
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        mean, deviation = self.moments(x.real.dtype)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def backward(self, dy: np.ndarray) -> Any:
        _, deviation = self.moments(dy.real.dtype)
        return dy * deviation if self.invert else dy / deviation

    def moments(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, in the shape of a row that has length 1 along the other axes."""
        held = (self.adapt_mean, self.adapt_variance) if self.mean is None else (self.mean, self.variance)
        given = (np.broadcast_to(np.asarray(value, dtype), self.features) for value in held)
        mean, variance = (value.reshape(self.repeated) for value in given)
        return mean, np.maximum(np.sqrt(variance), SMALLEST)

    def adapt(self, data: Any) -> None:
        """Compute mean and variance of the data, in float64. Those of earlier data are forgotten.

        data  an array (m, ...), or an iterable of batches of the same form, of which each may be a tuple (x, y)
        """
        if self.mean is not None:
            raise SettingError("Normalization: adapt computes mean and variance, but the layer was given both")
        count, mean, variance = 0, np.zeros(()), np.zeros(())
        for x in _batches(data):
            axes = self._places(x.shape[1:])
            others = tuple(axis for axis in range(x.ndim) if axis not in axes)
            size = math.prod(x.shape[axis] for axis in others)
            moments = x.mean(axis=others), x.var(axis=others)
            if count and moments[0].shape != mean.shape:
                raise ShapeError(f"adapt: batches have features of shape {mean.shape} and {moments[0].shape}")
            count, mean, variance = _joined(count, mean, variance, size, *moments)
        if count == 0:
            raise DataError("adapt: got no rows")
        if self.built and mean.shape != self.features:
            raise ShapeError(f"adapt: the layer has features of shape {self.features}, the data have {mean.shape}")
        self.adapt_mean, self.adapt_variance, self.count = mean, variance, np.array(min(count, 2**31 - 1), np.int32)

    @property
    def _is_adapted(self) -> bool:
        return bool(getattr(self, "count", 0))

    def _places(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.axis is None:
            return ()
        if not row_shape:
            remedy = "write axis=None, or data[:, None] for one feature"
            raise ShapeError(
                f"Normalization: axis={self.axis} needs rows of features, got an array of numbers; {remedy}"
            )
        return places("Normalization", self.axis, row_shape)


def _batches(data: Any) -> Iterator[np.ndarray]:
    for part in data if _holds_batches(data) else [data]:
        x = np.asarray(part[0] if isinstance(part, tuple) else part)
        if x.dtype.kind not in "biuf" or x.ndim == 0:
            raise DataError(f"adapt: data must be an array of numbers with rows, got {x.dtype} of shape {x.shape}")
        if not np.isfinite(x).all():
            raise DataError("adapt: the data hold numbers that are not finite; fill in or leave out such rows")
        if x.size:
            yield x.astype(np.float64)


def _holds_batches(data: Any) -> bool:
    """Return True for an iterable of arrays, or of tuples of arrays; False for one array, also as nested lists."""
    if hasattr(data, "__array__") or not isinstance(data, Iterable):
        return False
    if not isinstance(data, list | tuple):
        return True
    first = data[0] if data else None
    return hasattr(first[0] if isinstance(first, tuple) and first else first, "shape")


def _joined(
    n: int, mean: np.ndarray, variance: np.ndarray, more: int, mean_of_more: np.ndarray, variance_of_more: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Return number, mean and variance of two sets of values together. (Chan et al. 1979)"""
    share, difference = more / (n + more), mean_of_more - mean
    within = (1 - share) * variance + share * variance_of_more
    return n + more, mean + share * difference, within + share * (1 - share) * difference**2
