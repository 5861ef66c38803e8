"""Batches that scripts compute one by one, and those that are read from data batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self

import numpy as np


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


@dataclass(eq=False)
class BatchDataset:
    """Batches x or (x, y) of the rows of `data`, for `fit` and for loops. Each run through it reads the rows anew.

    batch_size  rows in a batch; None: single rows
    order       draws the order of each run; None: that of the rows
    limit       batches in a run; None: all
    functions   change each batch, one after the other
    """

    data: Any
    batch_size: int | None
    order: np.random.Generator | None
    limit: int | None = None
    functions: tuple[Callable[..., Any], ...] = ()

    def read(self, numbers: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield x and y of the rows with these numbers, in batches; y is None if they have no targets."""
        raise NotImplementedError(f"{type(self).__name__} must write read(numbers, size)")

    def __len__(self) -> int:
        steps = -(-len(self.data) // (self.batch_size or 1))
        return steps if self.limit is None else min(steps, self.limit)

    def __iter__(self) -> Iterator[Any]:
        count = len(self.data)
        numbers = np.arange(count) if self.order is None else self.order.permutation(count)
        for x, y in islice(self.read(numbers, self.batch_size or 1), self.limit):
            if self.batch_size is None:
                x, y = x[0], None if y is None else y[0]
            batch = x if y is None else (x, y)
            for function in self.functions:
                batch = function(*batch) if isinstance(batch, tuple) else function(batch)
            yield batch

    def take(self, count: int) -> Self:
        """Return a dataset of the first batches of each run."""
        return replace(self, limit=None if count < 0 else count)

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None) -> Self:
        """Return a dataset of map_func(x, y), or map_func(x) without targets, computed anew in each run.

        num_parallel_calls, deterministic  change nothing: the batches are computed in their order
        """
        return replace(self, functions=(*self.functions, map_func))

    def prefetch(self, buffer_size: Any) -> Self:
        """Return the dataset: its batches are computed when they are needed."""
        return self
