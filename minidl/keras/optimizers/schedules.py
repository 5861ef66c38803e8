"""Keras's `keras.optimizers.schedules`: learning rates that change. The classes are the core's."""

from ...schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from ...schedules import Schedule as LearningRateSchedule
from .._absent import absent
from .._lookup import Lookup, serialize

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

_CLASSES = (
    *(CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay),
    *(PiecewiseConstantDecay, PolynomialDecay),
)
deserialize = Lookup("schedule", _CLASSES).deserialize

__getattr__ = absent(__name__, {})
