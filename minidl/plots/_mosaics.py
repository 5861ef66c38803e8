"""Images in a grid, and their colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BYTE = 255
COLOR, GREY = 3, 1  # channels


def columns_for(count: int, *, wide: bool = False) -> int:
    """Return the number of columns of a grid of so many images: as many as rows, or four times as many if `wide`."""
    return min(count, math.ceil(math.sqrt(4 * count if wide else count))) or 1


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Return images (n, height, width, 1 or 3) side by side as one, row by row, with a pixel of NaN between them."""
    n, height, width, channels = images.shape
    rows = math.ceil(n / columns)
    grid = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, channels), np.nan)
    for number, image in enumerate(images):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        grid[top : top + height, left : left + width] = image
    return grid


def draw(ax: Axes, image: np.ndarray, extent: tuple[float, float, float, float] | None = None) -> None:
    """Draw an image (height, width, 1 or 3) of numbers from 0 to 1. NaN is left white."""
    if image.shape[-1] == COLOR:
        ax.imshow(np.where(np.isnan(image), 1.0, image), extent=extent, interpolation="nearest")
    else:
        ax.imshow(image[..., 0], extent=extent, interpolation="nearest", cmap="gray", vmin=0, vmax=1)


def without_frame(ax: Axes) -> None:
    """Leave out the frame and the marks of the ticks; their labels stay."""
    ax.set_frame_on(False)
    ax.tick_params(length=0)


def as_photograph(who: str, x: np.ndarray) -> np.ndarray:
    """Return images (m, height, width, channels) with numbers from 0 to 1, in colour or grey.

    Numbers in [0, 1] stay, bytes are divided by 255, others are stretched from the smallest to the largest.
    """
    channels = x.shape[-1]
    if channels not in (GREY, COLOR):
        raise ShapeError(f"{who} draws images of {GREY} or {COLOR} channels, got {channels}; choose some, x[..., :3]")
    images, low, high = x.astype(float), float(x.min()), float(x.max())
    if low >= 0 and high <= BYTE:
        return images / (1 if high <= 1 else BYTE)
    return (images - low) / (high - low)
