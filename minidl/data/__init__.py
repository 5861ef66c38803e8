"""Data: users' arrays, frames, generators and files are checked here, once, and become sources of batches."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
