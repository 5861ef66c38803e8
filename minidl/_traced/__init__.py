"""Derivatives of Python functions of arrays, found backwards through what the functions compute.

A `Traced` array remembers what it was computed from. NumPy's functions take it as they take arrays, as far as `SLOPES`
and `FUNCTIONS` know their derivatives. (Reverse mode: Linnainmaa 1970; Griewank & Walther 2008)
"""

from . import _rules as _rules
from ._array import SLOPES, SPECIAL, Traced, backpropagate, constant, value_of
from ._compositions import log_softmax, logsumexp, sigmoid, softplus

__all__ = [
    "SLOPES",
    "SPECIAL",
    "Traced",
    "backpropagate",
    "constant",
    "log_softmax",
    "logsumexp",
    "sigmoid",
    "softplus",
    "value_of",
]
