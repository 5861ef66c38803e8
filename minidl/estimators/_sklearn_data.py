"""Training examples as scikit-learn treats them: sparse or dense, in its random order, weighted as repeated rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from ..data import Examples


@dataclass
class WeightedBatch(Examples):
    """A batch whose weights have the mean 1. It counts as `total_weight` rows: a row of weight 2 counts as two rows."""

    total_weight: float = 0.0


@dataclass
class SklearnExamples(Examples):
    """Validated examples. x may be a sparse CSR matrix; each batch of it is converted to a dense array.

    weight        the weight of each row, above 0
    random_state  scikit-learn's generator, which shuffles the rows of each epoch as scikit-learn does
    """

    random_state: Any = None

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def select(self, rows: np.ndarray) -> SklearnExamples:
        """Return the rows with these numbers as SklearnExamples. A sparse x stays sparse."""
        weight = None if self.weight is None else self.weight[rows]
        return SklearnExamples(self.x[rows], self.y[rows], weight, self.random_state)

    def split(self, fraction: float, stratify: np.ndarray | None = None) -> tuple[SklearnExamples, SklearnExamples]:
        """Return (training rows, validation rows), drawn as scikit-learn draws them."""
        numbers, random_state = np.arange(len(self)), self.random_state
        train, rest = train_test_split(numbers, random_state=random_state, test_size=fraction, stratify=stratify)
        return self.select(train), self.select(rest)

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Shuffle the order of the epoch before, as scikit-learn does."""
        self.permutation = self.permutation[self.random_state.permutation(len(self))]
        return self.permutation

    @cached_property
    def permutation(self) -> np.ndarray:
        """The numbers of the rows in the order of the last epoch."""
        return np.arange(len(self))

    def __getitem__(self, part: Any) -> Examples:
        if isinstance(self.x, np.ndarray):
            batch = super().__getitem__(part)
        else:
            weight = None if self.weight is None else self.weight[part]
            batch = Examples(self.x[part].toarray(), self.y[part], weight)
        if batch.weight is None:
            return batch
        total = float(batch.weight.sum())
        return WeightedBatch(batch.x, batch.y, batch.weight * (len(batch) / total), total)

    @cached_property
    def whole(self) -> Examples:
        """All rows as one batch, in the given order."""
        return self[:]

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        if size >= len(self):
            yield from [self.whole][start:]
        else:
            yield from super().batches(size, order, start)
