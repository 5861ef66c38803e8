"""Keras's `keras.models`: Sequential, Model, and their files."""

from ._absent import absent
from ._cloning import clone_model
from ._config import model_from_json
from ._model import Model
from ._saving import load_model, save_model
from ._sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

__getattr__ = absent(__name__, {})
