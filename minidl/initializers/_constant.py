"""The same value everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..validation import real
from ._base import Initializer, PlainInitializer


class Zeros(PlainInitializer):
    """w = 0. For biases: with kernels of zeros all units of a layer stay equal. (Goodfellow et al. 2016, 8.4)"""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)


class Ones(PlainInitializer):
    """w = 1."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """w = value."""

    value: float = real(default=0.0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value)
