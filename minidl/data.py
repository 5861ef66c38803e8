"""The border: everything a user hands in is checked and converted here, once. Inside, nothing checks.

Each function takes `who` asks, for its messages: "fit: x has 12 examples, y has 11".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import settings
from .errors import DataError, SettingError, ShapeError


def numeric(who: str, name: str, value: Any) -> np.ndarray:
    """The value as an array of integers, booleans or floats, of whatever dtype and order; a view where it can be."""
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
        raise DataError(f"{who}: {name} has dtype {array.dtype}; it must hold real numbers. {_remedy(name, array)}")
    return array


def _remedy(name: str, array: np.ndarray) -> str:
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
    """X as an array (m, features ...), m > 0, its rows of the shape that the model was built for, if one is given."""
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
    """The array in the model's dtype, C-ordered (itself, if it is that already), all finite. `start`: its first row."""
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.asarray(array, dtype=dtype, order="C")
        if math.isfinite(np.add.reduce(converted, axis=None)):  # one NaN or Inf would make the sum one
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


def targets(who: str, y: Any, x: np.ndarray, labels: str, dtype: np.dtype) -> np.ndarray:
    """y, checked and converted: (m, outputs). (m,) means (m, 1), so that nothing inside ever broadcasts."""
    if y is None:
        raise DataError(f"{who}: y is missing; call {who}(x, y)")
    array = numeric(who, "y", y)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 0 or len(array) != len(x):
        count = len(array) if array.ndim else "no"
        hint = ". Rows are examples: pass y.T" if array.ndim == 2 and array.shape[1] == len(x) else ""
        raise DataError(f"{who}: x has {len(x)} examples, y has {count}{hint}")
    if array.size == 0:
        raise DataError(f"{who}: y is empty, its shape is {array.shape}; wanted one number for each output")
    converted = finite(who, "y", array, dtype)
    low, high = (float(end) for end in labels[1:-1].split(","))
    if converted.min() < low or converted.max() > high:
        wrong = float(converted[(converted < low) | (converted > high)][0])
        raise DataError(f"{who}: y holds {wrong:g}, but labels for this loss must be in {labels}")
    return converted


def same_width(who: str, y: np.ndarray, output_shape: tuple[int, ...]) -> None:
    """Refuse targets that have not one number for each of the model's outputs."""
    if y.shape[1:] != output_shape:
        got, puts_out = (" x ".join(str(n) for n in shape) for shape in (y.shape[1:], output_shape))
        raise ShapeError(f"{who}: y has {got} numbers a row, the model puts out {puts_out}")


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
    classes = y[:, 0].astype(int) if y.shape[1] == 1 else y.argmax(axis=1)
    weight = np.ones(len(y), y.dtype)
    for label, value in class_weight.items():
        settings.number(who, "a label in class_weight", label, "[0, inf)")  # "1" would match no row
        weight[classes == label] = settings.number(who, f"class_weight[{label}]", value, "[0, inf)")
    return weight


@dataclass
class Examples:
    """Checked examples in the model's dtype: x (m, features ...), y (m, outputs), weight (m,) or None."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, part: Any) -> Examples:
        """Some of the rows: a view for a slice, a copy for an array of indices."""
        if isinstance(part, slice):
            return Examples(self.x[part], self.y[part], None if self.weight is None else self.weight[part])
        weight = None if self.weight is None else self.weight.take(part)
        return Examples(self.x.take(part, axis=0), self.y.take(part, axis=0), weight)

    def batches(self, size: int, rng: np.random.Generator | None = None) -> Iterator[Examples]:
        """All rows in batches of a size, the last one smaller; in an order drawn from rng, if one is given.

        A batch that takes in everything is the whole, in its own order: nothing is drawn and nothing copied.
        """
        if size >= len(self):
            yield self
        elif rng is None:
            for start in range(0, len(self), size):
                yield self[start : start + size]
        else:
            order = rng.permutation(len(self))
            for start in range(0, len(self), size):
                yield self[order[start : start + size]]

    def split(self, who: str, fraction: float) -> tuple[Examples, Examples]:
        """(all but the last fraction of the rows, the last fraction), as Keras's validation_split."""
        at = int(len(self) * (1 - fraction))
        if not 0 < at < len(self):
            raise SettingError(f"{who}: validation_split={fraction} of {len(self)} examples leaves one side empty")
        return self[:at], self[at:]


def steps(rows: int, batch_size: int) -> int:
    """How many batches there are in an epoch."""
    return -(-rows // batch_size)
