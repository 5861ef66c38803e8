"""A function and its gradient, or its Jacobian, as functions of the same inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..data import finite, numeric
from ..errors import ShapeError
from ._arguments import Arguments, argument_names, is_array
from ._functions import Arrays
from ._pair import Pair
from ._replay import Replay


class DerivativePair(Pair):
    """f(*inputs) and gradient(*inputs): df/dx of a number f, the Jacobian (*shape of f, *shape of x) of an array f.

    gradient  a function, its value at the inputs, or True: f returns (value, gradient)
    """

    def __init__(self, who: str, f: Callable[..., Any], gradient: Any, inputs: tuple[Any, ...]) -> None:
        self.title, self.forward = "gradient", f
        if gradient is True:
            self.forward, self.backward = lambda *values: f(*values)[0], lambda *values: f(*values)[1]
        else:
            self.backward = gradient if callable(gradient) else lambda *_: gradient
        names = argument_names(f, len(inputs))
        if len(inputs) == 1 and _is_one_array(inputs[0]):
            names, inputs = ["theta"], (_theta(who, inputs[0]),)
        self._start(Arguments(who, names, inputs), Replay((f, gradient), inputs), False, "inputs")

    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        outputs, found = super().gradients(inputs, cotangents)
        y, dy = outputs[0], cotangents[0]
        for leaf, g in zip(self.arguments.chosen, found, strict=True):
            wanted = y.shape + np.shape(leaf.value)
            if len(outputs) > 1:
                raise ShapeError(f"{self.arguments.who}: f returns {len(outputs)} arrays; it must return one")
            if np.shape(g) != wanted:
                what = "gradient" if y.ndim == 0 else f"for f of shape {y.shape} the gradient is the Jacobian: it"
                who, shape = self.arguments.who, np.shape(leaf.value)
                raise ShapeError(f"{who}: {what} has shape {np.shape(g)}, {leaf.path} {shape}; it must be {wanted}")
        return outputs, [np.tensordot(dy, g, y.ndim) for g in found]


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
