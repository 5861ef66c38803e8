"""Additive noise."""

from dataclasses import dataclass

import numpy as np

from ..validation import real
from ._base import Layer


@dataclass(eq=False)
class GaussianNoise(Layer):
    """y = x + stddev e,   e ~ N(0, 1), in training; y = x otherwise.   dy/dx = 1.

    x (m, ...) -> y of the same shape; stddev at least 0, in units of x. It penalizes large derivatives of the network,
    as weight decay does. (Bishop 1995)
    """

    keeps_mask = True

    stddev: float = real("[0, inf)")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if not training or self.stddev == 0:
            return x
        # always drawn in float32: the gradient checker needs the same noise for every dtype of x
        return x + self.stddev * self.rng.standard_normal(x.shape, dtype=np.float32)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy
