"""Where batches come from: checked arrays, what somebody else makes, and rows that lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from .. import validation
from ..errors import DataError, SettingError
from ._validation import finite, inputs, rows, weights


class Source:
    """Where batches come from. For each epoch an order is drawn, and then its batches are asked for, from any on."""

    def order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        """What an epoch in a random order needs to know of it: an array of integers; None if nothing was drawn."""
        raise NotImplementedError(f"{type(self).__name__} must write order(size, rng)")

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        """The batches of an epoch from number `start` on, checked."""
        raise NotImplementedError(f"{type(self).__name__} must write batches(size, order, start)")

    def steps(self, size: int) -> int | None:
        """How many batches there are in an epoch, None if nobody knows before its end."""
        raise NotImplementedError(f"{type(self).__name__} must write steps(size)")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of x."""
        raise NotImplementedError(f"{type(self).__name__} must write row_shape")

    def batch_rows(self, size: int) -> int:
        """How many rows a batch has (the last one may have fewer)."""
        raise NotImplementedError(f"{type(self).__name__} must write batch_rows(size)")


@dataclass
class Examples(Source):
    """Checked examples in the model's dtype: x (m, features ...), y (m, outputs), weight (m,) or None."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def mass(self) -> float:
        """What the rows count for, beside those of other batches and beside the penalties: each for one."""
        return len(self.x)

    def __getitem__(self, part: Any) -> Examples:
        """Some of the rows: a view for a slice, a copy for an array of indices."""
        if isinstance(part, slice):
            return Examples(self.x[part], self.y[part], None if self.weight is None else self.weight[part])
        weight = None if self.weight is None else self.weight.take(part)
        return Examples(self.x.take(part, axis=0), self.y.take(part, axis=0), weight)

    def order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        """A permutation of the rows. A batch that takes in everything has no order, and nothing is drawn."""
        return rng.permutation(len(self)) if size < len(self) else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        """All rows in batches of a size, the last one smaller: views on slices if there is no order."""
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


def split(
    who: str, source: Source, fraction: float, class_weight: Mapping[int, float] | None = None
) -> tuple[Examples, Examples]:
    """(all but the last fraction of the rows, the last fraction), as Keras's validation_split.

    class_weight counts in the first part only.
    """
    if not isinstance(source, Examples):
        raise SettingError(f"{who}: validation_split is for arrays; for x that yields batches pass validation_data")
    at = int(len(source) * (1 - fraction))
    if not 0 < at < len(source):
        raise SettingError(f"{who}: validation_split={fraction} of {len(source)} examples leaves one side empty")
    first, last = source[:at], source[at:]
    first.weight = weights(who, first.weight, class_weight, first.y)
    return first, last


class Batches(Source):
    """Batches that somebody else makes: (x, y) or (x, y, weight), each checked by `check` as it comes.

    given  has __len__ and __getitem__ (batches by number: shuffled, resumed), or is iterable: one that can be run
           through again is, each epoch; a generator goes on where it stopped
    steps  batches an epoch; needed where a generator has more than one epoch to fill
    """

    def __init__(self, who: str, given: Any, check: Callable[[Any], Examples], steps: int | None = None) -> None:
        self.who, self.given, self.check = who, given, check
        self.numbered = numbered(given)
        self.length = len(given) if hasattr(given, "__len__") else None
        self.wanted = steps
        if self.length == 0:
            raise DataError(f"{who}: there are no batches in {type(given).__name__}")
        self.once = iter(given) if not self.numbered and isinstance(given, Iterator) else None
        self.first = check(self._first())

    def _first(self) -> Any:
        batch = self.given[0] if self.numbered else next(self.once or iter(self.given), None)
        if batch is None:
            raise DataError(f"{self.who}: there are no batches in {type(self.given).__name__}")
        if self.once is not None:
            self.once = chain([batch], self.once)
        return batch

    def order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return rng.permutation(len(self.given)) if self.numbered else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        if self.numbered:
            numbers = range(len(self.given)) if order is None else order.tolist()
            batches: Iterable[Any] = (self.given[number] for number in numbers[start : self.wanted])
        else:
            left = None if self.wanted is None else self.wanted - start
            batches = islice(self.once, left) if self.once is not None else islice(self.given, start, self.wanted)
        number = start
        for batch in batches:
            yield self.check(batch)
            number += 1
        if number < (self.wanted or 1):
            wanted = f"{self.wanted} an epoch were wanted" if self.wanted else "another epoch was wanted"
            raise DataError(f"{self.who}: the batches ran out after {number} of an epoch; {wanted}. {self._remedy()}")

    def _remedy(self) -> str:
        if self.once is not None:
            return "A generator can be run through once: pass steps_per_epoch, and let it yield without end"
        return "Ask for fewer with steps_per_epoch"

    def steps(self, size: int) -> int | None:
        lengths = [n for n in (self.length, self.wanted) if n is not None]
        return min(lengths, default=None)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.first.row_shape

    def batch_rows(self, size: int) -> int:
        return len(self.first)


class Inputs:
    """What `predict` works on: an array, checked batch by batch, or something that yields batches x, or (x, y)."""

    def __init__(
        self, who: str, x: Any, shape: tuple[int, ...] | None, dtype: np.dtype, steps: int | None = None
    ) -> None:
        self.who, self.shape, self.dtype = who, shape, dtype
        self.wanted = None if steps is None else validation.check_integer(who, "steps", steps, 1)
        self.made = makes_batches(x)
        if self.wanted and not self.made:
            raise SettingError(f"{who}: a number of steps is for x that yields batches; arrays have batch_size")
        self.x = x if self.made else rows(who, x, shape)
        self.rows = None if self.made else len(self.x)  # None: nobody knows before the end

    def batches(self, size: int) -> Iterator[np.ndarray]:
        if not self.made:
            for start in range(0, len(self.x), size):
                yield finite(self.who, "x", self.x[start : start + size], self.dtype, start)
            return
        made = (self.x[number] for number in range(len(self.x))) if numbered(self.x) else self.x
        for batch in islice(made, self.wanted):
            pair = isinstance(batch, tuple) or (isinstance(batch, list) and hasattr(batch[0], "shape"))
            yield inputs(self.who, batch[0] if pair else batch, self.dtype, self.shape)

    def steps(self, size: int) -> int | None:
        if not self.made:
            return -(-len(self.x) // size)
        return self.wanted or (len(self.x) if hasattr(self.x, "__len__") else None)


class Stored:
    """Rows that lie elsewhere, and come in when they are wanted: `fit`, `evaluate` and `predict` take one as x.

    row_shape  of a row as it is stored; a model that wants the same numbers in another shape gets them in that
    """

    row_shape: tuple[int, ...]

    def source(self, who: str, shape: tuple[int, ...], check: Callable[[Any], Examples]) -> Source:
        """Its batches (x, y) or (x, y, weight), each through `check`."""
        raise NotImplementedError(f"{type(self).__name__} must write source(who, shape, check)")

    def inputs(self, who: str, shape: tuple[int, ...], dtype: np.dtype) -> Inputs:
        """What `predict` works on."""
        raise NotImplementedError(f"{type(self).__name__} must write inputs(who, shape, dtype)")


def makes_batches(x: Any) -> bool:
    """Whether x is no array but an object or a generator that yields batches."""
    if isinstance(x, Stored):
        return True
    if isinstance(x, np.ndarray | list | tuple | dict | str) or hasattr(x, "__array__") or hasattr(x, "toarray"):
        return False
    return hasattr(x, "__iter__") or numbered(x)


def numbered(batches: Any) -> bool:
    """Whether each of the batches can be asked for by its number."""
    return hasattr(batches, "__getitem__") and hasattr(batches, "__len__")
