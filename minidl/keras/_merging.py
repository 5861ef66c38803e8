"""Layers of several inputs, and their functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from ..errors import SettingError
from ._layer import Common, Layer, only
from ._tensors import Shape, over_lengths


class Merging(Layer):
    """Base class. The function of its name in lower case calls it: add([a, b]) is Add()([a, b])."""

    takes_several = True

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        if len(shapes) < 2:
            raise SettingError(f"{self.name} takes a list of two inputs or more, as in {type(self).__name__}()([a, b])")
        return ((None, *over_lengths(self.core[0].build, tuple(shape[1:] for shape in shapes))),)

    def make(self) -> Iterable[core.Layer]:
        return [getattr(core, type(self).__name__)()]

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


class Dot(Merging):
    """y = sum_i a_i b_i of each row; normalize=True: the cosine similarity."""

    def __init__(self, axes: Any, normalize: bool = False, **common: Unpack[Common]) -> None:
        self.axes, self.normalize = axes, normalize
        only("Dot", "axes", axes, 1, -1, (1, 1), [1, 1], (-1, -1), [-1, -1])
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Dot(self.normalize)]


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
