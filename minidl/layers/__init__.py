"""The layers, and the pieces a layer of one's own is made of."""

from ..parameters import Parameter
from .activations import ReLU, Sigmoid, sigmoid
from .base import Layer
from .containers import Chain, Residual
from .dense import Dense
from .dropout import Dropout
from .reshaping import Flatten

__all__ = [
    "Chain",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Parameter",
    "ReLU",
    "Residual",
    "Sigmoid",
    "sigmoid",
]
