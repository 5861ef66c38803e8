"""Predictions with intervals and calibrated probabilities. The names stand in `__init__.pyi`."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
