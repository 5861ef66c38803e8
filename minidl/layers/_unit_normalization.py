"""Rows of length 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops import to_unit_length
from ..validation import setting
from ._axes import Axes, check_axes, mixes_steps, places
from ._base import Layer


@dataclass(eq=False)
class UnitNormalization(Layer):
    """y = x / |x|, |x| the root of the sum of squares along the axis.   dL/dx = (dL/dy - y (y . dL/dy)) / |x|.

    x (m, ..., n) -> y of the same shape. Lengths below 1e-12 count as 1e-12, as in Keras, so zeros stay zeros.

    axis  one or several axes of x, counted as in Keras: 1 is the first after the batch, -1 the last
    """

    keeps_mask = True

    axis: Axes = setting(check_axes, default=-1)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.places = places(type(self).__name__, self.axis, input_shape)
        return input_shape

    @property
    def uses_padding(self) -> bool:
        return mixes_steps(self.places, self.row_shape)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.y, self.length, self.is_short = y, _, _ = to_unit_length(x, self.places)
        return y

    def backward(self, dy: np.ndarray) -> Any:
        along = self.y * (self.y * dy).sum(axis=self.places, keepdims=True)
        return (dy - along * ~self.is_short) / self.length
