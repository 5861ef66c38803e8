"""Layers that change the shape of sequences and images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from ._layer import Common, Layer, channels_last


class Reshape(Layer):
    """Each row gets the shape; one of its numbers may be -1."""

    def __init__(self, target_shape: Any, **common: Unpack[Common]) -> None:
        self.target_shape = tuple(target_shape)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Reshape(self.target_shape)]


class Permute(Layer):
    """The axes of each row in another order; 1 is the first."""

    def __init__(self, dims: Any, **common: Unpack[Common]) -> None:
        self.dims = tuple(dims)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Permute(self.dims)]


class RepeatVector(Layer):
    """Each row n times, one after the other: (m, features) -> (m, n, features)."""

    def __init__(self, n: int, **common: Unpack[Common]) -> None:
        self.n = n
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.RepeatVector(self.n)]


class ZeroPadding1D(Layer):
    """Zeros before and after the steps of sequences."""

    def __init__(self, padding: Any = 1, data_format: Any = None, **common: Unpack[Common]) -> None:
        self.padding = padding
        self.data_format = channels_last("ZeroPadding1D", data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.ZeroPadding1D(self.padding)]


class ZeroPadding2D(Layer):
    """Zeros around images."""

    def __init__(self, padding: Any = (1, 1), data_format: Any = None, **common: Unpack[Common]) -> None:
        self.padding = padding
        self.data_format = channels_last("ZeroPadding2D", data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.ZeroPadding2D(self.padding)]


class Cropping1D(Layer):
    """Sequences without their first and last steps."""

    def __init__(self, cropping: Any = (1, 1), **common: Unpack[Common]) -> None:
        self.cropping = cropping
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Cropping1D(self.cropping)]


class Cropping2D(Layer):
    """Images without their borders."""

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: Any = None, **common: Unpack[Common]) -> None:
        self.cropping = cropping
        self.data_format = channels_last("Cropping2D", data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Cropping2D(self.cropping)]


class UpSampling1D(Layer):
    """Each step of sequences `size` times."""

    def __init__(self, size: int = 2, **common: Unpack[Common]) -> None:
        self.size = size
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.UpSampling1D(self.size)]


class UpSampling2D(Layer):
    """Images whose pixels are repeated, or interpolated."""

    def __init__(
        self, size: Any = (2, 2), data_format: Any = None, interpolation: str = "nearest", **common: Unpack[Common]
    ) -> None:
        self.size = size
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        self.data_format = channels_last("UpSampling2D", data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.UpSampling2D(self.size, interpolation=self.interpolation)]
