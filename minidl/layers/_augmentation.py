"""Augmentation: training sees images that are changed at random, each row in its own way.

`_resampling` has the equations of the layers that move pixels. Settings and defaults are Keras 3's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import Interval, check_real, choice, real, setting
from ._base import Layer
from ._resampling import FILL_MODES, INTERPOLATIONS, Resampling, rotations, translations, zooms

Factor = float | tuple[float, float]


def _check_pair(who: str, name: str, value: Any, interval: str = "(-inf, inf)") -> tuple[float, float]:
    """Return two numbers of the interval, the lower one first."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise SettingError(f"{who}: {name} must be (lower, upper), each in {Interval(interval)}, got {value!r}")
    low, high = sorted(check_real(who, name, bound, interval) for bound in value)
    return low, high


def _check_factor(who: str, name: str, value: Any, interval: str = "[-1, 1]") -> Factor:
    """Return a number of the interval, or two as (lower, upper)."""
    pair = isinstance(value, tuple | list)
    return _check_pair(who, name, value, interval) if pair else check_real(who, name, value, interval)


def _check_contrast(who: str, name: str, value: Any) -> tuple[float, float]:
    """Return (lower, upper), both the number that is given if it is one."""
    found = _check_factor(who, name, value, "[0, 1]")
    return found if isinstance(found, tuple) else (found, found)


_check_zoom = partial(_check_factor, interval="(-1, 1]")


def _bounds(factor: Factor) -> tuple[float, float]:
    """Return the ends of the interval that a factor stands for: f is (-|f|, |f|)."""
    return factor if isinstance(factor, tuple) else (-abs(factor), abs(factor))


class Transformation(Protocol):
    """A map of images, drawn for each of them, and its derivative."""

    def forward(self, x: np.ndarray) -> np.ndarray: ...

    def backward(self, dy: np.ndarray) -> np.ndarray: ...


class Augmentation(Layer):
    """Base class: y = T(x) in training, T drawn for each row; y = x otherwise.

    x (m, height, width, channels) -> y of the same shape.

    active  False: training sees the images as they are
    """

    active = True

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 3:
            wanted = "images (height, width, channels)"
            raise ShapeError(f"{type(self).__name__}: rows have shape {input_shape}, wanted {wanted}")
        return input_shape

    def draw(self, images: int, height: int, width: int) -> Transformation:
        """Draw the transformation of each image."""
        raise NotImplementedError(f"{type(self).__name__} must write draw(images, height, width)")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        drawn = self.draw(*x.shape[:3]) if training and self.active else None
        self.drawn = drawn
        return x if drawn is None else drawn.forward(x)

    def backward(self, dy: np.ndarray) -> Any:
        if self.is_first:
            return None
        return dy if self.drawn is None else self.drawn.backward(dy)

    def uniform(self, low: float, high: float, images: int) -> np.ndarray:
        """Draw a number for each image."""
        # always float64: the gradient checker needs the same numbers for every dtype of x
        return self.rng.uniform(low, high, images)


# ---- flips


@dataclass(frozen=True)
class Flips:
    """Images of which some are reversed along axes. The map is its own inverse and its own transpose."""

    flipped: np.ndarray
    axes: tuple[int, ...]

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.where(self.flipped[:, None, None, None], np.flip(x, self.axes), x)

    backward = forward


@dataclass(eq=False)
class RandomFlip(Augmentation):
    """y = x or, with probability 1/2, x reversed, in training; y = x otherwise.

    mode  "horizontal": left and right are exchanged; "vertical": top and bottom; "horizontal_and_vertical": both at
          once, as in Keras 3. For all four combinations use two layers.

    x (m, height, width, channels) -> y of the same shape.
    """

    mode: str = choice("horizontal", "vertical", "horizontal_and_vertical", default="horizontal_and_vertical")

    def draw(self, images: int, height: int, width: int) -> Transformation:
        axes = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}[self.mode]
        return Flips(self.uniform(0, 1, images) <= 0.5, axes)


# ---- affine maps


class AffineAugmentation(Augmentation):
    """Base class: y = S x, the image resampled by an affine map."""

    fill_mode: str
    interpolation: str
    fill_value: float

    def matrices(self, images: int, height: int, width: int) -> np.ndarray:
        """Draw the affine map of each image: (images, 2, 3), from pixels (w, h, 1) of y to places (w, h) of x."""
        raise NotImplementedError(f"{type(self).__name__} must write matrices(images, height, width)")

    def draw(self, images: int, height: int, width: int) -> Transformation:
        drawn = self.matrices(images, height, width)
        return Resampling(drawn, self.fill_mode, self.interpolation, self.fill_value)


def _fill_mode() -> Any:
    return choice(*FILL_MODES, default="reflect")


def _interpolation() -> Any:
    return choice(*INTERPOLATIONS, default="bilinear")


@dataclass(eq=False)
class RandomTranslation(AffineAugmentation):
    """y(h, w) = x(h - H u, w - W v) in training, u and v uniform in height_factor and width_factor; y = x otherwise.

    x (m, H, W, channels) -> y of the same shape. A factor is (lower, upper), each in [-1, 1], or f for (-f, f); u > 0
    moves the image down, v > 0 to the right.

    fill_mode      pixels beyond the edge of "a b c d": "reflect" d c b a | a b c d | d c b a, "wrap" a b c d | a b c d,
                   "nearest" a a a a | a b c d | d d d d, "constant" fill_value
    interpolation  between pixels: "bilinear", or "nearest"
    """

    height_factor: Factor = setting(_check_factor)
    width_factor: Factor = setting(_check_factor)
    fill_mode: str = _fill_mode()
    interpolation: str = _interpolation()
    fill_value: float = real(default=0.0)

    def matrices(self, images: int, height: int, width: int) -> np.ndarray:
        down = height * self.uniform(*_bounds(self.height_factor), images)
        right = width * self.uniform(*_bounds(self.width_factor), images)
        return translations(down, right)


@dataclass(eq=False)
class RandomRotation(AffineAugmentation):
    """y = x turned counterclockwise about its centre by 2 pi u in training, u uniform in factor; y = x otherwise.

    x (m, height, width, channels) -> y of the same shape. factor is (lower, upper), each in [-1, 1], or f for (-f, f):
    0.1 turns by up to 36 degrees. fill_mode, interpolation and fill_value are as in RandomTranslation.
    """

    factor: Factor = setting(_check_factor)
    fill_mode: str = _fill_mode()
    interpolation: str = _interpolation()
    fill_value: float = real(default=0.0)

    def matrices(self, images: int, height: int, width: int) -> np.ndarray:
        return rotations(2 * math.pi * self.uniform(*_bounds(self.factor), images), height, width)


@dataclass(eq=False)
class RandomZoom(AffineAugmentation):
    """y shows 1 + u times the height and 1 + v times the width of x, centred, in training; y = x otherwise.

    x (m, height, width, channels) -> y of the same shape. u and v are uniform in height_factor and width_factor, which
    are (lower, upper), each in (-1, 1], or f for (-f, f): numbers below 0 zoom in, above 0 out. Without a width_factor
    v = u, which keeps the proportions. fill_mode, interpolation and fill_value are as in RandomTranslation.
    """

    height_factor: Factor = setting(_check_zoom)
    width_factor: Factor | None = setting(_check_zoom, default=None, optional=True)
    fill_mode: str = _fill_mode()
    interpolation: str = _interpolation()
    fill_value: float = real(default=0.0)

    def matrices(self, images: int, height: int, width: int) -> np.ndarray:
        down = right = 1 + self.uniform(*_bounds(self.height_factor), images)
        if self.width_factor is not None:
            right = 1 + self.uniform(*_bounds(self.width_factor), images)
        return zooms(down, right, height, width)


# ---- contrast


@dataclass
class Contrast:
    """y = clip(mean + c (x - mean)), with the mean of each channel of each image, and its derivative for the last x.

    factors    c (m, 1, 1, 1)
    low, high  the range of y
    """

    factors: np.ndarray
    low: float
    high: float
    inside: np.ndarray = field(init=False)  # True where y is not clipped

    def forward(self, x: np.ndarray) -> np.ndarray:
        y = self._stretched(x)
        inside = (y.real >= self.low) & (y.real <= self.high)
        self.inside = inside
        ends = np.where(y.real < self.low, self.low, self.high).astype(y.real.dtype)
        return np.where(inside, y, ends)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return self._stretched(dy * self.inside)  # the map from x to the y before clip is symmetric

    def _stretched(self, x: np.ndarray) -> np.ndarray:
        c = self.factors.astype(x.real.dtype)
        return c * x + (1 - c) * x.mean(axis=(1, 2), keepdims=True)


@dataclass(eq=False)
class RandomContrast(Augmentation):
    """y = clip(mean + c (x - mean)) in training, c uniform in [1 - lower, 1 + upper]; y = x otherwise.

    x (m, height, width, channels) -> y of the same shape; the mean is that of a channel of an image. factor is
    (lower, upper), each in [0, 1], or f for both. y is clipped to value_range, where its derivative is 0: (0, 255) for
    pixels as they are in files, (0, 1) for pixels divided by 255.
    """

    factor: Factor = setting(_check_contrast)
    value_range: tuple[float, float] = setting(_check_pair, default=(0.0, 255.0))

    def draw(self, images: int, height: int, width: int) -> Transformation:
        lower, upper = _bounds(self.factor)
        factors = self.uniform(1 - lower, 1 + upper, images).reshape(-1, 1, 1, 1)
        return Contrast(factors, *self.value_range)


AUGMENTATIONS = (RandomFlip, RandomTranslation, RandomRotation, RandomZoom, RandomContrast)
