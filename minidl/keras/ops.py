"""Keras's `keras.ops`: functions of arrays, most of them NumPy's.

In a loss, `y_pred` is an array that remembers how it was computed, and the same functions find the derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _traced
from . import config
from ._absent import absent

_NUMPY = """
    absolute add all any append arange arctan arctan2 argmax argmin argsort array average broadcast_to ceil
    concatenate cos cosh count_nonzero cross cumprod cumsum diag diff divide dot einsum equal exp expand_dims expm1
    eye flip floor floor_divide full_like greater greater_equal hstack identity isclose isfinite isinf isnan less
    less_equal linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul max
    maximum mean median meshgrid min minimum mod moveaxis multiply nan_to_num ndim negative nonzero not_equal
    ones_like outer pad percentile power prod quantile ravel reciprocal repeat reshape roll round searchsorted sign
    sin sinh size sort split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh
    tensordot tile trace transpose tril triu true_divide unique var vdot vstack where zeros_like
"""

_OWN = """
    abs amax amin cast clip convert_to_numpy convert_to_tensor divide_no_nan full is_tensor log_sigmoid log_softmax
    logsumexp moments norm one_hot ones relu rsqrt shape sigmoid silu softmax softplus stop_gradient zeros
"""

__all__ = sorted(f"{_NUMPY} {_OWN}".split())


def cast(x: Any, dtype: Any) -> Any:
    """Return x in another dtype; in a loss, y_pred keeps the dtype of the model."""
    return x.astype(dtype) if isinstance(x, _traced.Traced) else np.asarray(x).astype(_dtype(dtype))


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None) -> Any:
    """Return x as an array, of `config.floatx()` for floats."""
    if isinstance(x, _traced.Traced):
        return x
    array = np.asarray(x)
    kept = array.dtype if array.dtype.kind != "f" or isinstance(x, np.ndarray) else config.floatx()
    return array.astype(_dtype(dtype or kept), copy=False)


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return x as an array; in a loss, the derivative does not flow through it."""
    return np.asarray(_traced.value_of(x))


def is_tensor(x: Any) -> bool:
    """Return True for arrays."""
    return isinstance(x, np.ndarray | _traced.Traced)


def stop_gradient(x: Any) -> Any:
    """Return the values of x, through which no derivative flows."""
    return _traced.constant(x)


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


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x))."""
    return _traced.sigmoid(x)


def silu(x: Any) -> Any:
    """Return x sigmoid(x)."""
    return x * _traced.sigmoid(x)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x))."""
    return _traced.softplus(x)


def log_sigmoid(x: Any) -> Any:
    """Return log(sigmoid(x))."""
    return -_traced.softplus(-x)


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """Return exp(x_j) / sum_k exp(x_k)."""
    return np.exp(_traced.log_softmax(x, axis))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return log(exp(x_j) / sum_k exp(x_k))."""
    return _traced.log_softmax(x, axis)


def logsumexp(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return log sum exp(x)."""
    return _traced.logsumexp(x, axis, keepdims)


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


def _dtype(given: Any) -> Any:
    return np.dtype(config.floatx() if given is None else {"bfloat16": "float32"}.get(given, given))


_absent = absent(
    __name__,
    {
        **dict.fromkeys(("fori_loop", "while_loop", "scan", "cond", "switch", "map"), "write Python's own loops"),
        **dict.fromkeys(("conv", "max_pool", "average_pool", "image"), "losses here are of rows of numbers"),
    },
)


def __getattr__(name: str) -> Any:
    if name not in _NUMPY.split():
        return _absent(name)
    function = getattr(np, name)
    globals()[name] = function  # from now on Python finds it without this function
    return function


def __dir__() -> list[str]:
    return __all__
