"""Keras's functions of arrays that NumPy does not have, as compositions: their derivatives are traced."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _traced
from ..errors import SettingError
from . import config
from ._variables import as_tensor


def cast(x: Any, dtype: Any) -> Any:
    """Return x in another dtype; in a loss, y_pred keeps the dtype of the model."""
    return x.astype(dtype) if isinstance(x, _traced.Traced) else np.asarray(x).astype(_dtype(dtype))


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Return x as an array, of `config.floatx()` for floats."""
    if isinstance(x, _traced.Traced):
        return x
    array = np.asarray(x)
    kept = array.dtype if array.dtype.kind != "f" or isinstance(x, np.ndarray) else config.floatx()
    return as_tensor(array.astype(_dtype(dtype or kept), copy=False))


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return x as an array; in a loss, the derivative does not flow through it."""
    return np.asarray(_traced.value_of(x))


def is_tensor(x: Any) -> bool:
    """Return True for arrays."""
    return isinstance(x, np.ndarray | _traced.Traced)


def stop_gradient(variable: Any) -> Any:
    """Return the values, through which no derivative flows."""
    return _traced.constant(variable)


def shape(x: Any) -> tuple[int, ...]:
    """Return the shape of x."""
    return tuple(np.shape(x))


def abs(x: Any) -> Any:
    """Return |x|."""
    return np.abs(x)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest entry."""
    return np.max(x, axis=axis, keepdims=keepdims)


def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the smallest entry."""
    return np.min(x, axis=axis, keepdims=keepdims)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Return x, at least x_min and at most x_max."""
    return np.clip(x, x_min, x_max)


def rsqrt(x: Any) -> Any:
    """Return 1 / sqrt(x)."""
    return 1 / np.sqrt(x)


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Return x1 / x2, and 0 where x2 is 0."""
    zero = np.equal(x2, 0)
    return np.where(zero, 0.0, np.divide(x1, np.where(zero, 1.0, x2)))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the length of x along the axis."""
    return np.linalg.norm(x, ord=ord, axis=axis, keepdims=keepdims)


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Return mean and variance along the axes."""
    return np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims)


def relu(x: Any) -> Any:
    """Return max(x, 0)."""
    return np.maximum(x, 0)


def silu(x: Any) -> Any:
    """Return x sigmoid(x)."""
    return x * _traced.sigmoid(x)


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """Return exp(x_j) / sum_k exp(x_k)."""
    return np.exp(_traced.log_softmax(x, axis))


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> np.ndarray:
    """Return rows with a 1 at the class; a class that is not there is a row of 0."""
    labels = np.asarray(_traced.constant(x)).astype(int)
    rows = (labels[..., None] == np.arange(num_classes)).astype(_dtype(dtype))
    return np.moveaxis(rows, -1, axis)


def zeros(shape: Any, dtype: Any = None) -> np.ndarray:
    """Return an array of 0."""
    return np.zeros(shape, _dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> np.ndarray:
    """Return an array of 1."""
    return np.ones(shape, _dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> np.ndarray:
    """Return an array of one value."""
    return np.full(shape, fill_value, _dtype(dtype))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x if x > 0, else alpha (exp(x) - 1)."""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x if x > 0, else negative_slope x."""
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)


def gelu(x: Any, approximate: bool = True) -> Any:
    """Return x g(x), g the distribution function of N(0, 1), or its approximation by tanh."""
    if approximate:
        return x * _traced.sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))
    return x * (1 + erf(x / math.sqrt(2))) / 2


def erf(x: Any) -> Any:
    """Return 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    from scipy.special import erf  # when it is called: loading it takes a while

    return erf(x)


def erfc(x: Any) -> Any:
    """Return 1 - erf(x)."""
    from scipy.special import erfc

    return erfc(x)


def erfinv(x: Any) -> Any:
    """Return the y with erf(y) = x."""
    from scipy.special import erfinv

    return erfinv(x)


def size(x: Any) -> Any:
    """Return the number of entries."""
    return np.size(x)


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return np.ndim(x)


def fabs(x: Any) -> Any:
    """Return |x|."""
    return np.abs(x)


def empty(shape: Any, dtype: Any = None) -> np.ndarray:
    """Return an array whose entries may be anything."""
    return np.empty(shape, _dtype(dtype))


def dtype(x: Any) -> str:
    """Return the name of the dtype."""
    return str(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)


def saturate_cast(x: Any, dtype: Any) -> Any:
    """Return x in another dtype; what lies beyond its range becomes its end."""
    wanted = np.dtype(_dtype(dtype))
    ends = np.iinfo(wanted) if wanted.kind in "iu" else np.finfo(wanted)
    return cast(np.clip(x, ends.min, ends.max), wanted)


def einsum(subscripts: str, *operands: Any) -> Any:
    """Return the sum of products that the subscripts write: einsum("ij,jk->ik", a, b)."""
    return np.einsum(subscripts, *operands)


def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """Return the coordinates of the points of a grid."""
    return np.meshgrid(*x, indexing=indexing)  # type: ignore[call-overload]


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return x1 where the condition holds, else x2; without them the places where it holds."""
    return np.where(condition) if x1 is None else np.where(condition, x1, x2)


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """Return the values that occur, in their order, each once."""
    found = return_index, return_inverse, return_counts
    return np.unique(x, *found, axis=axis)  # type: ignore[call-overload]


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> np.ndarray:
    """Return how often 0, 1, ... occur, or the sum of their weights."""
    return np.bincount(x, weights, minlength)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return x that minimises |a x - b|^2."""
    return np.linalg.lstsq(a, b, rcond)[0]


def logdet(x: Any) -> Any:
    """Return log |det x|."""
    return np.linalg.slogdet(x)[1]


def get_item(x: Any, key: Any) -> Any:
    """Return x[key]."""
    return x[key]


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """Return the block of this shape that begins at start_indices."""
    ranges = zip(start_indices, shape, np.shape(inputs), strict=True)
    return inputs[tuple(range_of(start, n if n >= 0 else size - start) for start, n, size in ranges)]


def range_of(start: int, n: int) -> Any:
    """Return the n places from start on, as an index."""
    return np.s_[start : start + n]


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """Return inputs with a block replaced by updates."""
    array = np.array(inputs)
    ranges = zip(start_indices, np.shape(updates), strict=True)
    array[tuple(range_of(start, n) for start, n in ranges)] = updates
    return array


def scatter(indices: Any, values: Any, shape: Any) -> np.ndarray:
    """Return zeros to which values are added at the indices."""
    array = np.zeros(shape, np.asarray(values).dtype)
    np.add.at(array, tuple(np.moveaxis(np.asarray(indices), -1, 0)), values)
    return array


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Return the parts along the axis."""
    return [np.take(x, place, axis=axis) for place in range(np.shape(x)[axis] if num is None else num)]


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """Return the k largest entries of the last axis, the largest first, and their places."""
    places = np.argsort(-_traced.constant(x), axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, places, axis=-1), places


def in_top_k(targets: Any, predictions: Any, k: int) -> np.ndarray:
    """Return True for each row whose class has one of the k largest entries."""
    p, labels = _traced.constant(predictions), np.asarray(targets, int)
    return np.sum(p > np.take_along_axis(p, labels[..., None], axis=-1), axis=-1) < k


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> np.ndarray:
    """Return the sum of the rows of each segment, in the order of the segment numbers."""
    rows, ids = np.asarray(data), np.asarray(segment_ids, int)
    sums = np.zeros((int(ids.max()) + 1 if num_segments is None else num_segments, *rows.shape[1:]), rows.dtype)
    np.add.at(sums, ids, rows)
    return sums


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """Return x divided by its length along the axis, where that is at least epsilon."""
    least = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        return x / np.sqrt(np.maximum(np.sum(np.square(x), axis=axis, keepdims=True), least**2))
    lengths = np.sum(np.abs(x) ** order, axis=axis, keepdims=True) ** (1 / order)
    return x / np.maximum(lengths, least)


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """Return gamma (x - mean) / sqrt(variance + epsilon) + beta along the axis."""
    mean, variance = np.mean(x, axis=axis, keepdims=True), np.var(x, axis=axis, keepdims=True)
    y = (x - mean) / np.sqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Return scale x / sqrt(mean x^2 + epsilon) along the axis."""
    square = np.mean(np.square(x), axis=axis, keepdims=True)
    y = x / np.sqrt(square + (config.epsilon() if epsilon is None else epsilon))
    return y if scale is None else y * scale


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return -t log p - (1 - t) log(1 - p) of each entry; output is p, or its logit."""
    if from_logits:
        return _traced.softplus(output) - output * target
    p = np.clip(output, config.epsilon(), 1 - config.epsilon())
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return -sum t log p along the axis; output is p, or its logits."""
    return -np.sum(target * _log_probabilities(output, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return -log p of the class that each target is."""
    labels = np.asarray(target, int)
    labels = labels[..., 0] if np.ndim(labels) == np.ndim(output) else labels
    classes = np.moveaxis(_log_probabilities(output, from_logits, axis), axis, -1)
    return -np.squeeze(np.take_along_axis(classes, labels[..., None], axis=-1), axis=-1)


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return _traced.log_softmax(output, axis)
    p = output / np.sum(output, axis=axis, keepdims=True)
    return np.log(np.clip(p, config.epsilon(), 1 - config.epsilon()))


def multi_hot(inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None) -> np.ndarray:
    """Return a row with a 1 at each class of a list of classes."""
    if num_classes is None:
        raise SettingError("multi_hot: give num_classes")
    labels = np.asarray(inputs, int)
    return (labels[..., None] == np.arange(num_classes)).any(axis=-2).astype(_dtype(dtype))


def _dtype(given: Any) -> Any:
    return np.dtype(config.floatx() if given is None else {"bfloat16": "float32"}.get(given, given))
