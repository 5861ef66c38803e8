"""Sources of batches: arrays in memory, and batches that the user makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from ._validation import row_weights


class Source:
    """Rows to train on, in batches. An epoch first draws an order, then yields its batches, beginning at any of them.

    The layers get the batches of a Source as they are, without another check.
    """

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        """Draw the shuffled order of one epoch, an array of integers; None if nothing is shuffled."""
        raise NotImplementedError(f"{type(self).__name__} must write epoch_order(size, rng)")

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        """Yield the batches of an epoch from number `start` on, each of `size` rows."""
        raise NotImplementedError(f"{type(self).__name__} must write batches(size, order, start)")

    def steps(self, size: int) -> int | None:
        """Return the number of batches in an epoch, None if it is unknown before the end."""
        raise NotImplementedError(f"{type(self).__name__} must write steps(size)")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of x."""
        raise NotImplementedError(f"{type(self).__name__} must write row_shape")

    @property
    def rows(self) -> float | None:
        """The number of rows in an epoch, None if it is unknown before the end."""
        return None

    def batch_rows(self, size: int) -> int:
        """Return the number of rows in a batch; the last one may have fewer."""
        raise NotImplementedError(f"{type(self).__name__} must write batch_rows(size)")


@dataclass
class Examples(Source):
    """Checked rows in the model's dtype: x (m, features ...), y (m, ..., outputs), weight None, (m,) or (m, ...)."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def total_weight(self) -> float:
        """The weight of this batch when batches are averaged: its number of rows."""
        return len(self.x)

    @property
    def rows(self) -> float:
        return self.total_weight

    def __getitem__(self, part: Any) -> Examples:
        """Return some of the rows: a view for a slice, a copy for an array of indices."""
        if isinstance(part, slice):
            return Examples(self.x[part], self.y[part], None if self.weight is None else self.weight[part])
        weight = None if self.weight is None else self.weight.take(part, axis=0)
        return Examples(self.x.take(part, axis=0), self.y.take(part, axis=0), weight)

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        """Draw a permutation of the rows. If one batch holds all rows, nothing is drawn, and None is returned."""
        return rng.permutation(len(self)) if size < len(self) else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        """Yield all rows in batches of a size, the last one smaller; without an order they are views."""
        if size >= len(self):
            yield from [self][start:]
            return
        for first in range(start * size, len(self), size):
            part = slice(first, first + size)
            yield self[part if order is None else order[part]]

    def steps(self, size: int) -> int:
        return -(-len(self) // size)

    def batch_rows(self, size: int) -> int:
        return min(size, len(self))

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    def in_dtype(self) -> Examples:
        """Return these examples with x in the model's dtype."""
        return self


@dataclass
class IntegerExamples(Examples):
    """Examples whose x stays in small integers, such as the pixels of images: each batch is converted as it is read.

    dtype  that of the model, which the batches get
    """

    dtype: np.dtype[Any] = field(kw_only=True)

    def __getitem__(self, part: Any) -> IntegerExamples:
        rows = super().__getitem__(part)
        return IntegerExamples(rows.x, rows.y, rows.weight, dtype=self.dtype)

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        for batch in super().batches(size, order, start):
            yield batch.in_dtype()

    def in_dtype(self) -> Examples:
        return Examples(self.x.astype(self.dtype), self.y, self.weight)


def split(
    who: str, source: Source, fraction: float, class_weight: Mapping[int, float] | None = None
) -> tuple[Examples, Examples]:
    """Return (all but the last fraction of the rows, the last fraction), as Keras's validation_split.

    class_weight counts in the first part only.
    """
    if not isinstance(source, Examples):
        raise SettingError(f"{who}: validation_split is for arrays; for x that yields batches pass validation_data")
    at = int(len(source) * (1 - fraction))
    if not 0 < at < len(source):
        raise SettingError(f"{who}: validation_split={fraction} of {len(source)} examples leaves one side empty")
    first, last = source[:at], source[at:]
    if class_weight is not None:
        first.weight = row_weights(who, first.weight, class_weight, first.y)
    return first, last


class BatchStream(Source):
    """Batches that the user makes: an object with __len__ and __getitem__, or an iterable of (x, y[, weight]).

    A generator continues in the next epoch where it stopped in the last; every other iterable starts again. The
    methods on_epoch_begin() and on_epoch_end() of the object, if it has them, are called as Keras calls them.

    limit  batches in an epoch; needed if a generator must last for more than one epoch
    check  converts a batch to Examples; `fit` sets it when the DataSpec is known
    """

    check: Callable[[Any], Examples]

    def __init__(self, who: str, batches: Any, limit: int | None = None) -> None:
        self.who, self.given, self.limit = who, batches, limit
        self.indexed = is_indexed(batches)
        self.length = len(batches) if hasattr(batches, "__len__") else None
        self.iterator = iter(batches) if not self.indexed and isinstance(batches, Iterator) else None
        first = None if self.length == 0 else batches[0] if self.indexed else next(self.iterator or iter(batches), None)
        if first is None:
            raise DataError(f"{who}: there are no batches in {type(batches).__name__}")
        if self.iterator is not None:
            self.iterator = chain([first], self.iterator)
        self.first: Any = first

    @property
    def passes_once(self) -> bool:
        """True if the batches cannot be read a second time."""
        return self.iterator is not None

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return rng.permutation(len(self.given)) if self.indexed else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        number = start
        self._call("on_epoch_begin")
        for batch in self._read(order, start):
            yield self.check(batch)
            number += 1
        if number < (self.limit or 1):
            wanted = f"{self.limit} an epoch were wanted" if self.limit else "another epoch was wanted"
            remedy = "Ask for fewer with steps_per_epoch"
            if self.passes_once:
                remedy = "A generator yields its batches once: pass steps_per_epoch, and let it yield without end"
            raise DataError(f"{self.who}: the batches ran out after {number} of an epoch; {wanted}. {remedy}")
        self._call("on_epoch_end")

    def _call(self, hook: str) -> None:
        if hasattr(self.given, hook):
            getattr(self.given, hook)()

    def _read(self, order: np.ndarray | None, start: int) -> Iterable[Any]:
        if self.indexed:
            numbers = range(len(self.given)) if order is None else order.tolist()
            return (self.given[number] for number in numbers[start : self.limit])
        if self.iterator is not None:
            return islice(self.iterator, None if self.limit is None else self.limit - start)
        return islice(self.given, start, self.limit)

    def steps(self, size: int) -> int | None:
        return min((n for n in (self.length, self.limit) if n is not None), default=None)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.check(self.first).row_shape

    @property
    def rows(self) -> float | None:
        """The rows of all batches, if each is as large as the first one."""
        steps = self.steps(0)
        return None if steps is None else steps * self.check(self.first).total_weight

    def batch_rows(self, size: int) -> int:
        return len(self.check(self.first))


def is_indexed(batches: Any) -> bool:
    """Return True if a batch can be read by its number."""
    return hasattr(batches, "__getitem__") and hasattr(batches, "__len__")
