"""The border: everything a user hands in is checked and converted here, once; then it comes in batches."""

from .checks import finite, inputs, numeric, same_width, target_rows, targets, triple, weights
from .sources import Batches, Examples, Inputs, Source, Stored, makes_batches, split

__all__ = [
    "Batches",
    "Examples",
    "Inputs",
    "Source",
    "Stored",
    "finite",
    "inputs",
    "makes_batches",
    "numeric",
    "same_width",
    "split",
    "target_rows",
    "targets",
    "triple",
    "weights",
]
