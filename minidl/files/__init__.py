"""Model files, weights, and the files of other programs."""

from . import _keras_parts as keras_parts
from ._course_notebook import from_notebook, to_notebook
from ._keras_layout import StoredWeight
from ._model_file import checksum, load_model, save
from ._onnx_export import export_onnx
from ._other_formats import check_name
from ._resume import restore_training
from ._weights_file import load_weights, save_weights

__all__ = [
    "StoredWeight",
    "check_name",
    "checksum",
    "export_onnx",
    "from_notebook",
    "keras_parts",
    "load_model",
    "load_weights",
    "restore_training",
    "save",
    "save_weights",
    "to_notebook",
]
