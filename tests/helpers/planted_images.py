"""Mistakes in layers on images, as people write these layers: loops over windows, im2col, einsum, FFT.

A class with wrong="" is right; `wrong` names its mistakes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minidl.initializers import GlorotUniform, Ones, Zeros
from minidl.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Layer,
    MaxPooling2D,
    Parameter,
    Permute,
    SeparableConv2D,
    UpSampling2D,
)


@dataclass(frozen=True)
class ImagePlant:
    """A layer with a mistake, the shape of its rows, and words of its cause; () where "unknown" is the honest answer.

    alone  True if the mistake shows in the layer's own check only, not in a network
    """

    name: str
    layer: Callable[[], Layer]
    says: tuple[str, ...]
    shape: tuple[int, ...] = (7, 6, 3)
    alone: bool = False


@dataclass(eq=False)
class LoopConv(Layer):
    """y[i, j] = sum of x[i s : i s + k, j s : j s + k] W + b over a window: loops, as in a first course."""

    wrong: str = ""
    filters: int = 4
    k: int = 3
    stride: int = 1
    pad: int = 0

    def build(self, input_shape):
        h, w, c = input_shape
        self.W = Parameter((self.k, self.k, c, self.filters), GlorotUniform())
        self.b = Parameter((self.filters,), Zeros())
        return (*((n + 2 * self.pad - self.k) // self.stride + 1 for n in (h, w)), self.filters)

    def padded(self, x):
        p = self.pad
        return np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))

    def windows(self, height, width, stride=None):
        s, k = stride or self.stride, self.k
        for i in range(height):
            for j in range(width):
                yield i, j, slice(i * s, i * s + k), slice(j * s, j * s + k)

    def forward(self, x, training=False):
        padded = self.padded(x)
        height, width = ((n - self.k) // self.stride + 1 for n in padded.shape[1:3])
        y = np.zeros((len(x), height, width, self.filters), x.dtype)
        for i, j, rows, columns in self.windows(height, width):
            y[:, i, j] = np.tensordot(padded[:, rows, columns], self.W.value, 3) + self.b.value
        self.x, self.x_padded = x, padded
        return y

    def backward(self, dy):
        wrong, W, x = self.wrong, self.W.value, self.x_padded
        dW, dx = np.zeros_like(W), np.zeros_like(x)
        kernel = {"dx: kernel flipped": W[::-1, ::-1], "dx: kernel transposed": W.swapaxes(0, 1)}.get(wrong, W)
        if wrong == "dx: channels and filters swapped":
            kernel = W.swapaxes(2, 3)
        for i, j, rows, columns in self.windows(*dy.shape[1:3], 1 if wrong == "dW: stride forgotten" else None):
            dW += np.tensordot(x[:, rows, columns], dy[:, i, j], (0, 0))
            if wrong == "dW: last window":
                dW = np.tensordot(x[:, rows, columns], dy[:, i, j], (0, 0))
        for i, j, rows, columns in self.windows(*dy.shape[1:3], 1 if wrong == "dx: stride forgotten" else None):
            part = np.tensordot(dy[:, i, j], kernel, (1, 3))
            if wrong == "dx: windows assigned":
                dx[:, rows, columns] = part
            else:
                dx[:, rows, columns] += part
        if wrong == "dx: filters assigned":
            dx[:] = 0
            for i, j, rows, columns in self.windows(*dy.shape[1:3]):
                dx[:, rows, columns] += dy[:, i, j, -1][:, None, None, None] * W[..., -1]
        self.W.grad, self.b.grad = self.kernel_slope(dW, x, dy), self.bias_slope(dy)
        h, w = self.x.shape[1:3]
        p = {"dx: padding cut at the wrong end": 0, "dx: padding cut at one end": 2 * self.pad}.get(wrong, self.pad)
        return dx if wrong == "dx: padding kept" else dx[:, p : p + h, p : p + w] * (wrong != "dx: minus" or -1)

    def kernel_slope(self, dW, x, dy):
        rows, positions = len(dy), dy.shape[1] * dy.shape[2]
        if self.wrong == "dW: last row":
            one = np.zeros_like(dW)
            for i, j, r, c in self.windows(*dy.shape[1:3]):
                one += np.tensordot(x[-1:, r, c], dy[-1:, i, j], (0, 0))
            return one
        return {
            "dW: flipped": dW[::-1, ::-1],
            "dW: flipped along the rows": dW[::-1],
            "dW: transposed": dW.swapaxes(0, 1),
            "dW: all axes flipped": dW[::-1, ::-1, ::-1],
            "dW: mean over rows": dW / rows,
            "dW: mean over positions": dW / positions,
            "dW: mean over rows and positions": dW / (rows * positions),
            "dW: summed over the channels": np.broadcast_to(dW.sum(axis=2, keepdims=True), dW.shape),
        }.get(self.wrong, dW)

    def bias_slope(self, dy):
        return {
            "db: mean": dy.mean(axis=(0, 1, 2)),
            "db: mean over positions": dy.mean(axis=(1, 2)).sum(axis=0),
            "db: one position": dy[:, 0, 0].sum(axis=0),
            "db: last row of pixels": dy[:, -1].sum(axis=(0, 1)),
            "db: last example": dy[-1].sum(axis=(0, 1)),
            "db: everything": dy.sum(),
        }.get(self.wrong, dy.sum(axis=(0, 1, 2)))


@dataclass(eq=False)
class Im2colConv(LoopConv):
    """The same by im2col: the windows are the rows of a matrix."""

    def columns(self, x, height, width):
        s, k = self.stride, self.k
        rows = [
            x[:, i * s : i * s + k, j * s : j * s + k].reshape(len(x), -1) for i, j, *_ in self.windows(height, width)
        ]
        return np.stack(rows, axis=1)

    def forward(self, x, training=False):
        padded = self.padded(x)
        height, width = ((n - self.k) // self.stride + 1 for n in padded.shape[1:3])
        columns = self.columns(padded, height, width)
        self.x, self.x_padded, self.cols = x, padded, columns
        y = columns @ self.W.value.reshape(-1, self.filters) + self.b.value
        return y.reshape(len(x), height, width, self.filters)

    def backward(self, dy):
        wrong, shape = self.wrong, self.W.shape
        flat = dy.reshape(-1, self.filters)
        if wrong == "dy: reshaped in another order":
            flat = dy.transpose(3, 0, 1, 2).reshape(-1, self.filters)
        if wrong == "dy: rows and columns swapped":
            flat = dy.swapaxes(1, 2).reshape(-1, self.filters)
        cols = self.cols.reshape(len(flat), -1)
        dW = cols.T @ flat
        self.W.grad = dW.reshape(shape)
        if wrong == "dW: reshaped without transposing":
            self.W.grad = dW.T.reshape(shape)
        if wrong == "dW: channels first":
            self.W.grad = dW.reshape(shape[2], *shape[:2], shape[3]).transpose(1, 2, 0, 3)
        self.b.grad = dy.sum(axis=(0, 1, 2))
        d = (flat @ self.W.value.reshape(-1, self.filters).T).reshape(*dy.shape[:3], *shape[:3])
        if wrong == "dcols: channels first":
            d = d.reshape(*dy.shape[:3], shape[2], *shape[:2]).transpose(0, 1, 2, 4, 5, 3)
        dx, (h, w) = np.zeros_like(self.x_padded), self.x.shape[1:3]
        places = np.arange(dx[0].size).reshape(dx[0].shape)
        index = np.stack([places[r, c] for _, _, r, c in self.windows(*dy.shape[1:3])])
        for row, slope in zip(dx.reshape(len(dx), -1), d.reshape(len(dx), *index.shape), strict=True):
            if wrong == "col2im: indices added once":
                row[index] += slope  # NumPy adds once where an index is repeated
            else:
                np.add.at(row, index, slope)
        return dx[:, self.pad : self.pad + h, self.pad : self.pad + w]


@dataclass(eq=False)
class EinsumConv(Layer):
    """The same with strides of 1, by einsum over a view of the windows."""

    wrong: str = ""
    filters: int = 4
    k: int = 3

    def build(self, input_shape):
        h, w, c = input_shape
        self.W = Parameter((self.k, self.k, c, self.filters), GlorotUniform())
        return (h - self.k + 1, w - self.k + 1, self.filters)

    def view(self, x):
        return sliding_window_view(x, (self.k, self.k), axis=(1, 2))

    def forward(self, x, training=False):
        self.x = x
        return np.einsum("mhwcij,ijcf->mhwf", self.view(x), self.W.value)

    def backward(self, dy):
        self.W.grad = np.einsum("mhwcij,mhwf->ijcf", self.view(self.x), dy)
        p = self.k - 1
        padded = np.pad(dy, ((0, 0), (p, p), (p, p), (0, 0)))
        kernel = self.W.value if self.wrong == "kernel not flipped" else self.W.value[::-1, ::-1]
        if self.wrong == "kernel flipped along one axis":
            kernel = self.W.value[::-1]
        if self.wrong == "dW from a mean":
            self.W.grad = np.einsum("mhwcij,mhwf->ijcf", self.view(self.x), dy) / dy[..., 0].size
        if self.wrong == "windows in reverse order":
            self.W.grad = np.einsum("mhwcij,mhwf->ijcf", self.view(self.x), dy[:, ::-1, ::-1])
        if self.wrong == "windows of the wrong axes":
            self.W.grad = np.einsum("mhwcij,mhwf->jicf", self.view(self.x), dy)
        return np.einsum("mhwfij,ijcf->mhwc", self.view(padded), kernel)


@dataclass(eq=False)
class FourierConv(EinsumConv):
    """The same by the fast Fourier transform: a circular correlation of the padded image."""

    def forward(self, x, training=False):
        self.x = x
        return self.correlate(x, self.W.value)[:, : x.shape[1] - self.k + 1, : x.shape[2] - self.k + 1]

    @staticmethod
    def correlate(x, W):
        """Sum over channels; a complex x is transformed in two parts, which keeps small imaginary parts exact."""
        turned = np.zeros((*x.shape[1:3], *W.shape[2:]), W.dtype)
        for i, j in np.ndindex(W.shape[:2]):
            turned[-i % x.shape[1], -j % x.shape[2]] = W[i, j]

        def transform(f, a, axes):
            return f(a.real, axes=axes), f(a.imag, axes=axes)

        (xr, xi), (Wr, Wi) = transform(np.fft.fft2, x, (1, 2)), transform(np.fft.fft2, turned, (0, 1))
        times = lambda a, b: np.fft.ifft2(np.einsum("mhwc,hwcf->mhwf", a, b), axes=(1, 2)).real  # noqa: E731
        real = times(xr, Wr)
        return (
            real.astype(x.dtype)
            if not np.iscomplexobj(turned * x[0, 0, 0, 0])
            else real + 1j * (times(xi, Wr) + times(xr, Wi))
        )


@dataclass(eq=False)
class CausalConv(Layer):
    """y[t] = sum_i x[t + (i - k + 1) d] W[i] on sequences, with zeros before the first step."""

    wrong: str = ""
    filters: int = 4
    k: int = 3
    dilation: int = 1

    def build(self, input_shape):
        self.W = Parameter((self.k, input_shape[-1], self.filters), GlorotUniform())
        return (input_shape[0], self.filters)

    def forward(self, x, training=False):
        before = (self.k - 1) * self.dilation
        padded, n = np.pad(x, ((0, 0), (before, 0), (0, 0))), x.shape[1]
        self.padded = padded
        return sum(padded[:, i * self.dilation : i * self.dilation + n] @ self.W.value[i] for i in range(self.k))

    def backward(self, dy):
        n, d, W = dy.shape[1], self.dilation, self.W.value
        dpadded, dW = np.zeros_like(self.padded), np.zeros_like(W)
        for i in range(self.k):
            place = slice(i * d, i * d + n)
            dW[i] = np.tensordot(self.padded[:, place], dy, ((0, 1), (0, 1)))
            if self.wrong == "dilation forgotten":
                place = slice(i, i + n)
            dpadded[:, place] += dy @ (W[-1 - i] if self.wrong == "kernel flipped" else W[i]).T
        self.W.grad = dW[::-1] if self.wrong == "dW flipped" else dW
        return dpadded[:, :n] if self.wrong == "end cut off" else dpadded[:, -n:]


@dataclass(eq=False)
class LoopPool(Layer):
    """y = max or mean of each window of size x size pixels."""

    wrong: str = ""
    mean: bool = False
    size: int = 2
    stride: int = 2

    def build(self, input_shape):
        h, w, c = input_shape
        return (*((n - self.size) // self.stride + 1 for n in (h, w)), c)

    def windows(self, height, width):
        s, k = self.stride, self.size
        for i in range(height):
            for j in range(width):
                yield i, j, (slice(None), slice(i * s, i * s + k), slice(j * s, j * s + k))

    def forward(self, x, training=False):
        y = np.zeros((len(x), *self.build(x.shape[1:])), x.dtype)
        for i, j, window in self.windows(*y.shape[1:3]):
            y[:, i, j] = x[window].mean(axis=(1, 2)) if self.mean else x[window].max(axis=(1, 2))
        self.x = x
        return y

    def backward(self, dy):
        dx = np.zeros_like(self.x)
        for i, j, window in self.windows(*dy.shape[1:3]):
            part = self.routed(self.x[window], dy[:, i, j][:, None, None])
            if self.wrong == "windows assigned":
                dx[window] = part
            else:
                dx[window] += part
        return dx

    def routed(self, x, dy):
        """dx of one window of all rows."""
        m, k, _, c = x.shape
        if self.wrong == "to the first pixel":
            return np.pad(dy, ((0, 0), (0, k - 1), (0, k - 1), (0, 0)))
        if self.mean:
            over = {"not divided": 1, "divided by the side": k, "divided twice": k**4}.get(self.wrong, k * k)
            return np.broadcast_to(dy / over, x.shape)
        if self.wrong in ("everywhere", "evenly"):
            return np.broadcast_to(dy / (k * k if self.wrong == "evenly" else 1), x.shape)
        flat = x.reshape(m, -1, c)
        if self.wrong == "every maximum":  # each of several equal maxima
            return (x == x.max(axis=(1, 2), keepdims=True)) * dy
        place = flat.argmin(axis=1) if self.wrong == "to the minimum" else flat.argmax(axis=1)
        if self.wrong == "place of the first channel":
            place = np.repeat(place[:, :1], c, axis=1)
        if self.wrong == "place with rows and columns swapped":
            place = place % k * k + place // k
        if self.wrong == "times the maximum":
            dy = dy * x.max(axis=(1, 2), keepdims=True)
        return (np.arange(k * k)[:, None] == place[:, None]).reshape(m, k, k, c) * dy


@dataclass(eq=False)
class GlobalPool(Layer):
    """y = max or mean of each channel."""

    wrong: str = ""
    mean: bool = False

    def build(self, input_shape):
        return input_shape[-1:]

    def forward(self, x, training=False):
        y = x.mean(axis=(1, 2)) if self.mean else x.max(axis=(1, 2))
        self.x, self.y = x, y
        return y

    def backward(self, dy):
        x, dy = self.x, dy[:, None, None]
        if self.mean:
            over = {"not divided": 1, "divided by rows too": x[..., 0].size, "divided by the height": x.shape[1]}
            return np.broadcast_to(dy / over.get(self.wrong, x[0, ..., 0].size), x.shape)
        if self.wrong == "everywhere":
            return np.broadcast_to(dy, x.shape)
        mask = x == x.max(axis=(1, 2), keepdims=True)
        return (
            mask * dy / (1 if self.wrong == "every maximum" else mask.sum(axis=(1, 2), keepdims=True).astype(x.dtype))
        )


@dataclass(eq=False)
class ImageNorm(Layer):
    """y = gamma (x - mean) / deviation + beta, both over rows and positions."""

    wrong: str = ""

    def build(self, input_shape):
        self.gamma, self.beta = Parameter(input_shape[-1:], Ones()), Parameter(input_shape[-1:], Zeros())
        return input_shape

    def forward(self, x, training=False):
        centred = x - x.mean(axis=(0, 1, 2))
        deviation = np.sqrt((centred * centred).mean(axis=(0, 1, 2)) + 1e-3)
        normal = centred / deviation
        self.normal, self.deviation = normal, deviation
        return self.gamma.value * normal + self.beta.value

    def backward(self, dy):
        wrong, axes = self.wrong, (0, 1, 2)
        self.beta.grad = dy[-1].sum(axis=(0, 1)) if wrong == "beta: last row" else dy.sum(axis=axes)
        slope = (dy * self.normal).sum(axis=axes)
        self.gamma.grad = slope / dy[..., 0].size if wrong == "gamma: mean" else slope
        d = dy * self.gamma.value
        if wrong == "sums over rows alone":
            axes = (0,)
        dx = d - d.mean(axis=axes, keepdims=True) * (wrong not in ("mean a constant", "both constant"))
        if wrong not in ("deviation a constant", "both constant"):
            dx = dx - self.normal * (d * self.normal).mean(axis=axes, keepdims=True)
        return dx if wrong == "deviation forgotten" else dx / self.deviation


@dataclass(eq=False)
class Border(Layer):
    """y = x with a frame of zeros around it."""

    wrong: str = ""
    width: int = 1

    def build(self, input_shape):
        h, w, c = input_shape
        return (h + 2 * self.width, w + 2 * self.width, c)

    def forward(self, x, training=False):
        p = self.width
        return np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))

    def backward(self, dy):
        p = 0 if self.wrong == "cut at the wrong end" else self.width
        height, width = (n - 2 * self.width for n in dy.shape[1:3])
        return dy if self.wrong == "not cut" else dy[:, p : p + height, p : p + width]


@dataclass(eq=False)
class Crop(Layer):
    """y = x without its frame."""

    wrong: str = ""

    def build(self, input_shape):
        h, w, c = input_shape
        return (h - 2, w - 2, c)

    def forward(self, x, training=False):
        self.shape = x.shape
        return x[:, 1:-1, 1:-1]

    def backward(self, dy):
        dx = np.zeros(self.shape, dy.dtype)
        if self.wrong == "zeros behind":
            dx[:, :-2, :-2] = dy
        else:
            dx[:, 1:-1, 1:-1] = dy
        return dx


@dataclass(eq=False)
class Enlarge(Layer):
    """y = every pixel of x four times."""

    wrong: str = ""

    def build(self, input_shape):
        h, w, c = input_shape
        return (2 * h, 2 * w, c)

    def forward(self, x, training=False):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    def backward(self, dy):
        m, h, w, c = dy.shape
        blocks = dy.reshape(m, h // 2, 2, w // 2, 2, c)
        return {
            "one of the copies": blocks[:, :, 0, :, 0],
            "mean of the copies": blocks.mean(axis=(2, 4)),
            "copies along one axis": blocks[:, :, 0].sum(axis=3),
        }.get(self.wrong, blocks.sum(axis=(2, 4)))


@dataclass(eq=False)
class Swap(Layer):
    """y = x with height and width exchanged."""

    wrong: str = ""

    def build(self, input_shape):
        h, w, c = input_shape
        return (w, h, c)

    def forward(self, x, training=False):
        self.shape = x.shape
        return x.swapaxes(1, 2)

    def backward(self, dy):
        return dy.reshape(self.shape) if self.wrong == "reshaped back" else dy.swapaxes(1, 2)


def changed(base, **changes):
    """A class like base whose right gradients are changed: kernel=..., bias=..., x=..., each gradient -> gradient."""

    class Changed(base):
        def backward(self, dy):
            dx = super().backward(dy)
            for name, change in changes.items():
                if name != "x":
                    parameter = getattr(self, name)
                    parameter.grad = change(parameter.grad.copy())
            return changes["x"](dx) if "x" in changes and dx is not None else dx

    return dataclass(eq=False)(Changed)


def at_other_kernel(base, name, change):
    """A class like base whose dx is that of a changed kernel."""

    class Changed(base):
        def backward(self, dy):
            super().backward(dy)
            kernel = getattr(self, name)
            grads = {p: p.grad.copy() for p in self.named_parameters().values()}
            kept = kernel.value.copy()
            kernel.value[...] = change(kept)
            dx = super().backward(dy)
            kernel.value[...] = kept
            for parameter, grad in grads.items():
                parameter.grad = grad
            return dx

    return dataclass(eq=False)(Changed)


def turned(kernel):
    return kernel[::-1, ::-1]


def plants(kind, mistakes, shape=(7, 6, 3), alone=(), **settings):
    for wrong, says in mistakes.items():
        name = " ".join([kind.__name__, *(f"{key}={value}" for key, value in settings.items())])
        yield ImagePlant(f"{name}: {wrong}", lambda wrong=wrong: kind(wrong, **settings), says, shape, wrong in alone)


IMAGE_PLANTS = [
    *plants(
        LoopConv,
        {
            "dx: kernel flipped": ("for W", "axes 0 and 1 (turned by 180 degrees)"),
            "dx: kernel transposed": ("axes 0 and 1 exchanged",),
            "dx: windows assigned": ("share", "last"),
            "dx: filters assigned": ("axis 3", "last"),
            "dx: minus": ("sign",),
            "dW: flipped": ("reverse order along axes 0 and 1",),
            "dW: flipped along the rows": ("reverse order along axis 0",),
            "dW: all axes flipped": ("reverse order along axes 0, 1 and 2",),
            "dW: transposed": ("axes 0 and 1 exchanged",),
            "dW: last window": ("last",),
            "dW: last row": ("last row",),
            "dW: mean over rows": ("5 rows", "mean where a sum"),
            "dW: mean over positions": ("20 positions", "mean where a sum"),
            "dW: mean over rows and positions": ("5 rows x 20 positions", "mean where a sum"),
            "dW: summed over the channels": ("sum over axis 2",),
            "db: mean": ("5 rows x 20 positions", "mean where a sum"),
            "db: mean over positions": ("20 positions", "mean where a sum"),
            "db: one position": ("first position",),
            "db: last row of pixels": ("axis 1", "last"),
            "db: last example": ("last row",),
            "db: everything": ("sum",),
        },
    ),
    *plants(LoopConv, {"dx: channels and filters swapped": ("axes 2 and 3 exchanged",)}, filters=3),
    *plants(
        LoopConv,
        {
            "dx: padding cut at the wrong end": ("padding", "1"),
            "dx: padding cut at one end": ("padding", "-1"),
            "dx: padding kept": ("padding", "cut"),
            "dx: windows assigned": ("share", "last"),
        },
        alone=("dx: padding kept",),
        pad=1,
    ),
    *plants(
        LoopConv,
        {
            "dx: stride forgotten": ("stride",),
            "dW: stride forgotten": ("stride",),
            "dx: windows assigned": ("share", "last"),
            "dx: kernel flipped": ("axes 0 and 1",),
        },
        stride=2,
    ),
    *plants(
        Im2colConv,
        {
            "dy: reshaped in another order": ("dy", "reshaped"),
            "dy: rows and columns swapped": ("dy", "axes 1 and 2", "reshaped"),
            "dW: reshaped without transposing": ("reshaped",),
            "col2im: indices added once": ("share", "last"),
        },
    ),
    *plants(
        Im2colConv,
        {"dW: channels first": ("axes", "reshaped"), "dcols: channels first": ("for W", "reshaped")},
        shape=(7, 6, 2),
    ),
    *plants(
        EinsumConv,
        {
            "kernel not flipped": ("axes 0 and 1",),
            "kernel flipped along one axis": ("axis 1",),
            "dW from a mean": ("5 rows x 20 positions", "mean where a sum"),
            "windows in reverse order": ("dy", "reverse order along axes 1 and 2"),
            "windows of the wrong axes": ("axes 0 and 1 exchanged",),
        },
    ),
    *plants(
        CausalConv,
        {
            "kernel flipped": ("reverse order along axis 0",),
            "dW flipped": ("reverse order along axis 0",),
            "end cut off": ("padding", "2"),
        },
        shape=(8, 3),
    ),
    *plants(CausalConv, {"dilation forgotten": ("forgets dilation",)}, shape=(9, 3), dilation=2),
    *plants(
        LoopPool,
        {
            "everywhere": ("4 entries", "one"),
            "evenly": ("4 entries", "one"),
            "to the minimum": ("to another one than y depends on",),
            "to the first pixel": ("to another one than y depends on",),
            "place of the first channel": ("to another one than y depends on",),
            "place with rows and columns swapped": ("to another one than y depends on",),
            "times the maximum": ("factor",),
            "every maximum": ("equal",),
        },
        alone=("every maximum",),
    ),
    *plants(
        LoopPool,
        {"windows assigned": ("one contribution at most", "share"), "everywhere": ("9 entries", "one")},
        size=3,
    ),
    *plants(
        LoopPool,
        {
            "not divided": ("4 x derivative", "4 entries"),
            "divided by the side": ("2 x derivative",),
            "divided twice": ("derivative / 4", "4 entries"),
            "to the first pixel": ("1 of 4 entries",),
        },
        mean=True,
    ),
    *plants(LoopPool, {"windows assigned": ("share", "last")}, mean=True, size=3),
    *plants(GlobalPool, {"everywhere": ("42 entries", "one"), "every maximum": ("equal",)}, alone=("every maximum",)),
    *plants(
        GlobalPool,
        {
            "not divided": ("42 x derivative", "42"),
            "divided by rows too": ("5 rows", "mean where a sum"),
            "divided by the height": ("6 x derivative",),
        },
        mean=True,
    ),
    *plants(
        ImageNorm,
        {
            "beta: last row": ("last row",),
            "gamma: mean": ("5 rows x 42 positions", "mean where a sum"),
            "mean a constant": ("path through their mean",),
            "deviation a constant": ("path through their deviation",),
            "both constant": ("path through their mean and deviation",),
            "sums over rows alone": ("linear in x over the rows", "not that of forward", "rows and positions"),
            "deviation forgotten": (),
        },
    ),
    *plants(Border, {"cut at the wrong end": ("padding",), "not cut": ("padding", "cut")}, alone=("not cut",)),
    *plants(Crop, {"zeros behind": ("moved by -1",)}),
    *plants(
        Enlarge,
        {
            "one of the copies": ("first", "axes 1 and 2"),
            "mean of the copies": ("derivative / 4", "4 "),
            "copies along one axis": ("first", "axis 1 of"),
        },
        shape=(4, 3, 2),
    ),
    *plants(Swap, {"reshaped back": ("reshaped",)}),
]


def plant(name, layer, says, shape=(7, 6, 3)):
    IMAGE_PLANTS.append(ImagePlant(name, layer, says, shape))


plant("Conv2D: kernel, flipped", lambda: changed(Conv2D, kernel=turned)(4, 3), ("reverse order along axes 0 and 1",))
plant("Conv2D: dx, flipped", lambda: at_other_kernel(Conv2D, "kernel", turned)(4, 3, padding="same"), ("axes 0 and 1",))
plant("Conv2D: bias, a hundredth", lambda: changed(Conv2D, bias=lambda g: g / 100)(4, 3), ("0.01 x derivative",))
plant("Conv2D: kernel, twice", lambda: changed(Conv2D, kernel=lambda g: 2 * g)(4, 3), ("2 x derivative",))
plant(
    "Conv2D: one filter",
    lambda: changed(Conv2D, kernel=lambda g: g * (np.arange(4) != 2))(4, 3),
    ("axis 3", "2"),
)
plant(
    "Conv2DTranspose: kernel, flipped",
    lambda: changed(Conv2DTranspose, kernel=turned)(4, 3, strides=2),
    ("reverse order along axes 0 and 1",),
    (4, 3, 2),
)
plant(
    "Conv2DTranspose: dx, flipped",
    lambda: at_other_kernel(Conv2DTranspose, "kernel", turned)(4, 3, strides=2),
    ("axes 0 and 1",),
    (4, 3, 2),
)
plant(
    "Conv2DTranspose: dx, channels and filters swapped",
    lambda: at_other_kernel(Conv2DTranspose, "kernel", lambda W: W.swapaxes(2, 3))(3, 2, strides=2),
    ("axes 2 and 3 exchanged",),
    (4, 4, 3),
)
plant(
    "DepthwiseConv2D: kernel, channels in reverse order",
    lambda: changed(DepthwiseConv2D, kernel=lambda g: g[:, :, ::-1])(3, depth_multiplier=2),
    ("reverse order along axis 2",),
)
plant(
    "DepthwiseConv2D: channels and multiplier reshaped",
    lambda: changed(DepthwiseConv2D, kernel=lambda g: g.swapaxes(2, 3).reshape(g.shape))(3, depth_multiplier=2),
    ("reshaped",),
)
plant(
    "DepthwiseConv2D: dx, mean over the multiplier",
    lambda: changed(DepthwiseConv2D, x=lambda g: g / 2)(3, depth_multiplier=2),
    ("0.5 x derivative",),
)
plant(
    "SeparableConv2D: depthwise kernel, flipped",
    lambda: changed(SeparableConv2D, depthwise_kernel=turned)(4, 3),
    ("reverse order along axes 0 and 1",),
)
plant(
    "SeparableConv2D: pointwise kernel, mean over positions",
    lambda: changed(SeparableConv2D, pointwise_kernel=lambda g: g / 20)(4, 3),
    ("20 positions", "mean where a sum"),
)
plant(
    "SeparableConv2D: dx, depthwise kernel flipped",
    lambda: at_other_kernel(SeparableConv2D, "depthwise_kernel", turned)(4, 3),
    ("depthwise_kernel", "axes 0 and 1"),
)
plant(
    "MaxPooling2D: dx, everywhere",
    lambda: dataclass(eq=False)(
        type(
            "Everywhere",
            (MaxPooling2D,),
            {"backward": lambda s, dy: np.pad(dy.repeat(2, 1).repeat(2, 2), ((0, 0), (0, 1), (0, 0), (0, 0)))},
        )
    )(),
    ("4 entries", "one"),
)


def doing(base, backward):
    """A class like base with another backward(layer, dy)."""
    return dataclass(eq=False)(type(f"Other{base.__name__}", (base,), {"backward": backward}))


def pooled_alike(layer, dy):
    return AveragePooling2D.backward(layer, dy)


def shares_of_whole_windows(layer, dy):
    """Divided by the size of the window, where forward leaves out what lies outside the image."""
    ones = np.ones((1, *layer.windows.image, 1))
    seen = sum(layer.windows.pad(ones)[part] for _, part in layer.windows.cells())
    return AveragePooling2D.backward(layer, dy * seen.astype(dy.dtype) / 9)


def blocks_in_another_order(layer, dy):
    m, h, w, c = dy.shape
    return dy.reshape(m, 2, h // 2, 2, w // 2, c).sum(axis=(1, 3))


def transposed_without_strides(layer, dy):
    dx = Conv2DTranspose.backward(layer, dy)
    view = sliding_window_view(dy, layer.kernel.shape[:2], axis=(1, 2))[:, : dx.shape[1], : dx.shape[2]]
    return np.einsum("mhwfij,ijfc->mhwc", view, layer.kernel.value)


def kernel_without_dilation(layer, dy):
    dx = Conv2D.backward(layer, dy)
    view = sliding_window_view(layer.x, layer.kernel.shape[:2], axis=(1, 2))[:, : dy.shape[1], : dy.shape[2]]
    layer.kernel.grad = np.einsum("mhwcij,mhwf->ijcf", view, dy)
    return dx


def kernel_of_other_padding(layer, dy):
    dx = Conv2D.backward(layer, dy)
    moved = np.pad(layer.x, ((0, 0), (1, 0), (1, 0), (0, 0)))[:, :-1, :-1]
    layer.kernel.grad = layer.correlation.kernel_gradient(moved, dy)
    return dx


quarter = np.rot90
plant("Conv2D: kernel, turned once", lambda: changed(Conv2D, kernel=quarter)(4, 3), ("turned by 90 degrees",))
plant("Conv2D: dx, turned once", lambda: at_other_kernel(Conv2D, "kernel", quarter)(4, 3), ("turned by 90 degrees",))
plant(
    "Conv2D: dx, filters in reverse order",  # the same as dy in reverse order: both are said
    lambda: at_other_kernel(Conv2D, "kernel", lambda W: W[..., ::-1])(4, 3),
    ("for dy in reverse order along axis 3", "; or ", "for kernel in reverse order along axis 3"),
)
plant(
    "Conv2D: dx, last row alone",
    lambda: changed(Conv2D, x=lambda g: g * (np.arange(len(g)) == len(g) - 1)[:, None, None, None])(3, 3),
    ("last row",),
)
plant(
    "Conv2D: dx, summed over the batch",
    lambda: changed(Conv2D, x=lambda g: np.broadcast_to(g.sum(axis=0), g.shape))(3, 3),
    ("sum over axis 0",),
)
plant("Conv2D: dx, a ninth", lambda: changed(Conv2D, x=lambda g: g / 9)(4, 3), ("0.111111111 x derivative",))
plant(
    "Conv2D: kernel, padding at the wrong end",
    lambda: doing(Conv2D, kernel_of_other_padding)(4, 3, padding="same"),
    ("right for x moved by 1 along axes 1 and 2",),
)
plant(
    "Conv2D: kernel, dilation forgotten",
    lambda: doing(Conv2D, kernel_without_dilation)(4, 3, dilation_rate=2),
    ("forgets dilation_rate",),
    (7, 8, 3),
)
plant(
    "Conv2D: dy clipped",
    lambda: doing(Conv2D, lambda layer, dy: Conv2D.backward(layer, np.clip(dy, -1, 1)))(4, 3),
    ("not linear in dy",),
)
plant(
    "Conv2D: groups in another order",
    lambda: changed(Conv2D, kernel=lambda g: np.roll(g, 2, axis=3))(4, 3, groups=2),
    (),
    (7, 6, 4),
)
plant(
    "Conv2DTranspose: dx, strides forgotten",
    lambda: doing(Conv2DTranspose, transposed_without_strides)(2, 3, 2),
    ("forgets strides",),
    (4, 3, 2),
)
plant(
    "SeparableConv2D: dx, pointwise kernel transposed",
    lambda: at_other_kernel(SeparableConv2D, "pointwise_kernel", lambda W: W.swapaxes(2, 3))(3, 3),
    ("pointwise_kernel with axes 2 and 3 exchanged",),
)
plant("MaxPooling2D: dx, evenly", lambda: doing(MaxPooling2D, pooled_alike)(2), ("4 entries of x alike",))
plant(
    "AveragePooling2D: dx, padding counted",
    lambda: doing(AveragePooling2D, shares_of_whole_windows)(3, 2, "same"),
    ("factor that depends on the output",),
)
plant(
    "UpSampling2D: dx, blocks in another order",
    lambda: doing(UpSampling2D, blocks_in_another_order)(2),
    ("to another one than y depends on",),
    (4, 3, 2),
)
plant(
    "Permute: dx, the permutation of forward",
    lambda: doing(Permute, lambda layer, dy: dy.transpose(0, *layer.dims))((3, 1, 2)),
    ("with its axes in the order",),
    (4, 4, 4),
)
plant(
    "BatchNormalization: dx, gamma forgotten",
    lambda: doing(BatchNormalization, lambda layer, dy: BatchNormalization.backward(layer, dy) / layer.gamma.value)(),
    ("gamma is forgotten",),
    (5, 4, 3),
)
plant(
    "Conv1D: dx, kernel flipped",
    lambda: at_other_kernel(Conv1D, "kernel", lambda W: W[::-1])(4, 3, padding="causal"),
    ("kernel in reverse order along axis 0",),
    (7, 3),
)
RIGHT_IMAGE_LAYERS = [
    (LoopConv(), (7, 6, 3)),
    (LoopConv(stride=2, pad=1), (7, 6, 3)),
    (Im2colConv(), (7, 6, 3)),
    (Im2colConv(stride=2, pad=1), (7, 6, 3)),
    (EinsumConv(), (7, 6, 3)),
    (FourierConv(), (7, 6, 3)),
    (CausalConv(dilation=2), (9, 3)),
    (LoopPool(), (7, 6, 3)),
    (LoopPool(size=3), (7, 6, 3)),
    (LoopPool(mean=True, size=3), (7, 6, 3)),
    (GlobalPool(), (7, 6, 3)),
    (GlobalPool(mean=True), (7, 6, 3)),
    (ImageNorm(), (7, 6, 3)),
    (Border(), (7, 6, 3)),
    (Crop(), (7, 6, 3)),
    (Enlarge(), (4, 3, 2)),
    (Swap(), (7, 6, 3)),
]
