"""The product of a kernel with every window of images, and its derivatives: the mathematics of convolution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..ops import column_sums
from ._windows import Windows


@dataclass(frozen=True)
class Correlation:
    """y[p] = sum over cells i of x[p * strides + i * dilation] W[i].

    x (m, *image, c) -> y (m, *positions, filters), with a kernel W (*size, c / groups, filters). The channels and the
    filters are cut into groups, each of which is a correlation of its own.
    """

    windows: Windows
    groups: int = 1

    def __call__(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        y = np.empty((len(x), *self.windows.positions, kernel.shape[-1]), np.result_type(x, kernel))
        for rows in self.windows.blocks(x):
            for channels, filters in self._grouped(x, kernel):
                product = self._patches(x[rows, ..., channels]).dot(_matrix(kernel[..., filters]))
                y[rows, ..., filters] = product.reshape(-1, *self.windows.positions, product.shape[-1])
            if bias is not None:
                y[rows] += bias
        return y

    def kernel_gradient(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return dL/dW[i] = sum over positions p of x[p * strides + i * dilation]^T dy[p]."""
        shape = (*self.windows.size, x.shape[-1] // self.groups, dy.shape[-1])
        slope = np.zeros(shape, np.result_type(x, dy))
        for rows in self.windows.blocks(x):
            for channels, filters in self._grouped(x, slope):
                patches = self._patches(x[rows, ..., channels])
                part = slope[..., filters]
                part += patches.T.dot(_matrix(dy[rows, ..., filters])).reshape(part.shape)
        return slope

    def input_gradient(self, dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Return dL/dx: every window adds dy[p] W[i]^T to what it sees."""
        windows, c = self.windows, kernel.shape[-2] * self.groups
        dx = np.empty((len(dy), *windows.image, c), np.result_type(dy, kernel))
        for rows in windows.blocks(dx):
            padded = np.zeros((len(dx[rows]), *windows.padded, c), dx.dtype)
            for channels, filters in self._grouped(dx, kernel):
                slopes = _matrix(dy[rows, ..., filters])
                for cell, seen in windows.cells():
                    part = padded[seen][..., channels]
                    part += slopes.dot(kernel[cell][:, filters].T).reshape(part.shape)
            dx[rows] = windows.cut(padded)
        return dx

    def _patches(self, x: np.ndarray) -> np.ndarray:
        """Return the windows of x, each as a row."""
        return self.windows.of(x).reshape(-1, math.prod(self.windows.size) * x.shape[-1])

    def _grouped(self, x: np.ndarray, kernel: np.ndarray) -> Iterator[tuple[slice, slice]]:
        """Yield the channels and the filters of each group."""
        c, filters = x.shape[-1] // self.groups, kernel.shape[-1] // self.groups
        for group in range(self.groups):
            yield slice(group * c, (group + 1) * c), slice(group * filters, (group + 1) * filters)


@dataclass(frozen=True)
class DepthwiseCorrelation:
    """y[p, c] = sum over cells i of x[p * strides + i * dilation, c] W[i, c]: every channel has kernels of its own.

    x (m, *image, c) -> y (m, *positions, c q), with a kernel W (*size, c, q) of q kernels for each channel.
    """

    windows: Windows

    def __call__(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        *_, c, q = kernel.shape
        y = np.empty((len(x), *self.windows.positions, c * q), np.result_type(x, kernel))
        for rows in self.windows.blocks(x):
            padded = self.windows.pad(x[rows])
            products = (padded[seen][..., None] * kernel[cell] for cell, seen in self.windows.cells())
            total = next(products)
            for product in products:
                total += product
            y[rows] = total.reshape(y[rows].shape)
            if bias is not None:
                y[rows] += bias
        return y

    def kernel_gradient(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return dL/dW[i, c] = sum over positions p of x[p * strides + i * dilation, c] dy[p, c]."""
        c, q = x.shape[-1], dy.shape[-1] // x.shape[-1]
        slope = np.zeros((*self.windows.size, c, q), np.result_type(x, dy))
        for rows in self.windows.blocks(x):
            padded = self.windows.pad(x[rows])
            dy_of_channels = dy[rows].reshape(*dy[rows].shape[:-1], c, q)
            for cell, seen in self.windows.cells():
                products = padded[seen][..., None] * dy_of_channels
                slope[cell] += column_sums(products.reshape(-1, c * q)).reshape(c, q)
        return slope

    def input_gradient(self, dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Return dL/dx."""
        windows, (*_, c, q) = self.windows, kernel.shape
        dx = np.empty((len(dy), *windows.image, c), np.result_type(dy, kernel))
        for rows in windows.blocks(dx):
            padded = np.zeros((len(dx[rows]), *windows.padded, c), dx.dtype)
            dy_of_channels = dy[rows].reshape(*dy[rows].shape[:-1], c, q)
            for cell, seen in windows.cells():
                padded[seen] += (dy_of_channels * kernel[cell]).sum(axis=-1)
            dx[rows] = windows.cut(padded)
        return dx


def _matrix(array: np.ndarray) -> np.ndarray:
    """Return the array (..., n) as a matrix with n columns."""
    return array.reshape(-1, array.shape[-1])
