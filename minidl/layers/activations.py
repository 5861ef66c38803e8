"""Functions applied to each number on its own: x (m, ...) -> y of the same shape."""

from dataclasses import dataclass

import numpy as np

from .base import Layer


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), accurate in both tails, without overflow, also for complex z."""
    largest = 88.0 if z.dtype == np.float32 else 709.0  # exp of more is infinite in this dtype
    e = np.exp(np.minimum(-z, largest))
    e += 1
    return 1 / e


@dataclass(eq=False)
class ReLU(Layer):
    """y = max(x, 0). The slope at 0 is taken as 0. (Nair & Hinton 2010)"""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (self.x > 0)


@dataclass(eq=False)
class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));   dy/dx = y (1 - y). After the last Dense it makes a probability."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = sigmoid(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.y * (1 - self.y)
