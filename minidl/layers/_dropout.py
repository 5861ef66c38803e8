"""Dropout."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import check_integer, real, setting
from ._base import Layer
from ._windows import check_image

NoiseShape = tuple[int | None, ...]


def _check_noise_shape(who: str, name: str, value: Any) -> NoiseShape:
    if not isinstance(value, list | tuple):
        raise SettingError(f"{who}: {name} must be a shape with the batch axis, such as (None, 1, 8), got {value!r}")
    return tuple(None if n is None else check_integer(who, f"each of {name}, if not None,", n, 1) for n in value)


def scaled_mask(rng: np.random.Generator, rate: float, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Draw a mask for arrays of the dtype: 0 with probability rate, else 1 / (1 - rate)."""
    # always drawn in float32: the gradient checker needs the same mask for every dtype
    kept = rng.random(shape, dtype=np.float32) >= rate
    return kept / dtype.type(1 - rate).real


@dataclass(eq=False)
class RandomMask(Layer):
    """y = x * mask / (1 - rate) in training; y = x otherwise. A subclass says which entries are dropped together."""

    keeps_mask = True

    rate: float = real("[0, 1)")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if not training or self.rate == 0:
            self.scaled_mask = None
            return x
        self.scaled_mask = mask = scaled_mask(self.rng, self.rate, self.mask_shape(x.shape), x.dtype)
        return x * mask

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy if self.scaled_mask is None else dy * self.scaled_mask

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the mask for x of the shape; length 1 where entries are dropped together."""
        raise NotImplementedError(f"{type(self).__name__} must write mask_shape(shape)")


@dataclass(eq=False)
class Dropout(RandomMask):
    """y = x * mask / (1 - rate) in training, mask 0 with probability rate, else 1;   y = x otherwise.

    x (m, ...) -> y of the same shape; rate in [0, 1). Dividing by 1 - rate (inverted dropout) keeps the expected value
    of y, so prediction needs no correction. (Srivastava et al. 2014)

    noise_shape  the shape of the mask, batch axis first: 1 where entries are dropped together, None for the size of x;
                 (None, 1, 8) drops each of 8 features at all steps or at none. None: each entry on its own
    """

    noise_shape: NoiseShape | None = setting(_check_noise_shape, default=None, optional=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        given = self.noise_shape or (None,) * (len(input_shape) + 1)
        fits = all(n in (None, 1, size) for n, size in zip(given[1:], input_shape, strict=False))
        if len(given) != len(input_shape) + 1 or not fits:
            raise ShapeError(f"Dropout: noise_shape {given} does not fit rows of shape {input_shape}; write 1 or None")
        return input_shape

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return shape
        return tuple(size if n is None else n for n, size in zip(self.noise_shape, shape, strict=True))


@dataclass(eq=False)
class SpatialDropout(RandomMask):
    """Dropout of whole channels of a row: neighbouring places are alike, and would give away what was dropped."""

    dimensions: ClassVar[int]

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(self, self.dimensions, input_shape)
        return input_shape

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *[1] * (len(shape) - 2), shape[-1])


class SpatialDropout1D(SpatialDropout):
    """y = x * mask / (1 - rate) in training, with one number of the mask for all steps;   y = x otherwise.

    x (m, steps, features) -> y of the same shape;  mask (m, 1, features); rate in [0, 1). (Tompson et al. 2015)
    """

    dimensions = 1


class SpatialDropout2D(SpatialDropout):
    """y = x * mask / (1 - rate) in training, with one number of the mask for all pixels;   y = x otherwise.

    x (m, height, width, channels) -> y of the same shape;  mask (m, 1, 1, channels); rate in [0, 1).
    (Tompson et al. 2015)
    """

    dimensions = 2


DROPOUTS = (Dropout, SpatialDropout1D, SpatialDropout2D)
