"""Layers that change images at random in training. minidl draws from the model's generator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from ._layer import Common, Layer, channels_last


class Augmentation(Layer):
    """Base class: images are (height, width, channels). A call on arrays changes them unless training is False."""

    def __init__(self, seed: Any, data_format: Any, **common: Unpack[Common]) -> None:
        self.seed, self.data_format = seed, channels_last(type(self).__name__, data_format)
        super().__init__(**common)

    trains_alone = True

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        """Return changed images, or one changed image (height, width, channels)."""
        x = np.asarray(given["inputs"])
        if x.ndim == 3:
            return super().on_arrays({"inputs": x[None]}, training)[0]
        return super().on_arrays({"inputs": x}, training)


class RandomFlip(Augmentation):
    """y = x, or x reversed along the axes of the mode."""

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Any = None,
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.mode = mode
        super().__init__(seed, data_format, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.RandomFlip(self.mode)]


class RandomContrast(Augmentation):
    """y = clip(mean + c (x - mean)), with the mean of each channel of an image."""

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.factor, self.value_range = factor, value_range
        super().__init__(seed, data_format, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.RandomContrast(self.factor, self.value_range)]


class Filling(Augmentation):
    """Base class: pixels between and beyond those of the image."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        fill_value: float,
        seed: Any,
        data_format: Any,
        **common: Unpack[Common],
    ) -> None:
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value
        super().__init__(seed, data_format, **common)

    @property
    def filling(self) -> tuple[str, str, float]:
        """The settings, in the order in which the core's layers take them."""
        return self.fill_mode, self.interpolation, self.fill_value


class RandomTranslation(Filling):
    """y is x moved down and to the right by fractions of its height and width."""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.height_factor, self.width_factor = height_factor, width_factor
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.RandomTranslation(self.height_factor, self.width_factor, *self.filling)]


class RandomRotation(Filling):
    """y is x turned counterclockwise by a fraction of a turn."""

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.factor = factor
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.RandomRotation(self.factor, *self.filling)]


class RandomZoom(Filling):
    """y shows 1 + height_factor times the height and 1 + width_factor times the width of x."""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.height_factor, self.width_factor = height_factor, width_factor
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.RandomZoom(self.height_factor, self.width_factor, *self.filling)]
