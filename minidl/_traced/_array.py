"""Derivatives of Python functions of arrays, found backwards through what the functions compute.

A `Traced` array remembers what it was computed from. NumPy's functions take it as they take arrays, as far as `SLOPES`
and `FUNCTIONS` know their derivatives. (Reverse mode: Linnainmaa 1970; Griewank & Walther 2008)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..errors import SettingError

Pull = Callable[[np.ndarray], np.ndarray]  # the derivative along a result -> its part along an argument
Axis: TypeAlias = int | tuple[int, ...] | None

# the rules of functions that do not work entry by entry: `_rules` fills the table
FUNCTIONS: dict[Any, Callable[..., Any]] = {}

# the options of NumPy's functions that the rules take
OPTIONS = {
    *("a_max", "a_min", "axes", "axis", "axis1", "axis2", "constant_values", "ddof", "decimals", "destination"),
    *("indices", "indices_or_sections", "k", "keepdims", "max", "min", "mode", "n", "offset", "ord", "pad_width"),
    *("repeats", "reps", "shape", "shift", "source", "weights", "rtol", "atol", "equal_nan", "side"),
}

# functions that take a dtype besides: their results do not depend on the values
LIKE = {np.zeros_like, np.ones_like, np.full_like}

REMEDY = "use functions such as np.mean, np.square, np.where, or write a class with its derivative"


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array, and what it was computed from: pairs of another Traced array and the way of the derivative to it."""

    def __init__(self, value: np.ndarray, parents: Sequence[tuple[Traced, Pull]] = ()) -> None:
        self.value, self.parents = np.asarray(value), parents

    # ---- NumPy's functions

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise SettingError(f"np.{ufunc.__name__} has no known derivative in this form; {REMEDY}")
        if ufunc in FUNCTIONS:
            return FUNCTIONS[ufunc](*inputs)
        if ufunc in CONSTANT:
            return ufunc(*(np.real(value_of(argument)) for argument in inputs))
        if ufunc not in SLOPES and ufunc.__name__ not in SPECIAL:
            raise SettingError(f"np.{ufunc.__name__} has no known derivative here; {REMEDY}")
        return _elementwise(ufunc, inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if function not in FUNCTIONS:
            raise SettingError(f"np.{function.__name__} has no known derivative here; {REMEDY}")
        given = {name: value for name, value in options.items() if value is not None or name == "axis"}
        if unknown := sorted(set(given) - OPTIONS - ({"dtype"} if function in LIKE else set())):
            raise SettingError(f"np.{function.__name__}: {unknown[0]}= has no known derivative here; {REMEDY}")
        return FUNCTIONS[function](*args, **given)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise SettingError(f"the array is converted, which loses the derivative; {REMEDY}")

    def __bool__(self) -> bool:
        raise SettingError("`if` on an array loses the derivative; use where(condition, this, that)")

    def __float__(self) -> float:
        raise SettingError(f"the array is turned into a number, which loses the derivative; {REMEDY}")

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
    def T(self) -> Any:  # noqa: N802  NumPy's name
        return np.transpose(self)

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Any:
        return np.sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Any:
        return np.mean(self, axis, keepdims=keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> Any:
        return np.max(self, axis, keepdims=keepdims)

    def min(self, axis: int | None = None, keepdims: bool = False) -> Any:
        return np.min(self, axis, keepdims=keepdims)

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
    np.arcsin: (lambda a, r: 1 / np.sqrt(1 - a * a),),
    np.arccos: (lambda a, r: -1 / np.sqrt(1 - a * a),),
    np.arcsinh: (lambda a, r: 1 / np.sqrt(a * a + 1),),
    np.arccosh: (lambda a, r: 1 / np.sqrt(a * a - 1),),
    np.arctanh: (lambda a, r: 1 / (1 - a * a),),
    np.cbrt: (lambda a, r: 1 / (3 * r * r),),
    np.exp2: (lambda a, r: r * math.log(2),),
    np.deg2rad: (lambda a, r: math.pi / 180,),
    np.rad2deg: (lambda a, r: 180 / math.pi,),
    np.arctan2: (lambda a, b, r: b / (a * a + b * b), lambda a, b, r: -a / (a * a + b * b)),
    np.hypot: (lambda a, b, r: a / r, lambda a, b, r: b / r),
    np.logaddexp: (lambda a, b, r: np.exp(a - r), lambda a, b, r: np.exp(b - r)),
    np.logaddexp2: (lambda a, b, r: np.exp2(a - r), lambda a, b, r: np.exp2(b - r)),
    np.remainder: (lambda a, b, r: 1, lambda a, b, r: -np.floor(a / b)),
    np.fmod: (lambda a, b, r: 1, lambda a, b, r: -np.trunc(a / b)),
}

# the same for functions of scipy.special, which is loaded by those who call them
SPECIAL: dict[str, tuple[Callable[..., Any], ...]] = {
    "erf": (lambda a, r: 2 / math.sqrt(math.pi) * np.exp(-a * a),),
    "erfc": (lambda a, r: -2 / math.sqrt(math.pi) * np.exp(-a * a),),
    "erfinv": (lambda a, r: math.sqrt(math.pi) / 2 * np.exp(r * r),),
}

# functions whose derivative is 0 where they have one: they return plain arrays
CONSTANT = {
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.sign, np.floor, np.ceil),
    *(np.rint, np.isnan, np.isfinite, np.isinf, np.logical_and, np.logical_or, np.logical_not),
    *(np.logical_xor, np.trunc, np.signbit, np.heaviside, np.floor_divide),
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
        return lambda g: unbroadcast(np.multiply(g, slope(*values, result), dtype=g.dtype), shape)

    slopes = SLOPES.get(ufunc) or SPECIAL[ufunc.__name__]
    pairs = zip(inputs, slopes, strict=True)
    return Traced(result, [(a, pull(slope, a.shape)) for a, slope in pairs if isinstance(a, Traced)])


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which an argument of this shape was repeated."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    repeated = tuple(axis for axis, n in enumerate(shape) if n == 1 and g.shape[axis] != 1)
    return g.sum(axis=repeated, keepdims=True) if repeated else g


def constant(a: Any) -> Any:
    """Return the values of a, through which no derivative flows."""
    return np.real(value_of(a))
