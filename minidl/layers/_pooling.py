"""Layers that keep the largest value or the mean of each window of images or sequences."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ..ops import mean_weights
from ..validation import boolean, choice, setting
from ._base import Layer
from ._windows import Lengths, Windows, check_image, check_lengths, for_axes, windows_over


@dataclass(eq=False)
class Pooling(Layer):
    """y[p] = a number made of the pool_size values that window p sees, for each channel alone.

    A subclass says how many axes a window has, and makes the number.
    """

    dimensions: ClassVar[int]

    pool_size: int | Lengths = setting(check_lengths, default=2)
    strides: int | Lengths | None = setting(check_lengths, default=None, optional=True)
    padding: str = choice("valid", "same", default="valid")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.windows = self._windows_over(check_image(self, self.dimensions, input_shape))
        return (*self.windows.positions, input_shape[-1])

    def _windows_over(self, image: Lengths) -> Windows:
        size = for_axes(self, "pool_size", self.dimensions)
        strides = size if self.strides is None else for_axes(self, "strides", self.dimensions)
        return windows_over(type(self).__name__, image, size, strides, self.padding, (1,) * self.dimensions)

    def _windows_for(self, x: np.ndarray) -> Windows:
        """Return the windows of x, whose axes may have other lengths than the layer was built for."""
        image = x.shape[1:-1]
        return self.windows if image == self.windows.image else self._windows_over(image)


class MaxPooling(Pooling):
    """y[p] = max_i x[p strides + i].   The gradient goes to the maximum, of equal ones to the first."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        windows = self._windows_for(x)
        padded = windows.pad(x, fill=-np.inf)
        first, *others = (padded[seen] for _, seen in windows.cells())
        y = first.copy()
        for values in others:
            np.maximum(y, values, out=y)
        self.padded, self.y, self.used = padded, y, windows
        return y

    def backward(self, dy: np.ndarray) -> Any:
        if self.is_first:
            return None
        dx, searching = np.zeros(self.padded.shape, dy.dtype), np.ones(dy.shape, bool)
        for _, seen in self.used.cells():
            is_maximum = self.padded[seen] == self.y
            is_maximum &= searching
            searching ^= is_maximum
            if self.used.overlap:
                dx[seen] += dy * is_maximum
            else:
                np.multiply(dy, is_maximum, out=dx[seen])
        return self.used.cut(dx)


class AveragePooling(Pooling):
    """y[p] = mean_i x[p strides + i], without the padding.   Every value gets an equal share of the gradient."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.used = windows = self._windows_for(x)
        return _sums(windows, x) * _shares(windows, x.real.dtype)

    def backward(self, dy: np.ndarray) -> Any:
        if self.is_first:
            return None
        dx = np.zeros((len(dy), *self.used.padded, dy.shape[-1]), dy.dtype)
        shares = dy * _shares(self.used, dy.real.dtype)
        for _, seen in self.used.cells():
            dx[seen] += shares
        return self.used.cut(dx)


@lru_cache(maxsize=16)
def _shares(windows: Windows, dtype: np.dtype[Any]) -> np.ndarray:
    """Return 1 / n for each window that sees n pixels of the image."""
    return (1 / _sums(windows, np.ones((1, *windows.image, 1)))).astype(dtype)


def _sums(windows: Windows, x: np.ndarray) -> np.ndarray:
    """Return the sum of what each window sees."""
    padded = windows.pad(x)
    first, *others = (padded[seen] for _, seen in windows.cells())
    total = first.copy()
    for values in others:
        total += values
    return total


@dataclass(eq=False)
class MaxPooling1D(MaxPooling):
    """y[t] = max_i x[t strides + i].   x (m, steps, c) -> y (m, new steps, c).

    The gradient goes to the maximum, of equal ones to the first.

    pool_size  steps in a window
    strides    steps from one window to the next; None: pool_size
    padding    "valid": windows inside the sequence; "same": steps / strides windows (rounded up)
    """

    dimensions = 1


@dataclass(eq=False)
class MaxPooling2D(MaxPooling):
    """y[p] = max_i x[p strides + i], with p and i pairs (row, column).

    x (m, height, width, c) -> y (m, new height, new width, c). The gradient goes to the maximum, of equal ones to the
    first. (Weng et al. 1992)

    pool_size  an integer, or (height, width) of a window
    strides    pixels from one window to the next; None: pool_size
    padding    "valid": windows inside the image; "same": size / strides windows (rounded up)
    """

    dimensions = 2


@dataclass(eq=False)
class AveragePooling1D(AveragePooling):
    """y[t] = mean_i x[t strides + i].   x (m, steps, c) -> y (m, new steps, c).

    pool_size  steps in a window
    strides    steps from one window to the next; None: pool_size
    padding    "valid": windows inside the sequence; "same": steps / strides windows (rounded up); the mean leaves out
               what lies outside
    """

    dimensions = 1


@dataclass(eq=False)
class AveragePooling2D(AveragePooling):
    """y[p] = mean_i x[p strides + i], with p and i pairs (row, column).

    x (m, height, width, c) -> y (m, new height, new width, c).

    pool_size  an integer, or (height, width) of a window
    strides    pixels from one window to the next; None: pool_size
    padding    "valid": windows inside the image; "same": size / strides windows (rounded up); the mean leaves out what
               lies outside
    """

    dimensions = 2


@dataclass(eq=False)
class GlobalPooling(Layer):
    """y = a number made of all values of a channel."""

    dimensions: ClassVar[int]

    keepdims: bool = boolean(default=False, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(self, self.dimensions, input_shape)
        ones = (1,) * self.dimensions if self.keepdims else ()
        return (*ones, input_shape[-1])

    def _flat(self, x: np.ndarray) -> np.ndarray:
        """Return x (m, *image, c) as (m, pixels, c)."""
        return x.reshape(len(x), -1, x.shape[-1])

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        """Return y (m, c) with axes of length 1 if keepdims."""
        ones = (1,) * self.dimensions if self.keepdims else ()
        return y.reshape(len(y), *ones, y.shape[-1])


class GlobalMaxPooling(GlobalPooling):
    """y = max over all positions of x.   Equal maxima share the gradient, as in Keras."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return self._shaped(self._flat(x).max(axis=1))

    def backward(self, dy: np.ndarray) -> Any:
        x = self._flat(self.x)
        is_maximum = x == x.max(axis=1, keepdims=True)
        share = dy.reshape(len(dy), 1, -1) / is_maximum.sum(axis=1, keepdims=True).astype(dy.real.dtype)
        return (share * is_maximum).reshape(self.x.shape)


class GlobalAveragePooling(GlobalPooling):
    """y = mean over all positions of x."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        pixels, self.image = self._flat(x), x.shape[1:-1]
        return self._shaped(mean_weights(pixels.shape[1], x.real.dtype).dot(pixels))

    def backward(self, dy: np.ndarray) -> Any:
        m, c, pixels = len(dy), dy.shape[-1], int(np.prod(self.image))
        share = dy.reshape(m, *(1,) * self.dimensions, c) / pixels
        return np.broadcast_to(share, (m, *self.image, c))


@dataclass(eq=False)
class GlobalMaxPooling1D(GlobalMaxPooling):
    """y = max_t x[t].   x (m, steps, c) -> y (m, c). Equal maxima share the gradient, as in Keras.

    keepdims  True: y (m, 1, c)
    """

    dimensions = 1


@dataclass(eq=False)
class GlobalMaxPooling2D(GlobalMaxPooling):
    """y = max_p x[p] over all pixels p.   x (m, height, width, c) -> y (m, c).

    Equal maxima share the gradient, as in Keras.

    keepdims  True: y (m, 1, 1, c)
    """

    dimensions = 2


@dataclass(eq=False)
class GlobalAveragePooling1D(GlobalAveragePooling):
    """y = mean_t x[t] over the steps that count.   x (m, steps, c) -> y (m, c); 0 if all steps of a row are masked.

    keepdims  True: y (m, 1, c)
    """

    dimensions = 1

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y: np.ndarray = self.masked_forward(x, None, training)[0]
        return y

    def masked_forward(self, x: np.ndarray, mask: Any, training: bool = False) -> tuple[np.ndarray, None]:
        if mask is None:
            self.shares = None
            return super().forward(x, training), None
        shares = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
        self.shares = shares = shares.astype(x.real.dtype)[..., None]
        return self._shaped((x * shares).sum(axis=1)), None

    def backward(self, dy: np.ndarray) -> Any:
        return super().backward(dy) if self.shares is None else dy.reshape(len(dy), 1, -1) * self.shares


@dataclass(eq=False)
class GlobalAveragePooling2D(GlobalAveragePooling):
    """y = mean_p x[p] over all pixels p.   x (m, height, width, c) -> y (m, c). (Lin et al. 2013)

    keepdims  True: y (m, 1, 1, c)
    """

    dimensions = 2
