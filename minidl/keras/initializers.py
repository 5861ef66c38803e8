"""Keras's `keras.initializers`: first values of weights, with Keras's distributions. The numbers are minidl's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import initializers as core
from ..errors import SettingError, ShapeError
from ..seeding import new_sequence
from ..validation import instance
from ._absent import absent
from ._lookup import Configured, Lookup, serialize

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


class Initializer(Configured):
    """A rule of first values. A subclass writes __call__(shape, dtype=None) -> array, and get_config."""

    seed: int | None = None

    def __post_init__(self) -> None:
        self.plain  # noqa: B018  checks the settings

    @property
    def plain(self) -> core.Initializer:
        """The core's initializer, without a seed."""
        return Called(self.__call__)

    @property
    def core(self) -> core.Initializer:
        """The core's initializer."""
        return self.plain if self.seed is None else core.Seeded(self.plain, self.seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return an array of this shape."""
        rng = np.random.default_rng(new_sequence(None))
        return self.core(tuple(shape), rng).astype(dtype or "float32")

    def clone(self) -> Any:
        """Return another initializer with the same settings."""
        return self.from_config(self.get_config())


@dataclass(frozen=True)
class Called(core.Initializer):
    """A Python function of (shape, dtype) as an initializer of the core."""

    function: Callable[..., Any] = instance(object)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        drawn = np.asarray(self.function(shape, dtype="float32"))
        if drawn.shape != shape:
            raise ShapeError(f"the initializer returns the shape {drawn.shape}, {shape} was expected")
        return drawn


@dataclass(eq=False)
class Zeros(Initializer):
    """w = 0."""

    @property
    def plain(self) -> core.Initializer:
        return core.Zeros()


@dataclass(eq=False)
class Ones(Initializer):
    """w = 1."""

    @property
    def plain(self) -> core.Initializer:
        return core.Ones()


@dataclass(eq=False)
class Constant(Initializer):
    """w = value, a number, or an array of the shape of the weights."""

    value: Any = 0.0

    def __post_init__(self) -> None:
        if np.size(self.value) == 1:
            self.value = np.asarray(self.value).item()
        super().__post_init__()

    @property
    def plain(self) -> core.Initializer:
        value = self.value
        if np.ndim(value):
            return Called(lambda shape, dtype: np.broadcast_to(np.asarray(value, dtype), shape))
        return core.Constant(value)


@dataclass(eq=False)
class RandomNormal(Initializer):
    """w ~ N(mean, stddev^2)."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    @property
    def plain(self) -> core.Initializer:
        return core.RandomNormal(self.mean, self.stddev)


@dataclass(eq=False)
class TruncatedNormal(Initializer):
    """w ~ N(mean, stddev^2) given |w - mean| < 2 stddev."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    @property
    def plain(self) -> core.Initializer:
        return core.TruncatedNormal(self.mean, self.stddev)


@dataclass(eq=False)
class RandomUniform(Initializer):
    """w ~ U[minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    @property
    def plain(self) -> core.Initializer:
        return core.RandomUniform(self.minval, self.maxval)


@dataclass(eq=False)
class VarianceScaling(Initializer):
    """Var(w) = scale / fan, from a truncated or plain normal or a uniform distribution."""

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    @property
    def plain(self) -> core.Initializer:
        distribution = "truncated_normal" if self.distribution == "normal" else self.distribution
        return core.VarianceScaling(self.scale, self.mode, distribution)


@dataclass(eq=False)
class Scaled(Initializer):
    """A VarianceScaling with a name."""

    seed: int | None = None

    settings = (1.0, "fan_in", "truncated_normal")

    @property
    def plain(self) -> core.Initializer:
        return core.VarianceScaling(*self.settings)


class GlorotUniform(Scaled):
    """w ~ U[-a, a), a = sqrt(6 / (fan_in + fan_out))."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(Scaled):
    """A truncated normal distribution of the variance 2 / (fan_in + fan_out)."""

    settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(Scaled):
    """w ~ U[-a, a), a = sqrt(6 / fan_in)."""

    settings = (2.0, "fan_in", "uniform")


class HeNormal(Scaled):
    """A truncated normal distribution of the variance 2 / fan_in."""

    settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(Scaled):
    """w ~ U[-a, a), a = sqrt(3 / fan_in)."""

    settings = (1.0, "fan_in", "uniform")


class LecunNormal(Scaled):
    """A truncated normal distribution of the variance 1 / fan_in."""


@dataclass(eq=False)
class Orthogonal(Initializer):
    """W = gain Q, Q with orthonormal columns, or rows if W is wide."""

    gain: float = 1.0
    seed: int | None = None

    @property
    def plain(self) -> core.Initializer:
        return core.Orthogonal(self.gain)


@dataclass(eq=False)
class Identity(Initializer):
    """W = gain I."""

    gain: float = 1.0

    @property
    def plain(self) -> core.Initializer:
        return core.Identity(self.gain)


OrthogonalInitializer, IdentityInitializer = Orthogonal, Identity
constant, identity, ones, orthogonal, zeros = Constant, Identity, Ones, Orthogonal, Zeros
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling

_lookup = Lookup(
    "initializer",
    (
        *(Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal, LecunUniform, Ones),
        *(Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Zeros),
    ),
    constant=Constant,
    glorot_normal=GlorotNormal,
    glorot_uniform=GlorotUniform,
    he_normal=HeNormal,
    he_uniform=HeUniform,
    identity=Identity,
    lecun_normal=LecunNormal,
    lecun_uniform=LecunUniform,
    normal=RandomNormal,
    one=Ones,
    ones=Ones,
    orthogonal=Orthogonal,
    random_normal=RandomNormal,
    random_uniform=RandomUniform,
    truncated_normal=TruncatedNormal,
    uniform=RandomUniform,
    variance_scaling=VarianceScaling,
    zero=Zeros,
    zeros=Zeros,
    IdentityInitializer=Identity,
    OrthogonalInitializer=Orthogonal,
)
deserialize = _lookup.deserialize


def get(identifier: Any) -> Any:
    """Return the initializer of a string, a config, an array or a function of (shape, dtype); others as they are."""
    found = _lookup.get(identifier)
    if found is None or isinstance(found, Initializer | core.Initializer):
        return found
    if isinstance(found, np.ndarray):
        return Called(lambda shape, dtype: found)
    if not callable(found):
        raise SettingError(f"an initializer is an object, a string such as 'he_normal' or a function, got {found!r}")
    return Called(found)


_SOUND = "it is for sound"
__getattr__ = absent(__name__, {"STFT": _SOUND, "STFTInitializer": _SOUND, "stft": _SOUND})
