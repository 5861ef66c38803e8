"""The product of a kernel with every window of images, and its derivatives: the mathematics of convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..ops import column_sums
from ._windows import Windows


@dataclass(frozen=True)
class Correlation:
    """y[p] = sum over cells i of x[p * strides + i * dilation] W[i].

    x (m, *image, c) -> y (m, *positions, filters), with a kernel W (*size, c, filters). The rows are computed in blocks
    that fit in the processor's cache.
    """

    windows: Windows

    def __call__(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        y = np.empty((len(x), *self.windows.positions, kernel.shape[-1]), np.result_type(x, kernel))
        for rows in self.windows.blocks(x):
            part = _matrix(y[rows])
            np.dot(self._patches(x[rows]), _matrix(kernel), out=part)
            if bias is not None:
                part += bias
        return y

    def kernel_gradient(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return dL/dW[i] = sum over positions p of x[p * strides + i * dilation]^T dy[p]."""
        parts = (self._patches(x[rows]).T.dot(_matrix(dy[rows])) for rows in self.windows.blocks(x))
        return np.reshape(sum(parts), (*self.windows.size, x.shape[-1], dy.shape[-1]))

    def input_gradient(self, dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Return dL/dx: every window adds dy[p] W[i]^T to what it sees."""
        windows, c = self.windows, kernel.shape[-2]
        padded = np.zeros((len(dy), *windows.padded, c), np.result_type(dy, kernel))
        transposed = np.ascontiguousarray(kernel.swapaxes(-1, -2))
        for rows in windows.blocks(padded):
            dx, slopes = padded[rows], _matrix(dy[rows])
            product = np.empty((len(slopes), c), padded.dtype)
            for cell, seen in windows.cells():
                np.dot(slopes, transposed[cell], out=product)
                dx[seen] += product.reshape(len(dx), *windows.positions, c)
        return windows.cut(padded)

    def _patches(self, x: np.ndarray) -> np.ndarray:
        """Return the windows of x, each as a row."""
        return self.windows.of(x).reshape(-1, math.prod(self.windows.size) * x.shape[-1])


@dataclass(frozen=True)
class GroupedCorrelation:
    """Correlations side by side: channels and filters are cut into groups, which do not see each other.

    x (m, *image, c) -> y (m, *positions, filters), with a kernel W (*size, c / groups, filters).
    """

    windows: Windows
    groups: int

    def __call__(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        correlation, parts = Correlation(self.windows), zip(self._cut(x), self._cut(kernel), strict=True)
        y = np.concatenate([correlation(channels, filters) for channels, filters in parts], axis=-1)
        return y if bias is None else y + bias

    def kernel_gradient(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return dL/dW."""
        correlation, parts = Correlation(self.windows), zip(self._cut(x), self._cut(dy), strict=True)
        return np.concatenate([correlation.kernel_gradient(*part) for part in parts], axis=-1)

    def input_gradient(self, dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Return dL/dx."""
        correlation, parts = Correlation(self.windows), zip(self._cut(dy), self._cut(kernel), strict=True)
        return np.concatenate([correlation.input_gradient(*part) for part in parts], axis=-1)

    def _cut(self, array: np.ndarray) -> list[np.ndarray]:
        return np.split(array, self.groups, axis=-1)


@dataclass(frozen=True)
class DepthwiseCorrelation:
    """y[p, c] = sum over cells i of x[p * strides + i * dilation, c] W[i, c]: every channel has kernels of its own.

    x (m, *image, c) -> y (m, *positions, c q), with a kernel W (*size, c, q) of q kernels for each channel.
    """

    windows: Windows

    def __call__(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        *_, c, q = kernel.shape
        y = np.zeros((len(x), *self.windows.positions, c, q), np.result_type(x, kernel))
        for rows in self.windows.blocks(x):
            padded, part = self.windows.pad(x[rows])[..., None], y[rows]
            for cell, seen in self.windows.cells():
                part += padded[seen] * kernel[cell]
        y = y.reshape(*y.shape[:-2], c * q)
        if bias is not None:
            y += bias
        return y

    def kernel_gradient(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return dL/dW[i, c] = sum over positions p of x[p * strides + i * dilation, c] dy[p, c]."""
        c, q = x.shape[-1], dy.shape[-1] // x.shape[-1]
        slope = np.zeros((*self.windows.size, c, q), np.result_type(x, dy))
        dy_of_channels = dy.reshape(*dy.shape[:-1], c, q)
        for rows in self.windows.blocks(x):
            padded = self.windows.pad(x[rows])[..., None]
            for cell, seen in self.windows.cells():
                products = padded[seen] * dy_of_channels[rows]
                slope[cell] += column_sums(products.reshape(-1, c * q)).reshape(c, q)
        return slope

    def input_gradient(self, dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Return dL/dx: every window adds the sum of dy[p, c] W[i, c] over the q kernels to what it sees."""
        windows, (*_, c, q) = self.windows, kernel.shape
        padded = np.zeros((len(dy), *windows.padded, c), np.result_type(dy, kernel))
        dy_of_channels = dy.reshape(*dy.shape[:-1], c, q)
        for rows in windows.blocks(padded):
            dx = padded[rows]
            for cell, seen in windows.cells():
                dx[seen] += (dy_of_channels[rows] * kernel[cell]).sum(axis=-1)
        return windows.cut(padded)


def _matrix(array: np.ndarray) -> np.ndarray:
    """Return the array (..., n) as a matrix with n columns."""
    return array.reshape(-1, array.shape[-1])
