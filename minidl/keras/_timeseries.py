"""Windows of time series as batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data import TimeseriesWindows, timeseries_windows
from ..seeding import new_sequence
from ..validation import check_boolean, check_choice, check_integer
from ._datasets import BatchDataset


class TimeseriesDataset(BatchDataset):
    """Batches (windows, targets) of a time series, or windows without targets."""

    data: TimeseriesWindows

    def read(self, numbers: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        for first in range(0, len(numbers), size):
            loaded = self.data[numbers[first : first + size]].load()
            yield loaded if isinstance(loaded, tuple) else (loaded, None)


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> TimeseriesDataset:
    """Return the windows of a series (steps, ...) as batches, for `fit` and for loops.

    The arguments are those of `minidl.timeseries_windows`. format is that of Keras's object.
    """
    who = "timeseries_dataset_from_array"
    check_choice(who, "format", format, ("tf", "grain"))
    size = None if batch_size is None else check_integer(who, "batch_size", batch_size, 1)
    steps: Any = {"sequence_stride": sequence_stride, "sampling_rate": sampling_rate}
    windows = timeseries_windows(data, sequence_length, targets, **steps, start_index=start_index, end_index=end_index)
    drawn = np.random.default_rng(new_sequence(seed)) if check_boolean(who, "shuffle", shuffle) else None
    return TimeseriesDataset(windows, size, drawn)
