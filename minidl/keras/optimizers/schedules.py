"""Keras's `keras.optimizers.schedules`: learning rates that change. The classes are the core's."""

import inspect
from typing import Any

from ... import schedules as core
from ...schedules import Schedule as LearningRateSchedule
from .._absent import absent
from .._encoding import node, registered_name
from .._lookup import Lookup, StandIn

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


def _named(kind: type[LearningRateSchedule]) -> Any:
    """Return a class whose calls make schedules of the core; they take Keras's `name`, which is not kept."""
    name = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    signature = inspect.Signature([*inspect.signature(kind).parameters.values(), name])

    def __new__(cls: type, *arguments: Any, **settings: Any) -> Any:  # noqa: N807
        if cls is not made:
            return object.__new__(cls)
        given = signature.bind(*arguments, **settings).arguments
        return kind(**{key: value for key, value in given.items() if key != "name"})

    methods = {"__new__": __new__, "__doc__": kind.__doc__, "__signature__": signature}
    made: Any = StandIn(kind.__name__, (kind,), methods)
    return made


CosineDecay, CosineDecayRestarts = _named(core.CosineDecay), _named(core.CosineDecayRestarts)
ExponentialDecay, InverseTimeDecay = _named(core.ExponentialDecay), _named(core.InverseTimeDecay)
PiecewiseConstantDecay, PolynomialDecay = _named(core.PiecewiseConstantDecay), _named(core.PolynomialDecay)

_CLASSES = (
    *(CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay),
    *(PiecewiseConstantDecay, PolynomialDecay),
)
deserialize = Lookup("schedule", _CLASSES).deserialize


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return the config of a schedule, from which `deserialize`, here or in Keras, makes another one."""
    kind, name = type(learning_rate_schedule), registered_name(learning_rate_schedule)
    return node("keras.optimizers.schedules", kind.__name__, learning_rate_schedule.get_config(), name)


__getattr__ = absent(__name__, {})
