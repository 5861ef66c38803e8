"""Keras's `keras.regularizers`: penalties of weights on Keras's scale, l1 sum |w| and l2 sum w^2, whatever the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import regularizers as core
from ..parameters import Penalty
from ..validation import Validated, choice, real
from ._absent import absent
from ._lookup import Configured, Lookup, serialize

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(Configured):
    """A penalty. A subclass writes __call__(x) -> a number, with functions of keras.ops, and get_config.

    x are the weights of one parameter, or the outputs of a layer, in their shape.
    """

    @property
    def core(self) -> Penalty:
        """The core's penalty."""
        return core.FunctionPenalty(self.__call__, shaped=True)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of the weights x, of any shape."""
        w = np.asarray(x, np.float32)
        return np.float32(self.core.of_vector(w.shape).value(w.ravel(), 1))


@dataclass(eq=False)
class L1(Regularizer, Validated):
    """l1 sum |w|."""

    l1: float = real("[0, inf)", default=0.01)

    @property
    def core(self) -> Penalty:
        return core.L1.keras(self.l1)


@dataclass(eq=False)
class L2(Regularizer, Validated):
    """l2 sum w^2."""

    l2: float = real("[0, inf)", default=0.01)

    @property
    def core(self) -> Penalty:
        return core.L2.keras(self.l2)


@dataclass(eq=False)
class L1L2(Regularizer, Validated):
    """l1 sum |w| + l2 sum w^2."""

    l1: float = real("[0, inf)", default=0.0)
    l2: float = real("[0, inf)", default=0.0)

    @property
    def core(self) -> Penalty:
        return core.L1L2.keras(self.l1, self.l2)


@dataclass(eq=False)
class OrthogonalRegularizer(Regularizer, Validated):
    """factor times the mean |cosine| of all pairs of rows, or of columns, of a matrix."""

    factor: float = real("[0, inf)", default=0.01)
    mode: str = choice("rows", "columns", default="rows")

    @property
    def core(self) -> Penalty:
        return core.OrthogonalRegularizer(self.factor, self.mode)


class Function(Regularizer):
    """A Python function as a penalty."""

    def __init__(self, function: Any) -> None:
        self.function = function

    @property
    def core(self) -> Penalty:
        return core.FunctionPenalty(self.function, shaped=True)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_lookup = Lookup(
    "regularizer",
    (L1, L2, L1L2, OrthogonalRegularizer),
    l1=L1,
    l2=L2,
    l1_l2=L1L2,
    l1l2=L1L2,
    orthogonal_regularizer=OrthogonalRegularizer,
)
deserialize = _lookup.deserialize


def get(identifier: Any) -> Any:
    """Return the regularizer of a string, a config or a function of the weights; other objects as they are."""
    found = _lookup.get(identifier)
    return Function(found) if callable(found) and not isinstance(found, Regularizer | Penalty) else found


__getattr__ = absent(__name__, {})
