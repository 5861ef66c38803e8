"""The affine layer with an activation, and the base class of layers that have a bias and an activation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Unpack

from .. import layers as core
from . import constraints, regularizers
from ._activations import get, made_of
from ._layer import Common, Layer, only
from ._translation import core_of, initializer


class Activated(Layer):
    """Base class: `core_class`, a layer of the core with settings of the same names, then the activation's layer."""

    core_class: type[core.Layer]

    def __init__(
        self,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        bias_constraint: Any,
        **common: Unpack[Common],
    ) -> None:
        self.activation, self.use_bias = get(activation), use_bias
        self.keep_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(**common)

    def keep_weight(self, weight: str, start: Any, penalty: Any, constraint: Any) -> None:
        """Keep the settings of a weight: <weight>_initializer, <weight>_regularizer, <weight>_constraint."""
        setattr(self, f"{weight}_initializer", initializer(start))
        setattr(self, f"{weight}_regularizer", regularizers.get(penalty))
        setattr(self, f"{weight}_constraint", constraints.get(constraint))

    def make(self) -> Iterable[core.Layer]:
        names = [field.name for field in fields(self.core_class) if field.name != "name"]
        settings = {name: core_of(getattr(self, name)) for name in names}
        return [self.core_class(**settings), *made_of(self.activation)]


class Dense(Activated):
    """y = activation(x W + b): the core's Dense, and after it the layer of the activation."""

    core_class = core.Dense

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
        self.units = units
        self.keep_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        super().__init__(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint, **common)

    not_in_config = ("lora_rank", "lora_alpha", "quantization_config")
