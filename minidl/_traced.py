"""Derivatives of Python functions of arrays, found backwards through what the functions compute.

A `Traced` array remembers what it was computed from. NumPy's functions take it as they take arrays, as far as `SLOPES`
and `FUNCTIONS` know their derivatives. (Reverse mode: Linnainmaa 1970; Griewank & Walther 2008)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from .errors import SettingError

Pull = Callable[[np.ndarray], np.ndarray]  # the derivative along a result -> its part along an argument
Axis: TypeAlias = int | tuple[int, ...] | None

_REMEDY = "use functions such as np.mean, np.square, np.where, or write a class with its derivative"


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array, and what it was computed from: pairs of another Traced array and the way of the derivative to it."""

    def __init__(self, value: np.ndarray, parents: Sequence[tuple[Traced, Pull]] = ()) -> None:
        self.value, self.parents = np.asarray(value), parents

    # ---- NumPy's functions

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise SettingError(f"np.{ufunc.__name__} has no known derivative in this form; {_REMEDY}")
        if ufunc is np.matmul:
            return _matmul(*inputs)
        if ufunc in CONSTANT:
            return ufunc(*(np.real(value_of(argument)) for argument in inputs))
        if ufunc not in SLOPES:
            raise SettingError(f"np.{ufunc.__name__} has no known derivative here; {_REMEDY}")
        return _elementwise(ufunc, inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if function not in FUNCTIONS:
            raise SettingError(f"np.{function.__name__} has no known derivative here; {_REMEDY}")
        given = {name: value for name, value in options.items() if value is not None}
        if unknown := sorted(set(given) - OPTIONS):
            raise SettingError(f"np.{function.__name__}: {unknown[0]}= has no known derivative here; {_REMEDY}")
        return FUNCTIONS[function](*args, **given)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise SettingError(f"the array is converted, which loses the derivative; {_REMEDY}")

    def __bool__(self) -> bool:
        raise SettingError("`if` on an array loses the derivative; use where(condition, this, that)")

    def __float__(self) -> float:
        raise SettingError(f"the array is turned into a number, which loses the derivative; {_REMEDY}")

    # ---- as an array

    def __getitem__(self, key: Any) -> Traced:
        def pull(g: np.ndarray) -> np.ndarray:
            whole = np.zeros(self.shape, g.dtype)
            np.add.at(whole, key, g)
            return whole

        return Traced(self.value[key], [(self, pull)])

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Traced]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.real.dtype

    @property
    def T(self) -> Traced:  # noqa: N802  NumPy's name
        return transpose(self)

    def reshape(self, *shape: Any) -> Traced:
        return reshape(self, shape[0] if len(shape) == 1 else shape)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Traced:
        return total(self, axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Traced:
        return mean(self, axis, keepdims=keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> Traced:
        return largest(self, axis, keepdims=keepdims)

    def min(self, axis: int | None = None, keepdims: bool = False) -> Traced:
        return smallest(self, axis, keepdims=keepdims)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Return the array itself for a dtype of real numbers: a loss is computed in the model's dtype."""
        return self if np.dtype(dtype).kind == "f" else self.value.real.astype(dtype)


def value_of(argument: Any) -> Any:
    """Return the array of a Traced argument, and other arguments as they are."""
    return argument.value if isinstance(argument, Traced) else argument


def backpropagate(result: Traced, source: Traced, derivative: np.ndarray) -> np.ndarray:
    """Return sum_i derivative_i d result_i / d source."""
    found: dict[int, Any] = {id(result): derivative}
    for node in reversed(_computed(result)):
        g = found.pop(id(node)) if node is not source else found[id(node)]
        for parent, pull in node.parents:
            found[id(parent)] = found.get(id(parent), 0) + pull(g)
    return np.broadcast_to(found.get(id(source), 0.0), source.shape)


def _computed(result: Traced) -> list[Traced]:
    """Return all that the result was computed from, and itself, in an order in which it can be computed."""
    ordered: list[Traced] = []
    seen, waiting = set[int](), [(result, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            ordered.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            waiting += [(parent, False) for parent, _ in node.parents]
    return ordered


# ---- entry by entry


# for each of NumPy's functions the derivative along each argument, given the arguments and the result
SLOPES: dict[Any, tuple[Callable[..., Any], ...]] = {
    np.add: (lambda a, b, r: 1, lambda a, b, r: 1),
    np.subtract: (lambda a, b, r: 1, lambda a, b, r: -1),
    np.multiply: (lambda a, b, r: b, lambda a, b, r: a),
    np.divide: (lambda a, b, r: 1 / b, lambda a, b, r: -r / b),
    np.power: (lambda a, b, r: b * a ** (b - 1), lambda a, b, r: r * np.log(np.where(a == 0, 1, a))),
    np.maximum: (lambda a, b, r: _share(a, b), lambda a, b, r: _share(b, a)),
    np.minimum: (lambda a, b, r: _share(b, a), lambda a, b, r: _share(a, b)),
    np.negative: (lambda a, r: -1,),
    np.positive: (lambda a, r: 1,),
    np.absolute: (lambda a, r: np.sign(np.real(a)),),
    np.square: (lambda a, r: 2 * a,),
    np.sqrt: (lambda a, r: 0.5 / r,),
    np.reciprocal: (lambda a, r: -r * r,),
    np.exp: (lambda a, r: r,),
    np.expm1: (lambda a, r: r + 1,),
    np.log: (lambda a, r: 1 / a,),
    np.log1p: (lambda a, r: 1 / (1 + a),),
    np.log2: (lambda a, r: 1 / (a * math.log(2)),),
    np.log10: (lambda a, r: 1 / (a * math.log(10)),),
    np.sin: (lambda a, r: np.cos(a),),
    np.cos: (lambda a, r: -np.sin(a),),
    np.tan: (lambda a, r: 1 + r * r,),
    np.tanh: (lambda a, r: 1 - r * r,),
    np.sinh: (lambda a, r: np.cosh(a),),
    np.cosh: (lambda a, r: np.sinh(a),),
    np.arctan: (lambda a, r: 1 / (1 + a * a),),
}

# functions whose derivative is 0 where they have one: they return plain arrays
CONSTANT = {
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.sign, np.floor, np.ceil),
    *(np.rint, np.isnan, np.isfinite, np.isinf, np.logical_and, np.logical_or, np.logical_not),
}


def _share(a: Any, b: Any) -> Any:
    """The derivative of max(a, b) along a: 1 if a > b, and 1/2 if they are equal, as in PyTorch."""
    return (a > b) + 0.5 * (a == b)


def _magnitude(a: np.ndarray) -> np.ndarray:
    return np.maximum(a, -a)  # also for complex numbers


def _elementwise(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Traced:
    values = [value_of(argument) for argument in inputs]
    result = np.asarray(_magnitude(*values) if ufunc is np.absolute else ufunc(*values))

    def pull(slope: Callable[..., Any], shape: tuple[int, ...]) -> Pull:
        return lambda g: _unbroadcast(np.multiply(g, slope(*values, result), dtype=g.dtype), shape)

    pairs = zip(inputs, SLOPES[ufunc], strict=True)
    return Traced(result, [(a, pull(slope, a.shape)) for a, slope in pairs if isinstance(a, Traced)])


def _unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which an argument of this shape was repeated."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    repeated = tuple(axis for axis, n in enumerate(shape) if n == 1 and g.shape[axis] != 1)
    return g.sum(axis=repeated, keepdims=True) if repeated else g


# ---- sums, shapes, products


def total(a: Traced, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    def pull(g: np.ndarray) -> np.ndarray:
        return np.broadcast_to(g if keepdims or axis is None else np.expand_dims(g, axis), a.shape)

    return Traced(a.value.sum(axis=axis, keepdims=keepdims), [(a, pull)])


def mean(a: Traced, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    found = total(a, axis, keepdims=keepdims)
    return found / (a.size / max(found.size, 1))


def variance(a: Traced, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Traced:
    spread: Traced = np.square(a - mean(a, axis, keepdims=True))
    found = total(spread, axis, keepdims=keepdims)
    return found / (a.size / found.size - ddof)


def deviation(a: Traced, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.sqrt(variance(a, axis, ddof=ddof, keepdims=keepdims))


def length(a: Traced, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The Euclidean length, NumPy's norm(a)."""
    if ord not in (None, 2, "euclidean", "fro"):
        raise SettingError(f"norm with ord={ord!r} has no known derivative here; {_REMEDY}")
    return np.sqrt(total(a * a, axis, keepdims=keepdims))


def largest(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Traced:
    """The largest entry; of equal ones the first has the derivative."""
    if axis is None:
        found = largest(reshape(a, (-1,)), 0)
        return reshape(found, (1,) * a.ndim) if keepdims else found
    place = np.expand_dims(np.argmax(a.value.real, axis=axis), axis)

    def pull(g: np.ndarray) -> np.ndarray:
        whole = np.zeros(a.shape, g.dtype)
        np.put_along_axis(whole, place, g if keepdims else np.expand_dims(g, axis), axis)
        return whole

    found_value = np.take_along_axis(a.value, place, axis)
    return Traced(found_value if keepdims else found_value.squeeze(axis), [(a, pull)])


def smallest(a: Traced, axis: int | None = None, *, keepdims: bool = False) -> Traced:
    return -largest(-a, axis, keepdims=keepdims)


def reshape(a: Traced, shape: Any) -> Traced:
    return Traced(a.value.reshape(shape), [(a, lambda g: g.reshape(a.shape))])


def transpose(a: Traced, axes: Sequence[int] | None = None) -> Traced:
    back = None if axes is None else np.argsort(axes)
    return Traced(np.transpose(a.value, axes), [(a, lambda g: np.transpose(g, back))])


def expand_dims(a: Traced, axis: Any) -> Traced:
    return reshape(a, np.expand_dims(a.value, axis).shape)


def squeeze(a: Traced, axis: Any = None) -> Traced:
    return reshape(a, np.squeeze(a.value, axis).shape)


def broadcast_to(a: Traced, shape: tuple[int, ...]) -> Traced:
    return Traced(np.broadcast_to(a.value, shape), [(a, lambda g: _unbroadcast(g, a.shape))])


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = min if a_min is None else a_min, max if a_max is None else a_max
    raised = a if low is None else np.maximum(a, low)
    return raised if high is None else np.minimum(raised, high)


def where(condition: Any, a: Any, b: Any) -> Traced:
    chosen = np.asarray(value_of(condition)).real != 0
    result = np.where(chosen, value_of(a), value_of(b))
    sides = [(a, chosen), (b, ~chosen)]

    def pull(taken: np.ndarray, shape: tuple[int, ...]) -> Pull:
        return lambda g: _unbroadcast(np.where(taken, g, 0), shape)  # not g * taken, which is NaN for infinite g

    return Traced(result, [(side, pull(taken, side.shape)) for side, taken in sides if isinstance(side, Traced)])


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Traced:
    values = [value_of(array) for array in arrays]
    ends = np.cumsum([0] + [np.shape(value)[axis] for value in values]).tolist()

    def pull(start: int, stop: int) -> Pull:
        return lambda g: np.take(g, range(start, stop), axis)

    spans = zip(arrays, ends, ends[1:], strict=False)
    parents = [(a, pull(start, stop)) for a, start, stop in spans if isinstance(a, Traced)]
    return Traced(np.concatenate(values, axis=axis), parents)


def stack(arrays: Sequence[Any], axis: int = 0) -> Traced:
    return concatenate([np.expand_dims(array, axis) for array in arrays], axis)


def _matmul(a: Any, b: Any) -> Traced:
    x, y = np.asarray(value_of(a)), np.asarray(value_of(b))
    if not x.ndim == y.ndim == 2:
        raise SettingError(f"matmul of shapes {x.shape} and {y.shape} has no known derivative here; use matrices")
    pulls: list[tuple[Any, Pull]] = [(a, lambda g: g @ y.T), (b, lambda g: x.T @ g)]
    return Traced(x @ y, [(side, pull) for side, pull in pulls if isinstance(side, Traced)])


def _of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of the real values, as a plain array, whose derivative is 0."""
    return lambda a, *args, **options: function(np.real(value_of(a)), *args, **options)


# the options of NumPy's functions that those below take
OPTIONS = {"a_max", "a_min", "axes", "axis", "ddof", "keepdims", "max", "min", "ord", "shape"}

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: total,
    np.mean: mean,
    np.var: variance,
    np.std: deviation,
    np.linalg.norm: length,
    np.max: largest,
    np.min: smallest,
    np.reshape: reshape,
    np.ravel: lambda a: reshape(a, (-1,)),
    np.transpose: transpose,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.broadcast_to: broadcast_to,
    np.clip: clip,
    np.where: where,
    np.concatenate: concatenate,
    np.stack: stack,
    np.dot: _matmul,
    np.argmax: _of_values(np.argmax),
    np.argmin: _of_values(np.argmin),
    np.argsort: _of_values(np.argsort),
    np.round: _of_values(np.round),
    np.zeros_like: _of_values(np.zeros_like),
    np.ones_like: _of_values(np.ones_like),
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
}


# ---- functions that NumPy does not have, of arrays and of Traced arrays


def constant(a: Any) -> Any:
    """Return the values of a, through which no derivative flows."""
    return np.real(value_of(a))


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log sum exp(x), without overflow."""
    highest = np.max(constant(x), axis=axis, keepdims=True)
    found = np.log(np.sum(np.exp(x - highest), axis=axis, keepdims=True)) + highest
    return found if keepdims else np.squeeze(found, axis)


def log_softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """log(exp(x_j) / sum_k exp(x_k))."""
    return x - logsumexp(x, axis, keepdims=True)
