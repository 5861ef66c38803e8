"""The examples of an estimator: in scikit-learn's order, sparse or not, weighted as if rows were repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..data import Examples


@dataclass
class Weighed(Examples):
    """Rows whose weights have the mean 1, and count for `total_weight` rows: a row of weight 2 counts like two rows."""

    total_weight: float = 0.0


@dataclass
class Rows(Examples):
    """Checked examples; x may be a sparse matrix (CSR), of which each batch is made dense as it comes.

    weight        of each row, above 0
    random_state  scikit-learn's, from which the order of each epoch is drawn as scikit-learn draws it
    """

    random_state: Any = None

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def part(self, places: np.ndarray) -> Rows:
        """Some of the rows, as Rows: sparse ones stay sparse."""
        weight = None if self.weight is None else self.weight[places]
        return Rows(self.x[places], self.y[places], weight, self.random_state)

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray:
        self.places = self.places[self.random_state.permutation(len(self))]
        return self.places

    @cached_property
    def places(self) -> np.ndarray:
        """Where each row stands after the shuffles so far."""
        return np.arange(len(self))

    def __getitem__(self, part: Any) -> Examples:
        by_number = isinstance(part, np.ndarray)
        if isinstance(self.x, np.ndarray):
            x = self.x.take(part, axis=0) if by_number else self.x[part]
        else:
            x = self.x[part].toarray()
        y = self.y.take(part, axis=0) if by_number else self.y[part]
        if self.weight is None:
            return Examples(x, y)
        weight = self.weight[part]
        total_weight = float(weight.sum())
        return Weighed(x, y, weight * (len(weight) / total_weight), total_weight)

    @cached_property
    def whole(self) -> Examples:
        """All rows, in the order given."""
        return self[:]

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        if size >= len(self):
            yield from [self.whole][start:]
        else:
            yield from super().batches(size, order, start)
