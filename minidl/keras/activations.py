"""Keras's `keras.activations`: functions that layers apply. They compute on arrays and on symbolic tensors."""

from collections.abc import Mapping
from typing import Any

from ._absent import absent
from ._activations import elu, gelu, get, leaky_relu, linear, relu, serialize, sigmoid, silu, softmax, softplus, tanh
from ._compositions import (
    celu,
    exponential,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    soft_shrink,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)

swish, hard_swish = silu, hard_silu


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the function of a name or a config; custom_objects are functions of the user's own by name."""
    return (custom_objects or {}).get(config) or get(config) if isinstance(config, str) else get(config)


__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

__getattr__ = absent(__name__, {})
