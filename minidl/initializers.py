"""Where the parameters start. An initialiser is a formula: (shape, generator) -> array.

For a kernel (in, out) the fan-in is the number of inputs, the fan-out the number of outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import validation
from .errors import ShapeError


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """(fan-in, fan-out) of a parameter: (n, n) for a vector; for more axes the last two, times the others."""
    if len(shape) < 2:
        return (float(shape[0]),) * 2 if shape else (1.0, 1.0)
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


class Initializer:
    """Makes the first value of a parameter. A subclass writes `__call__`, and draws from the generator handed in."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write __call__(shape, rng)")


@dataclass(frozen=True)
class Zeros(Initializer):
    """w = 0. Right for biases; on kernels all units of a layer stay equal for ever (Goodfellow et al. 2016, 8.4)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones(Initializer):
    """w = 1."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """w = value."""

    value: float = 0.0

    def __post_init__(self) -> None:
        validation.check_real("Constant", "value", self.value)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """w ~ N(mean, stddev^2). The notebook's `randn * 10` is RandomNormal(stddev=10)."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        validation.check_real("RandomNormal", "mean", self.mean)
        validation.check_real("RandomNormal", "stddev", self.stddev, "[0, inf)")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(self.mean, self.stddev, shape)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """w ~ U[minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        low = validation.check_real("RandomUniform", "minval", self.minval)
        validation.check_real("RandomUniform", "maxval", self.maxval, f"[{low}, inf)")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(self.minval, self.maxval, shape)


def truncated_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Z ~ N(0, 1) given |z| < 2: values beyond are drawn again. Its standard deviation is 0.87962566."""
    z = rng.standard_normal(shape)
    while (beyond := np.abs(z) >= 2).any():
        z[beyond] = rng.standard_normal(np.count_nonzero(beyond))
    return z


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """w ~ N(mean, stddev^2), drawn again where it is two standard deviations or more off; so it has 0.88 stddev."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        validation.check_real("TruncatedNormal", "mean", self.mean)
        validation.check_real("TruncatedNormal", "stddev", self.stddev, "[0, inf)")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.mean + self.stddev * truncated_normal(shape, rng)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Var(w) = scale / fan.   The general form (He et al. 2015; Glorot & Bengio 2010), with Keras's settings.

    mode          "fan_in", "fan_out" or "fan_avg"
    distribution  "truncated_normal" (within two standard deviations before rescaling), "untruncated_normal" or
                  "uniform" on [-a, a], a = sqrt(3 scale / fan)

    Keras's he_normal is VarianceScaling(2.0), its lecun_normal VarianceScaling(1.0); HeNormal and LecunNormal here
    are the plain normal of the papers.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self) -> None:
        validation.check_real("VarianceScaling", "scale", self.scale, "(0, inf)")
        validation.check_choice("VarianceScaling", "mode", self.mode, ("fan_in", "fan_out", "fan_avg"))
        distributions = ("truncated_normal", "untruncated_normal", "uniform")
        validation.check_choice("VarianceScaling", "distribution", self.distribution, distributions)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / fan)
        if self.distribution == "uniform":
            return rng.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0, deviation, shape)
        return truncated_normal(shape, rng) * (deviation / 0.87962566103423978)


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """w ~ N(0, 1 / fan_in): keeps the variance of a linear signal (LeCun et al. 1998). The notebook's 1/sqrt(n)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, math.sqrt(1 / fans(shape)[0]), shape)


@dataclass(frozen=True)
class LecunUniform(Initializer):
    """w ~ U[-a, a), a = sqrt(3 / fan_in): the variance of LecunNormal (LeCun et al. 1998)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(3 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """w ~ N(0, 2 / fan_in): ReLU halves the second moment of the signal, 2 puts it back (He et al. 2015)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, math.sqrt(2 / fans(shape)[0]), shape)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """w ~ U[-a, a), a = sqrt(6 / fan_in): the variance of HeNormal (He et al. 2015)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(6 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """w ~ N(0, 2 / (fan_in + fan_out)): a compromise of forward and backward (Glorot & Bengio 2010)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, math.sqrt(2 / sum(fans(shape))), shape)


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """w ~ U[-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = math.sqrt(6 / sum(fans(shape)))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """W = gain Q with orthonormal columns, or rows if there are fewer of them: it keeps lengths (Saxe et al. 2014).

    Q is uniform among such matrices (Mezzadri 2007). Of more than two axes all but the last count as rows.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        validation.check_real("Orthogonal", "gain", self.gain)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal makes matrices, but the parameter has shape {shape}; try RandomNormal()")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # the signs that qr chooses would make some matrices likelier than others
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True)
class Identity(Initializer):
    """W = gain I: ones on the diagonal, also of a matrix that is not square. (Le et al. 2015)"""

    gain: float = 1.0

    def __post_init__(self) -> None:
        validation.check_real("Identity", "gain", self.gain)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) != 2:
            raise ShapeError(f"Identity makes matrices, but the parameter has shape {shape}; try Ones()")
        return self.gain * np.eye(*shape)


INITIALIZERS: dict[str, Callable[[], Initializer]] = {
    "zeros": Zeros,
    "zero": Zeros,
    "ones": Ones,
    "one": Ones,
    "constant": Constant,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "orthogonal": Orthogonal,
    "identity": Identity,
}


def get(what: str, given: Initializer | str) -> Initializer:
    """The initialiser itself, or the one a Keras string stands for."""
    return validation.resolve(what, given, Initializer, INITIALIZERS)
