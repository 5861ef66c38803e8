"""Layers of Python functions: Lambda, functions as activations, and arithmetic of symbolic tensors.

The derivative is found by reverse mode through the functions of NumPy and of `keras.ops` that the function calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from .._traced import Traced, backpropagate, value_of
from ..errors import SettingError, ShapeError
from . import _names
from ._answers import OWN_LAYERS
from ._layer import Common, Layer
from ._merging import Add, Multiply, Subtract
from ._tensors import KerasTensor, Shape, over_lengths


@dataclass(eq=False)
class FunctionLayer(core.Layer):
    """y = function(x), or function of the list of several x. Each row of y belongs to one row of x."""

    function: Callable[[Any], Any]

    several_inputs = False

    def build(self, input_shape: Any) -> tuple[int, ...]:
        self.several_inputs = bool(input_shape) and isinstance(input_shape[0], tuple)
        shapes = input_shape if self.several_inputs else (input_shape,)
        arrays = tuple(np.full((2, *shape), 0.5, np.float32) for shape in shapes)
        y = self.forward(arrays if self.several_inputs else arrays[0])
        if y.ndim < 2 or len(y) != 2:
            who = getattr(self.function, "__name__", "the function")
            raise ShapeError(f"Lambda: {who} returns the shape {y.shape} for 2 rows; (2, ...) was expected")
        return tuple(y.shape[1:])

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        sources = [Traced(part) for part in x] if self.several_inputs else [Traced(x)]
        with np.errstate(all="ignore"):
            y = self.function(sources if self.several_inputs else sources[0])
        self.sources, self.result = sources, y
        return np.asarray(value_of(y), sources[0].value.dtype)

    def backward(self, dy: np.ndarray) -> Any:
        if not isinstance(self.result, Traced):  # a constant
            parts = [np.zeros_like(source.value) for source in self.sources]
        else:
            parts = [backpropagate(self.result, source, dy).astype(dy.dtype, copy=False) for source in self.sources]
        return tuple(parts) if self.several_inputs else parts[0]


class Lambda(Layer):
    """The layer of a Python function: Lambda(lambda x: keras.ops.square(x))."""

    takes_several = True

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **common: Unpack[Common],
    ) -> None:
        if not callable(function):
            raise SettingError(f"Lambda takes a function such as lambda x: keras.ops.square(x), got {function!r}")
        self.function, self.arguments, self.mask = function, arguments or {}, mask
        self.output_shape_given = output_shape
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        function, arguments = self.function, self.arguments
        return [FunctionLayer((lambda x: function(x, **arguments)) if arguments else function)]

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        if len(shapes) == 1:
            return self._known(super().compute_shapes, shapes)
        rows = tuple(shape[1:] for shape in shapes)
        return ((None, *over_lengths(lambda rows: self._known(self.core[0].build, rows), rows)),)

    def _known(self, build: Callable[[Any], Any], shapes: Any) -> Any:
        """Build, and say what to write if the function calls something without a derivative."""
        try:
            return build(shapes)
        except (TypeError, AttributeError) as error:
            raise SettingError(f"{self.name}: its function fails ({error}); use keras.ops, or {OWN_LAYERS}") from error

    def get_config(self) -> dict[str, Any]:
        """Return the settings, the Python function itself among them: text and files do not hold it."""
        settings = super().get_config()
        return settings | {"function": self.function, "output_shape": self.output_shape_given}

    not_in_config = ("function", "output_shape")


# of two tensors of one shape: layers that files hold
MERGING: dict[Any, type[Layer]] = {np.add: Add, np.subtract: Subtract, np.multiply: Multiply}


def apply(function: Callable[..., Any], inputs: list[Any], name: str) -> Any:
    """Return the symbolic tensor of function(*inputs), of which at least one is symbolic."""
    if function in MERGING and len({getattr(given, "shape", None) for given in inputs}) == 1:
        return MERGING[function](name=_names.numbered(name))(inputs)
    places = [number for number, given in enumerate(inputs) if isinstance(given, KerasTensor)]
    tensors = [inputs[number] for number in places]
    distinct = list({id(tensor): tensor for tensor in tensors}.values())
    order = [next(i for i, other in enumerate(distinct) if other is tensor) for tensor in tensors]

    def called(x: Any) -> Any:
        values, given = x if len(distinct) > 1 else [x], list(inputs)
        for number, place in zip(places, order, strict=True):
            given[number] = values[place]
        return function(*given)

    called.__name__ = name
    return Lambda(called, name=_names.numbered(name))(distinct if len(distinct) > 1 else distinct[0])


KerasTensor.apply = staticmethod(apply)  # arithmetic of tensors makes layers
