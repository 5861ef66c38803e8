"""scikit-learn's losses: sums over the outputs, where minidl's and Keras's losses are means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers import Layer
from ..losses import BinaryCrossentropy, Loss
from ..validation import Interval


@dataclass(eq=False)
class Exponential(Layer):
    """y = exp(x);   dy/dx = y. Turns the output of the last Dense into an expected count."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y: np.ndarray = np.exp(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx: np.ndarray = dy * self.y
        return dx


@dataclass(frozen=True)
class LogLoss(BinaryCrossentropy):
    """l = -sum_j y_j log p_j + (1 - y_j) log(1 - p_j).   BinaryCrossentropy, summed over the k outputs."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses, dp = super().terms(p, y)
        return losses * y.shape[1], dp * y.shape[1]


@dataclass(frozen=True)
class SquaredError(Loss):
    """l = |p - y|^2 / 2, summed over the k outputs;   dl/dp = p - y."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dp = p - y
        return np.einsum("ij,ij->i", dp, dp) / 2, dp


@dataclass(frozen=True)
class PoissonDeviance(Loss):
    """l = sum_j y_j log(y_j / p_j) - y_j + p_j, half the deviance;   dl/dp = 1 - y / p.   y counts, at least 0; p > 0.

    After an Exponential, p = exp(z), it is computed from the logits z:   dl/dz = p - y. (McCullagh & Nelder 1989, 2.3)
    """

    from_logits: bool = False

    link = Exponential
    labels = Interval("[0, inf)")
    outputs = Interval("(0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z, p = (p, np.exp(p)) if self.from_logits else (np.log(p), p)
        smallest = float(np.finfo(y.dtype).tiny)  # 0 log 0 is 0
        losses = (y * (np.log(np.maximum(y, smallest)) - z) - y + p).sum(axis=1)
        return losses, p - y if self.from_logits else 1 - y / p

    def on_logits(self) -> PoissonDeviance:
        return PoissonDeviance(from_logits=True)
