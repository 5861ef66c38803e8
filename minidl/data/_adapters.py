"""From what users pass to sources of batches: arrays and frames, generators and sequences, datasets on disk.

`adapt` looks at the data far enough to know the shape of a row and the first targets. From these the model makes a
`DataSpec`, and `adapter.source(spec)` checks the data against it. So data only ever goes one way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from ..validation import Interval, check_integer
from ._batches import BatchStream, Examples, RawBatches, Source, is_indexed
from ._validation import check_width, finite, inputs, row_weights, rows, target_rows, targets, unpack_batch

ClassWeight = Mapping[int, float] | None


@dataclass(frozen=True)
class DataSpec:
    """What a model expects of its data.

    row_shape, output_shape  of one row of x, of one row of the model's outputs
    labels                   the interval that targets lie in
    sparse                   True if a target is one class number, not a number for each output
    """

    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    labels: Interval
    sparse: bool

    def examples(self, who: str, x: Any, y: Any, sample_weight: Any, class_weight: ClassWeight = None) -> Examples:
        """Check and convert rows in any form that users pass."""
        x = inputs(who, x, self.dtype, self.row_shape)
        return self.join(who, x, target_rows(who, y, x), sample_weight, class_weight)

    def join(self, who: str, x: np.ndarray, y: np.ndarray, sample_weight: Any, class_weight: ClassWeight) -> Examples:
        """Check targets and weights for inputs x that are checked."""
        check_width(who, y, self.output_shape, self.sparse)
        y = targets(who, y, self.labels, self.dtype)
        return Examples(x, y, row_weights(who, sample_weight, class_weight, y))


class DiskData:
    """Rows stored outside memory, loaded on demand: `fit`, `evaluate` and `predict` take such an object as x.

    row_shape  of a row as it is stored; a model that takes the same numbers in another shape gets them in that shape
    """

    row_shape: tuple[int, ...]

    def first(self, who: str) -> tuple[Any, Any, Any]:
        """Return (x, y, sample_weight) of the first row, each with an axis of length 1 in front."""
        raise NotImplementedError(f"{type(self).__name__} must write first(who)")

    def source(self, who: str, spec: DataSpec, class_weight: ClassWeight) -> Source:
        """Return its batches, checked against the spec."""
        raise NotImplementedError(f"{type(self).__name__} must write source(who, spec, class_weight)")

    def inputs(self, who: str, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> Inputs:
        """Return its rows of x for `predict`."""
        raise NotImplementedError(f"{type(self).__name__} must write inputs(who, row_shape, dtype)")


# ---- data with targets, for fit and evaluate


@dataclass
class ArrayAdapter:
    """Rows in memory."""

    who: str
    x: np.ndarray
    targets: np.ndarray
    sample_weight: Any
    class_weight: ClassWeight
    stored: bool = field(default=False, init=False)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    def source(self, spec: DataSpec) -> Source:
        return spec.join(self.who, self.x, self.targets, self.sample_weight, self.class_weight)


class BatchAdapter:
    """Batches that somebody else makes, each of them (x, y) or (x, y, sample_weight)."""

    stored = False

    def __init__(
        self, who: str, batches: Any, class_weight: ClassWeight, steps: int | None, dtype: Any, row_shape: Any
    ) -> None:
        self.who, self.raw, self.class_weight, self.steps = who, RawBatches(who, batches), class_weight, steps
        x, y, weight = unpack_batch(who, self.raw.first())
        x = inputs(who, x, dtype, row_shape)
        self.first, self.row_shape = ArrayAdapter(who, x, target_rows(who, y, x), weight, class_weight), x.shape[1:]

    @property
    def targets(self) -> np.ndarray:
        return self.first.targets

    def source(self, spec: DataSpec) -> Source:
        first = spec.join(self.who, self.first.x, self.targets, self.first.sample_weight, self.class_weight)

        def check(batch: Any) -> Examples:
            return spec.examples(self.who, *unpack_batch(self.who, batch), self.class_weight)

        return BatchStream(self.raw, first, check, self.steps)


class DiskAdapter:
    """Rows of a DiskData."""

    stored = True  # the model may ask for the numbers of a row in another shape

    def __init__(self, who: str, data: DiskData, class_weight: ClassWeight, dtype: Any) -> None:
        self.who, self.data, self.class_weight, self.row_shape = who, data, class_weight, data.row_shape
        x, y, _ = data.first(who)
        self.targets = target_rows(who, y, inputs(who, x, dtype))

    def source(self, spec: DataSpec) -> Source:
        return self.data.source(self.who, spec, self.class_weight)


@dataclass
class SourceAdapter:
    """A Source, whose batches need no check."""

    given: Source
    targets: None = field(default=None, init=False)
    stored: bool = field(default=False, init=False)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.given.row_shape

    def source(self, spec: DataSpec) -> Source:
        return self.given


Adapter = ArrayAdapter | BatchAdapter | DiskAdapter | SourceAdapter


def adapt(
    who: str,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: ClassWeight = None,
    steps: int | None = None,
    *,
    dtype: np.dtype[Any],
    row_shape: tuple[int, ...] | None,
) -> Adapter:
    """Return the adapter for what a user passes as x: arrays, batches, a DiskData or a Source.

    row_shape  the shape that rows of x must have, None if the model is not built
    """
    steps = None if steps is None else check_integer(who, "the number of steps", steps, 1)
    if not (isinstance(x, Source) or yields_batches(x)):
        if steps is not None:
            raise SettingError(f"{who}: steps is only for batch sources; use batch_size with arrays")
        x = inputs(who, x, dtype, row_shape)
        return ArrayAdapter(who, x, target_rows(who, y, x), sample_weight, class_weight)
    if y is not None or sample_weight is not None:
        raise DataError(f"{who}: x yields batches, so y and sample_weight come with them: (x, y) or (x, y, weight)")
    if isinstance(x, Source):
        if class_weight is not None or steps is not None:
            raise SettingError(f"{who}: {type(x).__name__} has its own weights and batches: pass x alone")
        return SourceAdapter(x)
    if isinstance(x, DiskData):
        check_no_steps(who, x, steps)
        return DiskAdapter(who, x, class_weight, dtype)
    return BatchAdapter(who, x, class_weight, steps, dtype, row_shape)


def adapt_validation(given: Any, steps: int | None, dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> Adapter:
    """Return the adapter for validation_data: (x, y), (x, y, sample_weight), or what yields such batches."""
    who = "fit (validation_data)"
    if yields_batches(given):
        return adapt(who, given, steps=steps, dtype=dtype, row_shape=row_shape)
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise DataError("fit: validation_data must be (x, y) or (x, y, sample_weight), or yield such batches")
    return adapt(who, *unpack_batch(who, given), steps=steps, dtype=dtype, row_shape=row_shape)


# ---- data without targets, for predict


class Inputs:
    """Rows of x for `predict`, in batches.

    rows  their number, None if it is unknown before the end
    """

    rows: int | None

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield checked batches of `size` rows."""
        raise NotImplementedError(f"{type(self).__name__} must write batches(size)")

    def steps(self, size: int) -> int | None:
        """Return the number of batches, None if it is unknown before the end."""
        raise NotImplementedError(f"{type(self).__name__} must write steps(size)")


class ArrayInputs(Inputs):
    """An array in memory. Each batch is checked when its turn comes."""

    def __init__(self, who: str, x: Any, row_shape: tuple[int, ...] | None, dtype: np.dtype[Any]) -> None:
        self.who, self.x, self.dtype = who, rows(who, x, row_shape), dtype
        self.rows = len(self.x)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(self.x), size):
            yield finite(self.who, "x", self.x[start : start + size], self.dtype, start)

    def steps(self, size: int) -> int:
        return -(-len(self.x) // size)


class BatchInputs(Inputs):
    """Batches x, or (x, y) whose y is left aside."""

    rows = None

    def __init__(
        self, who: str, batches: Any, row_shape: tuple[int, ...] | None, dtype: np.dtype[Any], steps: int | None
    ) -> None:
        self.who, self.given, self.row_shape, self.dtype, self.limit = who, batches, row_shape, dtype, steps

    def batches(self, size: int) -> Iterator[np.ndarray]:
        given = self.given
        for batch in islice((given[i] for i in range(len(given))) if is_indexed(given) else given, self.limit):
            pair = isinstance(batch, tuple) or (isinstance(batch, list) and hasattr(batch[0], "shape"))
            yield inputs(self.who, batch[0] if pair else batch, self.dtype, self.row_shape)

    def steps(self, size: int) -> int | None:
        return self.limit or (len(self.given) if hasattr(self.given, "__len__") else None)


def adapt_inputs(
    who: str, x: Any, steps: int | None, *, dtype: np.dtype[Any], row_shape: tuple[int, ...] | None
) -> Inputs:
    """Return the inputs for what a user passes to `predict`."""
    if isinstance(x, DiskData):
        check_no_steps(who, x, steps)
        return x.inputs(who, row_shape or (), dtype)
    steps = None if steps is None else check_integer(who, "steps", steps, 1)
    if yields_batches(x):
        return BatchInputs(who, x, row_shape, dtype, steps)
    if steps is not None:
        raise SettingError(f"{who}: steps is only for batch sources; use batch_size with arrays")
    return ArrayInputs(who, x, row_shape, dtype)


# ---- what users pass


def check_no_steps(who: str, data: DiskData, steps: int | None) -> None:
    """Raise SettingError if a number of steps is given for data that has a last row."""
    if steps is not None:
        raise SettingError(f"{who}: steps is for x without an end; {type(data).__name__} takes batch_size")


def yields_batches(x: Any) -> bool:
    """Return True if x is an object or a generator that yields batches, not an array or a frame."""
    if isinstance(x, DiskData):
        return True
    if isinstance(x, np.ndarray | list | tuple | dict | str) or hasattr(x, "__array__") or hasattr(x, "toarray"):
        return False
    return hasattr(x, "__iter__") or is_indexed(x)
