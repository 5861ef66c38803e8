"""Functions of single numbers whose derivative is a function of their value: recurrent layers need no other array."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017


@dataclass(frozen=True)
class Elementwise:
    """y = f(z), and dy/dz as a function of y.

    value  value(z, out=None) computes y; out may be z
    slope  slope(y, out=None) computes dy/dz
    """

    value: Callable[..., Any]
    slope: Callable[..., Any]


def _sigmoid(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, which overflows nowhere."""
    y: np.ndarray = np.multiply(z, 0.5, out=out)
    np.tanh(y, out=y)
    y += 1.0
    y *= 0.5
    return y


def _hard_sigmoid(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    y: np.ndarray = np.multiply(z, 1 / 6, out=out)
    y += 0.5
    return np.minimum(np.maximum(y, 0.0, out=y), 1.0, out=y)


def _hard_tanh(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.minimum(np.maximum(z, -1.0, out=out), 1.0, out=out)


def _relu6(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.minimum(np.maximum(z, 0.0, out=out), 6.0, out=out)


def _leaky_relu(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.maximum(z, 0.2 * z, out=out)


def _elu(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.add(np.maximum(z, 0.0), np.expm1(np.minimum(z, 0.0)), out=out)


def _selu(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    y = np.maximum(z, 0.0) + SELU_ALPHA * np.expm1(np.minimum(z, 0.0))
    return np.multiply(y, SELU_SCALE, out=out)


def _softplus(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.add(np.maximum(z, 0.0), np.log1p(np.exp(np.minimum(z, -z))), out=out)


def _softsign(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.divide(z, 1.0 + np.maximum(z, -z), out=out)


def _tanh_slope(y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.subtract(1.0, np.multiply(y, y, out=out), out=out)


def _sigmoid_slope(y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.multiply(y, np.subtract(1.0, y, out=out), out=out)


def _between(low: float, high: float, slope: float = 1.0) -> Callable[..., Any]:
    """Return the derivative of a function that is constant outside: slope between the two values, 0 at them."""
    return lambda y, out=None: np.multiply((y > low) & (y < high), y.dtype.type(slope), out=out)


def _selu_slope(y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    slope = np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)
    return np.positive(slope, out=out)


def _softsign_slope(y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return np.square(1 - np.maximum(y, -y), out=out)


# by their names in Keras
FUNCTIONS = {
    "tanh": Elementwise(np.tanh, _tanh_slope),
    "sigmoid": Elementwise(_sigmoid, _sigmoid_slope),
    "relu": Elementwise(lambda z, out=None: np.maximum(z, 0.0, out=out), _between(0.0, math.inf)),
    "linear": Elementwise(np.positive, lambda y, out=None: np.power(y, 0.0, out=out)),
    "hard_sigmoid": Elementwise(_hard_sigmoid, _between(0.0, 1.0, 1 / 6)),
    "hard_tanh": Elementwise(_hard_tanh, _between(-1.0, 1.0)),
    "relu6": Elementwise(_relu6, _between(0.0, 6.0)),
    "leaky_relu": Elementwise(_leaky_relu, lambda y, out=None: np.maximum(y > 0, y.dtype.type(0.2), out=out)),
    "elu": Elementwise(_elu, lambda y, out=None: np.add(np.minimum(y, 0.0), 1.0, out=out)),
    "selu": Elementwise(_selu, _selu_slope),
    "exponential": Elementwise(np.exp, np.positive),
    "softplus": Elementwise(_softplus, lambda y, out=None: np.negative(np.expm1(-y), out=out)),
    "softsign": Elementwise(_softsign, _softsign_slope),
}


class Gates:
    """y = f(z) of each gate, f by its name, in place.   z (gates, units, m), already multiplied by `scale`.

    scale  one factor for each gate
    """

    def __init__(self, functions: Sequence[str], units: int, m: int, dtype: np.dtype[Any]) -> None:
        self.functions = [FUNCTIONS[name] for name in functions]
        # sigmoid(z) = (1 + tanh(z / 2)) / 2: one call of tanh for all gates takes half the time of four
        self.all_tanh = {"tanh", "sigmoid"}.issuperset(functions)
        self.scale = [0.5 if self.all_tanh and name == "sigmoid" else 1.0 for name in functions]
        # as large as z: NumPy is slower if it must repeat one number for each gate
        self.factor = np.empty((len(functions), units, m), dtype)
        self.factor[:] = np.array(self.scale)[:, None, None]
        self.shift = 1 - self.factor

    def __call__(self, z: np.ndarray) -> None:
        if self.all_tanh:
            np.tanh(z, out=z)
            z *= self.factor
            z += self.shift
        else:
            for function, gate in zip(self.functions, z, strict=True):
                function.value(gate, out=gate)
