"""Keras's `keras.utils`: helpers of scripts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import pad_sequences
from ..errors import DataError, SettingError
from ..seeding import set_random_seed
from ._absent import absent
from ._datasets import PyDataset
from ._former import answers_arguments
from ._images import array_to_img, image_dataset_from_directory, img_to_array, load_img, save_img
from ._lookup import serialize as serialize_keras_object
from ._pictures import model_to_dot, plot_model
from ._registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ._tensors import KerasTensor
from ._timeseries import timeseries_dataset_from_array
from .backend import clear_session, standardize_dtype
from .config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset


@answers_arguments
def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Return a 1 at each class number: (...) -> (..., num_classes). A last axis of length 1 is left out."""
    labels = np.asarray(x).astype(np.int64)
    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    classes = num_classes or int(labels.max()) + 1
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        found = f"{labels.min()} to {labels.max()}"
        raise DataError(f"to_categorical: class numbers must be 0 to {classes - 1}, got {found}")
    return (labels[..., None] == np.arange(classes)).astype(np.float64)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Return x with vectors along the axis divided by their length; zeros stay."""
    array = np.atleast_2d(np.asarray(x)) if np.ndim(x) == 1 else np.asarray(x)
    length = np.linalg.norm(array, order, axis, keepdims=True)
    return array / np.where(length == 0, 1, length)


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Return two parts of an array, or of a tuple of arrays: sizes are fractions, or numbers of rows.

    preferred_backend  accepted; the parts are NumPy's arrays
    """
    arrays = dataset if isinstance(dataset, tuple | list) else (dataset,)
    rows = len(arrays[0])
    if left_size is None and right_size is None:
        raise SettingError("split_dataset: give left_size or right_size")
    left = rows - _count(right_size, rows) if left_size is None else _count(left_size, rows)
    end = rows if right_size is None else min(left + _count(right_size, rows), rows)
    order = np.random.default_rng(seed).permutation(rows) if shuffle else np.arange(rows)
    parts = [tuple(np.asarray(array)[part] for array in arrays) for part in (order[:left], order[left:end])]
    return (parts[0], parts[1]) if isinstance(dataset, tuple | list) else (parts[0][0], parts[1][0])


def _count(size: float | None, rows: int) -> int:
    return round(size * rows) if isinstance(size, float) else int(size or 0)


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return a batch: x, (x, y) or (x, y, sample_weight)."""
    if y is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return x, y and sample_weight of a batch, None for those that it lacks."""
    x, y, weight, *_ = (*data, None, None) if isinstance(data, tuple) else (data, None, None)
    return x, y, weight


def is_keras_tensor(x: Any) -> bool:
    """Return True for symbolic tensors."""
    return isinstance(x, KerasTensor)


_DOWNLOAD = "minidl downloads nothing"
_FILES = "read the files yourself, and pass arrays or a PyDataset"
__getattr__ = absent(
    __name__,
    {
        **dict.fromkeys(("get_file",), _DOWNLOAD),
        **dict.fromkeys(
            ("audio_dataset_from_directory", "text_dataset_from_directory"),
            _FILES,
        ),
        **dict.fromkeys(("np_utils", "generic_utils"), "Keras 2's name; its functions are in keras.utils itself"),
        **dict.fromkeys(("bounding_boxes", "legacy"), "it is for images, or for old files"),
        "Config": "use a dataclass",
        "FeatureSpace": "use sklearn.compose.ColumnTransformer",
        "Progbar": "fit(verbose=1) shows a bar",
        "deserialize_keras_object": "use the deserialize of the module, such as keras.layers.deserialize",
        "get_source_inputs": "a model has them: model.inputs",
    },
)
