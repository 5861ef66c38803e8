"""Losses of numbers: distances of outputs and targets, margins, counts."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops import row_sums
from ..validation import Interval, check_real, real, setting
from ._base import Loss, divide_by_outputs, mean

EPSILON = 1e-7  # as in Keras


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
        return mean(np.maximum(difference, -difference)), divide_by_outputs(np.sign(difference.real))


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


def _check_quantile(who: str, name: str, value: Any) -> float | tuple[float, ...]:
    if isinstance(value, list | tuple) and value:
        return tuple(check_real(who, name, level, "(0, 1)") for level in value)
    return check_real(who, name, value, "(0, 1)")


@dataclass(frozen=True)
class Pinball(Loss):
    """l = q d if d >= 0, else (q - 1) d,   d = y - p; the mean over the k outputs.   Smallest at the q-quantile of y.

    dl/dp = -q / k below the target, (1 - q) / k above it, 0 at it: so p ends where a share q of the targets is below
    it. q = 1/2 is half the absolute error. (Koenker & Bassett 1978)

    quantile  q in (0, 1), for every output; or a list with one for each output: then the columns of y are the same
              number, np.repeat(y[:, None], k, axis=1)
    """

    quantile: float | tuple[float, ...] = setting(_check_quantile, default=0.5)

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(self.quantile, tuple) and len(self.quantile) != p.shape[1]:
            given = f"{len(self.quantile)} quantiles for {p.shape[1]} outputs"
            raise ShapeError(f"Pinball: {given}; list one for each output")
        difference, level = y - p, np.asarray(self.quantile, p.real.dtype)
        values = np.maximum(level * difference, (level - 1) * difference)
        signs = np.sign(difference.real)
        slopes = -level * (signs > 0) + (1 - level) * (signs < 0)
        return mean(values), divide_by_outputs(slopes)


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


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Loss):
    """l = 100 |p - y| / max(|y|, eps), the mean over the k outputs;   dl/dp = 100 sign(p - y) / (k max(|y|, eps)).

    eps = 1e-7 as in Keras: targets near 0 dominate the loss.
    """

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference, scale = p - y, 100 / np.maximum(np.abs(y), EPSILON)
        return mean(scale * np.maximum(difference, -difference)), divide_by_outputs(scale * np.sign(difference.real))


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Loss):
    """l = d^2, d = log(1 + p) - log(1 + y), the mean over the k outputs;   dl/dp = 2 d / (k (1 + p)).

    p and y below eps = 1e-7 count as eps, as in Keras; there the derivative is 0. y at least 0.
    """

    labels = Interval("[0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        q = np.maximum(p, EPSILON)
        difference = np.log1p(q) - np.log1p(np.maximum(y, EPSILON))
        return mean(difference**2), divide_by_outputs(2 * difference / (1 + q) * (q == p))


@dataclass(frozen=True)
class LogCosh(Loss):
    """l = log cosh(p - y), the mean over the k outputs;   dl/dp = tanh(p - y) / k.

    About (p - y)^2 / 2 near 0 and |p - y| - log 2 far from it, computed without overflow.
    """

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        distance = np.maximum(difference, -difference)
        values = distance + np.log1p(np.exp(-2 * distance)) - math.log(2)
        return mean(values), divide_by_outputs(np.tanh(difference))


@dataclass(frozen=True)
class CosineSimilarity(Loss):
    """l = -y . p / (|y| |p|), in [-1, 1];   dl/dp = (-y / |y| - l p / |p|) / |p|.   0 if y or p is 0.

    Squared lengths below eps = 1e-12 count as eps, as in Keras.
    """

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        direction, square = y / np.sqrt(np.maximum(row_sums(y * y), 1e-12)), row_sums(p * p)
        length = np.sqrt(np.maximum(square, 1e-12))
        u = p / length
        values = -row_sums(direction * u)
        return values[:, 0], (-direction - values * u * (square > 1e-12)) / length


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """l = max(1 - y p, 0)^2, the mean over the k outputs;   dl/dp = -2 y max(1 - y p, 0) / k.   y -1 or 1.

    A label 0 counts as -1. The outputs p are margins, without an activation.
    """

    labels = Interval("[-1, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = np.where(y == 0, -1, y)
        missing = np.maximum(1 - y * p, 0)
        return mean(missing**2), divide_by_outputs(-2 * y * missing)


@dataclass(frozen=True)
class CategoricalHinge(Loss):
    """l = max(1 + max_j (1 - y_j) p_j - sum_j y_j p_j, 0): how far the right class is from leading by 1.

    y (m, k) one-hot; the outputs p are margins, without an activation. dl/dp is 1 - y_j at the j of the maximum, minus
    y, where l is above 0. (Crammer & Singer 2001; the 0 of the right class takes part in the maximum, as in Keras)
    """

    labels = Interval("[0, 1]")
    exclusive = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        others, rows = (1 - y) * p, np.arange(len(p))
        best = others.argmax(axis=1)
        margin = 1 + others[rows, best] - (y * p).sum(axis=1)
        derivatives = -y
        derivatives[rows, best] += (1 - y)[rows, best]
        return np.maximum(margin, 0), derivatives * (margin > 0)[:, None]
