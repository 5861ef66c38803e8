"""The affine map."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import initializers, validation
from ..errors import SettingError, ShapeError
from ..initializers import GlorotUniform, Initializer, Zeros
from ..ops import column_sums
from ..parameters import Parameter, Penalty
from ._base import Layer


@dataclass(eq=False)
class Dense(Layer):
    """y = x W + b.   x (m, n) -> y (m, units);  kernel W (n, units), bias b (units,).

    units               at least 1
    use_bias            without it, y = x W
    kernel_initializer  an Initializer or a Keras string; Keras's default, Glorot's uniform
    bias_initializer    the same for the bias; Keras's default, zeros
    kernel_regularizer  a penalty on this kernel alone, as L2(0.7); one on all kernels is added to the loss instead
    bias_regularizer    a penalty on this bias, which those added to the loss leave out
    """

    units: int
    use_bias: bool = field(default=True, kw_only=True)
    kernel_initializer: Initializer | str = field(default=GlorotUniform(), kw_only=True)
    bias_initializer: Initializer | str = field(default=Zeros(), kw_only=True)
    kernel_regularizer: Penalty | None = field(default=None, kw_only=True)
    bias_regularizer: Penalty | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.units = validation.check_integer("Dense", "units", self.units, 1)
        validation.check_boolean("Dense", "use_bias", self.use_bias)
        self.kernel_initializer = initializers.get("Dense: kernel_initializer", self.kernel_initializer)
        self.bias_initializer = initializers.get("Dense: bias_initializer", self.bias_initializer)
        for name in ("kernel_regularizer", "bias_regularizer"):
            penalty = getattr(self, name)
            if not (penalty is None or isinstance(penalty, Penalty)):
                raise SettingError(f"Dense: {name} must be a penalty such as L2(0.7), or None, got {penalty!r}")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 1:
            raise ShapeError(
                f"Dense takes rows of features, but its input has shape {input_shape}: put Flatten() before"
            )
        self.kernel = Parameter(
            (*input_shape, self.units), self.kernel_initializer, regularizer=self.kernel_regularizer
        )
        if self.use_bias:
            self.bias = Parameter((self.units,), self.bias_initializer, regularizer=self.bias_regularizer)
        return (self.units,)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        y = x.dot(self.kernel.value)  # on small matrices the fastest of NumPy's products
        if self.use_bias:
            y += self.bias.value
        return y

    def backward(self, dy: np.ndarray) -> Any:
        self.x.T.dot(dy, out=self.kernel.grad)
        if self.use_bias:
            column_sums(dy, out=self.bias.grad)
        return None if self.is_first else dy.dot(self.kernel.value.T)
