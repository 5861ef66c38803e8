"""A layer for the steps of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import instance
from ._base import Layer, run_masked
from ._containers import build_layer


@dataclass(eq=False)
class TimeDistributed(Layer):
    """y_t = f(x_t) for each step t.   x (m, steps, ...) -> y (m, steps, ...).

    f sees the steps of all rows as (m steps) rows, and has one set of weights: TimeDistributed(Conv2D(8, 3)) for
    videos (m, steps, height, width, channels). Dense, activations and Dropout do not need it.

    layer  f, any layer with one input and one output

    A mask of the steps (m, steps) is that of y; f does not see it. A mask (m, steps, inner steps) is that of the rows
    of f, and a step of y counts if one of its inner steps does. BatchNormalization takes its statistics over all steps.
    """

    layer: Layer = instance(Layer)

    @property
    def vocabulary_size(self) -> int | None:
        return self.layer.vocabulary_size

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        least = 1 if self.vocabulary_size is not None else 2
        if len(input_shape) < least:
            shapes = f"rows of shape (steps, ...), but its input has rows of shape {input_shape}"
            raise ShapeError(f"TimeDistributed takes {shapes}: x needs an axis of steps before that of the features")
        if self.layer.several_outputs:
            raise SettingError(f"TimeDistributed takes a layer with one output, got {self.layer!r}")
        return (input_shape[0], *build_layer(self.layer, input_shape[1:]))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        inner = None if mask is None or mask.ndim == 2 else mask.reshape(-1, *mask.shape[2:])
        y, _ = run_masked(self.layer, x.reshape(-1, *x.shape[2:]), inner, training)
        self.shape = x.shape
        return y.reshape(*x.shape[:2], *y.shape[1:]), self.compute_mask(x, mask)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return mask if mask is None or mask.ndim == 2 else mask.any(axis=tuple(range(2, mask.ndim)))

    def backward(self, dy: np.ndarray) -> Any:
        dx = self.layer.backward(dy.reshape(-1, *dy.shape[2:]))
        return None if dx is None else dx.reshape(self.shape)

    def mark_first(self) -> None:
        self.is_first = True
        self.layer.mark_first()
