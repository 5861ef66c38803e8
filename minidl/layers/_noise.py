"""Noise."""

from dataclasses import dataclass

import numpy as np

from .. import validation
from ._base import Layer


@dataclass(eq=False)
class GaussianNoise(Layer):
    """y = x + stddev e,   e ~ N(0, 1), in training; y = x otherwise.   dy/dx = 1.

    x (m, ...) -> y of the same shape; stddev at least 0, in units of x. As a penalty on large slopes it acts like
    weight decay. (Bishop 1995)
    """

    stddev: float

    def __post_init__(self) -> None:
        self.stddev = validation.check_real("GaussianNoise", "stddev", self.stddev, "[0, inf)")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if not training or self.stddev == 0:
            return x
        # Always drawn in float32: the noise is the same whatever the dtype of x, as the gradient checker needs.
        return x + self.stddev * self.rng.standard_normal(x.shape, dtype=np.float32)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy
