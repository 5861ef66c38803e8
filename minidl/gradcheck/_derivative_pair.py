"""A function and its gradient, or its Jacobian, as functions of the same inputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..data import finite, numeric
from ..errors import ShapeError
from ._arguments import Arguments, Leaf, argument_names, is_array
from ._functions import Arrays
from ._pair import Pair
from ._replay import Replay


class DerivativePair(Pair):
    """f(*inputs) and gradient(*inputs): df/dx of a number f, the Jacobian (*shape of f, *shape of x) of an array f.

    gradient  a function, its value at the inputs, or True: f returns (value, gradient). Where a function returns both,
              its other half is ignored
    names     of the inputs; by default those in the signature of f, "theta" for one array
    """

    def __init__(
        self,
        who: str,
        f: Callable[..., Any],
        gradient: Any,
        inputs: tuple[Any, ...],
        names: list[str] | None = None,
        title: str = "gradient",
    ) -> None:
        self.title, self.forward = title, f
        if gradient is True:
            self.forward, self.backward = lambda *values: f(*values)[0], lambda *values: f(*values)[1]
        else:
            self.forward = lambda *values: _value_alone(f(*values))
            compute = gradient if callable(gradient) else lambda *_: gradient
            self.backward = lambda *values: _gradient_alone(compute(*values), values)
        if names is None and len(inputs) == 1 and _is_one_array(inputs[0]):
            names, inputs = ["theta"], (_theta(who, inputs[0]),)
        names = names or argument_names(f, len(inputs))
        self._start(Arguments(who, names, inputs), Replay((f, gradient), inputs), False, "inputs")

    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        outputs, found = super().gradients(inputs, cotangents)
        if len(outputs) > 1:
            raise ShapeError(f"{self.arguments.who}: f returns {len(outputs)} arrays; it must return one")
        products = map(partial(self._product, outputs[0], cotangents[0]), self.arguments.chosen, found)
        return outputs, list(products)

    def _product(self, y: np.ndarray, dy: np.ndarray, leaf: Leaf, g: Any) -> Any:
        """The sum of dy times what is claimed for each number in y."""
        wanted, shape = y.shape + np.shape(leaf.value), np.shape(g)
        if g is None:
            return None
        if shape == wanted:
            return np.tensordot(dy, g, y.ndim)
        if y.size == 1 and _without_ones(shape) == _without_ones(wanted):  # the gradient of a number in an array
            return dy.reshape(()) * np.asarray(g)
        what = "gradient" if y.ndim == 0 else f"for f of shape {y.shape} the gradient is the Jacobian: it"
        lengths = f"{shape}, {leaf.path} {np.shape(leaf.value)}"
        raise ShapeError(f"{self.arguments.who}: {what} has shape {lengths}; it must be {wanted}")


def _value_alone(result: Any) -> Any:
    """The value in what f returned, if that is (value, gradient)."""
    return result[0] if _is_value_and_gradient(result) else result


def _gradient_alone(result: Any, inputs: tuple[Any, ...]) -> Any:
    """The gradient in what the gradient function returned, if that is (value, gradient)."""
    return result[1] if _is_value_and_gradient(result) and _belongs(result[1], inputs) else result


def _is_value_and_gradient(result: Any) -> bool:
    """True for a tuple of a number and something else."""
    if not isinstance(result, tuple) or len(result) != 2:
        return False
    return _is_number(result[0]) and not (result[1] is not None and _is_number(result[1]))


def _is_number(value: Any) -> bool:
    return not isinstance(value, dict | tuple | list) and np.ndim(value) == 0


def _belongs(gradient: Any, inputs: tuple[Any, ...]) -> bool:
    """True if it may be all gradients: the one of one input, or a tuple or a dict of several."""
    return len(inputs) == 1 or isinstance(gradient, tuple | list | dict)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _is_one_array(value: Any) -> bool:
    """True unless it is a tuple, list or dict with arrays inside."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return not isinstance(value, dict) and not any(isinstance(part, np.ndarray | dict | tuple) for part in parts)


def _theta(who: str, value: Any) -> Any:
    """A real array or a number, as float64."""
    if is_array(value) and value.dtype.kind == "c":
        return value
    array = finite(who, "theta", numeric(who, "theta", value), np.dtype(np.float64))
    return array if array.ndim else array[()]
