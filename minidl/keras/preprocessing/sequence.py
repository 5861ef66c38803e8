"""Keras's `keras.preprocessing.sequence`."""

from ...data import pad_sequences
from .._absent import absent

__all__ = ["pad_sequences"]

__getattr__ = absent(
    __name__,
    {
        "TimeseriesGenerator": "use keras.utils.timeseries_dataset_from_array",
        **dict.fromkeys(("make_sampling_table", "skipgrams"), "it is gone from Keras"),
    },
)
