"""The border: everything a user hands in is checked and converted here, once; then it comes in batches."""

from ._hdf5 import HDF5Data
from ._sources import Batches, Examples, Inputs, Source, Stored, makes_batches, split
from ._validation import finite, inputs, numeric, same_width, target_rows, targets, triple, weights

__all__ = [
    "Batches",
    "Examples",
    "HDF5Data",
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
