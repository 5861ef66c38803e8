"""Layers that keep the largest value or the mean of each window, or of all positions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from ._convolution import for_axes, lower
from ._layer import Common, Layer, channels_last


class Pooling(Layer):
    """Base class: windows without weights. Strides of None are those of the windows."""

    core_class: type[Any]
    dimensions = 2

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.pool_size = for_axes(pool_size, self.dimensions)
        self.strides = self.pool_size if strides is None else for_axes(strides, self.dimensions)
        self.padding = lower(padding)
        self.data_format = channels_last(type(self).__name__, data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [self.core_class(self.pool_size, self.strides, self.padding)]


class MaxPooling2D(Pooling):
    """y[p] = max_i x[p strides + i], with p and i pairs (row, column)."""

    core_class = core.MaxPooling2D

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **common)


class MaxPooling1D(Pooling):
    """y[t] = max_i x[t strides + i]."""

    core_class, dimensions = core.MaxPooling1D, 1

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **common)


class AveragePooling2D(Pooling):
    """y[p] = mean_i x[p strides + i] without the padding, with p and i pairs (row, column)."""

    core_class = core.AveragePooling2D


class AveragePooling1D(Pooling):
    """y[t] = mean_i x[t strides + i] without the padding."""

    core_class, dimensions = core.AveragePooling1D, 1


class GlobalPooling(Layer):
    """Base class: all positions of an image or a sequence become one."""

    core_class: type[Any]

    def __init__(self, data_format: Any = None, keepdims: bool = False, **common: Unpack[Common]) -> None:
        self.data_format, self.keepdims = channels_last(type(self).__name__, data_format), keepdims
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [self.core_class(keepdims=self.keepdims)]


class GlobalMaxPooling1D(GlobalPooling):
    """y = max_t x[t]."""

    core_class = core.GlobalMaxPooling1D


class GlobalMaxPooling2D(GlobalPooling):
    """y = max_p x[p] over all pixels p."""

    core_class = core.GlobalMaxPooling2D


class GlobalAveragePooling1D(GlobalPooling):
    """y = mean_t x[t]."""

    core_class = core.GlobalAveragePooling1D


class GlobalAveragePooling2D(GlobalPooling):
    """y = mean_p x[p] over all pixels p."""

    core_class = core.GlobalAveragePooling2D
