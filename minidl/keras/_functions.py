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
from . import config
from ._answers import OWN_LAYERS
from ._layer import Common, Layer
from ._tensors import Shape, over_lengths


@dataclass(eq=False)
class FunctionLayer(core.Layer):
    """y = function(x), or function of the list of several x. Each row of y belongs to one row of x.

    integers  True for each x that holds integers, whatever the dtype of the array is
    mask      the mask of y, or mask(x, mask of x); None: y has no mask
    """

    function: Callable[[Any], Any]
    integers: tuple[bool, ...] = ()
    mask: Any = None

    several_inputs = False

    def build(self, input_shape: Any) -> tuple[int, ...]:
        self.several_inputs = bool(input_shape) and isinstance(input_shape[0], tuple)
        shapes = input_shape if self.several_inputs else (input_shape,)
        arrays = tuple(np.full((2, *shape), 0.5, np.float32) for shape in shapes)
        y = self.forward(arrays if self.several_inputs else arrays[0])
        self.result_dtype = np.asarray(value_of(self.result)).dtype.name
        if y.ndim < 2 or len(y) != 2:
            who = getattr(self.function, "__name__", "the function")
            raise ShapeError(f"Lambda: {who} returns the shape {y.shape} for 2 rows; (2, ...) was expected")
        return tuple(y.shape[1:])

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        parts = list(x) if self.several_inputs else [x]
        whole = (*self.integers, *[False] * len(parts))[: len(parts)]
        sources = [
            Traced(part.real.astype(np.int64) if is_whole else part)
            for part, is_whole in zip(parts, whole, strict=True)
        ]
        with np.errstate(all="ignore"):
            y = self.function(sources if self.several_inputs else sources[0])
        self.sources, self.result = sources, y
        real = [part.dtype for part in parts if part.dtype.kind in "fc"]
        return np.asarray(value_of(y), np.result_type(*real) if real else config.floatx())

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return self.mask(x, mask) if callable(self.mask) else self.mask

    def backward(self, dy: np.ndarray) -> Any:
        if not isinstance(self.result, Traced):  # a constant
            parts = [np.zeros(source.shape, dy.dtype) for source in self.sources]
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
        return [FunctionLayer((lambda x: function(x, **arguments)) if arguments else function, mask=self.mask)]

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        rows = tuple(shape[1:] for shape in shapes)
        build: Any = self.core[0].build
        made = over_lengths(lambda rows: known_rows(self.name, build, rows), rows)
        return super().compute_shapes(shapes) if len(shapes) == 1 else ((None, *made),)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, the Python function itself among them: text and files do not hold it."""
        settings = super().get_config()
        return settings | {"function": self.function, "output_shape": self.output_shape_given}

    not_in_config = ("function", "output_shape")


def known_rows(name: str, build: Callable[[Any], Any], rows: Any) -> Any:
    """Build for rows, or for those of several inputs, and say what to write if the function has no derivative."""
    try:
        return build(rows if len(rows) > 1 else rows[0])
    except (TypeError, AttributeError) as error:
        raise SettingError(f"{name}: its function fails ({error}); use keras.ops, or {OWN_LAYERS}") from error
