"""Forward and backward functions as courses set them: out, cache = forward(x, w); dx, dw = backward(dout, cache).

RIGHT has one pair each, PLANTS wrong backward functions: the way people write them, and words that a right cause has
(None where "unknown" is the honest answer).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plant:
    name: str
    of: str
    backward: Callable
    says: str | None
    wrong: tuple[str, ...]


RNG = np.random.default_rng(0)
RIGHT: dict[str, tuple[Callable, Callable, tuple]] = {}
PLANTS: list[Plant] = []


def normal(*shape):
    return RNG.standard_normal(shape)


def right(name, *inputs):
    """Register a pair: forward, backward."""

    def register(pair):
        RIGHT[name] = (pair.forward, pair.backward, inputs)
        return pair

    return register


def plant(name, of, says, *wrong):
    """Register a wrong backward of a pair, and the names of the inputs whose gradients it gets wrong."""

    def register(backward):
        PLANTS.append(Plant(name, of, backward, says, wrong))
        return backward

    return register


# ---- affine


@right("affine", normal(5, 2, 3), normal(6, 4), normal(4))
class Affine:
    @staticmethod
    def forward(x, w, b):
        return x.reshape(len(x), -1) @ w + b, (x, w)

    @staticmethod
    def backward(dout, cache):
        x, w = cache
        return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


@plant("mean over rows", "affine", "a mean where a sum belongs", "b")
def affine_mean(dout, cache):
    dx, dw, db = Affine.backward(dout, cache)
    return dx, dw, db / len(dout)


@plant("sign of w", "affine", "the sign is flipped", "w")
def affine_sign(dout, cache):
    dx, dw, db = Affine.backward(dout, cache)
    return dx, -dw, db


@plant("w divided by the rows", "affine", "5 rows", "w")
def affine_scaled(dout, cache):
    dx, dw, db = Affine.backward(dout, cache)
    return dx, dw / 5, db


@plant("weight decay inside", "affine", "a penalty inside backward", "w")
def affine_decay(dout, cache):
    dx, dw, db = Affine.backward(dout, cache)
    return dx, dw + 0.1 * cache[1], db


@plant("reshaped in another order", "affine", None, "x")
def affine_order(dout, cache):
    dx, dw, db = Affine.backward(dout, cache)
    return dx.reshape(dx.shape, order="F").reshape(5, 3, 2).transpose(0, 2, 1), dw, db


@plant("sum over all", "affine", "the sum", "b")
def affine_sum(dout, cache):
    dx, dw, _ = Affine.backward(dout, cache)
    return dx, dw, np.full(4, dout.sum())


@plant("not summed", "affine", "sum it over axis 0", "b")
def affine_not_summed(dout, cache):
    dx, dw, _ = Affine.backward(dout, cache)
    return dx, dw, dout


@plant("transposed", "affine", "transpose", "w")
def affine_transposed(dout, cache):
    dx, dw, db = Affine.backward(dout, cache)
    return dx, dw.T, db


@plant("dout forgotten", "affine", "backward forgets dy", "w")
def affine_forgotten(dout, cache):
    dx, _, db = Affine.backward(dout, cache)
    return dx, Affine.backward(np.ones_like(dout), cache)[1], db


@plant("last row alone", "affine", "the last row alone", "w")
def affine_last_row(dout, cache):
    dx, _, db = Affine.backward(dout, cache)
    x = cache[0].reshape(5, -1)
    return dx, np.outer(x[-1], dout[-1]), db


# ---- functions of single numbers


@right("relu", normal(4, 6))
class Relu:
    @staticmethod
    def forward(x):
        return np.maximum(x, 0), x

    @staticmethod
    def backward(dout, cache):
        return dout * (cache > 0)


@plant("mask forgotten", "relu", "mask", "x")
def relu_no_mask(dout, cache):
    return dout


@plant("mask of dout", "relu", None, "x")
def relu_mask_of_dout(dout, cache):
    return dout * (dout > 0)


@plant("mask the other way", "relu", "the wrong way round", "x")
def relu_other_mask(dout, cache):
    return dout * (cache < 0)


@right("leaky relu", normal(4, 6), {"slope": 0.13})
class LeakyRelu:
    @staticmethod
    def forward(x, settings):
        return np.where(x.real > 0, x, settings["slope"] * x), (x, settings)

    @staticmethod
    def backward(dout, cache):
        x, settings = cache
        return dout * np.where(x > 0, 1, settings["slope"])


@plant("slope forgotten", "leaky relu", "where x < 0", "x")
def leaky_zero(dout, cache):
    return dout * (cache[0] > 0)


@plant("slope on both sides", "leaky relu", "where x > 0", "x")
def leaky_both(dout, cache):
    return dout * cache[1]["slope"]


@right("sigmoid", normal(4, 6))
class Sigmoid:
    @staticmethod
    def forward(x):
        y = 1 / (1 + np.exp(-x))
        return y, y

    @staticmethod
    def backward(dout, y):
        return dout * y * (1 - y)


@plant("slope of tanh", "sigmoid", "(1 - y^2)", "x")
def sigmoid_tanh(dout, y):
    return dout * (1 - y**2)


@plant("slope forgotten", "sigmoid", "dL/dx = dy", "x")
def sigmoid_none(dout, y):
    return dout


@plant("slope without y", "sigmoid", "(1 - y)", "x")
def sigmoid_half(dout, y):
    return dout * (1 - y)


@right("tanh", normal(4, 6))
class Tanh:
    @staticmethod
    def forward(x):
        return np.tanh(x), x

    @staticmethod
    def backward(dout, cache):
        return dout * (1 - np.tanh(cache) ** 2)


@plant("output forgotten", "tanh", "right for", "x")
def tanh_of_x(dout, cache):
    return dout * (1 - np.tanh(np.tanh(cache)) ** 2)


@plant("square forgotten", "tanh", "(1 - y)", "x")
def tanh_square(dout, cache):
    return dout * (1 - np.tanh(cache))


# ---- softmax


@right("softmax", normal(4, 6))
class Softmax:
    @staticmethod
    def forward(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return p, p

    @staticmethod
    def backward(dout, p):
        return p * (dout - (dout * p).sum(axis=1, keepdims=True))


@plant("diagonal alone", "softmax", "y (1 - y)", "x")
def softmax_diagonal(dout, p):
    return dout * p * (1 - p)


@plant("over the batch", "softmax", None, "x")
def softmax_batch(dout, p):
    return p * (dout - (dout * p).sum(axis=0, keepdims=True))


@right("cross-entropy", normal(5, 3), np.array([0, 2, 1, 1, 0]))
class CrossEntropy:
    @staticmethod
    def forward(x, y):
        shifted = x - x.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(x)), y].mean(), (log_p, y)

    @staticmethod
    def backward(cache):
        log_p, y = cache
        d = np.exp(log_p)
        d[np.arange(len(y)), y] -= 1
        return d / len(y)


@plant("not divided by the rows", "cross-entropy", "a sum where a mean belongs", "x")
def entropy_sum(cache):
    return CrossEntropy.backward(cache) * 5


@plant("divided by the classes", "cross-entropy", "5 rows of x / 3 columns of x", "x")
def entropy_classes(cache):
    rows, classes = cache[0].shape
    return CrossEntropy.backward(cache) * rows / classes


@plant("probabilities alone", "cross-entropy", None, "x")
def entropy_probabilities(cache):
    return np.exp(cache[0]) / 5


# ---- normalization


@right("batch normalization", normal(7, 4), normal(4), normal(4), {"mode": "train", "eps": 1e-5})
class BatchNorm:
    @staticmethod
    def forward(x, gamma, beta, settings):
        mean = x.mean(axis=0)
        std = np.sqrt(((x - mean) ** 2).mean(axis=0) + settings["eps"])
        normed = (x - mean) / std
        return gamma * normed + beta, (normed, gamma, std)

    @staticmethod
    def backward(dout, cache):
        normed, gamma, std = cache
        d = dout * gamma
        dx = (d - d.mean(axis=0) - normed * (d * normed).mean(axis=0)) / std
        return dx, (dout * normed).sum(axis=0), dout.sum(axis=0)


@plant("mean taken as constant", "batch normalization", "the path through their mean is forgotten", "x")
def batchnorm_mean(dout, cache):
    normed, gamma, std = cache
    d = dout * gamma
    _, dgamma, dbeta = BatchNorm.backward(dout, cache)
    return (d - normed * (d * normed).mean(axis=0)) / std, dgamma, dbeta


@plant("statistics taken as constants", "batch normalization", "mean and deviation is forgotten", "x")
def batchnorm_constant(dout, cache):
    _, dgamma, dbeta = BatchNorm.backward(dout, cache)
    return dout * cache[1] / cache[2], dgamma, dbeta


@plant("gamma forgotten", "batch normalization", "gamma is forgotten", "x")
def batchnorm_gamma(dout, cache):
    normed, _, std = cache
    _, dgamma, dbeta = BatchNorm.backward(dout, cache)
    return BatchNorm.backward(dout, (normed, np.ones(4), std))[0], dgamma, dbeta


@plant("gamma and beta exchanged", "batch normalization", "has the gradient of", "gamma", "beta")
def batchnorm_exchanged(dout, cache):
    dx, dgamma, dbeta = BatchNorm.backward(dout, cache)
    return dx, dbeta, dgamma


@plant("x in the place of the normed x", "batch normalization", None, "gamma")
def batchnorm_x(dout, cache):
    dx, dgamma, dbeta = BatchNorm.backward(dout, cache)
    return dx, dgamma * cache[2], dbeta


@right("layer normalization", normal(5, 6), normal(6), normal(6))
class LayerNorm:
    @staticmethod
    def forward(x, gamma, beta):
        mean = x.mean(axis=1, keepdims=True)
        std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + 1e-5)
        normed = (x - mean) / std
        return gamma * normed + beta, (normed, gamma, std)

    @staticmethod
    def backward(dout, cache):
        normed, gamma, std = cache
        d = dout * gamma
        mean = d.mean(axis=1, keepdims=True)
        dx = (d - mean - normed * (d * normed).mean(axis=1, keepdims=True)) / std
        return dx, (dout * normed).sum(axis=0), dout.sum(axis=0)


@plant("statistics of the batch", "layer normalization", None, "x")
def layernorm_batch(dout, cache):
    normed, gamma, std = cache
    d = dout * gamma
    _, dgamma, dbeta = LayerNorm.backward(dout, cache)
    return (d - d.mean(axis=0) - normed * (d * normed).mean(axis=0)) / std, dgamma, dbeta


# ---- dropout


@right("dropout", normal(6, 5), {"p": 0.3, "mode": "train"})
class Dropout:
    @staticmethod
    def forward(x, settings):
        keep = 1 - settings["p"]
        mask = (np.random.rand(*x.shape) < keep) / keep  # noqa: NPY002  as courses write it
        return x * mask, mask

    @staticmethod
    def backward(dout, mask):
        return dout * mask


@plant("not scaled", "dropout", "1 - p", "x")
def dropout_unscaled(dout, mask):
    return dout * (mask > 0)


@plant("scaled twice", "dropout", "1 / (1 - p)", "x")
def dropout_twice(dout, mask):
    return dout * mask / 0.7


@plant("mask drawn again", "dropout", "other places", "x")
def dropout_again(dout, mask):
    return dout * (np.random.rand(*dout.shape) < 0.7) / 0.7  # noqa: NPY002


@plant("mask forgotten", "dropout", "mask", "x")
def dropout_none(dout, mask):
    return dout / 0.7


# ---- convolution and pooling, channels first


@right("convolution", normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(4), {"stride": 1, "pad": 1})
class Convolution:
    assign = False

    @staticmethod
    def windows(x, w, settings):
        s, n = settings["stride"], w.shape[2]
        h = (x.shape[2] + 2 * settings["pad"] - n) // s + 1
        return [(i, j, np.s_[:, :, i * s : i * s + n, j * s : j * s + n]) for i in range(h) for j in range(h)]

    @staticmethod
    def padded(x, settings):
        p = settings["pad"]
        return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))

    @staticmethod
    def forward(x, w, b, settings):
        padded, windows = Convolution.padded(x, settings), Convolution.windows(x, w, settings)
        columns = [np.tensordot(padded[window], w, ((1, 2, 3), (1, 2, 3))) for _, _, window in windows]
        h = windows[-1][0] + 1
        out = np.stack(columns, axis=-1).reshape(len(x), len(w), h, h)
        return out + b[:, None, None], (x, w, settings)

    @staticmethod
    def backward(dout, cache, flip=False, assign=False):
        x, w, settings = cache
        padded, p = Convolution.padded(x, settings), settings["pad"]
        dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
        kernel = w[:, :, ::-1, ::-1] if flip else w
        for i, j, window in Convolution.windows(x, w, settings):
            dw += np.tensordot(dout[:, :, i, j], padded[window], (0, 0))
            part = np.tensordot(dout[:, :, i, j], kernel, (1, 0))
            dpadded[window] = part if assign else dpadded[window] + part
        return dpadded[:, :, p:-p, p:-p], dw, dout.sum(axis=(0, 2, 3))


@plant("kernel flipped", "convolution", "right for w in reverse order along axes 2 and 3", "x")
def convolution_flipped(dout, cache):
    return Convolution.backward(dout, cache, True)


@plant("windows assigned", "convolution", "do not assign", "x")
def convolution_assigned(dout, cache):
    return Convolution.backward(dout, cache, False, True)


@plant("gradient of the kernel flipped", "convolution", "reverse order along axes 2 and 3", "w")
def convolution_dw(dout, cache):
    dx, dw, db = Convolution.backward(dout, cache)
    return dx, dw[:, :, ::-1, ::-1], db


@plant("bias averaged", "convolution", "a mean where a sum belongs", "b")
def convolution_bias(dout, cache):
    dx, dw, _ = Convolution.backward(dout, cache)
    return dx, dw, dout.mean(axis=(0, 2, 3))


@plant("height and width exchanged", "convolution", "axes 2 and 3 exchanged", "x")
def convolution_exchanged(dout, cache):
    dx, dw, db = Convolution.backward(dout, cache)
    return dx.transpose(0, 1, 3, 2), dw, db


@plant("padding not cut off", "convolution", "shape (2, 3, 7, 7)", "x")
def convolution_padding(dout, cache):
    dx, dw, db = Convolution.backward(dout, cache)
    return np.pad(dx, ((0, 0), (0, 0), (1, 1), (1, 1))), dw, db


@right("max pooling", normal(2, 3, 4, 4), {"size": 2})
class MaxPooling:
    @staticmethod
    def forward(x, settings):
        m, c, h, w = x.shape
        windows = x.reshape(m, c, h // 2, 2, w // 2, 2)
        out = windows.max(axis=(3, 5))
        return out, (x, out)

    @staticmethod
    def up(a):
        return a.repeat(2, axis=2).repeat(2, axis=3)

    @staticmethod
    def backward(dout, cache):
        x, out = cache
        return MaxPooling.up(dout) * (x == MaxPooling.up(out))


@plant("to all of a window", "max pooling", "the mask of forward", "x")
def pooling_all(dout, cache):
    return MaxPooling.up(dout)


@plant("as the average", "max pooling", "4 entries of x alike", "x")
def pooling_average(dout, cache):
    return MaxPooling.up(dout) / 4


# ---- sequences


@right("rnn step", normal(5, 3), normal(5, 4), normal(3, 4), normal(4, 4), normal(4))
class RnnStep:
    @staticmethod
    def forward(x, prev_h, Wx, Wh, b):
        h = np.tanh(x @ Wx + prev_h @ Wh + b)
        return h, (x, prev_h, Wx, Wh, h)

    @staticmethod
    def backward(dh, cache):
        x, prev_h, Wx, Wh, h = cache
        dz = dh * (1 - h * h)
        return dz @ Wx.T, dz @ Wh.T, x.T @ dz, prev_h.T @ dz, dz.sum(axis=0)


@plant("Wh not transposed", "rnn step", None, "prev_h")
def rnn_not_transposed(dh, cache):
    dx, _, dWx, dWh, db = RnnStep.backward(dh, cache)
    dz = dh * (1 - cache[4] ** 2)
    return dx, dz @ cache[3], dWx, dWh, db


@plant("tanh forgotten for b", "rnn step", "what forward does after adding", "b")
def rnn_bias(dh, cache):
    return (*RnnStep.backward(dh, cache)[:4], dh.sum(axis=0))


@plant("h in the place of prev_h", "rnn step", None, "Wh")
def rnn_state(dh, cache):
    dx, dprev, dWx, _, db = RnnStep.backward(dh, cache)
    h = cache[4]
    return dx, dprev, dWx, h.T @ (dh * (1 - h * h)), db


def gate(a):
    return 1 / (1 + np.exp(-a))


@right("lstm step", normal(5, 3), normal(5, 4), normal(5, 4), normal(3, 16), normal(4, 16), normal(16))
class LstmStep:
    @staticmethod
    def forward(x, prev_h, prev_c, Wx, Wh, b):
        ai, af, ao, ag = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
        i, f, o, g = gate(ai), gate(af), gate(ao), np.tanh(ag)
        c = f * prev_c + i * g
        t = np.tanh(c)
        return o * t, c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, t)

    @staticmethod
    def backward(dh, dc, cache, exchange=False):
        x, prev_h, prev_c, Wx, Wh, i, f, o, g, t = cache
        dc = dc + dh * o * (1 - t * t)
        parts = [dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)]
        if exchange:
            parts[0], parts[1] = parts[1], parts[0]
        da = np.concatenate(parts, axis=1)
        return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)


@plant("way through c forgotten", "lstm step", "through output 0", "prev_c")
def lstm_cell(dh, dc, cache):
    dx, dprev_h, _, dWx, dWh, db = LstmStep.backward(dh, dc, cache)
    return dx, dprev_h, dc * cache[6], dWx, dWh, db


@plant("dc forgotten", "lstm step", "output 1", "x", "prev_h", "prev_c", "Wx", "Wh", "b")
def lstm_dc(dh, dc, cache):
    return LstmStep.backward(dh, 0 * dc, cache)


@plant("gates exchanged", "lstm step", None, "x", "prev_h", "Wx", "Wh", "b")
def lstm_gates(dh, dc, cache):
    return LstmStep.backward(dh, dc, cache, True)


@right("embedding", np.array([[0, 3, 3], [2, 0, 1]]), normal(4, 5))
class Embedding:
    @staticmethod
    def forward(ids, W):
        return W[ids], (ids, W)

    @staticmethod
    def backward(dout, cache):
        ids, W = cache
        dW = np.zeros_like(W)
        np.add.at(dW, ids, dout)
        return dW


@plant("repeated ids overwrite", "embedding", None, "W")
def embedding_assign(dout, cache):
    ids, W = cache
    dW = np.zeros_like(W)
    dW[ids] += dout
    return dW


@right("attention", normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6))
class Attention:
    @staticmethod
    def forward(q, k, v):
        scores = q @ k.swapaxes(1, 2) / 2.0
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        a = e / e.sum(axis=-1, keepdims=True)
        return a @ v, (q, k, v, a)

    @staticmethod
    def backward(dout, cache, scale=2.0, term=1.0):
        q, k, v, a = cache
        da = dout @ v.swapaxes(1, 2)
        ds = a * (da - term * (da * a).sum(axis=-1, keepdims=True)) / scale
        return ds @ k, ds.swapaxes(1, 2) @ q, a.swapaxes(1, 2) @ dout


@plant("scale forgotten", "attention", "2 x derivative", "q", "k")
def attention_scale(dout, cache):
    return Attention.backward(dout, cache, 1.0)


@plant("softmax without its sum", "attention", None, "q", "k")
def attention_term(dout, cache):
    return Attention.backward(dout, cache, 2.0, 0.0)


# ---- other forms: no cache, dicts, several outputs, numbers


@right("product", normal(4, 3), normal(3, 2))
class Product:
    @staticmethod
    def forward(a, b):
        return a @ b

    @staticmethod
    def backward(dy, a, b):
        return dy @ b.T, a.T @ dy


@plant("factors exchanged", "product", "shape (3, 2)", "a", "b")
def product_exchanged(dy, a, b):
    return a.T @ dy, dy @ b.T


@right("network in dicts", {"W1": normal(3, 6), "b1": normal(6), "W2": normal(6, 2)}, normal(5, 3))
class Network:
    @staticmethod
    def forward(params, x):
        h = np.maximum(x @ params["W1"] + params["b1"], 0)
        return {"scores": h @ params["W2"], "hidden": h}, (params, x, h)

    @staticmethod
    def backward(dy, cache, hidden=1.0):
        params, x, h = cache
        dh = (dy["scores"] @ params["W2"].T + hidden * dy["hidden"]) * (h > 0)
        grads = {"dW1": x.T @ dh, "db1": dh.sum(axis=0), "dW2": h.T @ dy["scores"]}
        return grads, dh @ params["W1"].T


@plant("one output forgotten", "network in dicts", "output hidden", "params/W1", "params/b1", "x")
def network_hidden(dy, cache):
    return Network.backward(dy, cache, 0.0)


@right("scale and shift", normal(4, 3), 0.7, -1.3)
class ScaleAndShift:
    @staticmethod
    def forward(x, scale, shift):
        return scale * x + shift, (x, scale)

    @staticmethod
    def backward(dy, cache):
        x, scale = cache
        return dy * scale, (dy * x).sum(), dy.sum()


@plant("mean for a number", "scale and shift", None, "shift")
def scale_mean(dy, cache):
    dx, dscale, _ = ScaleAndShift.backward(dy, cache)
    return dx, dscale, dy.mean()
