"""Keras's `keras.saving`: models and weights in files."""

from ._absent import absent
from ._saving import load_model, load_weights, save_model, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

_OTHERS = """
    CustomObjectScope KerasFileEditor custom_object_scope deserialize_keras_object get_custom_objects
    get_registered_name get_registered_object register_keras_serializable serialize_keras_object
"""

__getattr__ = absent(__name__, dict.fromkeys(_OTHERS.split(), "pass custom_objects to load_model"))
