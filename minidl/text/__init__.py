"""Texts and categories as numbers: vocabularies that are learned from data, with Keras's ids."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
