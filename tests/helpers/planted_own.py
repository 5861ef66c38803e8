"""Mistakes in layers and losses as users write them. A class with wrong="" is right; `wrong` names its mistakes."""

from dataclasses import dataclass

import numpy as np

from minidl.initializers import GlorotUniform, Ones, Zeros
from minidl.layers import Dense, Layer, Parameter, Sigmoid, sigmoid
from minidl.losses import Loss
from tests.helpers.planted import Plant


@dataclass(eq=False)
class Swish(Layer):
    """y = x sigmoid(beta x)."""

    wrong: str = ""

    def build(self, input_shape):
        self.beta = Parameter((1,), Ones())
        return input_shape

    def forward(self, x, training=False):
        s = sigmoid(self.beta.value * x)
        self.x, self.s = x, s
        return x * s

    def backward(self, dy):
        derivative = self.s * (1 - self.s)
        over = {"mean": dy.size, "mean over rows": len(dy)}.get(self.wrong, 1)
        self.beta.grad = (dy * self.x * self.x * derivative).sum() / over
        if self.wrong == "x for x squared":
            self.beta.grad = (dy * self.x * derivative).sum()
        second = self.x * derivative if self.wrong == "beta forgotten in dx" else self.beta.value * self.x * derivative
        second = {"product rule": 0 * second, "minus": -second}.get(self.wrong, second)
        return dy * (self.s + second)


@dataclass(eq=False)
class LayerNorm(Layer):
    """y = gamma (x - mean) / deviation + beta, both over the features of a row."""

    wrong: str = ""
    axis = 1

    def build(self, input_shape):
        self.gamma, self.beta = Parameter(input_shape, Ones()), Parameter(input_shape, Zeros())
        return input_shape

    def forward(self, x, training=False):
        centred = x - x.mean(axis=self.axis, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=self.axis, keepdims=True) + 1e-3)
        normal = centred / deviation
        self.x, self.normal, self.deviation = x, normal, deviation
        return self.gamma.value * normal + self.beta.value

    def backward(self, dy):
        self.beta.grad = dy.sum(axis=0)
        self.gamma.grad = (dy * (self.x if self.wrong == "x for its normal form" else self.normal)).sum(axis=0)
        d = dy if self.wrong == "gamma forgotten" else dy * self.gamma.value
        dx = d - d.mean(axis=self.axis, keepdims=True) * (self.wrong != "mean a constant")
        if self.wrong != "deviation a constant":
            dx = dx - self.normal * (d * self.normal).mean(axis=self.axis, keepdims=True)
        return dx * self.deviation if self.wrong == "times the deviation" else dx / self.deviation


@dataclass(eq=False)
class BatchNorm(LayerNorm):
    """The same over the rows of the batch: rows see each other."""

    axis = 0


@dataclass(eq=False)
class LargestFeature(Layer):
    """y = max over the features: x (m, n) -> y (m, 1)."""

    wrong: str = ""

    def build(self, input_shape):
        return (1,)

    def forward(self, x, training=False):
        place = x.real.argmax(axis=1)[:, None]
        self.x, self.place = x, place
        return np.take_along_axis(x, place, axis=1)

    def backward(self, dy):
        place = self.place
        if self.wrong == "next feature":
            place = (place + 1) % self.x.shape[1]
        if self.wrong == "smallest feature":
            place = self.x.argmin(axis=1)[:, None]
        if self.wrong == "place of the first row":
            place = np.repeat(place[:1], len(place), axis=0)
        dx = np.zeros_like(self.x)
        np.put_along_axis(dx, place, dy, axis=1)
        return dy + 0 * dx if self.wrong == "every feature" else dx


@dataclass(eq=False)
class Attention(Layer):
    """y = x * softmax(x A): each row weighs its own features."""

    wrong: str = ""

    def build(self, input_shape):
        self.A = Parameter((*input_shape, *input_shape), GlorotUniform())
        return input_shape

    def forward(self, x, training=False):
        z = x @ self.A.value
        e = np.exp(z - z.real.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        self.x, self.p = x, p
        return x * p

    def backward(self, dy):
        dp = dy * self.x
        mean = (dp * self.p).sum(axis=1, keepdims=True)
        if self.wrong == "the diagonal of softmax":
            mean = dp * self.p
        dz = dp * self.p if self.wrong == "softmax as exp" else self.p * (dp - mean)
        self.A.grad = self.x.T @ dz
        if self.wrong == "A and not its transpose":
            return dy * self.p + dz @ self.A.value
        return dz @ self.A.value.T + (0 if self.wrong == "the direct path forgotten" else dy * self.p)


@dataclass(eq=False)
class Branches(Layer):
    """y = x where x > 0, else exp(x) - 1; beyond 1 it goes on with half the derivative."""

    wrong: str = ""

    def forward(self, x, training=False):
        self.x, self.training = x, training
        low, high = np.exp(np.minimum(x, 0)) - 1, np.maximum(x, 0)
        return low + np.minimum(high, 1) + 0.5 * np.maximum(high - 1, 0)

    def backward(self, dy):
        x, wrong = self.x, self.wrong
        derivative = np.exp(np.minimum(x, 0))
        derivative[x > 1] = 0.5
        derivative[x < 0] *= {"negative inputs": 1.1, "negative inputs, a millionth": 1 + 1e-6}.get(wrong, 1)
        derivative[x > 1] *= {"beyond 1": 2.0}.get(wrong, 1.0)
        derivative[:, -1] *= {"sign of one unit": -1, "one unit, a millionth": 1 + 1e-6}.get(wrong, 1)
        if wrong == "more than one row" and len(dy) > 1:
            derivative *= 1.25
        if wrong == "training alone" and self.training:
            derivative *= 1.5
        if wrong == "rows moved by one":
            derivative = np.roll(derivative, 1, axis=0)
        if wrong == "features in reverse order":
            return (dy * derivative)[:, ::-1]
        if wrong == "cumulative":
            return np.cumsum(dy * derivative, axis=0)
        return dy * derivative


@dataclass(eq=False)
class Skip(Layer):
    """y = x + tanh(x W + b)."""

    wrong: str = ""

    def build(self, input_shape):
        self.W = Parameter((*input_shape, *input_shape), GlorotUniform())
        self.b = Parameter(input_shape, Zeros())
        return input_shape

    def forward(self, x, training=False):
        t = np.tanh(x @ self.W.value + self.b.value)
        self.x, self.t = x, t
        return x + t

    def backward(self, dy):
        dz = dy * (1 - self.t * self.t)
        if self.wrong == "1 - t":
            dz = dy * (1 - self.t)
        self.W.grad, self.b.grad = self.x.T @ dz, dz.sum(axis=0)
        if self.wrong == "rows of the bias moved":
            self.b.grad = np.roll(dz.sum(axis=0), 1)
        if self.wrong == "bias from dy":
            self.b.grad = dy.sum(axis=0)
        if self.wrong == "kernel from the output":
            self.W.grad = self.t.T @ dz
        if self.wrong == "last column never written":
            self.W.grad[:, -1] = 0
        if self.wrong == "one row twice":
            self.W.grad += np.outer(self.x[0], dz[0])
        through = dz @ self.W.value.T
        return through if self.wrong == "skip forgotten" else dy + through


@dataclass(eq=False)
class Noise(Layer):
    """y = x (1 + noise) in training."""

    wrong: str = ""

    def forward(self, x, training=False):
        noise = 0.3 * self.rng.standard_normal(x.shape) if training else np.zeros(x.shape)
        factor = (1 + noise).astype(x.real.dtype)
        self.factor = factor
        return x * factor

    def backward(self, dy):
        if self.wrong == "noise forgotten":
            return dy
        if self.wrong == "noise drawn again":
            return dy * (1 + 0.3 * self.rng.standard_normal(dy.shape)).astype(dy.dtype)
        return dy / self.factor if self.wrong == "divided" else dy * self.factor


@dataclass(eq=False)
class Modulus(Layer):
    """y = |x| as np.abs writes it: not for complex numbers."""

    wrong: str = ""

    def forward(self, x, training=False):
        self.x = x
        return np.abs(x)

    def backward(self, dy):
        return dy if self.wrong == "sign forgotten" else dy * np.sign(self.x)


@dataclass(frozen=True)
class Huber(Loss):
    """l = d^2 / 2 for |d| < 1, else |d| - 1/2, summed over the outputs; d = p - y."""

    wrong: str = ""

    def terms(self, p, y):
        d = p - y
        size = np.maximum(d, -d)
        inner = np.minimum(size, 1)
        derivative = {"no clip": d.real, "always 1": np.sign(d.real)}.get(self.wrong, np.clip(d.real, -1, 1))
        derivative = derivative / p.shape[1] if self.wrong == "mean over outputs" else derivative
        return (inner * inner / 2 + size - inner).sum(axis=1), derivative

    def value_and_gradient(self, p, y, weights=None):
        value, derivative = super().value_and_gradient(p, y, weights)
        if self.wrong == "weights forgotten":
            derivative = super().value_and_gradient(p, y)[1]
        return value, derivative


def plants(kind, mistakes):
    """A Plant for each mistake of the class, with the words of its cause; () where "unknown" is the honest answer."""
    for wrong, words in mistakes.items():

        def layers(wrong=wrong):
            return [Dense(6), kind(wrong, name="middle"), Dense(4), Sigmoid(), Dense(2)]

        yield Plant(f"{kind.__name__}: {wrong}", layers, "middle", words or None, Huber, 2)


STATISTICS = {
    "x for its normal form": ('"x" is taken for "normal"',),
    "gamma forgotten": ("dL/dx is right for gamma = 1: gamma is forgotten",),
    "mean a constant": ("their mean is forgotten",),
    "deviation a constant": ("their deviation is forgotten",),
    "times the deviation": ('derivative x the square of "deviation"',),
}
OWN_PLANTS = [
    *plants(
        Swish,
        {
            "mean": ("5 rows x 6 features", "mean where a sum"),
            "mean over rows": ("5 rows", "mean where a sum"),
            "x for x squared": ('the factor "x"', "is left out"),
            "beta forgotten in dx": ('the factor "self.beta.value"', "is left out"),
            "product rule": ('the way through "x" in "self.beta.value * x"', "is forgotten"),
            "minus": ('the way through "x" in "self.beta.value * x"', "opposite sign"),
        },
    ),
    *plants(LayerNorm, STATISTICS),
    *plants(BatchNorm, STATISTICS),
    *plants(
        LargestFeature,
        {
            "next feature": ("moved by 1 along axis 1",),
            "smallest feature": ("to another one than y depends on",),
            "place of the first row": (),
            "every feature": ("6 entries of x alike", "depends on one of them"),
        },
    ),
    *plants(
        Attention,
        {
            "the diagonal of softmax": ("only the diagonal p (1 - p) of softmax",),
            "softmax as exp": ("the row term of softmax", "is forgotten"),
            "A and not its transpose": ('"self.A.value" is not transposed',),
            "the direct path forgotten": ('the way through "x" in "x * p"', "is forgotten"),
        },
    ),
    *plants(
        Branches,
        {
            "negative inputs": ("1.1 x derivative where x < 0",),
            "negative inputs, a millionth": ("1.000001 x derivative where x < 0",),
            "beyond 1": ('the factor "0.5"', "is left out"),
            "sign of one unit": ("columns 5 alone",),
            "one unit, a millionth": ("columns 5 alone",),
            "more than one row": ("1.25 x derivative",),
            "training alone": ("1.5 x derivative",),
            "rows moved by one": (),
            "features in reverse order": ("in reverse order along axis 1",),
            "cumulative": (),
        },
    ),
    *plants(
        Skip,
        {
            "1 - t": ('the slope of "np.tanh', "is taken as 1 - y, where 1 - y^2 belongs"),
            "rows of the bias moved": ("moved by 1",),
            "bias from dy": ("what forward does after adding b",),
            "kernel from the output": ('"t" is taken for "x"',),
            "last column never written": ("columns 5 alone",),
            "one row twice": (),
            "skip forgotten": ("residual",),
        },
    ),
    *plants(
        Noise,
        {"noise forgotten": ("dL/dx = dy",), "noise drawn again": (), "divided": ("divided where a product belongs",)},
    ),
    *plants(Modulus, {"sign forgotten": ("dL/dx = dy",)}),
]
