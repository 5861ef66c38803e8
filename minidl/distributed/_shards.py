"""The rows of each batch that one process works on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data import BatchStream, Examples, Source


class Shard(Source):
    """The rows of every batch of `whole` that process `rank` of `size` works on.

    The shards of a batch differ by at most one row; a shard of a small batch may be empty.
    """

    def __init__(self, whole: Source, rank: int, size: int) -> None:
        self.whole, self.rank, self.size = whole, rank, size

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return self.whole.epoch_order(size, rng)

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        if order is None or not isinstance(self.whole, Examples):
            for batch in self.whole.batches(size, order, start):
                yield batch[self._rows(len(batch))]
            return
        for first in range(start * size, len(order), size):  # copy the rows of this process only
            numbers = order[first : first + size]
            yield self.whole[numbers[self._rows(len(numbers))]].in_dtype()

    def _rows(self, rows: int) -> slice:
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def steps(self, size: int) -> int | None:
        return self.whole.steps(size)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.whole.row_shape

    @property
    def rows(self) -> float | None:
        return self.whole.rows

    def batch_rows(self, size: int) -> int:
        return self.whole.batch_rows(size)


class LocalBatches(Shard):
    """Batches that each process makes itself, `count` in an epoch. A process with fewer adds empty batches."""

    def __init__(self, whole: BatchStream, count: int) -> None:
        super().__init__(whole, 0, 1)
        self.empty, self.count = whole.check(whole.first)[:0], count

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        done = start
        for batch in self.whole.batches(size, order, start):
            yield batch
            done += 1
        for _ in range(done, self.count):
            yield self.empty

    def steps(self, size: int) -> int:
        return self.count
