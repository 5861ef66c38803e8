"""Batches that scripts compute one by one."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """Batches by number. A subclass writes __len__() and __getitem__(index) -> (x, y), and perhaps on_epoch_end().

    workers, use_multiprocessing, max_queue_size  accepted; minidl computes the batches where it needs them
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing = workers, use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write __getitem__(index)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must write __len__()")

    @property
    def num_batches(self) -> int:
        """The number of batches."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before every epoch of `fit`."""

    def on_epoch_end(self) -> None:
        """Called after every epoch of `fit`."""
