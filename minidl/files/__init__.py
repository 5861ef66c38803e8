"""Files: whole models, weights, and what other programs read."""

from .native import checksum, load_model, save

__all__ = ["checksum", "load_model", "save"]
