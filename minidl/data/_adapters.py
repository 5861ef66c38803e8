"""Adapters make sources of batches from the data that users pass: arrays, frames, generators, sequences, files.

`adapt` reads just enough to know the shape of a row of x and the first y. From these the model makes a `DataSpec`, and
`adapter.source(spec)` checks the data against it. So data flows in one direction.

Here x and y are the arguments of `fit`. `Inputs` are rows of x without y, for `predict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..layers import fits, has_any_length
from ..validation import Interval, check_integer
from ._batches import BatchStream, Examples, IntegerExamples, Source, is_indexed
from ._validation import (
    array_inputs,
    inputs,
    numbers,
    output_weights,
    row_weights,
    rows,
    shaped_targets,
    target_rows,
    targets,
    unpack_batch,
    with_column,
)

ClassWeight = Mapping[int, float] | None
Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]


@dataclass(frozen=True)
class DataSpec:
    """The shapes, dtype and labels that a model expects of its data.

    row_shape, output_shape  of one row of x, of one row of the model's outputs
    labels                   the interval that the values of y must lie in
    target_shape             of one row of y; no numbers if y is not needed
    sparse                   True if a row of y is one class number, not a number for each output
    outputs                  of a model with several outputs: name and expectations of each; side by side in y
    any_width                True if a row of y may have as many numbers as the loss likes
    takes_labels             True if class labels in y become rows with a 1 at the class
    vocabulary               n if x holds ids 0, ..., n - 1, which stay integers
    """

    dtype: np.dtype[Any]
    row_shape: Shape
    output_shape: Shape
    labels: Interval
    target_shape: Shape
    sparse: bool
    outputs: tuple[tuple[str, DataSpec], ...] = ()
    any_width: bool = False
    takes_labels: bool = False
    vocabulary: int | None = None

    @property
    def steps(self) -> int | None:
        """The number of steps in a row of x, if rows are sequences."""
        is_sequence = len(self.row_shape) == (2 if self.vocabulary is None else 1)
        return self.row_shape[0] if is_sequence else None

    def examples(self, who: str, x: Any, y: Any, sample_weight: Any, class_weight: ClassWeight = None) -> Examples:
        """Check and convert rows in any form that users pass."""
        x = inputs(who, x, self.dtype, self.row_shape, self.vocabulary)
        return self.join(who, x, target_rows(who, y, x), shapes_of(y), sample_weight, class_weight)

    def join(
        self, who: str, x: np.ndarray, y: np.ndarray, shapes: Shapes, sample_weight: Any, class_weight: ClassWeight
    ) -> Examples:
        """Check y and the weights, and join them to an x from `array_inputs`. shapes: as in `Adapter`."""
        spec = self._for_rows(x, y) if has_any_length((self.row_shape, self.output_shape)) else self
        y = spec._targets(who, y, shapes)
        if spec.outputs:
            outputs = [part.output_shape for _, part in spec.outputs]
            weight = output_weights(who, sample_weight, y, outputs, shapes_of(sample_weight))
        else:
            weight = row_weights(who, sample_weight, class_weight, y, spec.output_shape[:-1])
        if x.dtype == self.dtype or self.vocabulary is not None:
            return Examples(x, y, weight)
        return IntegerExamples(x, y, weight, dtype=self.dtype)

    def _for_rows(self, x: np.ndarray, y: np.ndarray) -> DataSpec:
        """The same for rows of these lengths, and targets of theirs: the loss compares them with the outputs."""
        has_all_axes = y.ndim > len(self.target_shape) or self.takes_labels or self.target_shape[-1:] == (1,)
        given = dict(enumerate(y.shape[1:])) if has_all_axes else {}

        def filled(shape: Shape) -> Shape:
            return tuple(given.get(axis) if n is None else n for axis, n in enumerate(shape))

        output_shape, target_shape = filled(self.output_shape), filled(self.target_shape)
        return replace(self, row_shape=x.shape[1:], output_shape=output_shape, target_shape=target_shape)

    def _targets(self, who: str, y: np.ndarray, shapes: Shapes) -> np.ndarray:
        if not self.outputs:
            return self._targets_of_one(who, y)
        shapes = shapes or tuple(spec.target_shape for _, spec in self.outputs)
        wanted = [math.prod(shape) for shape in shapes]
        if y.shape[1:] != (sum(wanted),):
            needs = ", ".join(f"{name} {width}" for (name, _), width in zip(self.outputs, wanted, strict=True))
            raise ShapeError(
                f"{who}: y has rows of shape {y.shape[1:]}, the outputs take {sum(wanted)} numbers: {needs}"
            )
        parts = zip(self.outputs, np.split(y, np.cumsum(wanted)[:-1], axis=1), shapes, strict=True)
        checked = [
            spec._targets(f"{who}: output {name}", part.reshape(len(y), *shape), ())
            for (name, spec), part, shape in parts
        ]
        return np.concatenate([part.reshape(len(y), -1) for part in checked], axis=1)

    def _targets_of_one(self, who: str, y: np.ndarray) -> np.ndarray:
        if 0 in self.target_shape:
            return y.reshape(len(y), -1)[:, :0].astype(self.dtype)
        if not y.size:
            raise DataError(f"{who}: its targets are missing, which its loss or its metrics need")
        labels = (*self.output_shape[:-1], 1)
        if self.takes_labels and y.shape[1:] in (labels, labels[:-1]) and labels != self.output_shape:
            y = shaped_targets(who, y, self.output_shape, sparse=True) == np.arange(self.output_shape[-1])
        if self.any_width:
            y = with_column(y, self.output_shape)
        else:
            y = shaped_targets(who, y, self.output_shape, self.sparse, self.steps)
        return targets(who, y, self.labels, self.dtype)


class Joined(np.ndarray):
    """The targets of several outputs, or their weights, side by side (m, numbers).   shapes: of the rows of each."""

    shapes: Shapes = ()


def shapes_of(given: Any) -> Shapes:
    """Return the shapes of the rows of each output; () if the array is not made of several parts."""
    return given.shapes if isinstance(given, Joined) else ()


class DiskData:
    """Rows that are loaded or made on demand: `fit`, `evaluate` and `predict` take such an object as x.

    row_shape  of a row as it is stored; a model that takes rows of the same size in another shape gets them in its own
    """

    row_shape: Shape

    def first(self, who: str) -> tuple[Any, Any, Any]:
        """Return (x, y, sample_weight) of the first row, each with an axis of length 1 in front."""
        raise NotImplementedError(f"{type(self).__name__} must write first(who)")

    def source(self, who: str, spec: DataSpec, class_weight: ClassWeight) -> Source:
        """Return the source of its batches, which are checked against the spec."""
        raise NotImplementedError(f"{type(self).__name__} must write source(who, spec, class_weight)")

    def inputs(self, who: str, row_shape: Shape, dtype: np.dtype[Any], vocabulary: int | None) -> Inputs:
        """Return its rows of x as Inputs, for `predict`. vocabulary: n if x holds ids 0, ..., n - 1."""
        raise NotImplementedError(f"{type(self).__name__} must write inputs(who, row_shape, dtype, vocabulary)")

    def fitting_shape(self, who: str, name: str, row_shape: Shape) -> Shape:
        """Return the shape in which a model takes the rows. Raise ShapeError unless it has as many numbers as a row."""
        if fits(self.row_shape, row_shape):
            return self.row_shape
        if None in row_shape or math.prod(row_shape) != math.prod(self.row_shape):
            raise ShapeError(f"{who}: {name} has rows of shape {self.row_shape}, this model was built for {row_shape}")
        return row_shape


# ---- x with y, for fit and evaluate


class Adapter(NamedTuple):
    """The x and y that a user passed.

    row_shape  of x as the user passed it
    targets    all of y, or that of the first batch, as (m, ...); None for a Source
    shapes     of the rows of each output in it, if the targets of several outputs were passed by output
    source     makes the source of batches, checked against the DataSpec
    stored     True for a DiskData, whose rows the model can get in another shape
    """

    row_shape: Shape
    targets: np.ndarray | None
    source: Callable[[DataSpec], Source]
    stored: bool = False
    shapes: Shapes = ()


def adapt(
    who: str,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: ClassWeight = None,
    steps: int | None = None,
    *,
    dtype: np.dtype[Any],
    row_shape: Shape | None,
    vocabulary: int | None = None,
) -> Adapter:
    """Return the adapter of x, which may be an array, a frame, batches, a DiskData or a Source.

    row_shape   the shape that rows of x must have, None if the model is not built
    vocabulary  n if x holds ids 0, ..., n - 1
    """
    steps = None if steps is None else check_integer(who, _steps_argument(who), steps, 1)
    if not (isinstance(x, Source) or yields_batches(x)):
        _check_no_steps(who, steps)
        x = array_inputs(who, x, dtype, row_shape, vocabulary)
        shapes, y = shapes_of(y), target_rows(who, y, x)
        join = (sample_weight, class_weight)
        return Adapter(x.shape[1:], y, lambda spec: spec.join(who, x, y, shapes, *join), shapes=shapes)
    if y is not None or sample_weight is not None:
        raise DataError(f"{who}: x yields batches, so y and sample_weight come with them: (x, y) or (x, y, weight)")
    if isinstance(x, Source):
        if class_weight is not None or steps is not None:
            raise SettingError(f"{who}: {type(x).__name__} has its own weights and batches: pass x alone")
        return Adapter(x.row_shape, None, lambda spec: x)
    if isinstance(x, DiskData):
        _check_no_steps(who, steps, x)
        first, y, _ = x.first(who)
        y = target_rows(who, y, inputs(who, first, dtype))
        return Adapter(x.row_shape, y, lambda spec: x.source(who, spec, class_weight), stored=True)
    return _adapt_stream(who, BatchStream(who, x, steps), class_weight, dtype, row_shape)


def _adapt_stream(
    who: str, stream: BatchStream, class_weight: ClassWeight, dtype: np.dtype[Any], row_shape: Shape | None
) -> Adapter:
    x, y, _ = unpack_batch(who, stream.first)
    x = inputs(who, x, dtype, row_shape)

    def source(spec: DataSpec) -> Source:
        stream.check = lambda batch: spec.examples(who, *unpack_batch(who, batch), class_weight)
        stream.check(stream.first)
        return stream

    return Adapter(x.shape[1:], target_rows(who, y, x), source, shapes=shapes_of(y))


def adapt_validation(given: Any, steps: int | None, spec: DataSpec) -> Adapter:
    """Return the adapter of validation_data: (x, y), (x, y, sample_weight), or an object that yields such batches."""
    who = "fit (validation_data)"
    expected: Any = {"dtype": spec.dtype, "row_shape": spec.row_shape, "vocabulary": spec.vocabulary}
    if yields_batches(given):
        return adapt(who, given, steps=steps, **expected)
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise DataError("fit: validation_data must be (x, y) or (x, y, sample_weight), or yield such batches")
    return adapt(who, *unpack_batch(who, given), steps=steps, **expected)


# ---- x without y, for predict


class Inputs(NamedTuple):
    """Rows of x for `predict`.

    rows     their number, None if it is unknown before the end
    steps    the number of batches of a size, None if it is unknown
    batches  yields checked batches of a size
    """

    rows: int | None
    steps: Callable[[int], int | None]
    batches: Callable[[int], Iterator[np.ndarray]]


def peek(who: str, x: Any, dtype: np.dtype[Any]) -> tuple[Any, Shape, bool]:
    """Return x, the shape of its rows, and whether they are stored. Of a generator, a new one with all batches."""
    if not yields_batches(x):
        return x, array_inputs(who, x, dtype).shape[1:], False
    if isinstance(x, DiskData):
        return x, x.row_shape, True
    first = x[0] if is_indexed(x) else next(iter(x), None)
    if first is None:
        raise DataError(f"{who}: there are no batches in {type(x).__name__}")
    shape = inputs(who, _without_targets(first), dtype).shape[1:]
    return chain([first], x) if isinstance(x, Iterator) else x, shape, False


def adapt_inputs(
    who: str,
    x: Any,
    steps: int | None,
    *,
    dtype: np.dtype[Any],
    row_shape: Shape | None,
    vocabulary: int | None = None,
) -> Inputs:
    """Return the Inputs of the x that a user passes to `predict`."""
    convert = partial(numbers, who, "x", dtype=dtype, vocabulary=vocabulary)
    if not yields_batches(x):
        _check_no_steps(who, steps)
        x = rows(who, x, row_shape)
        return Inputs(len(x), lambda size: -(-len(x) // size), lambda size: _array_batches(x, convert, size))
    if isinstance(x, DiskData):
        _check_no_steps(who, steps, x)
        return x.inputs(who, row_shape or (), dtype, vocabulary)
    limit = None if steps is None else check_integer(who, _steps_argument(who), steps, 1)
    lengths = [n for n in (limit, len(x) if hasattr(x, "__len__") else None) if n is not None]
    length = min(lengths, default=None)
    return Inputs(None, lambda size: length, lambda size: _stream_batches(who, x, convert, row_shape, limit))


def _array_batches(x: np.ndarray, convert: Callable[..., np.ndarray], size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(x), size):
        yield convert(x[start : start + size], start=start)


def _stream_batches(
    who: str, given: Any, convert: Callable[..., np.ndarray], row_shape: Shape | None, limit: int | None
) -> Iterator[np.ndarray]:
    """Yield the checked x of each batch, which is x or (x, y)."""
    for batch in islice((given[i] for i in range(len(given))) if is_indexed(given) else given, limit):
        yield convert(rows(who, _without_targets(batch), row_shape))


def _without_targets(batch: Any) -> Any:
    """The x of a batch x or (x, y)."""
    pair = isinstance(batch, tuple) or (isinstance(batch, list) and hasattr(batch[0], "shape"))
    return batch[0] if pair else batch


# ---- what users pass


def _steps_argument(who: str) -> str:
    """Return the name that the caller gives to its number of batches."""
    return {"fit": "steps_per_epoch", "fit (validation_data)": "validation_steps"}.get(who, "steps")


def _check_no_steps(who: str, steps: int | None, data: DiskData | None = None) -> None:
    """Raise SettingError if a number of steps is given for data whose number of rows is known."""
    if steps is not None:
        name, given = _steps_argument(who), "arrays" if data is None else type(data).__name__
        raise SettingError(f"{who}: {name} is only for x that yields batches; with {given} use batch_size")


def yields_batches(x: Any) -> bool:
    """Return True if x is an object or a generator that yields batches, not an array or a frame."""
    if isinstance(x, np.ndarray | list | tuple | dict | str) or hasattr(x, "__array__") or hasattr(x, "toarray"):
        return False
    return isinstance(x, DiskData) or hasattr(x, "__iter__") or is_indexed(x)
