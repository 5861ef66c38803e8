"""Layers of several inputs, and their functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from ..errors import SettingError, ShapeError
from . import ops
from ._array_functions import normalize
from ._functions import FunctionLayer
from ._layer import Common, Layer
from ._tensors import KerasTensor, Shape, over_lengths


class Merging(Layer):
    """Base class. The function of its name in lower case calls it: add([a, b]) is Add()([a, b])."""

    takes_several = True

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        if len(shapes) < 2:
            raise SettingError(f"{self.name} takes a list of two inputs or more, as in {type(self).__name__}()([a, b])")
        return ((None, *over_lengths(self.core[0].build, tuple(shape[1:] for shape in shapes))),)

    def make(self) -> Iterable[core.Layer]:
        return [getattr(core, type(self).__name__)()]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output for a list of inputs, and of their masks."""
        if previous_mask is None:
            return None
        for what, given in (("inputs", inputs), ("masks", previous_mask)):
            if not isinstance(given, list | tuple):
                raise SettingError(f"{self.name}: compute_mask takes a list of {what}, got {type(given).__name__}")
        if len(inputs) != len(previous_mask):
            counts = f"{len(inputs)} inputs and {len(previous_mask)} masks"
            raise SettingError(f"{self.name}: compute_mask takes a mask for each input, got {counts}")
        return super().compute_mask(inputs, previous_mask)

    @property
    def built(self) -> bool:
        return bool(self.nodes)


class Add(Merging):
    """y = x_1 + ... + x_k."""


class Subtract(Merging):
    """y = x_1 - x_2."""


class Multiply(Merging):
    """y = x_1 ... x_k."""


class Average(Merging):
    """y = (x_1 + ... + x_k) / k."""


class Maximum(Merging):
    """y = max(x_1, ..., x_k)."""


class Minimum(Merging):
    """y = min(x_1, ..., x_k)."""


class Concatenate(Merging):
    """y = [x_1, ..., x_k], joined along an axis."""

    def __init__(self, axis: int = -1, **common: Unpack[Common]) -> None:
        self.axis = axis
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Concatenate(self.axis)]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output for a list of inputs, and of their masks."""
        if previous_mask is None or not any(isinstance(mask, KerasTensor) for mask in previous_mask):
            return super().compute_mask(inputs, previous_mask)
        whole = [
            ops.ones_like(x, dtype="bool")
            if mask is None
            else ops.logical_or(ops.expand_dims(mask, axis=-1), ops.zeros_like(x, dtype="bool"))
            for x, mask in zip(inputs, previous_mask, strict=True)
        ]
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)


class Dot(Merging):
    """y = the products of two inputs, summed along an axis of each; normalize=True: of vectors of length 1."""

    def __init__(self, axes: Any, normalize: bool = False, **common: Unpack[Common]) -> None:
        self.axes = list(axes) if isinstance(axes, tuple) else axes
        self.normalize = normalize
        each = self.axes if isinstance(self.axes, list) else [self.axes] * 2
        if len(each) != 2 or not all(isinstance(axis, int) for axis in each) or 0 in each:
            raise SettingError(f"Dot: axes must be an axis or two, one of each input, and not 0, got {axes!r}")
        self.each = tuple(each)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Dot(self.normalize)]

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        if len(shapes) == 2 and any(len(shape) > 2 for shape in shapes) and isinstance(self.core[0], core.Dot):
            self.core = (FunctionLayer(self._of_arrays), *self.core[1:])
        return super().compute_shapes(shapes)

    def _of_arrays(self, inputs: Any) -> Any:
        """Return (m, ...): what is left of the axes of the first input, then of those of the second."""
        (a, b), (i, j) = inputs, (axis % np.ndim(x) for axis, x in zip(self.each, inputs, strict=True))
        if 0 in (i, j) or a.shape[i] != b.shape[j]:
            raise ShapeError(f"{self.name}: axes {self.axes} do not fit rows of {a.shape[1:]} and {b.shape[1:]}")
        if self.normalize:
            a, b = normalize(a, i), normalize(b, j)
        a, b = np.moveaxis(a, i, -1), np.moveaxis(b, j, 1)
        left, right = a.shape[1:-1], b.shape[2:]
        product = np.matmul(np.reshape(a, (len(a), -1, a.shape[-1])), np.reshape(b, (*b.shape[:2], -1)))
        return np.reshape(product, (len(product), *left, *right))


def add(inputs: Any, **common: Unpack[Common]) -> Any:
    """Return the sum of symbolic tensors, or of arrays."""
    return Add(**common)(inputs)


def subtract(inputs: Any, **common: Unpack[Common]) -> Any:
    """Return the first minus the second."""
    return Subtract(**common)(inputs)


def multiply(inputs: Any, **common: Unpack[Common]) -> Any:
    """Return the product."""
    return Multiply(**common)(inputs)


def average(inputs: Any, **common: Unpack[Common]) -> Any:
    """Return the mean."""
    return Average(**common)(inputs)


def maximum(inputs: Any, **common: Unpack[Common]) -> Any:
    """Return the larger of each pair of numbers."""
    return Maximum(**common)(inputs)


def minimum(inputs: Any, **common: Unpack[Common]) -> Any:
    """Return the smaller of each pair of numbers."""
    return Minimum(**common)(inputs)


def concatenate(inputs: Any, axis: int = -1, **common: Unpack[Common]) -> Any:
    """Join along an axis."""
    return Concatenate(axis, **common)(inputs)


def dot(inputs: Any, axes: Any = -1, normalize: bool = False, **common: Unpack[Common]) -> Any:
    """Return the product of two rows, summed."""
    return Dot(axes, normalize, **common)(inputs)
