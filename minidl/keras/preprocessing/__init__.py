"""Keras's `keras.preprocessing`: functions that prepare images, sequences and time series, also in `keras.utils`."""

from .._absent import absent
from .._images import image_dataset_from_directory
from .._timeseries import timeseries_dataset_from_array
from . import image, sequence

__all__ = ["image", "image_dataset_from_directory", "sequence", "timeseries_dataset_from_array"]

__getattr__ = absent(
    __name__, {"text_dataset_from_directory": "read the files yourself, and pass arrays or a PyDataset"}
)
