"""Files: whole models, weights, and what other programs read."""

from .model_file import checksum, load_model, save
from .weights_file import load_weights, save_weights

__all__ = ["checksum", "load_model", "load_weights", "save", "save_weights"]
