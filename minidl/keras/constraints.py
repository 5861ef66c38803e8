"""Keras's `keras.constraints`: limits of weights. The classes are the core's."""

from ..constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from ._absent import absent
from ._lookup import Lookup, serialize

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_lookup = Lookup(
    "constraint",
    (MaxNorm, MinMaxNorm, NonNeg, UnitNorm),
    max_norm=MaxNorm,
    min_max_norm=MinMaxNorm,
    non_neg=NonNeg,
    unit_norm=UnitNorm,
)
get, deserialize = _lookup.get, _lookup.deserialize

_IMAGES = "it is for kernels of images"
__getattr__ = absent(__name__, {"RadialConstraint": _IMAGES, "radial_constraint": _IMAGES})
