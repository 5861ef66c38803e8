"""scikit-learn's losses: sums over the outputs, where minidl's and Keras's are means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers import Layer
from ..losses import BinaryCrossentropy, Loss
from ..validation import Interval


@dataclass(eq=False)
class Exponential(Layer):
    """y = exp(x);   dy/dx = y. Turns the last Dense into an expected count."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = np.exp(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.y


@dataclass(frozen=True)
class LogLoss(BinaryCrossentropy):
    """l = -sum_j y_j log p_j + (1 - y_j) log(1 - p_j).   BinaryCrossentropy, summed over the k outputs."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses, slopes = super().terms(p, y)
        return losses * y.shape[1], slopes * y.shape[1]


@dataclass(frozen=True)
class SquaredError(Loss):
    """l = |p - y|^2 / 2, summed over the k outputs;   dl/dp = p - y."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        return np.einsum("ij,ij->i", difference, difference) / 2, difference


@dataclass(frozen=True)
class PoissonDeviance(Loss):
    """l = sum_j y_j log(y_j / p_j) - y_j + p_j, half the deviance;   dl/dp = 1 - y / p.   y counts, at least 0; p > 0.

    After an Exponential, p = exp(z), it is computed from z:   dl/dz = p - y. (McCullagh & Nelder 1989, 2.3)
    """

    of_logarithms: bool = False

    link = Exponential
    labels = Interval("[0, inf)")
    outputs = Interval("(0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z, p = (p, np.exp(p)) if self.of_logarithms else (np.log(p), p)
        least = float(np.finfo(y.dtype).tiny)  # 0 log 0 is 0
        losses = (y * (np.log(np.maximum(y, least)) - z) - y + p).sum(axis=1)
        return losses, p - y if self.of_logarithms else 1 - y / p

    def on_logits(self) -> PoissonDeviance:
        return PoissonDeviance(of_logarithms=True)
