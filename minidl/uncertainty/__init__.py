"""How sure a prediction is, and which training rows it rests on. The names stand in `__init__.pyi`."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
