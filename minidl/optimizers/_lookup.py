"""Optimizers by their Keras strings."""

from collections.abc import Callable

from .. import validation
from ._adaptive import Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Nadam, RMSprop
from ._base import Optimizer
from ._lbfgs import LBFGS
from ._sgd import SGD

OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": Nadam,
    "adamax": Adamax,
    "adadelta": Adadelta,
    "lion": Lion,
    "lbfgs": LBFGS,
}


def get(what: str, given: Optimizer | str) -> Optimizer:
    """Return the given optimizer, or a new one of the class that a Keras string names."""
    return validation.resolve(what, given, Optimizer, OPTIMIZERS)
