"""A ReLU whose negative part is learned."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..constraints import Constraint, check_constraint
from ..errors import ShapeError
from ..initializers import Initializer, Zeros, check_initializer
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import check_integer, setting
from ._base import Layer


def _check_axes(who: str, name: str, value: Any) -> tuple[int, ...]:
    axes = () if value is None else value if isinstance(value, Iterable) else (value,)
    return tuple(check_integer(who, f"each of {name}", axis, 1) for axis in axes)


@dataclass(eq=False)
class PReLU(Layer):
    """y = x if x > 0, else alpha x.   dL/dalpha = sum_rows dL/dy min(x, 0).   x (m, ...) -> y of the same shape.

    alpha has the shape of a row, with length 1 along the shared axes. The derivative at 0 is taken as alpha.
    (He et al. 2015)

    alpha_initializer  an Initializer or a Keras string; default: Zeros, as in Keras
    alpha_regularizer  a penalty on alpha; penalties added to the loss leave alpha out
    alpha_constraint   puts alpha back into a set after every update, such as NonNeg() or "non_neg"
    shared_axes        axes of x along which alpha is shared, as in Keras: 1 is the first axis after the batch
    """

    keeps_mask = True

    alpha_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    alpha_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    alpha_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    shared_axes: tuple[int, ...] = setting(_check_axes, default=(), kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if max(self.shared_axes, default=0) > len(input_shape):
            raise ShapeError(f"PReLU: shared_axes {self.shared_axes} are not all axes of rows of shape {input_shape}")
        shape = tuple(1 if axis in self.shared_axes else n for axis, n in enumerate(input_shape, start=1))
        self.alpha = Parameter(
            shape,
            self.alpha_initializer,
            penalized=False,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        return np.maximum(x, 0) + self.alpha.value * np.minimum(x, 0)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.alpha.grad = (dy * np.minimum(self.x, 0)).sum(axis=(0, *self.shared_axes), keepdims=True)[0]
        positive = dy * (self.x > 0)
        return positive + self.alpha.value * (dy - positive)
