"""Right layers that are difficult for a gradient checker: they remember, choose places, or drop imaginary parts."""

from dataclasses import dataclass

import numpy as np

from minidl.layers import Layer


@dataclass(eq=False)
class RunningScale(Layer):
    """y = x (1 + r), r a running mean of what came before, changed in place."""

    def build(self, input_shape):
        self.mean = np.zeros(input_shape)
        return input_shape

    def forward(self, x, training=False):
        scale = (1 + self.mean).astype(x.real.dtype)
        self.scale = scale
        if training:
            self.mean += 0.1 * (x.real.mean(axis=0) - self.mean)
        return x * scale

    def backward(self, dy):
        return dy * self.scale


@dataclass(eq=False)
class Counter(Layer):
    """y = x (1 + n / 10), n the passes of training so far."""

    def build(self, input_shape):
        self.count = 0
        return input_shape

    def forward(self, x, training=False):
        count = self.count + training
        self.count, self.scale = count, 1 + 0.1 * count
        return x * (1 + 0.1 * count)

    def backward(self, dy):
        return dy * self.scale


@dataclass(eq=False)
class CastsReal(Layer):
    """y = x^2 through a real array, which drops imaginary parts."""

    def forward(self, x, training=False):
        self.x = x
        y = np.empty(x.shape, x.real.dtype)
        y[...] = x
        return y * y

    def backward(self, dy):
        return 2 * dy * self.x


@dataclass(eq=False)
class Median(Layer):
    """y = the median of the features, the upper one of two: x (m, n) -> y (m, 1)."""

    def build(self, input_shape):
        return (1,)

    def forward(self, x, training=False):
        place = np.argsort(x.real, axis=1)[:, [x.shape[1] // 2]]
        self.x, self.place = x, place
        return np.take_along_axis(x, place, axis=1)

    def backward(self, dy):
        dx = np.zeros_like(self.x)
        np.put_along_axis(dx, self.place, dy, axis=1)
        return dx


def doubling(**methods):
    """A right layer y = 2 x, with some of its methods replaced."""

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dy):
        return 2 * dy

    kind = type("Doubling", (Layer,), {"forward": forward, "backward": backward, **methods})
    return dataclass(eq=False)(kind)()
