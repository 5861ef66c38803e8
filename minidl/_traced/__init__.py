"""Derivatives of Python functions of arrays, found backwards through what the functions compute.

A `Traced` array remembers what it was computed from. NumPy's functions take it as they take arrays, as far as `SLOPES`
and `FUNCTIONS` know their derivatives. (Reverse mode: Linnainmaa 1970; Griewank & Walther 2008)
"""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
