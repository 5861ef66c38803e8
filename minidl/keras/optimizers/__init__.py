"""Keras's `keras.optimizers`: rules of updates with Keras's arguments. `optimizer.core` is minidl's."""

from .._absent import absent
from .._lookup import Lookup, serialize
from . import schedules as schedules
from ._base import Optimizer
from ._rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Nadam, RMSprop

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_lookup = Lookup(
    "optimizer",
    (SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Nadam, RMSprop),
    sgd=SGD,
    adadelta=Adadelta,
    adagrad=Adagrad,
    adam=Adam,
    adamax=Adamax,
    adamw=AdamW,
    lion=Lion,
    nadam=Nadam,
    rmsprop=RMSprop,
)
get, deserialize = _lookup.get, _lookup.deserialize

_SEVERAL = "a model here has one optimizer"
__getattr__ = absent(
    __name__,
    {
        "Adafactor": "it is for very large models",
        "Ftrl": "it is for sparse linear models",
        "Lamb": "it is for very large batches",
        "LossScaleOptimizer": "it is for half precision",
        "MultiOptimizer": _SEVERAL,
        "Muon": "it is for very large models",
        "OptimizerMap": _SEVERAL,
        "ScheduleFreeAdamW": "it has two sets of weights",
        "legacy": "the old optimizers are the new ones here: remove .legacy",
    },
)
