"""Files: whole models, weights, and what other programs read."""

from .model_file import checksum, load_model, save
from .notebook import from_notebook, to_notebook
from .onnx_export import export_onnx
from .resume import restore_training
from .weights_file import load_weights, save_weights

__all__ = [
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
