"""Layers that change only the shape."""

import math

import numpy as np

from ._base import Layer


class Flatten(Layer):
    """x (m, a, b, ...) -> y (m, a b ...): each row becomes a vector."""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(input_shape),)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(self.shape)
