"""Functions that NumPy does not have, of arrays and of Traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import Axis, constant


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log sum exp(x), without overflow."""
    highest = np.max(constant(x), axis=axis, keepdims=True)
    found = np.log(np.sum(np.exp(x - highest), axis=axis, keepdims=True)) + highest
    return found if keepdims else np.squeeze(found, axis)


def log_softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """log(exp(x_j) / sum_k exp(x_k))."""
    return x - logsumexp(x, axis, keepdims=True)
