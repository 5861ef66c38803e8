"""The affine map."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .. import initializers, settings
from ..errors import ShapeError
from ..initializers import GlorotUniform, Initializer, Zeros
from ..parameters import Parameter
from .base import Layer


@dataclass(eq=False)
class Dense(Layer):
    """y = x W + b.   x (m, n) -> y (m, units);  kernel W (n, units), bias b (units,).

    units               at least 1
    use_bias            without it, y = x W
    kernel_initializer  an Initializer or a Keras string; Keras's default, Glorot's uniform
    """

    units: int
    use_bias: bool = field(default=True, kw_only=True)
    kernel_initializer: Initializer | str = field(default=GlorotUniform(), kw_only=True)
    bias_initializer: Initializer | str = field(default=Zeros(), kw_only=True)

    def __post_init__(self) -> None:
        self.units = settings.integer("Dense", "units", self.units, 1)
        settings.boolean("Dense", "use_bias", self.use_bias)
        self.kernel_initializer = initializers.get("Dense: kernel_initializer", self.kernel_initializer)
        self.bias_initializer = initializers.get("Dense: bias_initializer", self.bias_initializer)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 1:
            raise ShapeError(
                f"Dense takes rows of features, but its input has shape {input_shape}: put Flatten() before"
            )
        self.kernel = Parameter((*input_shape, self.units), self.kernel_initializer)
        if self.use_bias:
            self.bias = Parameter((self.units,), self.bias_initializer)
        return (self.units,)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x = x
        y = np.dot(x, self.kernel.value)  # on small matrices the fastest of NumPy's products
        if self.use_bias:
            y += self.bias.value
        return y

    def backward(self, dy: np.ndarray) -> Any:
        np.dot(self.x.T, dy, out=self.kernel.grad)
        if self.use_bias:
            np.dot(_ones(len(dy), dy.dtype), dy, out=self.bias.grad)
        return None if self.is_first else np.dot(dy, self.kernel.value.T)


@lru_cache(maxsize=8)
def _ones(m: int, dtype: np.dtype) -> np.ndarray:
    # ones @ dy sums the rows several times faster than dy.sum(axis=0)
    ones = np.ones(m, dtype)
    ones.flags.writeable = False
    return ones
