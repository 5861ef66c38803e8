"""The affine layer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..constraints import Constraint, check_constraint
from ..initializers import GlorotUniform, Initializer, Zeros, check_initializer
from ..ops import as_matrix, column_sums, product
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import boolean, integer, setting
from ._base import Layer


@dataclass(eq=False)
class Dense(Layer):
    """y = x W + b.   x (m, ..., n) -> y (m, ..., units);  kernel W (n, units), bias b (units,).

    W and b are the same at all positions of the axes between; their gradients are sums over rows and positions.

    units               at least 1
    use_bias            False: y = x W
    kernel_initializer  an Initializer or a Keras string; default: GlorotUniform, as in Keras
    bias_initializer    the same for the bias; default: Zeros, as in Keras
    kernel_regularizer  a penalty on this kernel alone, such as L2(0.7), divided by the number of rows, or
                        L2.keras(0.01) or "l2", which are not; one on all kernels is added to the loss instead
    bias_regularizer    a penalty on this bias; penalties added to the loss leave biases out
    kernel_constraint   puts the kernel back into a set after every update, such as MaxNorm(3) or "max_norm"
    bias_constraint     the same for the bias
    """

    keeps_mask = True

    units: int = integer(1)
    use_bias: bool = boolean(default=True, kw_only=True)
    kernel_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    bias_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    kernel_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    bias_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    kernel_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    bias_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = (input_shape[-1], self.units)
        self.kernel = Parameter(
            shape, self.kernel_initializer, regularizer=self.kernel_regularizer, constraint=self.kernel_constraint
        )
        if self.use_bias:
            self.bias = Parameter(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        return (*input_shape[:-1], self.units)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        y = product(x, self.kernel.value)
        if self.use_bias:
            y += self.bias.value
        return y

    def backward(self, dy: np.ndarray) -> Any:
        rows = as_matrix(dy)
        as_matrix(self.x).T.dot(rows, out=self.kernel.grad)
        if self.use_bias:
            column_sums(rows, out=self.bias.grad)
        return None if self.is_first else product(dy, self.kernel.value.T)
