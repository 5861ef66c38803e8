"""How the parameters move. With one flat vector an optimiser is its formula; defaults and formulas are Keras's."""

from collections.abc import Callable

import numpy as np

from .. import settings
from .adaptive import Adagrad, Adam, AdamW, AMSGrad, Nadam, RMSprop
from .base import Optimizer
from .lbfgs import LBFGS
from .sgd import SGD
from .wrappers import Clip, MovingAverage, Wrapper

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "AMSGrad",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clip",
    "MovingAverage",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "Wrapper",
    "count_state",
    "get",
]


def count_state(optimizer: Optimizer) -> int:
    """How many numbers the optimiser remembers."""
    inner = count_state(optimizer.optimizer) if isinstance(optimizer, Wrapper) else 0
    return inner + sum(
        np.size(value) for name in optimizer.state_names if (value := getattr(optimizer, name)) is not None
    )


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": Nadam,
    "lbfgs": LBFGS,
}


def get(what: str, given: Optimizer | str) -> Optimizer:
    """The optimiser itself, or the one a Keras string stands for."""
    return settings.resolve(what, given, Optimizer, OPTIMIZERS)
