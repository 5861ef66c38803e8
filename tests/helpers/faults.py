"""Trainings with a fault planted in each, and healthy ones, on small real data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from sklearn import datasets as sklearn_datasets

from minidl import Sequential
from minidl.datasets import circles, flower, moons, spiral
from minidl.initializers import Constant, GlorotUniform, HeNormal, LecunNormal, Ones, Orthogonal, RandomNormal, Zeros
from minidl.layers import (
    ELU,
    GELU,
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    LayerNormalization,
    LeakyReLU,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from minidl.losses import (
    BinaryCrossentropy,
    Hinge,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from minidl.optimizers import SGD, Adagrad, Adam, Clip, Optimizer, RMSprop
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay

# ---- data


def standardised(x):
    return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)


def shuffled(x, y, seed=0):
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order], y[order]


@cache
def data(name):
    """(x, y), the features brought to mean 0 and variance 1 (digits: to [0, 1]), the rows in a random order."""
    toys = {"circles": circles, "moons": moons, "flower": flower}
    if name in toys:
        x, y = toys[name](seed=0)
    elif name == "spiral":
        x, y = spiral(300, noise=0.2, seed=0)
    elif name == "digits":
        x, y = sklearn_datasets.load_digits(return_X_y=True)
        return shuffled(x / 16, y)
    else:
        x, y = getattr(sklearn_datasets, f"load_{name}")(return_X_y=True)
    if name == "diabetes":
        y = standardised(y)
    return shuffled(standardised(x), y)


def noisy_points():
    """Fifty points of two moons, every fourth with the wrong label."""
    x, y = moons(50, noise=0.3, seed=0)
    wrong = np.random.default_rng(0).random(50) < 0.25
    return standardised(x), np.where(wrong, 1 - y, y)


def outputs(name):
    return {"digits": 10, "wine": 3, "iris": 3}.get(name, 1)


# ---- networks


def network(name, widths, activation=ReLU, *, start=None, bias="zeros", rate=0.0, norm=None, seed=0, end=None):
    """Dense, (norm,) activation(, dropout) for each width, then the output layer that belongs to the data."""
    layers = []
    start = start or (HeNormal() if activation is ReLU else GlorotUniform())
    for units in widths:
        layers.append(Dense(units, kernel_initializer=start, bias_initializer=bias))
        layers += [norm()] if norm else []
        layers += [activation(), *([Dropout(rate)] if rate else [])]
    k = outputs(name)
    layers.append(Dense(k, kernel_initializer=start))
    ends = [] if name == "diabetes" else [Softmax()] if k > 1 else [Sigmoid()]
    return Sequential([*layers, *(ends if end is None else end)], seed=seed)


class Centred(Layer):
    """y = x - mean of x over the rows: no layer for inference."""

    def forward(self, x, training=False):
        return x - x.mean(axis=0)

    def backward(self, dy):
        return dy - dy.mean(axis=0)


class LargestIsOne(Layer):
    """y = x / (largest |x| of the batch), which backward takes for a constant."""

    def forward(self, x, training=False):
        self.size = np.maximum(x, -x).max()
        return x / self.size

    def backward(self, dy):
        return dy / self.size


class Forgetful(ReLU):
    """A ReLU whose backward forgets where x was negative."""

    def backward(self, dy):
        return dy


@dataclass
class Case:
    """A training, with a fault planted in it that `rule` should name, or healthy, where `rule` is empty.

    data      a name, or a function that makes (x, y); `change` makes others of them
    settings  of `network`; `layer` goes behind the first activation
    """

    rule: str
    data: str
    widths: list[int]
    activation: Callable[[], Layer] = ReLU
    optimizer: Callable[[], Optimizer] = field(default=SGD, kw_only=True)
    loss: Any = field(default=None, kw_only=True)
    change: Callable[..., tuple[np.ndarray, np.ndarray]] | None = field(default=None, kw_only=True)
    epochs: int = field(default=20, kw_only=True)
    batch_size: int = field(default=32, kw_only=True)
    settings: dict[str, Any] = field(default_factory=dict, kw_only=True)

    def make(self):
        """(model, x, y), the model compiled and not built."""
        x, y = data(self.data)
        if self.change is not None:
            x, y = self.change(x, y)
        model = network(self.data, self.widths, self.activation, **self.settings)
        model.compile(self.optimizer(), self.loss, metrics=[] if self.data == "diabetes" else ["accuracy"])
        return model, x, y


def fault(rule, name, widths, activation=ReLU, *, optimizer=None, loss=None, change=None, **settings):
    return Case(
        rule, name, widths, activation, optimizer=optimizer or adam(0.01), loss=loss, change=change, settings=settings
    )


def healthy(
    name, widths, activation=ReLU, *, optimizer=None, loss=None, change=None, epochs=20, batch_size=32, **settings
):
    return Case(
        "",
        name,
        widths,
        activation,
        optimizer=optimizer or adam(0.01),
        loss=loss,
        change=change,
        epochs=epochs,
        batch_size=batch_size,
        settings=settings,
    )


def sgd(rate, **settings):
    return lambda: SGD(rate, **settings)


def adam(rate):
    return lambda: Adam(rate)


# ---- what is done to the data


def times(factor):
    return lambda x, y: (factor * x, y)


def plus(offset):
    return lambda x, y: (x + offset, y)


def column(number, function):
    def change(x, y):
        x = x.copy()
        x[:, number] = function(x[:, number])
        return x, y

    return change


def shuffled_labels(x, y):
    return x, np.random.default_rng(1).permutation(y)


def only(label):
    return lambda x, y: (x[y == label], y[y == label])


def repeated(x, y):
    return np.repeat(x, 4, axis=0), np.repeat(y, 4)


def contradicting(x, y):
    return np.repeat(x, 2, axis=0), np.tile([0, 1], len(x))


def rare(x, y):
    """Zeros against all others, of the zeros five in a thousand rows."""
    kept = np.concatenate([np.flatnonzero(y == 0)[:5], np.flatnonzero(y != 0)[:995]])
    return shuffled(x[kept], (y[kept] == 0).astype(int))


def from_source(name):
    return lambda x, y: shuffled(*getattr(sklearn_datasets, f"load_{name}")(return_X_y=True))


def of(function):
    return lambda x, y: function()


FAULTS = {
    # where the weights start
    "zeros": fault("symmetric-units", "circles", [10, 5], start=Zeros(), optimizer=sgd(0.1)),
    "zeros, tanh": fault("symmetric-units", "wine", [16], Tanh, start=Zeros()),
    "ones": fault("symmetric-units", "moons", [8], start=Ones()),
    "constant 0.1": fault("symmetric-units", "diabetes", [16, 8], start=Constant(0.1), optimizer=sgd(0.05)),
    "He * 10": fault("large-weights", "digits", [64, 32], start=RandomNormal(stddev=1.8), optimizer=adam(0.001)),
    "randn * 10": fault("large-weights", "circles", [10, 5], start=RandomNormal(stddev=10), optimizer=sgd(0.01)),
    "Lecun * 10, tanh": fault("large-weights", "breast_cancer", [32], Tanh, start=RandomNormal(stddev=1.8)),
    "He / 100": fault("small-weights", "moons", [16, 8], start=RandomNormal(stddev=0.01), optimizer=sgd(0.1)),
    "Lecun / 100, tanh": fault("small-weights", "digits", [64, 32], Tanh, start=RandomNormal(stddev=0.00125)),
    "He / 100, amounts": fault("small-weights", "diabetes", [32], start=RandomNormal(stddev=0.0035)),
    # learning rates
    "SGD(0.1) * 1000": fault("learning-rate", "circles", [20, 10], optimizer=sgd(100)),
    "Adam(0.001) * 1000": fault("learning-rate", "digits", [64], optimizer=adam(1)),
    "SGD(0.01) * 1000": fault("learning-rate", "diabetes", [16], optimizer=sgd(10)),
    "Adam(0.01) * 1000, tanh": fault("learning-rate", "moons", [16, 16], Tanh, optimizer=adam(10)),
    "SGD(0.1) / 1000": fault("learning-rate", "circles", [20, 10], optimizer=sgd(1e-4)),
    "Adam(0.001) / 1000": fault("learning-rate", "digits", [64], optimizer=adam(1e-6)),
    "SGD(0.05) / 1000": fault("learning-rate", "wine", [16], optimizer=sgd(5e-5)),
    "Adam(0.01) / 1000": fault("learning-rate", "breast_cancer", [16], optimizer=adam(1e-5)),
    # inputs
    "breast cancer as it comes": fault("input-scale", "breast_cancer", [16], change=from_source("breast_cancer")),
    "wine as it comes": fault("input-scale", "wine", [32], change=from_source("wine"), optimizer=sgd(0.01)),
    "circles * 1000": fault("input-scale", "circles", [20], change=times(1000), optimizer=sgd(0.1)),
    "pixels 0 to 255": fault("input-scale", "digits", [64], change=times(255), optimizer=adam(0.001)),
    "one feature * 1000": fault("input-scale", "diabetes", [16], change=column(2, lambda c: 1000 * c)),
    "x + 300": fault("input-scale", "moons", [16], change=plus(300)),
    "x / 1000": fault("input-scale", "moons", [16], change=times(1e-3), optimizer=sgd(0.1)),
    "constant column": fault("constant-input", "wine", [16], change=column(3, lambda c: 0 * c + 1)),
    "constant column of 1e4": fault("constant-input", "diabetes", [16], change=column(0, lambda c: 0 * c + 1e4)),
    "repeated rows": fault("repeated-rows", "moons", [16], change=repeated),
    "contradicting rows": fault("repeated-rows", "moons", [16], change=contradicting),
    # targets
    "shuffled, 2 classes": fault("unrelated-targets", "breast_cancer", [32], change=shuffled_labels),
    "shuffled, 10 classes": fault("unrelated-targets", "digits", [64], change=shuffled_labels),
    "shuffled amounts": fault("unrelated-targets", "diabetes", [32], change=shuffled_labels),
    "one class": fault("constant-targets", "moons", [16], change=only(1)),
    "one class of ten": fault("constant-targets", "digits", [32], change=only(3)),
    "five in a thousand": fault("unbalanced-classes", "digits", [16], end=[ReLU(), Dense(1), Sigmoid()], change=rare),
    # what ends the network
    "no Sigmoid": fault("output-and-loss", "circles", [16], end=[], loss="bce"),
    "no Softmax": fault("output-and-loss", "digits", [32], end=[], loss="sparse_categorical_crossentropy"),
    "Sigmoid, MSE": fault("output-and-loss", "moons", [16], loss="mse", optimizer=sgd(0.1)),
    "class numbers, MSE": fault("output-and-loss", "wine", [16], end=[ReLU(), Dense(1)], loss="mse"),
    "Softmax of one": fault("output-and-loss", "circles", [16], end=[Softmax()], loss="mse"),
    "ReLU, Sigmoid": fault("output-and-loss", "moons", [16], end=[ReLU(), Sigmoid()]),
    "tanh, far targets": fault("output-and-loss", "diabetes", [16], end=[Tanh()]),
    # what happens in between
    "8 sigmoids": fault("signal-through-depth", "moons", [10] * 8, Sigmoid, optimizer=sgd(0.1)),
    "8 sigmoids, digits": fault("signal-through-depth", "digits", [32] * 8, Sigmoid, optimizer=adam(0.001)),
    "biases of -10": fault("dead-units", "moons", [16, 8], bias=Constant(-10), optimizer=sgd(0.1)),
    "biases of -10, wide": fault("dead-units", "digits", [128], bias=Constant(-10), optimizer=adam(0.001)),
    "dropout 0.95": fault("dropout", "digits", [64, 32], rate=0.95, optimizer=adam(0.001)),
    "dropout 0.95, small": fault("dropout", "moons", [20], rate=0.95),
    "50 noisy points": fault("learns-noise", "moons", [100, 50], change=of(noisy_points)),
    "50 noisy points, wide": fault("learns-noise", "moons", [200], change=of(noisy_points)),
    "rows centred in the batch": fault("rows-mix", "wine", [16], Centred),
    "rows by the largest": fault("rows-mix", "moons", [16], LargestIsOne),
    "wrong backward": fault("wrong-gradient", "moons", [16, 8], Forgetful),
    "no activations": fault("missing-activation", "circles", [20, 10], lambda: Dropout(0.0)),
    "L2(10000)": fault("large-penalty", "wine", [32], loss=SparseCategoricalCrossentropy() + L2(10000)),
}

HEALTHY = {
    "circles": healthy("circles", [20, 10], optimizer=sgd(0.1), epochs=200),
    "circles, the notebook's": healthy(
        "circles", [10, 5], start=LecunNormal(), optimizer=sgd(0.01), epochs=3000, batch_size=300
    ),
    "circles, Adam": healthy("circles", [16]),
    "circles, tanh": healthy("circles", [16, 8], Tanh, optimizer=sgd(0.3, momentum=0.9)),
    "circles, wide": healthy("circles", [256], optimizer=adam(0.001)),
    "moons": healthy("moons", [16], optimizer=sgd(0.1), epochs=100),
    "moons, Glorot": healthy("moons", [32, 16], start=GlorotUniform()),
    "moons, batch norm": healthy("moons", [16, 16], norm=BatchNormalization),
    "moons, hinge": healthy("moons", [16], loss=Hinge(), end=[]),
    "moons, logits": healthy("moons", [16], loss=BinaryCrossentropy(from_logits=True), end=[]),
    "flower": healthy("flower", [32, 16], epochs=100),
    "flower, tanh": healthy("flower", [40], Tanh, optimizer=sgd(0.5), epochs=100),
    "spiral": healthy("spiral", [64, 32], epochs=100),
    "spiral, SiLU": healthy("spiral", [32, 32], SiLU, epochs=100),
    "spiral, residual": healthy("spiral", [32], lambda: Residual(Dense(32), Tanh()), epochs=100),
    "cancer": healthy("breast_cancer", [32, 16], optimizer=sgd(0.01)),
    "cancer, logistic": healthy("breast_cancer", [], optimizer=sgd(0.1)),
    "cancer, dropout": healthy("breast_cancer", [64], rate=0.3, optimizer=adam(0.001)),
    "cancer, RMSprop": healthy("breast_cancer", [16], optimizer=lambda: RMSprop(0.001)),
    "cancer, wide sigmoid": healthy("breast_cancer", [128], Sigmoid),
    "cancer, L2": healthy("breast_cancer", [32], loss=BinaryCrossentropy() + L2(0.7), optimizer=sgd(0.05)),
    "wine": healthy("wine", [16]),
    "wine, softmax regression": healthy("wine", [], optimizer=sgd(0.1)),
    "wine, sigmoids": healthy("wine", [20, 10], Sigmoid),
    "wine, Adagrad": healthy("wine", [32], optimizer=lambda: Adagrad(0.05)),
    "wine, ELU": healthy("wine", [24, 12], ELU, optimizer=sgd(0.05)),
    "wine, momentum": healthy("wine", [32, 16], optimizer=sgd(0.01, momentum=0.9)),
    "iris": healthy("iris", [10], optimizer=adam(0.02)),
    "digits": healthy("digits", [64, 32], optimizer=adam(0.001)),
    "digits, SGD": healthy("digits", [128], optimizer=sgd(0.1)),
    "digits, tanh": healthy("digits", [64], Tanh, optimizer=adam(0.003)),
    "digits, deep": healthy("digits", [64] * 5, optimizer=adam(0.001)),
    "digits, batch norm": healthy("digits", [64, 64], norm=BatchNormalization, optimizer=sgd(0.05)),
    "digits, layer norm": healthy("digits", [64, 64], GELU, norm=LayerNormalization, optimizer=adam(0.001)),
    "digits, dropout": healthy("digits", [128, 64], rate=0.5, optimizer=adam(0.001)),
    "digits, Keras's start": healthy("digits", [256, 128], start=GlorotUniform(), optimizer=adam(0.001)),
    "digits, a schedule": healthy("digits", [64], optimizer=lambda: SGD(ExponentialDecay(0.2, 200, 0.9), momentum=0.9)),
    "digits, clipped": healthy("digits", [64], LeakyReLU, optimizer=lambda: Clip(SGD(0.1), norm=1.0)),
    "diabetes": healthy("diabetes", [16], optimizer=sgd(0.01)),
    "diabetes, linear": healthy("diabetes", [], optimizer=sgd(0.01)),
    "diabetes, L2": healthy("diabetes", [32, 16], loss=MeanSquaredError() + L2(1.0), optimizer=adam(0.001)),
    "diabetes, MAE": healthy("diabetes", [16], Tanh, loss=MeanAbsoluteError(), optimizer=adam(0.003)),
    "diabetes, orthogonal": healthy("diabetes", [32], start=Orthogonal(), optimizer=adam(0.003)),
}
