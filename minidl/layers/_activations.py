"""Activations: functions of each number alone, x (m, ...) -> y of the same shape. Softmax works along the last axis."""

import math
from dataclasses import dataclass

import numpy as np

from ..ops import relu, row_sums, sigmoid, softmax
from ..validation import boolean, real
from ._base import Layer


class ReLU(Layer):
    """y = max(x, 0). The derivative at 0 is taken as 0. (Nair & Hinton 2010)"""

    keeps_mask = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return relu(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (self.x > 0)


@dataclass(eq=False)
class LeakyReLU(Layer):
    """y = x if x > 0, else negative_slope x. The derivative at 0 is taken as negative_slope. (Maas et al. 2013)

    negative_slope  at least 0; Keras's default, 0.3
    """

    keeps_mask = True

    negative_slope: float = real("[0, inf)", default=0.3)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return np.maximum(x, 0) + self.negative_slope * np.minimum(x, 0)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        positive = dy * (self.x > 0)  # np.where would be slow if signs change often
        return positive + self.negative_slope * (dy - positive)


@dataclass(eq=False)
class ELU(Layer):
    """y = x if x > 0, else alpha (exp(x) - 1). The derivative at 0 is taken as alpha. (Clevert et al. 2016)

    alpha  at least 0
    """

    keeps_mask = True

    alpha: float = real("[0, inf)", default=1.0)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return np.maximum(x, 0) + self.alpha * np.expm1(np.minimum(x, 0))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        positive = dy * (self.x > 0)
        return positive + self.alpha * (dy - positive) * np.exp(np.minimum(self.x, 0))


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));   dy/dx = y (1 - y). After the last Dense, y is a probability."""

    keeps_mask = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = sigmoid(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.y * (1 - self.y)


class Tanh(Layer):
    """y = tanh(x);   dy/dx = 1 - y^2."""

    keeps_mask = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = np.tanh(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (1 - self.y * self.y)


class Softplus(Layer):
    """y = log(1 + exp(x));   dy/dx = sigmoid(x). Positive everywhere. (Dugas et al. 2001)"""

    keeps_mask = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return np.maximum(x, 0) + np.log1p(np.exp(np.minimum(x, -x)))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * sigmoid(self.x)


class SiLU(Layer):
    """y = x s,   s = sigmoid(x);   dy/dx = s (1 + x (1 - s)).   Also called swish. (Elfwing et al. 2018)"""

    keeps_mask = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        x = np.maximum(x, -1000)  # y is 0 below: a larger |x| would magnify the rounding error of sigmoid(x)
        s = sigmoid(x)
        self.x, self.s = x, s
        return x * s

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.s * (1 + self.x * (1 - self.s))


@dataclass(eq=False)
class GELU(Layer):
    """y = x g(x), g the distribution function of N(0, 1);   dy/dx = g + x exp(-x^2 / 2) / sqrt(2 pi).

    With approximate=True, g is sigmoid(2 u) = 1/2 (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3): the paper's
    approximation, several times faster. (Hendrycks & Gimpel 2016)
    """

    keeps_mask = True

    approximate: bool = boolean(default=False)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        v = np.minimum(np.maximum(x, -40), 40)  # outside, g is exactly 0 or 1, and v^3 would overflow
        g = self._gate(v)
        self.v, self.g = v, g
        return np.maximum(x, -40) * g

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (self.g + self.v * self._gate_derivative(self.v, self.g))

    def _gate(self, v: np.ndarray) -> np.ndarray:
        if self.approximate:
            return sigmoid(math.sqrt(8 / math.pi) * v * (1 + 0.044715 * v * v))
        from scipy.special import ndtr

        return ndtr(v)

    def _gate_derivative(self, v: np.ndarray, g: np.ndarray) -> np.ndarray:
        if self.approximate:
            return g * (1 - g) * (math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * v * v))
        return np.exp(-v * v / 2) / math.sqrt(2 * math.pi)


class Softmax(Layer):
    """y_j = exp(x_j) / sum_k exp(x_k), along the last axis: probabilities of classes of which one is right.

    dL/dx = y (dL/dy - sum_k dL/dy_k y_k)
    """

    keeps_mask = True

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = softmax(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return self.y * (dy - row_sums(dy * self.y))
