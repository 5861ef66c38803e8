"""Longer sequences and larger images: each place several times, or values between the places."""

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from ..errors import SettingError
from ..validation import check_integer, choice, integer, setting
from ._base import Layer
from ._windows import check_image


def _repeated(x: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return x with each place along the axes 1, 2, ... as often as `size` says."""
    for axis, times in enumerate(size, start=1):
        x = x.repeat(times, axis=axis)
    return x


def _summed(dy: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the sums of the repetitions: the transpose of `_repeated`."""
    for axis, times in enumerate(size, start=1):
        before = (slice(None),) * axis
        dy = reduce(np.add, (dy[(*before, slice(first, None, times))] for first in range(times)))
    return dy


@dataclass(eq=False)
class UpSampling1D(Layer):
    """Each step of x `size` times.   x (m, steps, features) -> y (m, size steps, features). dL/dx sums over them."""

    size: int = integer(1, default=2)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(self, 1, input_shape)
        return (input_shape[0] * self.size, input_shape[1])

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return _repeated(x, (self.size,))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return _summed(dy, (self.size,))


def _check_size(who: str, name: str, value: Any) -> tuple[int, int]:
    given = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(given) != 2:
        raise SettingError(f"{who}: {name} must be an integer or two, (height, width), got {value!r}")
    height, width = (check_integer(who, f"each of {name}", n, 1) for n in given)
    return height, width


@lru_cache(maxsize=16)
def _interpolation(n: int, times: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the matrix (times n, n) of linear interpolation between the centres of n pixels, constant beyond them."""
    centre = np.clip((np.arange(times * n) + 0.5) / times - 0.5, 0, n - 1)
    weights = np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(n))).astype(dtype)
    weights.flags.writeable = False
    return weights


def _repetition(n: int, times: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the matrix (times n, n) that repeats each of n pixels."""
    return np.eye(n, dtype=dtype).repeat(times, axis=0)


@dataclass(eq=False)
class UpSampling2D(Layer):
    """Larger images.   x (m, h, w, channels) -> y (m, a h, b w, channels) for size (a, b).

    nearest   each pixel a b times; dL/dx sums over them
    bilinear  y = A x B^T of each channel, dL/dx = A^T dL/dy B: A and B interpolate between the centres of neighbouring
              pixels, and are constant beyond the outer centres

    size           (a, b), or one integer for both
    interpolation  "nearest" or "bilinear"
    """

    size: tuple[int, int] = setting(_check_size, default=(2, 2))
    interpolation: str = choice("nearest", "bilinear", default="nearest", kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(self, 2, input_shape)
        height, width, channels = self.image = input_shape
        return (height * self.size[0], width * self.size[1], channels)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if self.interpolation == "nearest":
            return _repeated(x, self.size)
        return _times(*self.matrices(x.real.dtype), x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        if self.interpolation == "nearest":
            return _summed(dy, self.size)
        a, b = self.matrices(dy.real.dtype)
        return _times(a.T, b.T, dy)

    def matrices(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return A (a h, h) and B (b w, w), for images of the shape that the layer is built for."""
        (height, width, _), (a, b) = self.image, self.size
        weights = _repetition if self.interpolation == "nearest" else _interpolation
        return weights(height, a, np.dtype(dtype)), weights(width, b, np.dtype(dtype))


def _times(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return A x B^T of each image and channel: x (m, h, w, channels), A (h', h), B (w', w)."""
    m, height, width, channels = x.shape
    columns = a @ x.reshape(m, height, width * channels)
    return (b @ columns.reshape(m * len(a), width, channels)).reshape(m, len(a), len(b), channels)
