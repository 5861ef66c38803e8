"""The layers, and the pieces a layer of one's own is made of."""

from ..parameters import Parameter
from .activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh, log_softmax, sigmoid
from .base import Layer
from .containers import Chain, Residual
from .dense import Dense
from .dropout import Dropout
from .noise import GaussianNoise
from .normalization import BatchNormalization, LayerNormalization
from .reshaping import Flatten

__all__ = [
    "ELU",
    "GELU",
    "BatchNormalization",
    "Chain",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Parameter",
    "ReLU",
    "Residual",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "log_softmax",
    "sigmoid",
]
