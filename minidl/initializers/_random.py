"""Independent draws from one distribution, whatever the shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..validation import check_real, real
from ._base import Initializer, truncated_normal


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """w ~ N(mean, stddev^2). The notebook's `randn * 10` is RandomNormal(stddev=10)."""

    mean: float = real(default=0.0)
    stddev: float = real("[0, inf)", default=0.05)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(self.mean, self.stddev, shape)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """w ~ U[minval, maxval)."""

    minval: float = real(default=-0.05)
    maxval: float = real(default=0.05)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("RandomUniform", "maxval", self.maxval, f"[{self.minval}, inf)")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(self.minval, self.maxval, shape)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """w ~ N(mean, stddev^2) given |w - mean| < 2 stddev. Its standard deviation is 0.88 stddev."""

    mean: float = real(default=0.0)
    stddev: float = real("[0, inf)", default=0.05)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.mean + self.stddev * truncated_normal(shape, rng)
