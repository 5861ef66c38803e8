"""Images resampled at other places: y = S x, where each pixel of y is a weighted mean of pixels of x.

A row of the sparse matrix S has the weights of one pixel of y, a column stands for one pixel of x. So the derivative is
dx = S^T dy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK_PIXELS = 2**14  # at once: the weights of so many fit into the cache

Nodes = list[tuple[np.ndarray, np.ndarray]]  # (pixel along one axis, its weight)


# ---- affine maps: the pixel (h, w) of y shows the place (h', w') of x,   w' = a w + b h + c,   h' = d w + e h + f


def translations(down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the matrices that move images down and right by so many pixels: (m,) -> (m, 2, 3)."""
    one, zero = np.ones_like(down), np.zeros_like(down)
    return _matrices(one, zero, -right, zero, one, -down)


def rotations(angles: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the matrices that turn images counterclockwise about their centre, by radians: (m,) -> (m, 2, 3)."""
    cos, sin = np.cos(angles), np.sin(angles)
    x, y = (width - 1) / 2, (height - 1) / 2
    return _matrices(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)


def zooms(down: np.ndarray, right: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the matrices that show `down` times the height and `right` times the width, centred: (m,) -> (m, 2, 3)."""
    zero = np.zeros_like(down)
    return _matrices(right, zero, (width - 1) / 2 * (1 - right), zero, down, (height - 1) / 2 * (1 - down))


def _matrices(*entries: np.ndarray) -> np.ndarray:
    return np.stack(entries, axis=-1).reshape(-1, 2, 3)


# ---- what is beyond the edge of an image, and between its pixels


def _reflected(index: np.ndarray, size: int) -> np.ndarray:
    """Pixels d c b a | a b c d | d c b a."""
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


# the pixel of the image that stands for one beyond its edge; "constant": none does, the weight of this one is 0
FILL_MODES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "reflect": _reflected,
    "wrap": lambda index, size: index % size,
    "constant": lambda index, size: np.clip(index, 0, size - 1),
    "nearest": lambda index, size: np.clip(index, 0, size - 1),
}


def _nearest(place: np.ndarray) -> Nodes:
    return [(np.rint(place).astype(np.int32), np.ones_like(place))]


def _linear(place: np.ndarray) -> Nodes:
    below = np.floor(place)
    upper, index = place - below, below.astype(np.int32)
    return [(index, 1 - upper), (index + 1, upper)]


INTERPOLATIONS: dict[str, Callable[[np.ndarray], Nodes]] = {"nearest": _nearest, "bilinear": _linear}


@dataclass(frozen=True)
class Resampling:
    """y = S x + c (1 - S 1) for images x (m, height, width, channels): c replaces the pixels that are beyond the edge.

    matrices       the affine map of each image (m, 2, 3)
    fill_mode      one of FILL_MODES
    interpolation  one of INTERPOLATIONS
    fill_value     c, for fill_mode "constant"
    """

    matrices: np.ndarray
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    fill_value: float = 0.0

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return y, of the shape of x."""
        y = np.empty_like(x)
        for rows in _blocks(x.shape):
            weights = self._weights(rows, x)
            y[rows] = (weights @ _pixels(x[rows])).reshape(x[rows].shape)
            if self.fill_mode == "constant" and self.fill_value:
                y[rows] += (self.fill_value * (1 - weights.sum(axis=1))).reshape(*x[rows].shape[:3], 1)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx = S^T dy. S is computed again: it takes more memory than x."""
        dx = np.empty_like(dy)
        for rows in _blocks(dy.shape):
            dx[rows] = (self._weights(rows, dy).T @ _pixels(dy[rows])).reshape(dy[rows].shape)
        return dx

    def _weights(self, rows: slice, x: np.ndarray) -> Any:
        """Return S for some of the rows: a SciPy sparse matrix (pixels, pixels) of the dtype of x."""
        from scipy.sparse import csr_array

        columns, weights = self._entries(self.matrices[rows], *x.shape[1:3])
        starts = np.arange(0, weights.size + 1, weights.shape[-1])
        size = len(starts) - 1
        return csr_array((weights.reshape(-1).astype(x.real.dtype), columns.reshape(-1), starts), (size, size))

    def _entries(self, matrices: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return, for each pixel of y, the numbers of the pixels of x and their weights: two (m, height, width, k)."""
        h, w = np.arange(height)[:, None], np.arange(width)
        (a, b, c), (d, e, f) = np.moveaxis(matrices, 0, -1)[..., None, None]
        across = self._nodes(a * w + (b * h + c), width)
        down = self._nodes(d * w + (e * h + f), height)
        first = np.arange(len(matrices), dtype=np.int32)[:, None, None] * (height * width)
        columns = [first + row * width + column for row, _ in down for column, _ in across]
        weights = [by_row * by_column for _, by_row in down for _, by_column in across]
        return np.stack(columns, axis=-1), np.stack(weights, axis=-1)

    def _nodes(self, place: np.ndarray, size: int) -> Nodes:
        """Return the pixels along one axis, all inside the image, that give the value at a place, and their weights."""
        inside, nodes = FILL_MODES[self.fill_mode], INTERPOLATIONS[self.interpolation](place)
        if self.fill_mode != "constant":
            return [(inside(index, size), weight) for index, weight in nodes]
        return [(inside(index, size), weight * ((index >= 0) & (index < size))) for index, weight in nodes]


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield the rows of images (m, height, width, channels) in blocks of about BLOCK_PIXELS."""
    each = max(1, BLOCK_PIXELS // (shape[1] * shape[2]))
    return (slice(first, min(first + each, shape[0])) for first in range(0, shape[0], each))


def _pixels(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])
