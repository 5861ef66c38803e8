"""Activations that minidl has no layer for, as compositions of NumPy's functions: their derivatives are traced."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import ops


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
    return ops.log_sigmoid(x)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """y = log(softmax(x))."""
    return ops.log_softmax(x, axis)


def mish(x: Any) -> Any:
    """y = x tanh(softplus(x)). (Misra 2019)"""
    return x * np.tanh(ops.softplus(x))


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


COMPOSITIONS = {
    function.__name__: function
    for function in (exponential, hard_sigmoid, hard_silu, log_sigmoid, log_softmax, mish, relu6, selu, softsign)
} | {"hard_swish": hard_silu}
