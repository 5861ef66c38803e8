"""The affine layer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..constraints import Constraint, check_constraint
from ..errors import ShapeError
from ..initializers import GlorotUniform, Initializer, Zeros, check_initializer
from ..ops import column_sums
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import boolean, integer, setting
from ._base import Layer


@dataclass(eq=False)
class Dense(Layer):
    """y = x W + b.   x (m, n) -> y (m, units);  kernel W (n, units), bias b (units,).

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

    units: int = integer(1)
    use_bias: bool = boolean(default=True, kw_only=True)
    kernel_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    bias_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    kernel_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    bias_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    kernel_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    bias_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 1:
            message = f"Dense takes rows of features, but its input has shape {input_shape}: put Flatten() before"
            raise ShapeError(message)
        shape = (*input_shape, self.units)
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
        return (self.units,)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        y = x.dot(self.kernel.value)  # NumPy's fastest product of small matrices
        if self.use_bias:
            y += self.bias.value
        return y

    def backward(self, dy: np.ndarray) -> Any:
        self.x.T.dot(dy, out=self.kernel.grad)
        if self.use_bias:
            column_sums(dy, out=self.bias.grad)
        return None if self.is_first else dy.dot(self.kernel.value.T)
