"""Training examples as scikit-learn treats them: sparse or dense, in its random order, weighted as repeated rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_sample_weight

from .. import data
from ..data import Examples
from ..errors import DataError
from ..evaluation import PREDICT_ROWS
from ..model import Model


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
    order: np.ndarray | None = field(default=None, init=False)  # of the rows in the last epoch

    def __len__(self) -> int:
        return int(self.x.shape[0])

    @property
    def rows(self) -> float:
        return len(self) if self.weight is None else float(self.weight.sum())

    def select(self, rows: Any) -> SklearnExamples:
        """Return some of the rows as SklearnExamples. A sparse x stays sparse."""
        weight = None if self.weight is None else self.weight[rows]
        return SklearnExamples(self.x[rows], self.y[rows], weight, self.random_state)

    def split(self, fraction: float, stratify: np.ndarray | None = None) -> tuple[SklearnExamples, SklearnExamples]:
        """Return (training rows, validation rows), drawn as scikit-learn draws them."""
        options = {"random_state": self.random_state, "test_size": fraction, "stratify": stratify}
        train, rest = train_test_split(np.arange(len(self)), **options)
        return self.select(train), self.select(rest)

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Shuffle the order of the epoch before, as scikit-learn does."""
        shuffled = self.random_state.permutation(len(self))
        self.order = shuffled if self.order is None else self.order[shuffled]
        return self.order

    def __getitem__(self, part: Any) -> Examples:
        if not isinstance(self.x, np.ndarray):
            rows = self.select(part)
            return replace(rows, x=rows.x.toarray())[:]
        batch = super().__getitem__(part)
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


def row_weights(sample_weight: Any, class_weight: Any, y: np.ndarray) -> np.ndarray | None:
    """Return the weight of each row (m,), the product of both; None if neither is given."""
    weight = data.row_weights("fit", sample_weight, None, np.empty((len(y), 1)))
    if class_weight is not None:
        by_class: np.ndarray = compute_sample_weight(class_weight, y)
        weight = by_class if weight is None else weight * by_class
    if weight is not None and not weight.any():
        raise DataError("fit: all sample weights are zero; at least one row must count")
    return weight


def predict(model: Model, x: Any) -> np.ndarray:
    """Return the model's outputs for x, dense or sparse."""
    starts = range(0, x.shape[0], PREDICT_ROWS)
    dense = x if isinstance(x, np.ndarray) else (x[at : at + PREDICT_ROWS].toarray() for at in starts)
    outputs: np.ndarray = model.predict(dense)
    return outputs
