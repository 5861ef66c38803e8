"""Layers that only change the shape."""

import math
from dataclasses import dataclass

import numpy as np

from ._base import Layer


@dataclass(eq=False)
class Flatten(Layer):
    """Each row in one line: x (m, a, b, ...) -> y (m, a b ...)."""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(input_shape),)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(self.shape)
