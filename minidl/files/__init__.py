"""Model files, weights, and the files of other programs."""

from ._course_notebook import from_notebook, to_notebook
from ._model_file import checksum, load_model, save
from ._onnx_export import export_onnx
from ._other_formats import check_name
from ._resume import restore_training
from ._weights_file import load_weights, save_weights

__all__ = [
    "check_name",
    "checksum",
    "export_onnx",
    "from_notebook",
    "load_model",
    "load_weights",
    "restore_training",
    "save",
    "save_weights",
    "to_notebook",
]
