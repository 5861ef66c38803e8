"""Mistakes in attention and in other layers on sequences, as people write them: loops over rows, einsum, head by head.

x is (m, steps, features), or ids (m, steps). A class with wrong="" is right; `wrong` names its mistakes.
"""

from dataclasses import dataclass

import numpy as np

from minidl.initializers import GlorotUniform, Ones, Zeros
from minidl.layers import Layer, Parameter


def softmax(z, axis=-1):
    e = np.exp(z - z.real.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_back(p, dp, wrong=""):
    """dz for p = softmax(z) over the last axis."""
    if wrong == "row term forgotten":
        return p * dp
    if wrong == "diagonal of softmax":
        return p * (1 - p) * dp
    if wrong == "softmax left out":
        return dp
    axis = -2 if wrong == "row term over queries" else -1
    row = (p * dp).sum(axis=axis, keepdims=True)
    if wrong == "row term without p":
        row = dp.sum(axis=axis, keepdims=True)
    if wrong == "row term as a mean":
        row = (p * dp).mean(axis=axis, keepdims=True)
    return p * (dp + row if wrong == "row term added" else dp - row)


# ---- one head


@dataclass(eq=False)
class SingleHead(Layer):
    """y = softmax(q k^T / sqrt(d)) v, q = x Wq, k = x Wk, v = x Wv."""

    wrong: str = ""
    d: int = 4
    causal: bool = False

    def build(self, input_shape):
        steps, features = input_shape
        self.Wq, self.Wk, self.Wv = (Parameter((features, self.d), GlorotUniform()) for _ in range(3))
        return (steps, self.d)

    def forward(self, x, training=False):
        q, k, v = x @ self.Wq.value, x @ self.Wk.value, x @ self.Wv.value
        scores = q @ k.transpose(0, 2, 1) * self.d**-0.5
        if self.causal:
            scores = np.where(np.tri(x.shape[1], dtype=bool), scores, -1e9)
        p = softmax(scores)
        self.x, self.q, self.k, self.v, self.p = x, q, k, v, p
        return p @ v

    def backward(self, dy):
        wrong, x, q, k, v, p = self.wrong, self.x, self.q, self.k, self.v, self.p
        if wrong == "mask forgotten in backward":
            p = softmax(q @ k.transpose(0, 2, 1) * self.d**-0.5)
        dp = dy @ v.transpose(0, 2, 1)
        dv = (p if wrong == "weights of the values not transposed" else p.transpose(0, 2, 1)) @ dy
        ds = softmax_back(p, dp, wrong)
        over = {"scale forgotten": 1, "scale twice": self.d, "scale multiplied": self.d**-0.5}
        ds = ds / over.get(wrong, self.d**0.5)
        dq, dk = ds @ k, (ds if wrong == "keys' scores not transposed" else ds.transpose(0, 2, 1)) @ q
        if wrong == "scores of both not transposed":
            dq = ds.transpose(0, 2, 1) @ k
        if wrong == "queries and keys exchanged":
            dq, dk = dk, dq
        if wrong == "keys for queries":
            dk = ds.transpose(0, 2, 1) @ k
        self.Wq.grad, self.Wk.grad, self.Wv.grad = (np.tensordot(x, d, ((0, 1), (0, 1))) for d in (dq, dk, dv))
        if wrong == "dWq and dWk exchanged":
            self.Wq.grad, self.Wk.grad = self.Wk.grad.copy(), self.Wq.grad.copy()
        if wrong == "dWv: last step":
            self.Wv.grad = x[:, -1].T @ dv[:, -1]
        if wrong == "dWq: mean over steps":
            self.Wq.grad = self.Wq.grad / x.shape[1]
        if wrong == "dWv from y":
            self.Wv.grad = np.tensordot(x, dy, ((0, 1), (0, 1)))
        ways = {"queries": dq @ self.Wq.value.T, "keys": dk @ self.Wk.value.T, "values": dv @ self.Wv.value.T}
        if wrong == "Wk not transposed":
            ways["keys"] = dk @ self.Wk.value
        if wrong == "Wq for Wk":
            ways["keys"] = dk @ self.Wq.value.T
        if wrong == "way of keys subtracted":
            ways["keys"] = -ways["keys"]
        kept = {"values alone": ("values",), "queries alone": ("queries",)}.get(wrong, tuple(ways))
        return sum(ways[name] for name in kept if wrong != f"way of {name} forgotten")


# ---- several heads


@dataclass(eq=False)
class SeveralHeads(Layer):
    """Each head attends with its own columns of q, k, v; y = (heads side by side) Wo + x."""

    wrong: str = ""
    heads: int = 2
    size: int = 3

    def build(self, input_shape):
        features = input_shape[1]
        width = self.heads * self.size
        self.W = Parameter((features, 3 * width), GlorotUniform())
        self.Wo, self.bo = Parameter((width, features), GlorotUniform()), Parameter((features,), Zeros())
        return input_shape

    def apart(self, a):
        """(m, steps, heads * size) -> (m, heads, steps, size)."""
        return a.reshape(*a.shape[:2], self.heads, self.size).swapaxes(1, 2)

    def forward(self, x, training=False):
        q, k, v = (self.apart(part) for part in np.split(x @ self.W.value, 3, axis=-1))
        p = softmax(np.einsum("mhtd,mhsd->mhts", q, k) * self.size**-0.5)
        z = np.einsum("mhts,mhsd->mthd", p, v).reshape(*x.shape[:2], -1)
        self.x, self.q, self.k, self.v, self.p, self.z = x, q, k, v, p, z
        return z @ self.Wo.value + self.bo.value + x

    def backward(self, dy):
        wrong, x, p = self.wrong, self.x, self.p
        self.Wo.grad = np.einsum("mti,mtj->ij", x if wrong == "dWo from x" else self.z, dy)
        self.bo.grad = dy.mean(axis=(0, 1)) if wrong == "dbo: mean" else dy.sum(axis=(0, 1))
        if wrong == "dbo: mean over steps":
            self.bo.grad = dy.mean(axis=1).sum(axis=0)
        dz = dy @ self.Wo.value.T
        dhead = dz.reshape(*dz.shape[:2], self.heads, self.size).transpose(0, 2, 1, 3)
        if wrong == "heads apart without exchanging axes":
            dhead = dz.reshape(len(dz), self.heads, -1, self.size)
        if wrong == "heads in reverse order":
            dhead = dhead[:, ::-1]
        if wrong == "one head alone":
            dhead = dhead * (np.arange(self.heads) == 0)[:, None, None]
        dp, dv = dhead @ self.v.swapaxes(2, 3), p.swapaxes(2, 3) @ dhead
        width = self.heads * self.size
        ds = softmax_back(p, dp, wrong) * {"scale of the whole width": width**-0.5}.get(wrong, self.size**-0.5)
        ds = ds / self.size**-0.5 if wrong == "scale forgotten" else ds
        dq, dk = ds @ self.k, (ds if wrong == "keys' scores not transposed" else ds.swapaxes(2, 3)) @ self.q
        parts = [dk, dq, dv] if wrong == "queries and keys exchanged" else [dq, dk, dv]
        if wrong == "keys and values exchanged":
            parts = [dq, dv, dk]
        if wrong == "values: sign":
            parts[2] = -dv
        together = [part.swapaxes(1, 2).reshape(*x.shape[:2], -1) for part in parts]
        if wrong == "heads together without exchanging axes":
            together = [part.reshape(*x.shape[:2], -1) for part in parts]
        da = np.concatenate(together, axis=-1)
        self.W.grad = np.einsum("mti,mtj->ij", x, da)
        if wrong == "dW: first step":
            self.W.grad = x[:, 0].T @ da[:, 0]
        dx = da @ self.W.value.T
        return dx if wrong == "x of the residual forgotten" else dx + dy


# ---- a sequence as the weighted mean of its steps, and softmax over steps


@dataclass(eq=False)
class AttentionPooling(Layer):
    """y = sum_t p_t x_t, p = softmax over the steps of tanh(x_t W) v."""

    wrong: str = ""
    units: int = 4

    def build(self, input_shape):
        self.W = Parameter((input_shape[1], self.units), GlorotUniform())
        self.v = Parameter((self.units,), Ones())
        return input_shape[1:]

    def forward(self, x, training=False):
        u = np.tanh(x @ self.W.value)
        s = u @ self.v.value
        p = softmax(s, axis=1)
        self.x, self.u, self.p = x, u, p
        return (p[:, :, None] * x).sum(axis=1)

    def backward(self, dy):
        wrong, x, u, p = self.wrong, self.x, self.u, self.p
        dp = (x * dy[:, None]).sum(axis=2)
        ds = softmax_back(p, dp, wrong)
        if wrong == "row term over the batch":
            ds = p * (dp - (p * dp).sum(axis=0))
        du = ds[:, :, None] * self.v.value
        da = du * {"slope forgotten": 1, "slope of the sigmoid": u * (1 - u)}.get(wrong, 1 - u * u)
        self.v.grad = np.einsum("mt,mtk->k", ds, u) / (x.shape[1] if wrong == "dv: mean over steps" else 1)
        self.W.grad = np.einsum("mti,mtk->ik", x, da)
        if wrong == "dW: steps summed before the product":
            self.W.grad = x.sum(axis=1).T @ da.sum(axis=1)
        ways = p[:, :, None] * dy[:, None], da @ self.W.value.T
        if wrong == "weights forgotten on the direct way":
            ways = np.broadcast_to(dy[:, None], x.shape), ways[1]
        return {"direct way forgotten": ways[1], "way of the weights forgotten": ways[0]}.get(wrong, sum(ways))


@dataclass(eq=False)
class StepSoftmax(Layer):
    """y = softmax of x / T over the steps, each feature on its own."""

    wrong: str = ""
    temperature: float = 2.5

    def forward(self, x, training=False):
        z = x / self.temperature
        e = np.exp(z - z.real.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        self.p = p
        return p

    def backward(self, dy):
        wrong, p = self.wrong, self.p
        if wrong == "row term over features":
            dz = p * (dy - (p * dy).sum(axis=2, keepdims=True))
        else:
            dz = softmax_back(p.swapaxes(1, 2), dy.swapaxes(1, 2), wrong).swapaxes(1, 2)
        return dz if wrong == "temperature forgotten" else dz / self.temperature


# ---- embeddings


@dataclass(eq=False)
class Lookup(Layer):
    """y[row, step] = E[x[row, step]] for ids x."""

    wrong: str = ""
    ids: int = 5
    size: int = 3

    @property
    def vocabulary_size(self):
        return self.ids

    def build(self, input_shape):
        self.E = Parameter((self.ids, self.size), GlorotUniform())
        return (*input_shape, self.size)

    def forward(self, x, training=False):
        ids = x.astype(int)
        self.x = ids
        return self.E.value[ids]

    def backward(self, dy):
        wrong, ids, dE = self.wrong, self.x, np.zeros_like(self.E.value)
        if wrong == "repeated ids added once":
            dE[ids] += dy
        elif wrong == "ids assigned":
            dE[ids] = dy
        elif wrong == "first of repeated ids":
            dE[ids[::-1, ::-1]] = dy[::-1, ::-1]
        elif wrong == "repeats in a row added once":
            for row, slope in zip(ids, dy, strict=True):
                dE[row] += slope
        elif wrong == "last step alone":
            np.add.at(dE, ids[:, -1], dy[:, -1])
        elif wrong == "without the first step":
            np.add.at(dE, ids[:, 1:], dy[:, 1:])
        elif wrong == "ids moved by one":
            np.add.at(dE, (ids - 1) % self.ids, dy)
        else:
            np.add.at(dE, ids, dy)
        if wrong == "mean of repeats":
            dE /= np.maximum(np.bincount(ids.ravel(), minlength=self.ids), 1)[:, None]
        if wrong == "mean over rows":
            dE /= len(ids)
        if wrong == "mean over steps":
            dE /= ids.shape[1]
        if wrong == "id 0 taken for padding":
            dE[0] = 0
        self.E.grad = dE


@dataclass(eq=False)
class LoopLookup(Lookup):
    """The same with positions: y[row, step] = E[x[row, step]] sqrt(size) + P[step]."""

    def build(self, input_shape):
        self.P = Parameter((*input_shape, self.size), GlorotUniform())
        return super().build(input_shape)

    def forward(self, x, training=False):
        ids = x.astype(int)
        self.x = ids
        return np.take(self.E.value, ids, axis=0) * self.size**0.5 + self.P.value

    def backward(self, dy):
        wrong = self.wrong
        dE, scale = np.zeros_like(self.E.value), 1 if wrong == "scale forgotten" else self.size**0.5
        for row in range(len(dy)):
            for step, number in enumerate(self.x[row]):
                if wrong == "last of repeated ids":
                    dE[number] = dy[row, step] * scale
                else:
                    dE[number] += dy[row, step] * scale
        self.E.grad = dE
        self.P.grad = {
            "dP: mean over rows": dy.mean(axis=0),
            "dP: last row": dy[-1],
            "dP: sum over steps": np.broadcast_to(dy.sum(axis=(0, 1)), self.P.shape),
            "dP: with the scale": dy.sum(axis=0) * scale,
        }.get(wrong, dy.sum(axis=0))


# ---- one Dense for every step


@dataclass(eq=False)
class StepDense(Layer):
    """y_t = x_t W + b at every step."""

    wrong: str = ""
    units: int = 4

    def build(self, input_shape):
        self.W, self.b = Parameter((input_shape[1], self.units), GlorotUniform()), Parameter((self.units,), Zeros())
        return (input_shape[0], self.units)

    def forward(self, x, training=False):
        self.x = x
        m, steps, features = x.shape
        return (x.reshape(-1, features) @ self.W.value + self.b.value).reshape(m, steps, self.units)

    def backward(self, dy):
        wrong, x, (m, steps, units) = self.wrong, self.x, dy.shape
        flat = dy.reshape(-1, units)
        if wrong == "rows and steps exchanged":
            flat = dy.swapaxes(0, 1).reshape(-1, units)
        dW, db = x.reshape(len(flat), -1).T @ flat, flat.sum(axis=0)
        self.W.grad = {
            "dW: last step": x[:, -1].T @ dy[:, -1],
            "dW: first step": x[:, 0].T @ dy[:, 0],
            "dW: last row": x[-1].T @ dy[-1],
            "dW: mean over steps": dW / steps,
            "dW: mean over rows and steps": dW / (m * steps),
            "dW: steps summed before the product": x.sum(axis=1).T @ dy.sum(axis=1),
            "dW: x in reverse order": x[:, ::-1].reshape(len(flat), -1).T @ flat,
            "dW: x of the step before": x[:, :-1].reshape(-1, x.shape[2]).T @ dy[:, 1:].reshape(-1, units),
        }.get(wrong, dW)
        self.b.grad = {
            "db: mean over rows and steps": dy.mean(axis=(0, 1)),
            "db: mean over steps": dy.mean(axis=1).sum(axis=0),
            "db: last step": dy[:, -1].sum(axis=0),
            "db: first row": dy[0].sum(axis=0),
            "db: everything": dy.sum(),
        }.get(wrong, db)
        dx = (flat @ self.W.value.T).reshape(x.shape)
        if wrong == "dx: W not transposed":
            dx = dy @ self.W.value
        return {
            "dx: in reverse order": dx[:, ::-1],
            "dx: moved by one step": np.roll(dx, 1, axis=1),
            "dx: last step alone": dx * (np.arange(steps) == steps - 1)[:, None],
            "dx: last step forgotten": dx * (np.arange(steps) < steps - 1)[:, None],
            "dx: mean over steps": np.broadcast_to(dx.mean(axis=1, keepdims=True), x.shape),
        }.get(wrong, dx)


# ---- padding: row r has as many steps that count as LENGTHS says


LENGTHS = (0, 2, 1, 3, 0, 1, 2)  # steps of padding at the end of a row


def counting(x):
    """The mask (m, steps, 1): 1 where a step counts."""
    padding = np.resize(LENGTHS, len(x))
    return (np.arange(x.shape[1]) < x.shape[1] - padding[:, None])[:, :, None].astype(x.real.dtype)


@dataclass(eq=False)
class MaskedMean(Layer):
    """y = the mean of x over the steps that count."""

    wrong: str = ""

    def build(self, input_shape):
        return input_shape[1:]

    def forward(self, x, training=False):
        mask = counting(x)
        self.mask, self.shape = mask, x.shape
        return (x * mask).sum(axis=1) / mask.sum(axis=1)

    def backward(self, dy):
        mask, n = self.mask, self.mask.sum(axis=1)
        if self.wrong == "mask forgotten":
            mask = np.ones_like(mask)
        n = {"not divided": 1, "divided by all steps": self.shape[1]}.get(self.wrong, n)
        return np.broadcast_to((dy / n)[:, None] * mask, self.shape)


@dataclass(eq=False)
class LastStep(Layer):
    """y = x at the last step that counts."""

    wrong: str = ""

    def build(self, input_shape):
        return input_shape[1:]

    def forward(self, x, training=False):
        last = counting(x).sum(axis=1).astype(int)[:, 0] - 1
        self.last, self.shape = last, x.shape
        return x[np.arange(len(x)), last]

    def backward(self, dy):
        last = {"one step too late": self.last + 1, "last step of all": self.last * 0 - 1}.get(self.wrong, self.last)
        dx = np.zeros(self.shape, dy.dtype)
        dx[np.arange(len(dy)), last % self.shape[1]] = dy
        if self.wrong == "at all steps that count":
            dx = dy[:, None] * counting(dx)
        return dx


@dataclass(eq=False)
class MaskedRNN(Layer):
    """h_t = tanh(x_t U + h_(t-1) W + b) where a step counts, else h_(t-1); y is h of every step."""

    wrong: str = ""
    units: int = 4

    def build(self, input_shape):
        steps, features = input_shape
        self.U, self.W = (
            Parameter((features, self.units), GlorotUniform()),
            Parameter((self.units,) * 2, GlorotUniform()),
        )
        self.b = Parameter((self.units,), Zeros())
        return (steps, self.units)

    def forward(self, x, training=False):
        mask, h = counting(x), np.zeros((len(x), self.units), x.dtype)
        kept, states = [], []
        for t in range(x.shape[1]):
            new = np.tanh(x[:, t] @ self.U.value + h @ self.W.value + self.b.value)
            kept.append((h, new))
            h = mask[:, t] * new + (1 - mask[:, t]) * h
            states.append(h)
        self.x, self.mask, self.kept = x, mask, kept
        return np.stack(states, axis=1)

    def backward(self, dy):
        wrong, x, dx, dh = self.wrong, self.x, np.zeros_like(self.x), 0
        dU, dW, db = (np.zeros_like(p.value) for p in (self.U, self.W, self.b))
        for t in reversed(range(x.shape[1])):
            mask, (before, new) = self.mask[:, t], self.kept[t]
            dh = dy[:, t] + dh
            da = dh * (1 - new * new) * (1 if wrong == "mask forgotten" else mask)
            if wrong == "mask for dx alone":
                da = dh * (1 - new * new)
            dU += x[:, t].T @ da
            dW += before.T @ da
            db += da.sum(axis=0)
            dx[:, t] = da @ self.U.value.T * (mask if wrong == "mask for dx alone" else 1)
            over = {"way over padding forgotten": 0, "way over padding at every step": 1}.get(wrong, 1 - mask)
            dh = da @ self.W.value.T + over * dh
        count = self.mask.sum() if wrong == "db: mean over steps that count" else 1
        self.U.grad, self.W.grad, self.b.grad = dU, dW, db / count
        return dx


@dataclass(eq=False)
class MaskedAttention(Layer):
    """y = softmax(x A x^T, steps that count alone) x."""

    wrong: str = ""

    def build(self, input_shape):
        self.A = Parameter((input_shape[1],) * 2, GlorotUniform())
        return input_shape

    def forward(self, x, training=False):
        mask = counting(x).swapaxes(1, 2)
        z = x @ self.A.value @ x.swapaxes(1, 2)
        e = np.exp(z - z.real.max(axis=-1, keepdims=True)) * mask
        p = e / e.sum(axis=-1, keepdims=True)
        self.x, self.z, self.p = x, z, p
        return p @ x

    def backward(self, dy):
        wrong, x, p = self.wrong, self.x, self.p
        if wrong == "mask forgotten":
            p = softmax(self.z)
        dp = dy @ x.swapaxes(1, 2)
        dz = softmax_back(p, dp, wrong)
        self.A.grad = np.einsum("mti,mts,msj->ij", x, dz, x)
        if wrong == "dA transposed":
            self.A.grad = self.A.grad.T.copy()
        left, right = dz @ x @ self.A.value.T, dz.swapaxes(1, 2) @ x @ self.A.value
        if wrong == "A not transposed":
            left = dz @ x @ self.A.value
        if wrong == "same way twice":
            right = left
        ways = {"left": left, "right": right, "values": p.swapaxes(1, 2) @ dy}
        return sum(way for name, way in ways.items() if wrong != f"{name} forgotten")


# ---- sums over steps


@dataclass(eq=False)
class Running(Layer):
    """y_t = the mean of x up to step t."""

    wrong: str = ""

    def counts(self, x):
        return np.arange(1, x.shape[1] + 1)[:, None].astype(x.real.dtype)

    def forward(self, x, training=False):
        return np.cumsum(x, axis=1) / self.counts(x)

    def backward(self, dy):
        wrong, n = self.wrong, self.counts(dy)
        if wrong == "summed from the first step on":
            return np.cumsum(dy / n, axis=1)
        if wrong == "divided after the sum":
            return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1] / n
        if wrong == "not divided":
            return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]
        if wrong == "own step alone":
            return dy / n
        return np.cumsum((dy / n)[:, ::-1], axis=1)[:, ::-1]


@dataclass(eq=False)
class Differences(Layer):
    """y_t = x_(t+1) - x_t."""

    wrong: str = ""

    def build(self, input_shape):
        return (input_shape[0] - 1, input_shape[1])

    def forward(self, x, training=False):
        return x[:, 1:] - x[:, :-1]

    def backward(self, dy):
        dx = np.zeros((len(dy), dy.shape[1] + 1, dy.shape[2]), dy.dtype)
        if self.wrong == "assigned":
            dx[:, :-1] = -dy
            dx[:, 1:] = dy
            return dx
        dx[:, 1:] += dy
        if self.wrong != "earlier steps forgotten":
            dx[:, :-1] -= -dy if self.wrong == "sign" else dy
        return dx


RIGHT_ATTENTION_LAYERS = [
    (SingleHead(), (6, 3)),
    (SingleHead(causal=True), (6, 3)),
    (SeveralHeads(), (5, 4)),
    (AttentionPooling(), (6, 3)),
    (StepSoftmax(), (6, 3)),
    (StepDense(), (6, 3)),
    (MaskedMean(), (6, 3)),
    (LastStep(), (6, 3)),
    (MaskedRNN(), (6, 3)),
    (MaskedAttention(), (6, 3)),
    (Running(), (6, 3)),
    (Differences(), (6, 3)),
]
RIGHT_LOOKUPS = [(Lookup(), (6,)), (LoopLookup(), (6,))]
