"""Wrong gradients that people reported in public, each formula rebuilt in NumPy: forward, and backward(dy, *inputs).

CASES: where it was reported, what the mistake is, the functions, their inputs, and the inputs with a wrong gradient;
none, if the report was mistaken. `says` are words of a right cause, None where no cause is named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import numpy as np


@dataclass(frozen=True)
class Case:
    source: str
    mistake: str
    forward: Callable
    backward: Callable
    inputs: tuple
    wrong: tuple[str, ...]
    says: str | None


RNG = np.random.default_rng(0)
CASES: list[Case] = []


def normal(*shape):
    return RNG.standard_normal(shape)


def case(source, mistake, forward, backward, inputs, wrong, says=None):
    CASES.append(Case(source, mistake, forward, backward, inputs, tuple(wrong.split()), says))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


X = normal(4, 3)
POSITIVE = 0.5 + RNG.random((4, 3))

# ---- JAX

case(
    "jax-ml/jax#3213",
    "the sign of one argument",
    lambda x, y: np.sin(x) * y,
    lambda dy, x, y: (np.cos(x) * dy * y, -np.sin(x) * dy),
    (X, normal(4, 3)),
    "y",
    "the sign is flipped",
)
case(
    "jax-ml/jax#11469",
    "remainder of mixed signs: floor for truncation",
    lambda x, y: x - y * np.trunc(x / y),
    lambda dy, x, y: (dy, -dy * np.floor(x / y)),
    (np.array([3.3, -3.4, 5.1]), np.array([1.2, 1.3, -1.1])),
    "y",
)


def power(x, n):
    return x**n


def power_backward(dy, x, n):
    return dy * np.where(n == 0, 1.0, n * x ** np.where(n == 0, 1, n - 1)), None


case(
    "jax-ml/jax#17996",
    "ones where zeros belong: x^0",
    power,
    power_backward,
    (X, np.array([0, 1, 2])),
    "x",
    "columns 0",
)

# ---- autograd


def log_normal(x, cov):
    _, logdet = np.linalg.slogdet(cov)
    return -0.5 * (x @ np.linalg.inv(cov) @ x + logdet + len(x) * np.log(2 * pi))


def log_normal_backward(dy, x, cov):
    inverse = np.linalg.inv(cov)
    a = inverse @ x
    return -dy * a, 0.5 * dy * (inverse - np.outer(a, a))


case(
    "HIPS/autograd#412",
    "the sign for the covariance",
    log_normal,
    log_normal_backward,
    (normal(3), np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.5]])),
    "cov",
    "the sign is flipped",
)
case(
    "HIPS/autograd#423",
    "zeros: the other NumPy was imported",
    lambda x: np.arange(9.0).reshape(3, 3) @ x,
    lambda dy, x: 0 * x,
    (normal(3),),
    "x",
    "= 0 everywhere",
)

# ---- PyTorch

IDS = np.array([0, 2, 2, 1])


def last_index(dy, x, ids):
    dx = np.zeros_like(x)
    dx[ids] = dy
    return dx, None


case(
    "pytorch/pytorch#1528",
    "repeated indices: the last one counts",
    lambda x, ids: x[ids],
    last_index,
    (X, IDS),
    "x",
    "of repeated ids",
)


def isrlu(x):
    return x / np.sqrt(1 + np.minimum(x, 0) ** 2)


case(
    "pytorch/pytorch#4355",
    "dy forgotten",
    isrlu,
    lambda dy, x: (1 + np.minimum(x, 0) ** 2) ** -1.5,
    (X,),
    "x",
    "backward forgets dy",
)
ZEROS = np.array([[2.0, 0.0, 3.0], [1.0, 2.0, 4.0]])
case(
    "pytorch/pytorch#773",
    "product / x, at x = 0",
    lambda x: x.prod(axis=1),
    lambda dy, x: (dy * x.prod(axis=1))[:, None] / x,
    (ZEROS,),
    "x",
    "not finite in 1 of 6 entries",
)
case(
    "pytorch/pytorch#913",
    "the gradient is not summed over an axis that was broadcast",
    lambda a, b: a + b[:, :1],
    lambda dy, a, b: (dy, dy),
    (normal(5, 2), normal(5, 1)),
    "b",
    "sum it over",
)

# ---- TensorFlow and Keras

case(
    "tensorflow/tensorflow#36999",
    "one tensor in two places, one counted",
    lambda x: x + x,
    lambda dy, x: dy,
    (X,),
    "x",
    "a factor of 2 too little",
)


def cumprod_backward(at_zero):
    def backward(dy, x):
        with np.errstate(all="ignore"):
            dx = (dy * x.cumprod(axis=1))[:, ::-1].cumsum(axis=1)[:, ::-1] / x
        return dx if at_zero is None else np.where(x == 0, at_zero, dx)

    return backward


def cumprod(x):
    return x.cumprod(axis=1)


case(
    "tensorflow/tensorflow#119430", "0 at x = 0", cumprod, cumprod_backward(0.0), (ZEROS,), "x", "zeros in other places"
)
case("tensorflow/tensorflow#3862", "0 / 0 at x = 0", cumprod, cumprod_backward(None), (ZEROS,), "x", "not finite")
case(
    "tensorflow/tensorflow#119476",
    "the mask of the value, at x = 0",
    lambda x, y: x * np.log(y),
    lambda dy, x, y: (dy * np.where(x == 0, 0, np.log(y)), dy * x / y),
    (ZEROS, 3 + ZEROS),
    "x",
    "is 0 in entries where the derivative is not",
)
case(
    "tensorflow/tensorflow#897",
    "slope 1 of floor",
    lambda x: np.floor(x),
    lambda dy, x: dy,
    (X + 0.01,),
    "x",
    "the whole gradient passes",
)
case(
    "tensorflow/tensorflow#127244",
    "scaling by 2^e: nothing at x = 0",
    lambda x: x * 2.0 ** np.arange(3),
    lambda dy, x: np.where(x == 0, 0, dy * 2.0 ** np.arange(3)),
    (ZEROS,),
    "x",
    "is 0 in entries where the derivative is not",
)


def sinc_backward(dy, x):
    with np.errstate(all="ignore"):
        return dy * (np.cos(pi * x) - np.sinc(x)) / x


case("tensorflow/tensorflow#127226", "0 / 0 at x = 0", lambda x: np.sinc(x), sinc_backward, (ZEROS,), "x", "not finite")

# ---- Chainer, Theano, Caffe, Torch, neon

case(
    "chainer/chainer#261",
    "weight decay with the wrong sign",
    lambda w, g: (w * g).sum() + 0.05 * (w**2).sum(),
    lambda dy, w, g: (dy * (g - 0.1 * w), dy * w),
    (X, normal(4, 3)),
    "w",
)
case(
    "chainer/chainer#7624",
    "remainder: floor for truncation",
    lambda a, b: np.fmod(a, b),
    lambda dy, a, b: (dy, -dy * np.floor(a / b)),
    (np.array([3.3, -3.4, -5.1]), np.array([1.2, 1.3, 1.1])),
    "b",
)
case(
    "Theano/Theano#1996",
    "0 x infinity beside the entry that is used",
    lambda a: np.sqrt(a * np.arange(3.0))[2],
    lambda dy, a: dy * (np.arange(3.0) / np.sqrt(a * np.arange(3.0)) / 2 * (np.arange(3) == 2)).sum(),
    (1.5,),
    "a",
    "not finite",
)
case(
    "torch/cunn#318",
    "a factor of 2",
    lambda p, t: (t * (np.log(t) - p)).mean(),
    lambda dy, p, t: (-2 * dy * t / t.size, dy * (np.log(t) - p + 1) / t.size),
    (X, POSITIVE),
    "p",
    "a factor of 2 too much",
)


def depth_convolution(x, w):
    return np.stack([sum(x[:, m + d] * w[d] for d in range(2)) for m in range(3)], axis=1)


def depth_convolution_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for m in range(3):
        for d in range(2):
            dx[:, m] += dy[:, m] * w[d]  # m + d belongs here
            dw[d] += (dy[:, m] * x[:, m + d]).sum()
    return dx, dw


case(
    "NervanaSystems/neon#111",
    "the wrong index of depth",
    depth_convolution,
    depth_convolution_backward,
    (normal(3, 4), normal(2)),
    "x",
)
case(
    "davisking/dlib#2518",
    "a factor of 2",
    lambda c: ((c - np.eye(3)) ** 2).sum(),
    lambda dy, c: dy * (c - np.eye(3)),
    (normal(3, 3),),
    "c",
    "a factor of 2 too little",
)

# ---- softmax


def softmax_right(dy, p):
    return p * (dy - (p * dy).sum(axis=1, keepdims=True))


case(
    "deeplearning4j/libnd4j#440",
    "the diagonal alone",
    softmax,
    lambda dy, x: dy * softmax(x) * (1 - softmax(x)),
    (X,),
    "x",
    "not the derivative",
)
case(
    "HomericIntelligence/Odyssey#2134",
    "the row term is missing",
    softmax,
    lambda dy, x: dy * softmax(x),
    (X,),
    "x",
    "not the derivative",
)
case(
    "markroxor/fromscratchtoml#65",
    "a factor of 2",
    softmax,
    lambda dy, x: 2 * softmax_right(dy, softmax(x)),
    (X,),
    "x",
    "a factor of 2 too much",
)
case(
    "mlpack/mlpack#2360",
    "dy + p for dy - p sum(dy)",
    lambda x: np.log(softmax(x)),
    lambda dy, x: dy + softmax(x),
    (X,),
    "x",
    "is not 0 for dy = 0",
)

# ---- networks written by hand

Y = normal(4, 2)
case(
    "Open-Deep-ML/DML-OpenProblem#54",
    "1 / n for 2 / n",
    lambda w: ((X @ w - Y) ** 2).mean(),
    lambda dy, w: dy * X.T @ (X @ w - Y) / Y.size,
    (normal(3, 2),),
    "w",
    "a factor of 2 too little",
)
case(
    "Bot-Academy/NeuralNetworkFromScratch#3",
    "the slope of the last sigmoid is missing",
    lambda w: 0.5 * ((sigmoid(X @ w) - Y) ** 2).sum(),
    lambda dy, w: dy * X.T @ (sigmoid(X @ w) - Y),
    (normal(3, 2),),
    "w",
    "sigmoid",
)
case(
    "hunkim/DeepLearningZeroToAll#173",
    "a sum where a mean belongs",
    lambda w, x: ((x @ w) ** 2).sum(axis=1).mean(),
    lambda dy, w, x: (dy * 2 * x.T @ x @ w, dy * 2 * x @ w @ w.T / len(x)),
    (normal(3, 2), normal(5, 3)),
    "w",
    "a sum where a mean belongs",
)
case(
    "rust0258/Deeplearning.ai-Natural-Language-Processing-Specialization#64",
    "the bias has the sum of the gradient of the kernel",
    lambda W, b, x: W @ x + b,
    lambda dy, W, b, x: (dy @ x.T, (dy @ x.T).sum(axis=1, keepdims=True), W.T @ dy),
    (normal(3, 4), normal(3, 1), normal(4, 5)),
    "b",
)
case(
    "deeplearning4j/deeplearning4j#1452",
    "one row: divided by its length",
    lambda w, x: (x @ w).sum() / len(x),
    lambda dy, w, x: (dy * x.sum(axis=0) / x.size, dy * np.broadcast_to(w, x.shape) / len(x)),
    (normal(3), normal(1, 3)),
    "w",
    "3",
)
case(
    "dennybritz/nn-from-scratch#11",
    "y - p for p - y",
    lambda z: -np.log(softmax(z)[range(4), [0, 2, 1, 1]]).sum(),
    lambda dy, z: dy * (np.eye(3)[[0, 2, 1, 1]] - softmax(z)),
    (X,),
    "z",
    "the sign is flipped",
)
case(
    "JWarmenhoven/Coursera-Machine-Learning#3",
    "the bias column is penalised, by ones",
    lambda t: (X @ t.T).sum() + 0.35 * (t[:, 1:] ** 2).sum(),
    lambda dy, t: dy * (X.sum(axis=0) + 0.7 * np.c_[np.ones((2, 1)), t[:, 1:]]),
    (normal(2, 3),),
    "t",
    "column",
)


def row_assigned(dC, ids, C):
    found = np.zeros_like(C)
    for k in range(len(ids)):
        found[ids[k]] += dC[k]  # NumPy, too, keeps one of equal indices
    return found


case(
    "karpathy/nn-zero-to-hero#57",
    "+= with repeated indices",
    lambda C: C[np.array([[1, 1, 2], [0, 2, 2]])],
    lambda dy, C: row_assigned(dy, np.array([[1, 1, 2], [0, 2, 2]]), C),
    (normal(4, 2),),
    "C",
    "of repeated ids",
)
case(
    "ooples/AiDotNet.Tensors#894",
    "gathered where it must be added up",
    lambda x: x[IDS],
    lambda dy, x: dy[IDS],
    (normal(4, 2),),
    "x",
)

# ---- activations

case(
    "scientific-computing/FKB#15",
    "the slope of ReLU",
    lambda x: np.where(x > 0, x, 0.3 * x),
    lambda dy, x: dy * (x > 0),
    (X,),
    "x",
    "0",
)
case(
    "jeffheaton/encog-dotnet-core#124",
    "the slope of the sigmoid in ReLU",
    lambda x: np.maximum(x, 0),
    lambda dy, x: dy * sigmoid(x) * (1 - sigmoid(x)),
    (X,),
    "x",
)
case(
    "infostreams/neural-network#1",
    "1 - tanh(y)^2",
    lambda x: np.tanh(x),
    lambda dy, x: dy * (1 - np.tanh(np.tanh(x)) ** 2),
    (X,),
    "x",
    "uses the output where x belongs",
)
case(
    "apache/incubator-retired-horn#4",
    "1 - x^2 for 1 - y^2",
    lambda x: np.tanh(x),
    lambda dy, x: dy * (1 - x**2),
    (X,),
    "x",
    "x",
)
case(
    "DiffSharp/DiffSharp#16",
    "dy forgotten",
    sigmoid,
    lambda dy, x: sigmoid(x) * (1 - sigmoid(x)),
    (X,),
    "x",
    "backward forgets dy",
)

# ---- pooling

WINDOWS = np.arange(5)[:, None] + np.arange(3)


def pooled(x):
    return x[:, WINDOWS].max(axis=2)


def pooled_backward(dy, x):
    dx = np.zeros_like(x)
    for m, row in enumerate(x[:, WINDOWS].argmax(axis=2)):
        dx[m, WINDOWS[range(5), row]] = dy[m]
    return dx


case(
    "FluxML/NNlib.jl#205",
    "windows overlap: one of several contributions",
    pooled,
    pooled_backward,
    (normal(4, 7),),
    "x",
    "contribution",
)

# ---- statistics and geometry

case(
    "alan-turing-institute/stat-fem#35",
    "the factor of a logarithmic scale",
    lambda t: -0.5 * ((Y - np.exp(t)) ** 2).sum(),
    lambda dy, t: dy * (Y - np.exp(t)).sum(),
    (np.array([0.4]),),
    "t",
    'the way through "t" in "np.exp(t)"',
)
case(
    "STOR-i/GaussianProcesses.jl#26",
    "the sign for the mean",
    lambda m: -0.5 * ((Y - m) ** 2).sum(),
    lambda dy, m: -dy * (Y - m).sum(axis=0),
    (np.array([0.3, 0.1]),),
    "m",
    "the sign is flipped",
)
case(
    "graphdeco-inria/gaussian-splatting#551",
    "-0.5 for -1 in the mixed term",
    lambda a, b, c: np.exp(-0.5 * (a * X[:, 0] ** 2 + c * X[:, 1] ** 2) - b * X[:, 0] * X[:, 1]),
    lambda dy, a, b, c: tuple(
        (dy * np.exp(-0.5 * (a * X[:, 0] ** 2 + c * X[:, 1] ** 2) - b * X[:, 0] * X[:, 1]) * f).sum()
        for f in (-0.5 * X[:, 0] ** 2, -0.5 * X[:, 0] * X[:, 1], -0.5 * X[:, 1] ** 2)
    ),
    (1.1, 0.2, 0.9),
    "b",
    "a factor of 2 too little",
)
case(
    "scipy/scipy#9122",
    "the sign of one row of a Jacobian",
    lambda x: np.stack([1 - x[0] - 2 * x[1], 1 - x[0] ** 2 - x[1], 1 - x[0] ** 2 + x[1]]),
    lambda dy, x: dy @ np.array([[1.0, 2.0], [-2 * x[0], -1.0], [-2 * x[0], 1.0]]),
    (np.array([0.5, 0.2]),),
    "x",
)
case(
    "fitbenchmarking/fitbenchmarking#956",
    "residual and model exchanged: the sign",
    lambda p: Y[:, 0] - X @ p,
    lambda dy, p: dy @ X,
    (normal(3),),
    "p",
    "the sign is flipped",
)

# ---- what a gradient check does not see, and reports that were mistaken

case(
    "Theano/Theano#4568",
    "not seen at a kink: equal maxima each have the whole gradient",
    lambda x: x.max(axis=1),
    lambda dy, x: dy[:, None] * (x == x.max(axis=1, keepdims=True)),
    (np.array([[1.0, 1.0, 0.5]]),),
    "",
)


def batch_normalized(x):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


def batch_normalized_backward(dy, x):
    y = batch_normalized(x)
    return (dy - dy.mean(axis=0) - y * (dy * y).mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


case(
    "BVLC/caffe#3878",
    "none: the term that seems to be missing is 0",
    batch_normalized,
    batch_normalized_backward,
    (X,),
    "",
)
case(
    "scikit-learn/scikit-learn#18702",
    "none: the gradient is by log sigma",
    lambda t: X @ X.T + np.exp(t) ** 2,
    lambda dy, t: 2 * np.exp(t) ** 2 * dy.sum(),
    (0.3,),
    "",
)
case(
    "neowsl/rust-ml#5",
    "none: x stands for the output",
    sigmoid,
    lambda dy, x: dy * sigmoid(x) * (1 - sigmoid(x)),
    (X,),
    "",
)


def window_sums(x, w):
    return np.stack([x[:, i : i + 2] @ w for i in range(2)], axis=1)


def window_sums_backward(dy, x, w):
    dx = np.zeros_like(x)
    for i in range(2):
        dx[:, i : i + 2] += dy[:, i, None] * w
    return dx, sum(dy[:, i] @ x[:, i : i + 2] for i in range(2))


case(
    "ddbourgin/numpy-ml#27", "none: loops need no turned kernel", window_sums, window_sums_backward, (X, normal(2)), ""
)
