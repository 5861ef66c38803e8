"""Dropout."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..validation import real
from ._base import Layer
from ._windows import check_image


@dataclass(eq=False)
class Dropout(Layer):
    """y = x * mask / (1 - rate) in training, mask 0 with probability rate, else 1;   y = x otherwise.

    x (m, ...) -> y of the same shape; rate in [0, 1). Dividing by 1 - rate (inverted dropout) keeps the expected value
    of y, so prediction needs no correction. (Srivastava et al. 2014)
    """

    rate: float = real("[0, 1)")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if not training or self.rate == 0:
            self.scaled_mask = None
            return x
        # always drawn in float32: the gradient checker needs the same mask for every dtype of x
        kept = self.rng.random(self.mask_shape(x.shape), dtype=np.float32) >= self.rate
        scaled_mask = kept / x.real.dtype.type(1 - self.rate)
        self.scaled_mask = scaled_mask
        return x * scaled_mask

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy if self.scaled_mask is None else dy * self.scaled_mask

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the mask for x of the shape; length 1 where entries are dropped together."""
        return shape


@dataclass(eq=False)
class SpatialDropout(Dropout):
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
