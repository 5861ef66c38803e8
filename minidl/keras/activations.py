"""Keras's `keras.activations`: functions that layers apply. They compute on arrays and on symbolic tensors."""

from ._absent import absent
from ._activations import elu, gelu, get, leaky_relu, linear, relu, serialize, sigmoid, silu, softmax, softplus, tanh
from ._activations import get as deserialize
from ._compositions import (
    exponential,
    hard_sigmoid,
    hard_silu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    softsign,
)

swish, hard_swish = silu, hard_silu

__all__ = [
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
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
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

_OTHERS = """
    celu glu hard_shrink hard_tanh soft_shrink sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold
"""
_REMEDY = "write it as a function of keras.ops, which activation= and Lambda take"

__getattr__ = absent(__name__, dict.fromkeys(_OTHERS.split(), _REMEDY))
