"""Mistakes planted on purpose: backward passes, losses, penalties and containers that are wrong in one way each.

Each Plant says what a right diagnosis must contain (`says`, None where "unknown" is the honest answer) and which layer
is guilty (`guilty`, None for a loss or a penalty). The texts are the ways people write these mistakes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minidl import Sequential
from minidl.initializers import Ones
from minidl.layers import Chain, Dense, Dropout, Layer, Parameter, ReLU, Residual, Sigmoid, sigmoid
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.regularizers import L1, L2, Penalty


@dataclass(frozen=True)
class Plant:
    name: str
    layers: Callable[[], list]
    guilty: str | None
    says: tuple[str, ...] | None
    loss: Callable[[], object] = BinaryCrossentropy
    outputs: int = 1

    def network(self):
        """(model, x, y): a network with the mistake, away from the zeros and ones of a fresh one."""
        rng = np.random.default_rng(0)
        model = Sequential(self.layers(), seed=3)
        model.compile(loss=self.loss())
        model.build((3,))
        model.params.theta += 0.3 * rng.standard_normal(model.params.theta.size)
        return model, rng.standard_normal((7, 3)), rng.integers(0, 2, (7, self.outputs))


PLANTS: list[Plant] = []


def wrong(base, backward, **members):
    """A layer class like base, with another backward."""
    kind = type(f"Wrong{base.__name__}", (base,), {"backward": backward, **members})
    return dataclass(eq=False, init=not issubclass(base, Chain), repr=False)(kind)


def worse(base, times=1.01):
    """A layer class like base, with an input gradient that is one per cent too large."""

    class Worse(base):
        def backward(self, dy):
            dx = super().backward(dy)
            return None if dx is None else times * dx

    return dataclass(eq=False)(Worse)


def plant(name, layer, says, guilty="middle", **options):
    """Plant a layer between two others: Dense(6), it, Dense(4), ReLU, Dense(1), Sigmoid."""

    def layers():
        planted = layer()
        planted.name = "middle"
        return [Dense(6), planted, Dense(4), ReLU(), Dense(1), Sigmoid()]

    PLANTS.append(Plant(name, layers, guilty, says, **options))


# ---- Dense


def dense(name, change, says, units=6, rate=None):
    """A Dense whose right gradients are changed: change(layer, dy, dW, db, dx) -> dW, db, dx (None: not written)."""

    def backward(self, dy):
        dW, db, dx = self.x.T @ dy, dy.sum(axis=0), dy @ self.kernel.value.T
        dW, db, dx = change(self, dy, dW, db, dx)
        if dW is not None:
            self.kernel.grad = dW
        if db is not None:
            self.bias.grad = db
        return dx

    plant(f"Dense: {name}", lambda: wrong(Dense, backward)(units), says)


dense("kernel, sign", lambda s, dy, dW, db, dx: (-dW, db, dx), ("sign",))
dense("kernel, mean over rows", lambda s, dy, dW, db, dx: (dW / len(dy), db, dx), ("rows", "mean where a sum"))
dense("kernel, times rows", lambda s, dy, dW, db, dx: (dW * len(dy), db, dx), ("rows", "missing"))
dense("kernel, twice", lambda s, dy, dW, db, dx: (2 * dW, db, dx), ("2 x derivative",))
dense("kernel, half", lambda s, dy, dW, db, dx: (0.5 * dW, db, dx), ("0.5 x derivative",))
dense("kernel, 1 + 1e-6", lambda s, dy, dW, db, dx: (dW * (1 + 1e-6), db, dx), ("1.000001 x derivative",))
dense("kernel, transposed", lambda s, dy, dW, db, dx: (dW.T, db, dx), ("transpose",))
dense(
    "kernel, transposed and reshaped",
    lambda s, dy, dW, db, dx: (dW.T.reshape(dW.shape), db, dx),
    ("transpose",),
    units=5,
)
dense("kernel, never written", lambda s, dy, dW, db, dx: (None, db, dx), ("never written",))
dense("kernel, added", lambda s, dy, dW, db, dx: (s.kernel.grad + dW, db, dx), ("added",))
dense("kernel, penalty inside", lambda s, dy, dW, db, dx: (dW + 0.1 * s.kernel.value, db, dx), ("penalty", "0.1 x"))
dense(
    "kernel, one entry 1 + 1e-6",
    lambda s, dy, dW, db, dx: (dW * (1 + 1e-6 * (np.arange(dW.size).reshape(dW.shape) == 7)), db, dx),
    ("[1, 1] alone",),
)
dense("kernel, zero", lambda s, dy, dW, db, dx: (0 * dW, db, dx), ("0 everywhere",))
dense("kernel, absolute values", lambda s, dy, dW, db, dx: (np.abs(dW), db, dx), ("signs are lost",))
dense(
    "kernel, broadcast",
    lambda s, dy, dW, db, dx: (np.broadcast_to(dW.mean(axis=0), dW.shape), db, dx),
    ("broadcast", "mean"),
)
dense("bias, mean", lambda s, dy, dW, db, dx: (dW, dy.mean(axis=0), dx), ("rows", "mean where a sum"))
dense("bias, summed over everything", lambda s, dy, dW, db, dx: (dW, dy.sum(), dx), ("rows alone",))
dense("bias, first row", lambda s, dy, dW, db, dx: (dW, dy[0], dx), ("first row",))
dense("bias, last row", lambda s, dy, dW, db, dx: (dW, dy[-1], dx), ("last row",))
dense("bias, never written", lambda s, dy, dW, db, dx: (dW, None, dx), ("never written",))
dense("bias, sign", lambda s, dy, dW, db, dx: (dW, -db, dx), ("sign",))
dense("bias, penalty inside", lambda s, dy, dW, db, dx: (dW, db + 0.3 * s.bias.value, dx), ("penalty", "0.3 x"))
dense("bias, 1 + 1e-6", lambda s, dy, dW, db, dx: (dW, db * (1 + 1e-6), dx), ("1.000001 x derivative",))
dense("input, sign", lambda s, dy, dW, db, dx: (dW, db, -dx), ("sign",))
dense("input, W for its transpose", lambda s, dy, dW, db, dx: (dW, db, dy @ s.kernel.value), ("transpose belongs",))
dense("input, mean over rows", lambda s, dy, dW, db, dx: (dW, db, dx / len(dy)), ("rows", "mean where a sum"))
dense("input, zero", lambda s, dy, dW, db, dx: (dW, db, 0 * dx), ("0 everywhere",))
dense("input, dy itself", lambda s, dy, dW, db, dx: (dW, db, dy), ("dL/dx = dy",))
dense(
    "input, first row in all",
    lambda s, dy, dW, db, dx: (dW, db, np.broadcast_to(dx.mean(axis=0), dx.shape)),
    ("broadcast",),
)
dense(
    "input, last row forgotten",
    lambda s, dy, dW, db, dx: (dW, db, dx * (np.arange(len(dx)) < len(dx) - 1)[:, None]),
    ("rows",),
)
dense("both parameters, sign", lambda s, dy, dW, db, dx: (-dW, -db, dx), ("sign",))


def stale_forward(self, x, training=False):
    self.old, self.x = getattr(self, "x", x), x
    return x @ self.kernel.value + self.bias.value


def stale_backward(self, dy):
    self.kernel.grad, self.bias.grad = self.old.T @ dy, dy.sum(axis=0)
    return dy @ self.kernel.value.T


plant(
    "Dense: kernel, x of the step before",
    lambda: wrong(Dense, stale_backward, forward=stale_forward)(6),
    ("step before",),
)


# ---- activations


def relu(name, backward, says):
    plant(f"ReLU: {name}", lambda: wrong(ReLU, backward)(), says)


relu("mask forgotten", lambda s, dy: dy, ("mask",))
relu("mask of dy", lambda s, dy: dy * (dy > 0), ("mask",))
relu("mask at 0.5", lambda s, dy: dy * (s.x > 0.5), ("mask",))
relu("mask turned round", lambda s, dy: dy * (s.x < 0), ("mask",))
relu("leaky backward", lambda s, dy: np.where(s.x > 0, dy, 0.01 * dy), ("mask",))
relu("one per cent too much", lambda s, dy: 1.01 * dy * (s.x > 0), ("1.01 x derivative",))
relu("sign", lambda s, dy: -dy * (s.x > 0), ("sign",))
relu("x for dy", lambda s, dy: s.x * (s.x > 0), ("dy is forgotten",))
relu("mean over rows", lambda s, dy: dy * (s.x > 0) / len(dy), ("rows", "mean where a sum"))


def sig(name, backward, says):
    plant(f"Sigmoid: {name}", lambda: wrong(Sigmoid, backward)(), says)


sig("derivative forgotten", lambda s, dy: dy, ("derivative", "forgotten"))
sig("y alone", lambda s, dy: dy * s.y, ("dy * (y)",))
sig("tanh's derivative", lambda s, dy: dy * (1 - s.y**2), ("1 - y^2",))
sig("sign of the derivative", lambda s, dy: dy * s.y * (s.y - 1), ("sign",))
sig("four times", lambda s, dy: 4 * dy * s.y * (1 - s.y), ("4 x derivative",))
sig("derivative of y for x", lambda s, dy: dy * sigmoid(s.y) * (1 - sigmoid(s.y)), ("at its result",))


# ---- dropout


def drop(name, backward, says):
    plant(f"Dropout: {name}", lambda: wrong(Dropout, backward)(0.4), says)


def fresh_mask(self, dy):
    kept = self.rng.random(dy.shape, dtype=np.float32) >= self.rate
    return dy if self.scaled_mask is None else dy * kept / (1 - self.rate)


def otherwise(change):
    return lambda self, dy: dy if self.scaled_mask is None else change(self, dy)


drop("mask forgotten", lambda s, dy: dy, ("mask",))
drop("not divided by the keep rate", otherwise(lambda s, dy: dy * (s.scaled_mask > 0)), ("keep rate",))
drop("divided twice", otherwise(lambda s, dy: dy * s.scaled_mask / 0.6), ("keep rate",))
drop("another mask", fresh_mask, ("mask",))
drop("the dropped ones", otherwise(lambda s, dy: dy * (s.scaled_mask == 0) / 0.6), ("mask",))
drop("scaled without mask", otherwise(lambda s, dy: dy / 0.6), ("mask",))


# ---- containers


def residual(name, backward, says):
    plant(f"Residual: {name}", lambda: wrong(Residual, backward)(Dense(6), Sigmoid()), says)


residual("x forgotten", lambda s, dy: Chain.backward(s, dy), ("residual",))
residual("x twice", lambda s, dy: 2 * dy + Chain.backward(s, dy), ("once too often",))
residual("f forgotten", lambda s, dy: (Chain.backward(s, dy), dy)[1], ("dL/dx = dy",))
residual("minus", lambda s, dy: dy - Chain.backward(s, dy), ("minus what should be added",))


def forwards(self, dy):
    for layer in self.layers:
        dy = layer.backward(dy)
    return dy


def skipping(self, dy):
    self.layers[0].backward(dy)
    return self.layers[0].backward(self.layers[2].backward(dy))


plant(
    "Chain: layers in the order of forward",
    lambda: Residual(wrong(Chain, forwards)(Dense(6), Sigmoid(), Dense(6))),
    ("dense/bias has the gradient of dense_1/bias",),
    "middle/wrong_chain",
)
plant(
    "Chain: a layer left out",
    lambda: Residual(wrong(Chain, skipping)(Dense(6), Sigmoid(), Dense(6))),
    ("the slope of", "Sigmoid.forward", "is forgotten"),
    "middle/wrong_chain",
)
plant("inside a Residual", lambda: Residual(Dense(6), wrong(ReLU, lambda s, dy: dy)()), ("mask",), "middle/wrong_re_lu")
plant(
    "two levels down",
    lambda: Residual(Chain(Dense(6), wrong(Sigmoid, lambda s, dy: 2 * dy * s.y * (1 - s.y))())),
    ("2 x derivative",),
    "middle/chain/wrong_sigmoid",
)
# ---- layers people write themselves


@dataclass(eq=False)
class Swish(Layer):
    """y = x sigmoid(beta x)."""

    def build(self, input_shape):
        self.beta = Parameter((1,), Ones())
        return input_shape

    def forward(self, x, training=False):
        s = sigmoid(self.beta.value * x)
        self.x, self.s = x, s
        return x * s

    def backward(self, dy):
        derivative = self.s * (1 - self.s)
        self.beta.grad = (dy * self.x * self.x * derivative).mean()
        return dy * (self.s + self.beta.value * self.x * derivative)


@dataclass(eq=False)
class Gated(Layer):
    """y = (x U) sigmoid(x V)."""

    wrong: str = ""

    def build(self, input_shape):
        self.U = Parameter((*input_shape, *input_shape), "glorot_uniform")
        self.V = Parameter((*input_shape, *input_shape), "glorot_uniform")
        return input_shape

    def forward(self, x, training=False):
        a, s = x @ self.U.value, sigmoid(x @ self.V.value)
        self.x, self.a, self.s = x, a, s
        return a * s

    def backward(self, dy):
        da, dz = dy * self.s, dy * self.a * self.s * (1 - self.s)
        if self.wrong == "swapped":
            da, dz = dz, da
        self.U.grad, self.V.grad = self.x.T @ da, self.x.T @ dz
        dx = da @ self.U.value.T
        return dx if self.wrong == "half of dx" else dx + dz @ self.V.value.T


@dataclass(eq=False)
class Scale(Layer):
    """y = gamma x + beta, a number a feature."""

    wrong: str = ""

    def build(self, input_shape):
        self.gamma, self.beta = Parameter(input_shape, Ones()), Parameter(input_shape, "zeros")
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        return self.gamma.value * x + self.beta.value

    def backward(self, dy):
        self.gamma.grad = (dy * self.x).mean(axis=0) if self.wrong == "mean" else (dy * self.x).sum(axis=0)
        self.beta.grad = dy.sum(axis=0) if self.wrong != "swapped" else (dy * self.x).sum(axis=0)
        return dy if self.wrong == "gamma forgotten" else dy * self.gamma.value


@dataclass(eq=False)
class Standardize(Layer):
    """y = (x - mean) / deviation over the batch: rows see each other."""

    def forward(self, x, training=False):
        centred = x - x.mean(axis=0)
        deviation = np.sqrt((centred**2).mean(axis=0) + 1e-3)
        self.y, self.deviation = centred / deviation, deviation
        return centred / deviation

    def backward(self, dy):
        return dy / self.deviation  # mean and deviation taken for constants


@dataclass(eq=False)
class Square(Layer):
    """y = x^2."""

    def forward(self, x, training=False):
        self.x = x
        return x * x

    def backward(self, dy):
        return dy * self.x


@dataclass(eq=False)
class Modulus(Layer):
    """y = |x|, with np.abs, which complex numbers do not survive."""

    def forward(self, x, training=False):
        self.x = x
        return np.abs(x)

    def backward(self, dy):
        return 1.001 * dy * np.sign(self.x)


plant("Swish: mean for sum", Swish, ("rows x", "mean where a sum"))
plant("Gated: gradients swapped", lambda: Gated("swapped"), ("U has the gradient of V",))
plant("Gated: half of dx", lambda: Gated("half of dx"), ('the way through "x" in "x @ self.V.value"', "is forgotten"))
plant("Scale: gamma, mean for sum", lambda: Scale("mean"), ("rows", "mean where a sum"))
plant("Scale: gamma forgotten in dx", lambda: Scale("gamma forgotten"), ("dL/dx = dy",))
plant("Scale: beta gets gamma's", lambda: Scale("swapped"), ("beta has the gradient of gamma",))
plant("Standardize: statistics taken for constants", Standardize, ("mean and deviation is forgotten",))
plant("Square: the 2 forgotten", Square, ("0.5 x derivative",))
plant("Modulus: not complex-safe, a thousandth too much", Modulus, ("1.001 x derivative",))


# ---- losses and penalties


def in_loss(name, base, change, says, outputs=1):
    """A loss whose gradient is changed: change(loss, p, y, gradient) -> gradient."""

    def value_and_gradient(self, p, y, weights=None):
        value, gradient = base.value_and_gradient(self, p, y, weights)
        return value, change(self, p, y, gradient)

    kind = dataclass(frozen=True)(type(f"Wrong{base.__name__}", (base,), {"value_and_gradient": value_and_gradient}))
    last = [Sigmoid()] if base is BinaryCrossentropy else []
    layers = lambda: [Dense(6), ReLU(), Dense(4), Sigmoid(), Dense(outputs), *last]  # noqa: E731
    PLANTS.append(Plant(f"{base.__name__}: {name}", layers, None, says, kind, outputs))


for loss in (BinaryCrossentropy, MeanSquaredError):
    in_loss("1/m missing", loss, lambda s, p, y, g: g * len(p), ("rows", "missing"))
    in_loss("1/m twice", loss, lambda s, p, y, g: g / len(p), ("rows", "mean where a sum"))
    in_loss("sign", loss, lambda s, p, y, g: -g, ("sign",))
    in_loss("1 + 1e-6", loss, lambda s, p, y, g: g * (1 + 1e-6), ("1.000001 x derivative",))
in_loss("y forgotten", BinaryCrossentropy, lambda s, p, y, g: g + y / len(p), ("the derivative of",))
in_loss(
    "the derivative of probabilities on logits",
    BinaryCrossentropy,
    lambda s, p, y, g: g / (sigmoid(p) * sigmoid(-p)),
    ("the derivative of",),
)
in_loss("the 2 forgotten", MeanSquaredError, lambda s, p, y, g: g / 2, ("0.5 x derivative",))
in_loss("mean over outputs forgotten", MeanSquaredError, lambda s, p, y, g: g * p.shape[1], ("outputs",), outputs=3)


def in_penalty(name, base, gradient, says):
    kind = dataclass(frozen=True)(type(f"Wrong{base.__name__}", (base,), {"gradient": gradient}))
    layers = lambda: [Dense(6), ReLU(), Dense(4), Sigmoid(), Dense(1), Sigmoid()]  # noqa: E731
    PLANTS.append(Plant(f"{base.__name__}: {name}", layers, None, says, lambda: BinaryCrossentropy() + kind(0.7)))


in_penalty("doubled", L2, lambda s, w, m: 2 * s.lambd / m * w, ("2 x derivative",))
in_penalty("sign", L2, lambda s, w, m: -s.lambd / m * w, ("sign",))
in_penalty("1/m missing", L2, lambda s, w, m: s.lambd * w, ("rows", "missing"))
in_penalty("missing", L2, lambda s, w, m: 0 * w, ("0 everywhere",))
in_penalty("half", L2, lambda s, w, m: s.lambd / (2 * m) * w, ("0.5 x derivative",))
in_penalty("weights for signs", L1, lambda s, w, m: s.lambd / m * w, None)
in_penalty("1/m twice", L1, lambda s, w, m: s.lambd / m**2 * np.sign(w), ("rows", "mean where a sum"))
assert issubclass(L2, Penalty)
