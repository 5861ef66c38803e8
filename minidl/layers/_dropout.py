"""Dropout."""

from dataclasses import dataclass

import numpy as np

from ..validation import real
from ._base import Layer


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
        kept = self.rng.random(x.shape, dtype=np.float32) >= self.rate
        scaled_mask = kept / x.real.dtype.type(1 - self.rate)
        self.scaled_mask = scaled_mask
        return x * scaled_mask

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy if self.scaled_mask is None else dy * self.scaled_mask
