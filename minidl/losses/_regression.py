"""Losses of numbers: distances of outputs and targets, margins, counts."""

from dataclasses import dataclass

import numpy as np

from ..validation import Interval, real
from ._base import Loss, divide_by_outputs, mean


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """l = (p - y)^2, the mean over the k outputs;   dl/dp = 2 (p - y) / k."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        return mean(difference**2), divide_by_outputs(2 * difference)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """l = |p - y|, the mean over the k outputs;   dl/dp = sign(p - y) / k, 0 at 0."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        return mean(np.maximum(difference, -difference)), divide_by_outputs(np.sign(difference))


@dataclass(frozen=True)
class Huber(Loss):
    """l = d^2 / 2 if |d| <= delta, else delta |d| - delta^2 / 2,   d = p - y; the mean over the k outputs.

    dl/dp = min(max(d, -delta), delta) / k: bounded, so outliers have less influence. delta above 0, in units of y.
    (Huber 1964)
    """

    delta: float = real("(0, inf)", default=1.0)

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        clipped = np.minimum(np.maximum(difference, -self.delta), self.delta)
        return mean(clipped * (difference - clipped / 2)), divide_by_outputs(clipped)


@dataclass(frozen=True)
class Hinge(Loss):
    """l = max(1 - y p, 0), the mean over the k outputs;   dl/dp = -y / k if y p < 1, else 0.   y -1 or 1.

    A label 0 counts as -1. The outputs p are margins, without an activation. (Cortes & Vapnik 1995)
    """

    labels = Interval("[-1, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = np.where(y == 0, -1, y)
        margin = 1 - y * p
        return mean(np.maximum(margin, 0)), divide_by_outputs(-y * (margin > 0))


@dataclass(frozen=True)
class Poisson(Loss):
    """l = p - y log(p + eps), the mean over the k outputs;   dl/dp = (1 - y / (p + eps)) / k.   eps = 1e-7 as in Keras.

    y are counts, at least 0; p are their expected values, at least 0, as after Softplus. l is -log of the Poisson
    probability of y, without the terms that do not depend on p.
    """

    labels = Interval("[0, inf)")
    outputs = Interval("[0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate = p + 1e-7
        return mean(p - y * np.log(rate)), divide_by_outputs(1 - y / rate)
