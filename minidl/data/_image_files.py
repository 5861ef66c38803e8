"""Image files as arrays of one size, read with Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from ..validation import Validated, boolean, check_integer, choice, setting

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}  # Keras's names, and Pillow's

Size = tuple[int, int]
Kernel = Callable[[np.ndarray], np.ndarray]


def pillow(who: str) -> ModuleType:
    """Return PIL.Image. Raise ModuleNotFoundError that names the extra of minidl if Pillow is not installed."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        remedy = "install it with pip install 'minidl[images]'"
        raise ModuleNotFoundError(f"{who} reads images with Pillow ({error}); {remedy}", name=error.name) from None
    return Image


def _check_size(who: str, name: str, value: Any) -> Size:
    """Return (height, width); a number stands for both."""
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2:
        raise SettingError(f"{who}: {name} must be (height, width), got {value!r}")
    height, width = (check_integer(who, name, length, 1) for length in pair)
    return height, width


@dataclass(frozen=True)
class ImageReader(Validated):
    """Reads image files as arrays (height, width, channels), uint8.

    An image is turned as its EXIF orientation says; of an animation the first frame is read. Greys of 16 bits become 8
    bits, v / 257. Pixels beyond color_mode are converted, and a color_mode without transparency drops it.

    image_size            (height, width) that images are resized to, without smoothing, as in Keras
    color_mode            "rgb", "grayscale" or "rgba": 3, 1 or 4 channels
    interpolation         "bilinear", "nearest" or "bicubic"
    crop_to_aspect_ratio  cut off edges, so that the rest has the proportions of image_size; else it is distorted
    pad_to_aspect_ratio   add black edges instead
    """

    image_size: Size = setting(_check_size, default=(256, 256))
    color_mode: str = choice(*MODES, default="rgb")
    interpolation: str = choice("bilinear", "nearest", "bicubic", default="bilinear")
    crop_to_aspect_ratio: bool = boolean(default=False)
    pad_to_aspect_ratio: bool = boolean(default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise SettingError("ImageReader: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image, (height, width, channels)."""
        return (*self.image_size, {"grayscale": 1, "rgb": 3, "rgba": 4}[self.color_mode])

    def read(self, path: str | Path) -> np.ndarray:
        """Return the image. Raise DataError that names the file if it cannot be read."""
        with opened(path) as image:
            pixels = np.asarray(in_mode(image, MODES[self.color_mode]))
        return self.resized(pixels.reshape(*pixels.shape[:2], -1))

    def resized(self, pixels: np.ndarray) -> np.ndarray:
        """Return the pixels (height, width, channels), uint8, cropped, padded and resized to the shape."""
        (height, width), (new_height, new_width) = pixels.shape[:2], self.image_size
        # the height and width with the other side of the image and the proportions of image_size
        high, wide = width * new_height // new_width, height * new_width // new_height
        if self.crop_to_aspect_ratio:
            high, wide = max(min(height, high), 1), max(min(width, wide), 1)
            top, left = (height - high) // 2, (width - wide) // 2
            pixels = pixels[top : top + high, left : left + wide]
        if self.pad_to_aspect_ratio:
            above, beside = max(high - height, 0) // 2, max(wide - width, 0) // 2
            pixels = np.pad(pixels, ((above, above), (beside, beside), (0, 0)))
        for axis, size in enumerate(self.image_size):
            pixels = KERNELS[self.interpolation](pixels, size, axis)
        return np.rint(pixels).clip(0, 255).astype(np.uint8)


# ---- resizing along one axis: pixel i of the new image is at (i + 1/2) old / new - 1/2 of the old one


def _nearest(pixels: np.ndarray, size: int, axis: int) -> np.ndarray:
    old = pixels.shape[axis]
    return pixels.take((2 * np.arange(size) + 1) * old // (2 * size), axis)


def _weighted(pixels: np.ndarray, size: int, axis: int, kernel: Kernel, reach: int) -> np.ndarray:
    """Return the means of pixels, weighted by a kernel of their distance, which is 0 from `reach` pixels on."""
    old = pixels.shape[axis]
    if old == size:
        return pixels
    places = (np.arange(size, dtype=np.float32) + 0.5) * (old / size) - 0.5
    index = np.floor(places).astype(int) + np.arange(1 - reach, 1 + reach)[:, None]
    weights = kernel(np.abs(places - index)) * ((index >= 0) & (index < old))
    weights = (weights / weights.sum(axis=0))[..., None, None].astype(np.float32)
    parts = zip(weights if axis == 0 else weights.reshape(len(index), 1, size, 1), index.clip(0, old - 1), strict=True)
    return sum(weight * pixels.take(numbers, axis) for weight, numbers in parts)


def _linear(t: np.ndarray) -> np.ndarray:
    return 1 - t


def _cubic(t: np.ndarray) -> np.ndarray:
    """The kernel of Keys (1981) with a = -1/2, as in TensorFlow and Pillow. PyTorch has a = -3/4."""
    return np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2)


KERNELS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "bilinear": partial(_weighted, kernel=_linear, reach=1),
    "nearest": _nearest,
    "bicubic": partial(_weighted, kernel=_cubic, reach=2),
}


# ---- files


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Open an image file, the right way up. Raise DataError for a file that is damaged or not an image."""
    module = pillow("image_folder")
    from PIL import ImageOps

    try:
        with module.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            yield image
    except Exception as error:  # Pillow's decoders raise errors of many kinds for damaged files
        remedy = "delete it, or call image_folder with skip_broken=True"
        raise DataError(f"image_folder: {path} cannot be read as an image ({error}); {remedy}") from None


def in_mode(image: Any, mode: str) -> Any:
    """Return the image in one of Pillow's modes of 8 bits."""
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow's `convert` clips at 255
        greys = np.asarray(image).clip(0, 65535)
        image = pillow("image_folder").fromarray(np.rint(greys / 257).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)
