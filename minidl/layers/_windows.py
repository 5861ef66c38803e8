"""The windows that a kernel sees when it moves over images, for convolution and pooling in any number of dimensions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import Any, cast

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import SettingError, ShapeError
from ..validation import check_integer
from ._base import Layer

Lengths = tuple[int, ...]  # one number for each spatial axis

# Bytes that the windows of one block of images take: they stay in the processor's cache
BLOCK = 4000000


def check_lengths(who: str, name: str, value: Any, low: int = 1) -> int | Lengths:
    """Return a kernel size, strides or the like: an integer of at least `low` for all axes, or one for each axis."""
    if isinstance(value, tuple | list):
        return tuple(check_integer(who, name, length, low) for length in value)
    return check_integer(who, name, value, low)


def for_axes(layer: Layer, name: str, dimensions: int) -> Lengths:
    """Return a layer's setting as one number for each axis. Raise SettingError if it is for other axes."""
    lengths = getattr(layer, name)
    if isinstance(lengths, int):
        return (lengths,) * dimensions
    if len(lengths) != dimensions:
        who = type(layer).__name__
        wanted = "an integer" if dimensions == 1 else f"an integer or {dimensions} of them"
        remedy = f"; for images use {who.replace('1D', '2D')}" if dimensions == 1 else ""
        raise SettingError(f"{who}: {name} must be {wanted}, got {lengths}{remedy}")
    return cast("Lengths", lengths)


def check_image(layer: Layer, dimensions: int, shape: tuple[int, ...]) -> Lengths:
    """Return the lengths of the spatial axes of rows of this shape. Raise ShapeError if they are not images."""
    who = type(layer).__name__
    kind, last = ("(height, width, channels)", "channels") if dimensions == 2 else ("(steps, features)", "features")
    if len(shape) != dimensions + 1:
        lacks = f"add an axis of {last}, x[..., None]" if len(shape) == dimensions else "see Reshape"
        raise ShapeError(f"{who} takes rows of shape {kind}, but its input has rows of shape {shape}: {lacks}")
    if dimensions == 2 and shape[0] in (1, 3) and shape[1] == shape[2] >= 16:
        advice = "minidl has channels last: x.transpose(0, 2, 3, 1)"
        warnings.warn(f"{who}: rows of shape {shape} look like (channels, height, width); {advice}", stacklevel=2)
    return shape[:-1]


@dataclass(frozen=True)
class Windows:
    """Window p of an image x sees x[p * strides + i * dilation - before], for each cell i of a kernel.

    image      lengths of the image's axes
    positions  number of windows along each axis
    size       of the kernel
    before     padding in front of each axis; behind, as much as the last window needs
    """

    image: Lengths
    positions: Lengths
    size: Lengths
    strides: Lengths
    dilation: Lengths
    before: Lengths

    @cached_property
    def padded(self) -> Lengths:
        """The lengths of an image with its padding."""
        axes = zip(self.image, self.before, self.positions, self.strides, self.size, self.dilation, strict=True)
        return tuple(max(b + n, (p - 1) * s + (k - 1) * d + 1) for n, b, p, s, k, d in axes)

    @property
    def reached(self) -> Lengths:
        """Along each axis, the number of the kernel's cells that lie in the image in at least one window."""
        axes = zip(self.image, self.positions, self.size, self.strides, self.dilation, self.before, strict=True)
        return tuple(
            sum(any(0 <= p * s + i * d - b < n for p in range(count)) for i in range(k))
            for n, count, k, s, d, b in axes
        )

    @cached_property
    def overlap(self) -> bool:
        """True if a pixel may lie in several windows."""
        axes = zip(self.strides, self.size, self.dilation, strict=True)
        return any(s < (k - 1) * d + 1 for s, k, d in axes)

    def pad(self, images: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Return images (m, *image, c) with their padding; they themselves if they need none."""
        if self.padded == self.image:
            return images
        shape = (len(images), *self.padded, images.shape[-1])
        padded = np.full(shape, fill, images.dtype) if fill else np.zeros(shape, images.dtype)
        self.cut(padded)[...] = images
        return padded

    def cut(self, padded: np.ndarray) -> np.ndarray:
        """Return the part of padded images that lies in the images."""
        inner = [slice(b, b + n) for b, n in zip(self.before, self.image, strict=True)]
        return padded[:, *inner]

    def of(self, images: np.ndarray) -> np.ndarray:
        """Return the windows of images (m, *image, c): a view (m, *positions, *size, c) of the padded images."""
        padded = self.pad(images)
        m, *axes, c = padded.strides
        steps = [stride * step for stride, step in zip(axes, self.strides, strict=True)]
        cells = [stride * step for stride, step in zip(axes, self.dilation, strict=True)]
        shape = (len(images), *self.positions, *self.size, images.shape[-1])
        return as_strided(padded, shape, (m, *steps, *cells, c), writeable=False)

    def cells(self) -> Iterator[tuple[Lengths, tuple[slice, ...]]]:
        """Yield each cell of the kernel with the part of padded images that it sees from all windows."""
        for cell in product(*map(range, self.size)):
            axes = zip(cell, self.dilation, self.positions, self.strides, strict=True)
            yield cell, (slice(None), *(slice(i * d, i * d + (p - 1) * s + 1, s) for i, d, p, s in axes))

    def blocks(self, images: np.ndarray) -> list[slice]:
        """Return slices of about equally many rows, whose windows fit in the processor's cache."""
        m, c = len(images), images.shape[-1]
        each = math.prod(self.positions) * math.prod(self.size) * c * images.itemsize
        rows = max(1, BLOCK // each)
        ends = np.linspace(0, m, max(1, -(-m // rows)) + 1).astype(int).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]


def windows_over(who: str, image: Lengths, size: Lengths, strides: Lengths, padding: str, dilation: Lengths) -> Windows:
    """Return the windows of a kernel on images. Raise ShapeError, in the name of `who`, if none fits in the image.

    padding  "valid": the windows that lie in the image
             "same": one window at every stride; if the padding is odd, one more behind than in front, as in Keras
             "causal": the same number, and no window sees what comes after it
    """
    reach = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    if padding == "valid":
        if any(n < r for n, r in zip(image, reach, strict=True)):
            unit = "pixels" if len(image) == 2 else "steps"
            message = f"{who}: a window reaches over {_times(reach)} {unit}, but its input has {_times(image)}"
            raise ShapeError(f"{message}: make the window smaller, or pass padding='same'")
        positions = tuple((n - r) // s + 1 for n, r, s in zip(image, reach, strides, strict=True))
        return Windows(image, positions, size, strides, dilation, (0,) * len(image))
    positions = tuple(-(-n // s) for n, s in zip(image, strides, strict=True))
    if padding == "causal":
        before = tuple(r - 1 for r in reach)
    else:
        axes = zip(image, positions, strides, reach, strict=True)
        before = tuple(max((p - 1) * s + r - n, 0) // 2 for n, p, s, r in axes)
    return Windows(image, positions, size, strides, dilation, before)


def _times(lengths: Lengths) -> str:
    return " x ".join(map(str, lengths))


def transposed_windows(
    positions: Lengths, size: Lengths, strides: Lengths, padding: str, dilation: Lengths, more: Lengths | None
) -> Windows:
    """Return windows at these positions: the images are as large as a transposed convolution makes them in Keras.

    more  Keras's output_padding; None: the image has positions * strides pixels, or what the windows cover if "valid"
    """
    image, before = [], []
    more_or_none = more or (None,) * len(positions)
    for p, k, s, d, extra in zip(positions, size, strides, dilation, more_or_none, strict=True):
        reach = (k - 1) * d + 1
        if padding == "valid":
            image.append((p - 1) * s + (max(reach, s) if extra is None else reach + extra))
            before.append(0)
        else:
            image.append(p * s if extra is None else (p - 1) * s + reach % 2 + extra)
            total = s + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
            before.append(reach - 1 - min(-(-total // 2), reach - 1))
    return Windows(tuple(image), positions, size, strides, dilation, tuple(before))
