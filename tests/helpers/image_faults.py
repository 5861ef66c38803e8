"""Convolutional networks: with a planted fault that a rule should name, and healthy ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from sklearn import datasets as sklearn_datasets

from minidl import Sequential
from minidl.initializers import Constant, HeNormal, RandomNormal, Zeros
from minidl.layers import (
    ELU,
    GELU,
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    MaxPooling1D,
    MaxPooling2D,
    Normalization,
    Permute,
    PReLU,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    Residual,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    Softmax,
    SpatialDropout2D,
    Tanh,
    UpSampling2D,
    ZeroPadding2D,
)
from minidl.losses import SparseCategoricalCrossentropy
from minidl.optimizers import SGD, Adam, Optimizer, RMSprop
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay

# ---- data


@cache
def digits():
    """Images (1797, 8, 8, 1) in [0, 1], and the digits 0 to 9."""
    x, y = sklearn_datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order].reshape(-1, 8, 8, 1) / 16, y[order]


@cache
def photographs():
    """Parts (400, 16, 16, 3) of two photographs in bytes, and from which of them each is cut."""
    rng = np.random.default_rng(0)
    images = sklearn_datasets.load_sample_images().images
    y = rng.permutation(np.repeat([0, 1], 200))
    corners = [(rng.integers(0, images[k].shape[0] - 16), rng.integers(0, images[k].shape[1] - 16)) for k in y]
    return np.stack([images[k][i : i + 16, j : j + 16] for k, (i, j) in zip(y, corners, strict=True)]), y


@cache
def stripes():
    """Images (400, 16, 16, 3) in [0, 1] with stripes in one of four directions, of any phase and colour."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    y = rng.integers(0, 4, 400)
    angle = y * np.pi / 4
    across = np.cos(angle)[:, None, None] * rows + np.sin(angle)[:, None, None] * columns
    waves = np.sin(1.3 * across + rng.uniform(0, 2 * np.pi, (400, 1, 1)))[..., None] * rng.uniform(
        0.3, 1, (400, 1, 1, 3)
    )
    return np.clip(0.5 + 0.4 * waves + rng.normal(0, 0.05, (400, 16, 16, 3)), 0, 1), y


@cache
def series():
    """Series (400, 48, 1) of three shapes, sine, square and sawtooth, of any phase and period."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    turns = np.arange(48) / rng.uniform(8, 14, (400, 1)) + rng.uniform(0, 1, (400, 1))
    shapes = np.stack([np.sin(2 * np.pi * turns), np.sign(np.sin(2 * np.pi * turns)), 2 * (turns % 1) - 1])
    return (shapes[y, np.arange(400)] + rng.normal(0, 0.1, (400, 48)))[..., None], y


@cache
def forecasts():
    """Windows (400, 24, 2) of two noisy oscillations, and the next value of the first."""
    rng = np.random.default_rng(0)
    t = np.arange(24) + rng.uniform(0, 100, (400, 1))
    first, second = np.sin(t / 3) + 0.5 * np.sin(t / 1.7), np.cos(t / 3)
    x = np.stack([first, second], axis=-1) + rng.normal(0, 0.05, (400, 24, 2))
    following = t[:, -1:] + 1
    return x, np.sin(following / 3) + 0.5 * np.sin(following / 1.7)


def same_images():
    """Digits as inputs, and their pixels as targets."""
    x, _ = digits()
    return x, x.reshape(-1, 64)


def bright():
    """Digits, and for each pixel 1 if it is bright."""
    x, _ = digits()
    return x, (x > 0.5).reshape(-1, 64).astype(float)


def photographs_in_unit():
    x, y = photographs()
    return x / 255, y


# ---- what is done to the data


def times(factor, data=digits):
    x, y = data()
    return factor * x, y


def bytes_of_digits():
    x, y = digits()
    return (255 * x).astype(np.uint8), y


def channels_first(data):
    x, y = data()
    return x.transpose(0, 3, 1, 2), y


def shuffled(data):
    x, y = data()
    return x, np.random.default_rng(1).permutation(y)


def with_opacity():
    """Photographs with a fourth channel, which is the same everywhere."""
    x, y = photographs_in_unit()
    return np.concatenate([x, np.ones_like(x[..., :1])], axis=-1), y


def blank():
    """The same grey image in every row."""
    x, y = digits()
    return np.full_like(x, 0.5), y


def blanks():
    """Images of one grey each."""
    x, y = digits()
    return np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape).copy(), y


def one_digit():
    x, y = digits()
    return x[y == 3], y[y == 3]


# ---- networks


def convnet(
    filters=(16, 32),
    activation=ReLU,
    *,
    start=None,
    bias="zeros",
    norm=None,
    pool=MaxPooling2D,
    drop=0.0,
    dense=0,
    first=(),
    k=10,
    end=None,
    padding="same",
    seed=0,
):
    """(first,) then Conv2D, (norm,) activation, (pool) for each number of filters, then Flatten and Dense."""
    start = start or HeNormal()
    layers = list(first)
    for number in filters:
        layers.append(Conv2D(number, 3, padding=padding, kernel_initializer=start, bias_initializer=bias))
        layers += [norm()] if norm else []
        layers += [activation(), *([pool()] if pool else []), *([SpatialDropout2D(drop)] if drop else [])]
    layers.append(Flatten())
    layers += [Dense(dense, kernel_initializer=start), activation()] if dense else []
    layers.append(Dense(k if k > 2 else 1, kernel_initializer=start if start != HeNormal() else "glorot_uniform"))
    return Sequential([*layers, *([Softmax() if k > 2 else Sigmoid()] if end is None else end)], seed=seed)


class ForgetfulConv2D(Conv2D):
    """A Conv2D whose backward forgets the sum over the pixels for the bias."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.bias.grad = dy[:, 0, 0].sum(axis=0)
        return dx


@dataclass
class Case:
    """A network and its data.

    rule   the rule that should come first; empty for a healthy network
    words  part of the first finding's words or advice
    """

    rule: str
    network: Callable[[], Sequential]
    data: Callable[[], tuple[Any, Any]] = digits
    optimizer: Callable[[], Optimizer] = lambda: Adam(0.003)
    loss: Any = None
    words: str = ""
    epochs: int = field(default=5, kw_only=True)
    batch_size: int = field(default=32, kw_only=True)

    def make(self):
        """(model, x, y), the model compiled and not built."""
        x, y = self.data()
        model = self.network()
        model.compile(self.optimizer(), self.loss)
        return model, x, y


def sgd(rate, **settings):
    return lambda: SGD(rate, **settings)


def adam(rate):
    return lambda: Adam(rate)


def softmax_of(*layers, k=10, seed=0):
    return lambda: Sequential([*layers, Dense(k), Softmax()], seed=seed)


def sigmoid_of(*layers, seed=0):
    return lambda: Sequential([*layers, Dense(1), Sigmoid()], seed=seed)


HE = {"kernel_initializer": HeNormal()}


def half_dead():
    """A network of which 12 of 32 filters never fire."""
    model = convnet((32,))
    model.build((8, 8, 1))
    model.params["conv2d/bias"].value[:12] = -20
    return model


FAULTS = {
    # where the weights start
    "zeros": Case("symmetric-units", lambda: convnet(start=Zeros()), words="filters of conv2d"),
    "zeros in a convolution": Case(
        "symmetric-units",
        softmax_of(Conv2D(16, 3, **HE), ReLU(), Conv2D(16, 3, kernel_initializer=Zeros()), ReLU(), Flatten()),
        words="All 16 filters of conv2d_1",
    ),
    "constant 0.1": Case("symmetric-units", lambda: convnet(start=Constant(0.1)), words="filters of conv2d"),
    "constant in a transposed convolution": Case(
        "symmetric-units",
        lambda: Sequential(
            [
                Conv2D(4, 3, strides=2, padding="same"),
                ReLU(),
                Conv2DTranspose(8, 3, strides=2, padding="same", kernel_initializer=Constant(0.05)),
                ReLU(),
                Conv2D(1, 3, padding="same", kernel_initializer=Constant(0.05)),
                Flatten(),
                Sigmoid(),
            ],
            seed=0,
        ),
        same_images,
        loss="mse",
        words="All 8 filters of conv2d_transpose",
    ),
    "He * 10": Case("large-weights", lambda: convnet(start=RandomNormal(stddev=1.5)), optimizer=adam(0.001)),
    "He / 100": Case("small-weights", lambda: convnet((8, 8, 8), start=RandomNormal(stddev=0.002), pool=MaxPooling2D)),
    # learning rates
    "Adam(1)": Case("learning-rate", convnet, optimizer=adam(1.0)),
    "SGD(50)": Case("learning-rate", convnet, optimizer=sgd(50.0)),
    "Adam(1e-6)": Case("learning-rate", convnet, optimizer=adam(1e-6)),
    "SGD(1e-5)": Case("learning-rate", convnet, optimizer=sgd(1e-5)),
    # inputs
    "bytes of photographs": Case("input-scale", lambda: convnet((8, 16), k=2), photographs, words="Rescaling(1 / 255)"),
    "bytes of digits": Case("input-scale", convnet, bytes_of_digits, adam(0.001), words="Rescaling(1 / 255)"),
    "bytes, Dense": Case(
        "input-scale", softmax_of(Flatten(), Dense(32), ReLU()), bytes_of_digits, words="Rescaling(1 / 255)"
    ),
    "series * 1000": Case(
        "input-scale",
        softmax_of(Conv1D(8, 5, **HE), ReLU(), GlobalAveragePooling1D(), k=3),
        lambda: times(1000, series),
        words="hannel 0",
    ),
    "divided by 255 twice": Case(
        "input-scale", lambda: convnet(k=2, first=[Rescaling(1 / 255)]), photographs_in_unit, words="Rescaling"
    ),
    "channels first": Case(
        "channels-first",
        lambda: convnet((16,), pool=None, k=2),
        lambda: channels_first(photographs_in_unit),
        words="transpose(0, 2, 3, 1)",
    ),
    "channels first, grey": Case("channels-first", lambda: convnet((16,), pool=None), lambda: channels_first(digits)),
    "channels first, bytes": Case(
        "channels-first", lambda: convnet((16,), pool=None, k=2), lambda: channels_first(photographs)
    ),
    "opacity": Case("constant-input", lambda: convnet((8, 16), k=2), with_opacity, words="hannel 3"),
    "one image": Case("constant-input", convnet, blank),
    "blank images": Case("constant-input", convnet, blanks, words="blank"),
    # targets
    "shuffled digits": Case("unrelated-targets", convnet, lambda: shuffled(digits)),
    "shuffled photographs": Case(
        "unrelated-targets", lambda: convnet((8, 16), k=2), lambda: shuffled(photographs_in_unit)
    ),
    "shuffled series": Case(
        "unrelated-targets",
        softmax_of(Conv1D(16, 5, **HE), ReLU(), GlobalAveragePooling1D(), k=3),
        lambda: shuffled(series),
    ),
    "one digit": Case("constant-targets", convnet, one_digit),
    # what ends the network
    "no Softmax": Case("output-and-loss", lambda: convnet(end=[]), loss="sparse_categorical_crossentropy"),
    "digits as amounts": Case("output-and-loss", lambda: convnet(k=1, end=[]), loss="mse"),
    "ReLU, Softmax": Case("output-and-loss", lambda: convnet(end=[ReLU(), Softmax()])),
    "pixels without Sigmoid": Case(
        "output-and-loss",
        lambda: Sequential(
            [Conv2D(8, 3, padding="same", **HE), ReLU(), Conv2D(1, 3, padding="same"), Flatten()], seed=0
        ),
        bright,
        loss="bce",
    ),
    # what happens in between
    "10 sigmoids": Case(
        "signal-through-depth",
        softmax_of(
            MaxPooling2D(),
            *[layer for _ in range(10) for layer in (Conv2D(6, 3, padding="same"), Sigmoid())],
            Flatten(),
        ),
    ),
    "biases of -20": Case("dead-units", lambda: convnet(bias=Constant(-20)), words="16 of 16 filters of conv2d"),
    "12 of 32 filters": Case("dead-units", half_dead, words="12 of 32 filters of conv2d"),
    "dropout 0.95": Case("dropout", lambda: convnet(drop=0.95)),
    "no activations": Case(
        "missing-activation",
        softmax_of(Conv2D(8, 3), Conv2D(16, 3), ReLU(), Flatten()),
        words="between conv2d and conv2d_1",
    ),
    "only average pooling": Case(
        "missing-activation",
        softmax_of(Conv2D(8, 3), BatchNormalization(), AveragePooling2D(), Conv2D(16, 3), ReLU(), Flatten()),
    ),
    "no activation before Dense": Case(
        "missing-activation", softmax_of(Conv2D(8, 3), ReLU(), Conv2D(16, 3), Flatten())
    ),
    "pooled to one pixel": Case(
        "kernel-beyond-image",
        softmax_of(
            Conv2D(16, 3, padding="same", **HE),
            ReLU(),
            MaxPooling2D(8),
            Conv2D(32, 3, padding="same", **HE),
            ReLU(),
            Flatten(),
        ),
        words="8 of the 9",
    ),
    "wrong backward": Case("wrong-gradient", softmax_of(ForgetfulConv2D(8, 3, **HE), ReLU(), Flatten())),
    "a wide Flatten": Case(
        "large-flatten",
        sigmoid_of(Conv2D(32, 3, padding="same", **HE), ReLU(), Flatten(), Dense(128, **HE), ReLU()),
        photographs_in_unit,
        adam(0.001),
        words="GlobalAveragePooling2D",
    ),
    "L2(10000)": Case("large-penalty", convnet, loss=SparseCategoricalCrossentropy() + L2(10000)),
}

HEALTHY = {
    "digits": Case("", convnet),
    "digits, Adam(0.001)": Case("", convnet, optimizer=adam(0.001)),
    "digits, SGD": Case("", convnet, optimizer=sgd(0.1)),
    "digits, momentum": Case("", convnet, optimizer=sgd(0.02, momentum=0.9)),
    "digits, RMSprop": Case("", convnet, optimizer=lambda: RMSprop(0.001)),
    "digits, a schedule": Case("", convnet, optimizer=lambda: SGD(ExponentialDecay(0.1, 200, 0.9), momentum=0.9)),
    "digits, Glorot": Case("", lambda: convnet(start="glorot_uniform")),
    "digits, valid": Case("", lambda: convnet((16,), padding="valid", dense=32)),
    "digits, four layers": Case("", lambda: convnet((8, 8, 16, 16), pool=None), optimizer=adam(0.001)),
    "digits, batch norm": Case("", lambda: convnet(norm=BatchNormalization), optimizer=sgd(0.05)),
    "digits, group norm": Case("", lambda: convnet(norm=lambda: GroupNormalization(4)), optimizer=adam(0.003)),
    "digits, layer norm": Case("", lambda: convnet(activation=GELU, norm=LayerNormalization), optimizer=adam(0.003)),
    "digits, layer norm of images": Case("", lambda: convnet(norm=lambda: LayerNormalization(axis=(1, 2, 3)))),
    "digits, PReLU": Case("", lambda: convnet(activation=PReLU)),
    "digits, tanh": Case("", lambda: convnet(activation=Tanh, start="glorot_uniform")),
    "digits, dropout": Case("", lambda: convnet((32, 32), drop=0.2, dense=64), optimizer=adam(0.002)),
    "digits, LeNet": Case(
        "",
        softmax_of(
            Conv2D(6, 3, padding="same"),
            Tanh(),
            AveragePooling2D(),
            Conv2D(16, 3),
            Tanh(),
            Flatten(),
            Dense(60),
            Tanh(),
            Dense(40),
            Tanh(),
        ),
    ),
    "digits, fully convolutional": Case(
        "",
        lambda: Sequential(
            [
                Conv2D(16, 3, padding="same", **HE),
                ReLU(),
                MaxPooling2D(),
                Conv2D(32, 3, padding="same", **HE),
                ReLU(),
                Conv2D(10, 1),
                GlobalAveragePooling2D(),
                Softmax(),
            ],
            seed=0,
        ),
        optimizer=adam(0.01),
    ),
    "digits, separable": Case(
        "",
        softmax_of(
            Conv2D(16, 3, padding="same", **HE),
            ReLU(),
            SeparableConv2D(32, 3, padding="same"),
            BatchNormalization(),
            ReLU(),
            MaxPooling2D(),
            SeparableConv2D(32, 3, padding="same"),
            BatchNormalization(),
            ReLU(),
            GlobalAveragePooling2D(),
        ),
        optimizer=adam(0.01),
    ),
    "digits, depthwise then 1 x 1": Case(
        "",
        softmax_of(
            Conv2D(16, 3, padding="same", **HE),
            ReLU(),
            DepthwiseConv2D(3, padding="same"),
            Conv2D(32, 1, **HE),
            ReLU(),
            MaxPooling2D(),
            Flatten(),
        ),
    ),
    "digits, residual": Case(
        "",
        softmax_of(
            Conv2D(16, 3, padding="same", **HE),
            ReLU(),
            Residual(
                Conv2D(16, 3, padding="same", **HE),
                BatchNormalization(),
                ReLU(),
                Conv2D(16, 3, padding="same"),
                BatchNormalization(),
            ),
            ReLU(),
            GlobalAveragePooling2D(),
        ),
        optimizer=adam(0.01),
    ),
    "digits, strides": Case(
        "",
        softmax_of(
            ZeroPadding2D(1),
            Conv2D(16, 3, strides=2, **HE),
            LeakyReLU(),
            Conv2D(32, 3, padding="same", **HE),
            LeakyReLU(),
            Flatten(),
        ),
    ),
    "digits, dilation and groups": Case(
        "",
        softmax_of(
            Conv2D(16, 3, padding="same", dilation_rate=2, **HE),
            ELU(),
            Conv2D(16, 3, padding="same", groups=4, **HE),
            ELU(),
            Flatten(),
        ),
    ),
    "digits, L2": Case("", convnet, loss=SparseCategoricalCrossentropy() + L2(0.5)),
    "digits, logits": Case("", lambda: convnet(end=[]), loss=SparseCategoricalCrossentropy(from_logits=True)),
    "digits, Flatten and Dense": Case("", softmax_of(Flatten(), Dense(64, **HE), ReLU())),
    "digits, augmented": Case(
        "", lambda: convnet(first=[RandomTranslation(0.1, 0.1), RandomRotation(0.03), RandomZoom(0.1)])
    ),
    "bytes of digits, rescaled": Case("", lambda: convnet(first=[Rescaling(1 / 255)]), bytes_of_digits),
    "rows of pixels, reshaped": Case(
        "", lambda: convnet(first=[Reshape((8, 8, 1))]), lambda: (digits()[0].reshape(-1, 64), digits()[1])
    ),
    "photographs, rescaled": Case(
        "", lambda: convnet((8, 16), first=[Rescaling(1 / 255)], k=2), photographs, adam(0.001)
    ),
    "photographs, around 0": Case(
        "", lambda: convnet((8, 16), first=[Rescaling(1 / 127.5, offset=-1.0)], k=2), photographs, adam(0.001)
    ),
    "photographs, normalized": Case(
        "",
        lambda: convnet((8, 16), first=[Normalization(mean=(120.0, 100, 70), variance=(3600.0, 3600, 3600))], k=2),
        photographs,
        adam(0.001),
    ),
    "photographs, batch norm first": Case(
        "", lambda: convnet((8, 16), first=[BatchNormalization()], k=2), photographs, adam(0.001)
    ),
    "photographs, transposed": Case(
        "",
        lambda: convnet((8, 16), first=[Permute((2, 3, 1))], k=2),
        lambda: channels_first(photographs_in_unit),
        adam(0.001),
    ),
    "photographs, augmented": Case(
        "",
        lambda: convnet(
            first=[Rescaling(1 / 255), RandomFlip("horizontal"), RandomContrast(0.1)], norm=BatchNormalization, k=2
        ),
        photographs,
        adam(0.001),
    ),
    "stripes": Case("", lambda: convnet((8, 16), k=4), stripes),
    "stripes, global pooling": Case(
        "",
        softmax_of(
            Conv2D(16, 5, **HE), ReLU(), MaxPooling2D(), Conv2D(16, 3, **HE), ReLU(), GlobalAveragePooling2D(), k=4
        ),
        stripes,
        adam(0.01),
    ),
    "stripes, SiLU": Case("", lambda: convnet((8, 16), SiLU, k=4, norm=BatchNormalization), stripes),
    "series": Case(
        "",
        softmax_of(
            Conv1D(16, 5, padding="same", **HE),
            ReLU(),
            MaxPooling1D(),
            Conv1D(32, 5, padding="same", **HE),
            ReLU(),
            GlobalMaxPooling1D(),
            k=3,
        ),
        series,
        adam(0.01),
    ),
    "series, causal": Case(
        "",
        softmax_of(
            *[
                layer
                for d in (1, 2, 4, 8)
                for layer in (Conv1D(16, 3, padding="causal", dilation_rate=d, **HE), ReLU())
            ],
            GlobalAveragePooling1D(),
            k=3,
        ),
        series,
        adam(0.005),
    ),
    "series, batch norm": Case(
        "", softmax_of(Conv1D(16, 7, strides=2), BatchNormalization(), ReLU(), Flatten(), Dropout(0.3), k=3), series
    ),
    "forecasts": Case(
        "",
        lambda: Sequential([Conv1D(16, 5, **HE), ReLU(), Conv1D(16, 5, **HE), ReLU(), Flatten(), Dense(1)], seed=0),
        forecasts,
    ),
    "autoencoder": Case(
        "",
        lambda: Sequential(
            [
                Conv2D(16, 3, strides=2, padding="same", **HE),
                ReLU(),
                Conv2D(8, 3, strides=2, padding="same", **HE),
                ReLU(),
                Conv2DTranspose(16, 3, strides=2, padding="same", **HE),
                ReLU(),
                Conv2DTranspose(1, 3, strides=2, padding="same"),
                Flatten(),
                Sigmoid(),
            ],
            seed=0,
        ),
        same_images,
        loss="mse",
    ),
    "autoencoder, a code of 8": Case(
        "",
        lambda: Sequential(
            [
                Conv2D(16, 3, strides=2, padding="same", **HE),
                ReLU(),
                Flatten(),
                Dense(8),
                Dense(128, **HE),
                ReLU(),
                Reshape((4, 4, 8)),
                UpSampling2D(),
                Conv2D(8, 3, padding="same", **HE),
                ReLU(),
                Conv2D(1, 3, padding="same"),
                Flatten(),
                Sigmoid(),
            ],
            seed=0,
        ),
        same_images,
        loss="bce",
    ),
    "bright pixels": Case(
        "",
        lambda: Sequential(
            [Conv2D(8, 3, padding="same", **HE), ReLU(), Cropping2D(0), Conv2D(1, 1), Flatten(), Sigmoid()], seed=0
        ),
        bright,
        adam(0.01),
        "bce",
    ),
}
