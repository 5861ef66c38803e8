"""Check gradients against derivatives of values alone: is backward right, and if not, where and why is it wrong?

The public names stand in `__init__.pyi`.
"""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
