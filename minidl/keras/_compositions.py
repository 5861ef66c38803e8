"""Activations that minidl has no layer for, as compositions of NumPy's functions: their derivatives are traced."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._traced import constant, sigmoid, softplus
from .._traced import log_softmax as log_probabilities


def exponential(x: Any) -> Any:
    """y = exp(x)."""
    return np.exp(x)


def hard_sigmoid(x: Any) -> Any:
    """y = x / 6 + 1/2, between 0 and 1."""
    return np.clip(x / 6 + 0.5, 0, 1)


def hard_silu(x: Any) -> Any:
    """y = x hard_sigmoid(x)."""
    return x * hard_sigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """y = log(sigmoid(x))."""
    return -softplus(-x)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """y = log(softmax(x))."""
    return log_probabilities(x, axis)


def mish(x: Any) -> Any:
    """y = x tanh(softplus(x)). (Misra 2019)"""
    return x * np.tanh(softplus(x))


def relu6(x: Any) -> Any:
    """y = max(x, 0), at most 6."""
    return np.minimum(np.maximum(x, 0), 6)


def selu(x: Any) -> Any:
    """y = s x if x > 0, else s a (exp(x) - 1); s and a keep mean 0 and variance 1. (Klambauer et al. 2017)"""
    return 1.0507009873554805 * np.maximum(x, 0) + 1.7580993408473766 * (np.exp(np.minimum(x, 0)) - 1)


def softsign(x: Any) -> Any:
    """y = x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def limited(x: Any, negative_slope: float, max_value: float | None, threshold: float) -> Any:
    """y = x if x > threshold, else negative_slope (x - threshold); at most max_value."""
    y = np.where(np.greater(x, threshold), x, negative_slope * (x - threshold))
    return y if max_value is None else np.minimum(y, max_value)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """y = x if x > 0, else alpha (exp(x / alpha) - 1). (Barron 2017)"""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


def glu(x: Any, axis: int = -1) -> Any:
    """y = a sigmoid(b), a and b the halves of x along the axis. (Dauphin et al. 2017)"""
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """y = x if |x| > threshold, else 0."""
    return np.where(np.abs(x) > threshold, x, 0.0)


def hard_tanh(x: Any) -> Any:
    """y = x, between -1 and 1."""
    return np.clip(x, -1, 1)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """y = x - threshold if x > threshold, x + threshold if x < -threshold, else 0."""
    return np.maximum(x - threshold, 0) + np.minimum(x + threshold, 0)


def sparse_plus(x: Any) -> Any:
    """y = 0 if x < -1, (x + 1)^2 / 4 up to 1, then x."""
    return np.where(np.less(x, 1), np.square(np.clip(x, -1, 1) + 1) / 4, x)


def sparse_sigmoid(x: Any) -> Any:
    """y = (x + 1) / 2, between 0 and 1."""
    return np.clip((x + 1) / 2, 0, 1)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """y = max(x - tau, 0), with tau such that y sums to 1 along the axis. (Martins & Astudillo 2016)"""
    z = constant(x)
    largest = -np.sort(-z, axis=axis)
    count = np.moveaxis(np.arange(1, z.shape[axis] + 1)[(...,) + (None,) * (z.ndim - 1)], 0, axis)
    inside = 1 + count * largest > np.cumsum(largest, axis=axis)
    size = inside.sum(axis=axis, keepdims=True)
    support = z >= np.take_along_axis(largest, size - 1, axis)
    chosen = support.sum(axis=axis, keepdims=True, dtype=z.dtype)
    tau = (np.sum(np.where(support, x, 0.0), axis=axis, keepdims=True) - 1) / chosen
    return np.maximum(x - tau, 0)


def squareplus(x: Any, b: float = 4) -> Any:
    """y = (x + sqrt(x^2 + b)) / 2. (Barron 2021)"""
    return (x + np.sqrt(np.square(x) + b)) / 2


def tanh_shrink(x: Any) -> Any:
    """y = x - tanh(x)."""
    return x - np.tanh(x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """y = x if x > threshold, else default_value."""
    return np.where(np.greater(x, threshold), x, default_value)


COMPOSITIONS = {
    function.__name__: function
    for function in (
        *(
            celu,
            exponential,
            glu,
            hard_shrink,
            hard_sigmoid,
            hard_silu,
            hard_tanh,
            log_sigmoid,
            log_softmax,
            mish,
            relu6,
        ),
        *(selu, soft_shrink, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold),
    )
} | {"hard_swish": hard_silu}
