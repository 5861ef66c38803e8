"""Keras's `keras.saving`: models and weights in files."""

from ._absent import absent
from ._lookup import serialize as serialize_keras_object
from ._registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ._saving import load_model, load_weights, save_model, save_weights

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

__getattr__ = absent(
    __name__,
    {
        "KerasFileEditor": "h5py reads the weights in the archive",
        "deserialize_keras_object": "use the deserialize of the module, such as keras.layers.deserialize",
    },
)
