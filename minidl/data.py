"""The border: everything a user hands in is checked and converted here, once. Inside, nothing checks.

Each function takes `who` asks, for its messages: "fit: x has 12 examples, y has 11".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from numbers import Real
from typing import Any

import numpy as np

from . import settings
from .errors import DataError, SettingError, ShapeError


def numeric(who: str, name: str, value: Any) -> np.ndarray:
    """The value as an array of integers, booleans or floats, of whatever dtype and order; a view where it can be."""
    if type(value) is np.ndarray and value.dtype.kind in "biuf":
        return value
    if hasattr(value, "toarray"):
        raise DataError(f"{who}: {name} is a sparse matrix; pass {name}.toarray()")
    if hasattr(value, "mask") and hasattr(value, "filled"):
        raise DataError(f"{who}: {name} is a masked array; drop its masked rows or pass {name}.filled(value)")
    if hasattr(value, "dtypes") and hasattr(value, "to_numpy"):
        return _frame(who, name, value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{who}: {name} is not a rectangular array of numbers ({error})") from None
    if array.dtype.kind not in "biuf":
        got = f"has dtype {array.dtype}" if array.ndim else f"is of type {type(value).__name__}"
        raise DataError(f"{who}: {name} {got}; it must hold real numbers. {_remedy(name, array)}")
    return array


def _remedy(name: str, array: np.ndarray) -> str:
    if array.ndim == 0:
        return "Pass an array, or a list of rows"
    if array.dtype.kind in "US":
        return "Encode strings first, for instance with sklearn.preprocessing.OrdinalEncoder"
    return f"If its entries are numbers, pass {name}.astype(float)"


def _frame(who: str, name: str, frame: Any) -> np.ndarray:
    # a frame of several dtypes would become an array of objects, so its columns are looked at one by one
    columns = frame.dtypes.items() if hasattr(frame.dtypes, "items") else [(name, frame.dtypes)]
    strange = [f"{column} ({dtype})" for column, dtype in columns if getattr(dtype, "kind", "O") not in "biuf"]
    if strange:
        raise DataError(f"{who}: {name} has columns that are not numbers: {', '.join(strange)}; encode or drop them")
    return np.asarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))


def rows(who: str, x: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """x as an array (m, features ...), m > 0, its rows of the shape that the model was built for, if one is given."""
    array = numeric(who, "x", x)
    if array.ndim < 2:
        hint = "For one feature pass x.reshape(-1, 1), for one row x.reshape(1, -1)"
        raise DataError(f"{who}: x has shape {array.shape}, wanted (examples, features). {hint}")
    if array.size == 0:
        raise DataError(f"{who}: x is empty, its shape is {array.shape}; wanted at least one example and one feature")
    if shape is not None and array.shape[1:] != shape:
        got, wanted = _row(array.shape[1:]), _row(shape)
        if array.ndim == 2 and len(shape) == 1:
            wanted = str(shape[0])
        hint = ". Rows are examples: pass x.T" if array.shape[:1] == shape and array.ndim == 2 else ""
        raise ShapeError(f"{who}: x has {got} a row, this model was built for {wanted}{hint}")
    return array


def _row(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} feature{'s' * (shape[0] != 1)}" if len(shape) == 1 else f"shape {shape}"


def finite(who: str, name: str, array: np.ndarray, dtype: np.dtype, start: int = 0) -> np.ndarray:
    """The array in the model's dtype, C-ordered, all finite; a view that cannot be written to if it is that already.

    start  the number of its first row
    """
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.asarray(array, dtype=dtype, order="C")
        if converted is array:
            converted = array.view()
            converted.flags.writeable = False  # it is the caller's: a layer that writes into x is told so by NumPy
        flat = converted.reshape(-1)
        # the cheapest look first: a NaN or an Inf shows in the sum of squares
        if array.dtype.kind in "biu" or math.isfinite(flat.dot(flat)):
            return converted
    strange = ~np.isfinite(converted)
    if not strange.any():
        return converted
    place = [int(i) for i in np.argwhere(strange)[0]]
    value, count = array[tuple(place)], np.count_nonzero(strange)
    place[0] += start
    too_large = f", too large for {dtype}" if np.isfinite(value) else ""
    others = f" ({count} such values in all)" if count > 1 else ""
    raise DataError(f"{who}: {name}{place} is {value}{too_large}{others}; every value must be finite")


def inputs(who: str, x: Any, dtype: np.dtype, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """x, checked and converted: (m, features ...)."""
    return finite(who, "x", rows(who, x, shape), dtype)


def target_rows(who: str, y: Any, x: np.ndarray) -> np.ndarray:
    """y as an array (m, numbers). (m,) means (m, 1), so that nothing inside ever broadcasts."""
    if y is None:
        raise DataError(f"{who}: y is missing; call {who}(x, y)")
    array = numeric(who, "y", y)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 0 or len(array) != len(x):
        count = len(array) if array.ndim else "no"
        raise DataError(f"{who}: x has {len(x)} examples, y has {count}{_turned(x, array)}")
    if array.size == 0:
        raise DataError(f"{who}: y is empty, its shape is {array.shape}; wanted one number for each output")
    return array


def _turned(x: np.ndarray, y: np.ndarray) -> str:
    """The remedy where columns are examples in x, in y, or in both."""
    for turned, (a, b) in {"x.T": (x.T, y), "y.T": (x, y.T), "x.T and y.T": (x.T, y.T)}.items():
        if x.ndim == y.ndim == 2 and len(a) == len(b):
            return f". Rows are examples: pass {turned}"
    return ""


def targets(who: str, y: np.ndarray, labels: str, dtype: np.dtype) -> np.ndarray:
    """y in the model's dtype, all finite and in the interval of the loss's labels."""
    converted = finite(who, "y", y, dtype)
    low, high = (float(end) for end in labels[1:-1].split(","))
    if converted.min() < low or converted.max() > high:
        wrong = float(converted[(converted < low) | (converted > high)][0])
        raise DataError(f"{who}: y holds {wrong:g}, but labels for this loss must be in {labels}")
    return converted


def same_width(who: str, y: np.ndarray, output_shape: tuple[int, ...], sparse: bool = False) -> None:
    """Refuse targets that have not one number for each output; sparse: that are not one class number a row."""
    if len(output_shape) != 1:
        raise ShapeError(f"{who}: a loss takes rows of numbers, the model puts out shape {output_shape}; add Flatten()")
    wanted = (1,) if sparse else output_shape
    if y.shape[1:] != wanted:
        got, puts_out = (" x ".join(str(n) for n in shape) for shape in (y.shape[1:], output_shape))
        if sparse:
            remedy = "for one-hot rows use CategoricalCrossentropy, or pass y.argmax(axis=1)"
            raise ShapeError(f"{who}: y has {got} numbers a row, this loss wants the class alone; {remedy}")
        hint = ""
        if y.shape[1:] == (1,):
            hint = ". If they are class numbers: SparseCategoricalCrossentropy takes them as they are"
        raise ShapeError(f"{who}: y has {got} numbers a row, the model puts out {puts_out}{hint}")
    if sparse:
        strange = (y < 0) | (y >= output_shape[0]) | (y != np.floor(y))
        if strange.any():
            wrong, last = float(y[strange][0]), output_shape[0] - 1
            raise DataError(f"{who}: y holds {wrong:g}; the model puts out {last + 1} classes, numbered 0 to {last}")


def triple(who: str, given: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a pair or a triple."""
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise DataError(f"{who}: a batch must be (x, y) or (x, y, sample_weight), got {type(given).__name__}")
    return (*given, None)[:3]


def weights(who: str, sample_weight: Any, class_weight: Mapping[int, float] | None, y: np.ndarray) -> np.ndarray | None:
    """The weight of each row (m,): sample_weight times the weight of the row's class; None if neither is given."""
    if sample_weight is None and class_weight is None:
        return None
    weight = np.ones(len(y), y.dtype)
    if sample_weight is not None:
        given = numeric(who, "sample_weight", sample_weight)
        if given.shape not in ((len(y),), (len(y), 1)):
            raise DataError(f"{who}: sample_weight has shape {given.shape}, wanted one weight a row: ({len(y)},)")
        weight = weight * finite(who, "sample_weight", given.reshape(-1), y.dtype)
    if class_weight is not None:
        weight = weight * _of_classes(who, class_weight, y)
    if (weight < 0).any():
        raise DataError(f"{who}: weights must be >= 0, got {float(weight.min()):g}")
    return weight


def _of_classes(who: str, class_weight: Mapping[int, float], y: np.ndarray) -> np.ndarray:
    if not isinstance(class_weight, Mapping):
        raise SettingError(f"{who}: class_weight must be a dict such as {{0: 1.0, 1: 5.0}}, got {class_weight!r}")
    classes = np.rint(y[:, 0]) if y.shape[1] == 1 else y.argmax(axis=1)
    weight = np.ones(len(y), y.dtype)
    for label, value in class_weight.items():
        if isinstance(label, bool) or not isinstance(label, Real) or label % 1 != 0:  # it would match no row
            raise SettingError(f"{who}: class_weight must have whole numbers for keys, the classes, got {label!r}")
        weight[classes == label] = settings.number(who, f"class_weight[{label}]", value, "[0, inf)")
    return weight


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
        self.wanted = None if steps is None else settings.integer(who, "steps", steps, 1)
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
