"""Initializers by their Keras strings."""

from collections.abc import Callable

from .. import validation
from ._base import Initializer
from ._constant import Constant, Ones, Zeros
from ._matrices import Identity, Orthogonal
from ._random import RandomNormal, RandomUniform, TruncatedNormal
from ._scaled import GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, VarianceScaling

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
    """Return the given initializer, or a new one of the class that a Keras string names."""
    return validation.resolve(what, given, Initializer, INITIALIZERS)
