"""Draws whose variance is scaled by the fans, so that signals keep their size from layer to layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..validation import choice, real
from ._base import Initializer, PlainInitializer, fans, truncated_normal


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Var(w) = scale / fan.   The general form (He et al. 2015; Glorot & Bengio 2010), with Keras's settings.

    mode          "fan_in", "fan_out" or "fan_avg"
    distribution  "truncated_normal" (within two standard deviations before rescaling), "untruncated_normal" or
                  "uniform" on [-a, a], a = sqrt(3 scale / fan)

    Keras's he_normal is VarianceScaling(2.0) and its lecun_normal VarianceScaling(1.0); HeNormal and LecunNormal here
    are the plain normal distributions of the papers.
    """

    scale: float = real("(0, inf)", default=1.0)
    mode: str = choice("fan_in", "fan_out", "fan_avg", default="fan_in")
    distribution: str = choice("truncated_normal", "untruncated_normal", "uniform", default="truncated_normal")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / fan)
        if self.distribution == "uniform":
            return rng.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0, deviation, shape)
        return truncated_normal(shape, rng) * (deviation / 0.87962566103423978)


class LecunNormal(PlainInitializer):
    """w ~ N(0, 1 / fan_in): keeps the variance of a linear signal (LeCun et al. 1998). The notebook's 1/sqrt(n)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, math.sqrt(1 / fans(shape)[0]), shape)


class LecunUniform(PlainInitializer):
    """w ~ U[-a, a), a = sqrt(3 / fan_in): the variance of LecunNormal. (LeCun et al. 1998)"""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(3 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


class HeNormal(PlainInitializer):
    """w ~ N(0, 2 / fan_in): the factor 2 makes up for ReLU, which halves the second moment. (He et al. 2015)"""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, math.sqrt(2 / fans(shape)[0]), shape)


class HeUniform(PlainInitializer):
    """w ~ U[-a, a), a = sqrt(6 / fan_in): the variance of HeNormal. (He et al. 2015)"""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(6 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


class GlorotNormal(PlainInitializer):
    """w ~ N(0, 2 / (fan_in + fan_out)): a compromise between forward and backward signal. (Glorot & Bengio 2010)"""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, math.sqrt(2 / sum(fans(shape))), shape)


class GlorotUniform(PlainInitializer):
    """w ~ U[-a, a), a = sqrt(6 / (fan_in + fan_out)): the variance of GlorotNormal. (Glorot & Bengio 2010)"""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(6 / sum(fans(shape)))
        return rng.uniform(-limit, limit, shape)
