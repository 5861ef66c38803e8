"""What of every batch falls to one process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data import BatchStream, Examples, Source


class Part(Source):
    """The part of every batch of `whole` that falls to process `rank` of `size`: as even as can be, perhaps no row."""

    def __init__(self, whole: Source, rank: int, size: int) -> None:
        self.whole, self.rank, self.size = whole, rank, size

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return self.whole.epoch_order(size, rng)

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        if order is None or not isinstance(self.whole, Examples):
            for batch in self.whole.batches(size, order, start):
                yield batch[self._share(len(batch))]
            return
        for first in range(start * size, len(order), size):  # only the rows of this process are copied
            rows = order[first : first + size]
            yield self.whole[rows[self._share(len(rows))]]

    def _share(self, rows: int) -> slice:
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def steps(self, size: int) -> int | None:
        return self.whole.steps(size)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.whole.row_shape

    def batch_rows(self, size: int) -> int:
        return self.whole.batch_rows(size)


class Own(Part):
    """BatchStream that each process makes for itself; after its last one it takes part with none, until all are done."""

    def __init__(self, whole: BatchStream, most: int) -> None:
        super().__init__(whole, 0, 1)
        self.first, self.most = whole.first, most

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        done = start
        for batch in self.whole.batches(size, order, start):
            yield batch
            done += 1
        for _ in range(done, self.most):
            yield self.first[:0]

    def steps(self, size: int) -> int:
        return self.most
