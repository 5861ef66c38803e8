"""Checks and conversions of the arrays that users pass, done once, before the layers get them.

Each function takes the caller's name for its messages: "fit: x has 12 examples, y has 11".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..layers import fits
from ..validation import Interval, check_ids, check_real

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]

RAGGED = "pad_sequences makes one array of rows of several lengths"


def numeric(who: str, name: str, value: Any) -> np.ndarray:
    """Return the value as an array of integers, booleans or floats, without a copy if possible."""
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
        raise DataError(f"{who}: {name} is not a rectangular array of numbers ({error}); {RAGGED}") from None
    if array.dtype.kind not in "biuf":
        got = f"has dtype {array.dtype}" if array.ndim else f"is of type {type(value).__name__}"
        raise DataError(f"{who}: {name} {got}; it must hold real numbers. {_remedy(name, array)}")
    return array


def _remedy(name: str, array: np.ndarray) -> str:
    if array.ndim == 0:
        return "Pass an array, or a list of rows"
    if _holds_rows(array):
        return f"Its entries are lists: {RAGGED}"
    if array.dtype.kind in "UST" or any(isinstance(entry, str) for entry in array.flat):
        encoder = "LabelEncoder" if name == "y" else "OrdinalEncoder"
        texts = "" if name == "y" else "; texts with minidl.text.TextVectorization"
        return f"Encode strings first, for instance with sklearn.preprocessing.{encoder}{texts}"
    return f"If its entries are numbers, pass {name}.astype(float)"


def _holds_rows(array: np.ndarray) -> bool:
    """Return True for an array of objects whose entries are lists or arrays, rows of several lengths."""
    return any(isinstance(entry, list | tuple | np.ndarray) for entry in array.flat)


def _frame(who: str, name: str, frame: Any) -> np.ndarray:
    # a frame of several dtypes would become an array of objects, so each column is checked
    columns = frame.dtypes.items() if hasattr(frame.dtypes, "items") else [(name, frame.dtypes)]
    strange = [f"{column} ({dtype})" for column, dtype in columns if getattr(dtype, "kind", "O") not in "biuf"]
    if strange:
        remedy = RAGGED if _holds_rows(np.asarray(frame.to_numpy())) else "encode or drop them"
        raise DataError(f"{who}: {name} has columns that are not numbers: {', '.join(strange)}; {remedy}")
    return np.asarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))


def rows(who: str, x: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return x as an array (m, features ...), m > 0, whose rows have the given shape, that of the built model."""
    array = numeric(who, "x", x)
    if array.ndim < 2:
        hint = "For one feature pass x.reshape(-1, 1), for one row x.reshape(1, -1)"
        raise DataError(f"{who}: x has shape {array.shape}, wanted (examples, features). {hint}")
    if array.size == 0:
        wanted = "wanted at least one example and one feature, and one step in sequences"
        raise DataError(f"{who}: x is empty, its shape is {array.shape}; {wanted}")
    if shape is not None and not fits(array.shape[1:], shape):
        got, wanted = _row(array.shape[1:]), _row(shape)
        if array.ndim == 2 and len(shape) == 1 and None not in shape:
            wanted = str(shape[0])
        raise ShapeError(
            f"{who}: x has {got} a row, this model was built for {wanted}{_shape_hint(array.shape, shape)}"
        )
    return array


def _shape_hint(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Return the remedy for columns in the place of rows, one row alone, sequences, and images with other channels."""
    if given[:1] == shape and len(given) == 2:
        return ". Rows are examples: pass x.T"
    if given == shape:
        return ". For one row pass x[None]"
    if (*given[1:], 1) == shape:
        return ". Add the axis of channels: pass x[..., None]"
    if len(shape) == len(given) - 1 == 2 and given[-1] == shape[-1]:
        return f". For sequences of any length begin the model with Input((None, {shape[-1]}))"
    if len(shape) == 3 and given[1:] == (shape[2], *shape[:2]):
        return ". minidl has channels last: pass x.transpose(0, 2, 3, 1)"
    return ""


def _row(shape: tuple[int, ...]) -> str:
    if None in shape:
        return f"rows of shape {shape}, None for any length"
    return f"{shape[0]} feature{'s' * (shape[0] != 1)}" if len(shape) == 1 else f"shape {shape}"


def finite(who: str, name: str, array: np.ndarray, dtype: np.dtype[Any], start: int = 0) -> np.ndarray:
    """Return the array in the dtype, in C order; read-only if it is not a copy. Raise DataError for NaN and infinity.

    start  the number of its first row, for the message
    """
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.asarray(array, dtype=dtype, order="C")
        if converted is array:
            converted = array.view()
            converted.flags.writeable = False  # it belongs to the caller: NumPy refuses a layer that writes into it
        flat = converted.reshape(-1)
        # the cheapest test first: NaN and Inf show in the sum of squares
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


def numbers(
    who: str, name: str, array: np.ndarray, dtype: np.dtype[Any], vocabulary: int | None, start: int = 0
) -> np.ndarray:
    """Return an array of x as the model takes it: in the dtype, or ids below `vocabulary` as integers."""
    if vocabulary is None:
        return finite(who, name, array, dtype, start)
    return check_ids(who, name, array, vocabulary, start)


def inputs(
    who: str, x: Any, dtype: np.dtype[Any], shape: tuple[int, ...] | None = None, vocabulary: int | None = None
) -> np.ndarray:
    """Return x (m, features ...), checked and converted."""
    return numbers(who, "x", rows(who, x, shape), dtype, vocabulary)


def array_inputs(
    who: str, x: Any, dtype: np.dtype[Any], shape: tuple[int, ...] | None = None, vocabulary: int | None = None
) -> np.ndarray:
    """Return x, checked; integers that need less memory than the dtype as they are, to be converted by batch."""
    array = rows(who, x, shape)
    if vocabulary is not None:
        return check_ids(who, "x", array, vocabulary)
    return array if _are_small(array, dtype) else finite(who, "x", array, dtype)


def _are_small(array: np.ndarray, dtype: np.dtype[Any]) -> bool:
    """Return True for integers of fewer bytes than the dtype: they are finite, and a conversion would copy them."""
    return array.dtype.kind in "biu" and array.dtype.itemsize < dtype.itemsize


def target_rows(who: str, y: Any, x: np.ndarray) -> np.ndarray:
    """Return y as an array (m, ...). A y of shape (m,) becomes (m, 1), so that no loss ever broadcasts."""
    if y is None:
        raise DataError(f"{who}: y is missing; call {who}(x, y)")
    array = numeric(who, "y", y)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 0 or len(array) != len(x):
        count = len(array) if array.ndim else "no"
        raise DataError(f"{who}: x has {len(x)} examples, y has {count}{_transposed_hint(x, array)}")
    if array.size == 0:
        raise DataError(f"{who}: y is empty, its shape is {array.shape}; wanted one number for each output")
    return array


def _transposed_hint(x: np.ndarray, y: np.ndarray) -> str:
    """Return the remedy if columns are the examples in x, in y, or in both."""
    for turned, (a, b) in {"x.T": (x.T, y), "y.T": (x, y.T), "x.T and y.T": (x.T, y.T)}.items():
        if x.ndim == y.ndim == 2 and len(a) == len(b):
            return f". Rows are examples: pass {turned}"
    return ""


def targets(who: str, y: np.ndarray, labels: Interval, dtype: np.dtype[Any]) -> np.ndarray:
    """Return y in the dtype; raise DataError if a value is not finite or not in the interval of the loss's labels."""
    converted = finite(who, "y", y, dtype)
    if converted.min() < labels.low or converted.max() > labels.high:
        wrong = float(converted[(converted < labels.low) | (converted > labels.high)][0])
        raise DataError(f"{who}: y holds {wrong:g}, but labels for this loss must be in {labels}")
    return converted


def shaped_targets(
    who: str, y: np.ndarray, output_shape: Shape, sparse: bool = False, steps: int | None = None
) -> np.ndarray:
    """Return y (m, ..., k) for outputs of that shape, class numbers (m, ..., 1) if sparse, so that no loss broadcasts.

    One number at each position may come without the last axis. Raise ShapeError for any other shape.

    steps  in a row of x, if rows are sequences, for the message
    """
    y = with_column(y, output_shape) if sparse or output_shape[-1:] == (1,) else y
    if y.shape[1:] != (*output_shape[:-1], 1 if sparse else output_shape[-1]):
        given = y.shape[1:]
        if len(output_shape) > 1:
            raise ShapeError(f"{who}: {_position_problem(given, output_shape, sparse)}")
        raise ShapeError(f"{who}: {_row_problem(given, output_shape, sparse, steps)}")
    if sparse:
        wrong = (y < 0) | (y >= output_shape[-1]) | (y != np.floor(y))
        if wrong.any():
            label, last = float(y[wrong][0]), output_shape[-1] - 1
            remedy = "; at padded steps, which do not count, put 0" if label < 0 and len(output_shape) > 1 else ""
            raise DataError(f"{who}: y holds {label:g}; the model has {last + 1} classes, numbered 0 to {last}{remedy}")
    return y


def with_column(y: np.ndarray, output_shape: Shape) -> np.ndarray:
    """Return numbers (m, ...), one at each position of the outputs, as (m, ..., 1); any other y as it is."""
    return y[..., None] if y.shape[1:] == output_shape[:-1] else y


def _row_problem(given: Shape, output_shape: Shape, sparse: bool, steps: int | None) -> str:
    """Describe targets that do not fit outputs (m, k)."""
    got, outputs = (" x ".join(str(n) for n in shape) for shape in (given, output_shape))
    if given[0] == steps:
        remedy = "for a prediction at each step, set return_sequences=True in the last recurrent layer"
        return f"y has {got} numbers in a row, the model has {outputs} outputs; {remedy}"
    if sparse:
        remedy = "for one-hot rows use CategoricalCrossentropy, or pass y.argmax(axis=1)"
        return f"y has {got} numbers in a row, this loss takes one class number; {remedy}"
    hint = ". If they are class numbers: SparseCategoricalCrossentropy takes them as they are" if given == (1,) else ""
    return f"y has {got} numbers in a row, the model has {outputs} outputs{hint}"


def _position_problem(given: Shape, output_shape: Shape, sparse: bool) -> str:
    """Describe targets that do not fit outputs (m, ..., k), with the remedy of the most common mistakes."""
    positions, k = output_shape[:-1], output_shape[-1]
    wanted = (*positions, 1) if sparse else output_shape
    what = f"a class number at each position, {positions} or {wanted}" if sparse else f"y of shape {wanted}"
    remedy = ""
    if sparse and given == output_shape:
        remedy = "; for one-hot targets use CategoricalCrossentropy, or pass y.argmax(axis=-1)"
    elif given in (positions, (*positions, 1)):
        remedy = "; if they are class numbers: SparseCategoricalCrossentropy takes them as they are"
    elif len(given) == 1 and given[0] in (1, k):
        last = "set return_sequences=False in the last recurrent layer, or " if len(positions) == 1 else ""
        remedy = f"; for one prediction a row, {last}end the network with Flatten() and Dense, or global pooling"
    elif len(given) == 3 and (*given[1:], given[0]) == wanted:
        remedy = "; minidl has channels last: pass y.transpose(0, 2, 3, 1)"
    elif math.prod(given) == math.prod(wanted):
        remedy = f"; if that is their order: pass y.reshape(-1, {', '.join(map(str, wanted))})"
    return f"y has rows of shape {given}, the model returns rows of shape {output_shape}, so it takes {what}{remedy}"


def unpack_batch(who: str, given: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) from a pair or a triple."""
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise DataError(f"{who}: a batch must be (x, y) or (x, y, sample_weight), got {type(given).__name__}")
    return (*given, None)[:3]


def row_weights(
    who: str,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    y: np.ndarray,
    positions: Shape | None = None,
) -> np.ndarray | None:
    """Return the weights of rows (m,) or of positions (m, ...): sample_weight times the weight of the class there.

    positions  the axes of the model's outputs between the first and the last; None: those of y
    Return None if neither is given.
    """
    if sample_weight is None and class_weight is None:
        return None
    weight = np.ones(len(y), y.dtype)
    if sample_weight is not None:
        weight = _sample_weights(who, sample_weight, y, y.shape[1:-1] if positions is None else positions)
    if class_weight is not None:
        of_classes = _class_weights(who, class_weight, y)
        missing = of_classes.ndim - weight.ndim
        weight = of_classes * (weight.reshape(weight.shape + (1,) * missing) if missing > 0 else weight)
    return _nonnegative(who, weight)


def _nonnegative(who: str, weight: np.ndarray) -> np.ndarray:
    if (weight < 0).any():
        raise DataError(f"{who}: weights must be >= 0, got {float(weight.min()):g}")
    return weight


def _sample_weights(who: str, given: Any, y: np.ndarray, positions: Shape) -> np.ndarray:
    """Return sample_weight as (m,), or as (m, ...) if it has one weight for each position."""
    weights, m = numeric(who, "sample_weight", given), len(y)
    for shape in ((m,), (m, *positions)):
        if weights.shape in (shape, (*shape, 1)):
            return finite(who, "sample_weight", weights.reshape(shape), y.dtype)
    wanted = f"one weight for each row: ({m},)" + (f", or for each position: {(m, *positions)}" if positions else "")
    raise DataError(f"{who}: sample_weight has shape {weights.shape}, wanted {wanted}")


def output_weights(who: str, given: Any, y: np.ndarray, outputs: list[Shape], shapes: Shapes) -> np.ndarray | None:
    """Return the weights for several outputs: (m,), or if they differ side by side, one for each position.

    outputs  the shape of the rows of each
    shapes   of the weights of each, if they were passed by output
    """
    positions = [shape[:-1] for shape in outputs]
    if not shapes:
        columns = np.shape(given)[1:]
        forms: tuple[Shapes, ...] = (((),) * len(outputs), tuple(positions))
        shapes = next((form for form in forms if columns == (_numbers(form),)), ())
    if given is None or not shapes:
        return row_weights(who, given, None, y, ())
    parts = np.split(np.asarray(given), np.cumsum([math.prod(shape) for shape in shapes])[:-1], axis=1)
    weights = list[np.ndarray]()
    for part, shape, own in zip(parts, shapes, positions, strict=True):
        checked = _nonnegative(who, _sample_weights(who, part.reshape(len(part), *shape), y, own))
        weights.append(np.repeat(checked.reshape(len(y), -1), math.prod(own) if checked.ndim == 1 else 1, axis=1))
    return np.concatenate(weights, axis=1)


def _numbers(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _class_weights(who: str, class_weight: Mapping[int, float], y: np.ndarray) -> np.ndarray:
    """Return the weight of the class in each row of y (m, k) or (m, 1), or at each position of y (m, ..., k)."""
    if not isinstance(class_weight, Mapping):
        raise SettingError(f"{who}: class_weight must be a dict such as {{0: 1.0, 1: 5.0}}, got {class_weight!r}")
    if y.shape[-1] > 1:
        _check_one_class(who, y)
    classes = np.rint(y[..., 0]) if y.shape[-1] == 1 else y.argmax(axis=-1)
    weight = np.ones(classes.shape, y.dtype)
    for label, value in class_weight.items():
        if isinstance(label, bool) or not isinstance(label, Real) or label % 1 != 0:  # such a key matches no row
            raise SettingError(f"{who}: the keys of class_weight must be class numbers, got {label!r}")
        weight[classes == label] = check_real(who, f"class_weight[{label}]", value, "[0, inf)")
    return weight


def _check_one_class(who: str, y: np.ndarray) -> None:
    """Raise DataError unless each row (k,) has one largest entry, the class: argmax would pick one of several."""
    largest = np.count_nonzero(y == y.max(axis=-1, keepdims=True), axis=-1)
    if (largest > 1).any():
        place = tuple(int(i) for i in np.argwhere(largest > 1)[0])
        remedy = "if rows have several labels, or none, pass sample_weight instead"
        at = ", ".join(map(str, place))
        raise DataError(
            f"{who}: class_weight needs one class in each row, but y[{at}] is {y[place].tolist()}; {remedy}"
        )
