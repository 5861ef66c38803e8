"""The affine layer with an activation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from . import constraints, regularizers
from ._activations import get, made_of
from ._layer import Common, Layer, only
from ._translation import core_of, initializer


class Dense(Layer):
    """y = activation(x W + b): the core's Dense, and after it the layer of the activation."""

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        quantization_config: Any = None,
        **common: Unpack[Common],
    ) -> None:
        only("Dense", "lora_rank", lora_rank, None)
        only("Dense", "quantization_config", quantization_config, None)
        self.units, self.activation, self.use_bias = units, get(activation), use_bias
        self.kernel_initializer = initializer(kernel_initializer)
        self.bias_initializer = initializer(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        dense = core.Dense(
            self.units,
            use_bias=self.use_bias,
            kernel_initializer=core_of(self.kernel_initializer),
            bias_initializer=core_of(self.bias_initializer),
            kernel_regularizer=core_of(self.kernel_regularizer),
            bias_regularizer=core_of(self.bias_regularizer),
            kernel_constraint=core_of(self.kernel_constraint),
            bias_constraint=core_of(self.bias_constraint),
        )
        return [dense, *made_of(self.activation)]

    not_in_config = ("lora_rank", "lora_alpha", "quantization_config")
