"""The base class of initializers, and what several of them use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import initializers
from ..validation import Validated


class Initializer(Validated):
    """A formula (shape, generator) -> array: the first value of a parameter.

    A subclass writes `__call__(shape, rng)` and draws from `rng` alone. With settings it is a frozen dataclass of them.
    """

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write __call__(shape, rng)")


@dataclass(frozen=True)
class PlainInitializer(Initializer):
    """Base class of initializers without settings: they need no dataclass decorator of their own."""


def check_initializer(who: str, name: str, value: Any) -> Initializer:
    """Return the initializer, or make the one that a Keras string such as "he_normal" names."""
    return value if isinstance(value, Initializer) else initializers.get(f"{who}: {name}", value)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return (fan-in, fan-out): the numbers of inputs and of outputs of a kernel (in, out).

    Both are n for a vector (n,). With more than two axes, they are the last two times the product of the others.
    """
    if len(shape) < 2:
        return (float(shape[0]),) * 2 if shape else (1.0, 1.0)
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


def truncated_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw z ~ N(0, 1) given |z| < 2: larger values are drawn again. The standard deviation is 0.87962566."""
    z = rng.standard_normal(shape)
    while (beyond := np.abs(z) >= 2).any():
        z[beyond] = rng.standard_normal(np.count_nonzero(beyond))
    return z
