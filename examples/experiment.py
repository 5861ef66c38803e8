"""Train a small network from settings that fit into an address, and write the same training as Python code.

python examples/experiment.py [name=value ...]          such as initializer=zeros learning_rate=0.01 epochs=15000

The playground shows these trainings. This file contains everything but its page: the settings, the training, and the
code that does the same without this file.
"""

import argparse
import inspect
import tempfile
import time
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from minidl import NonFiniteError, Sequential, registry
from minidl.datasets import circles, flower, load_cats, moons, spiral, write_photographs
from minidl.initializers import GlorotNormal, HeNormal, LecunNormal, Orthogonal, RandomNormal, Zeros
from minidl.layers import Dense, Dropout, Sigmoid, Softmax
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adagrad, Adam, AdamW, Nadam, RMSprop
from minidl.regularizers import L2

DATA = {"circles": circles, "moons": moons, "flower": flower, "spiral": spiral}
ACTIVATIONS = {kind.__name__: kind for kind in registry.ACTIVATIONS.values() if kind is not Softmax}
OPTIMIZERS = {kind.__name__: kind for kind in (SGD, RMSprop, Adagrad, Adam, AdamW, Nadam)}
INITIALIZERS = {
    "zeros": Zeros(),
    "random": RandomNormal(stddev=1.0),
    "LeCun": LecunNormal(),
    "Glorot": GlorotNormal(),
    "He": HeNormal(),
    "orthogonal": Orthogonal(),
}

# All allowed values. Text from the address is looked up here; it is never executed or converted.
VALUES = {
    "data": (*DATA, "photographs"),
    "noise": (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0),
    "points": (20, 50, 100, 200, 300, 400, 1000),
    "seed": tuple(range(10)),
    "standardize": (False, True),
    "units": (0, 1, 2, 3, 5, 7, 10, 20, 50, 100),
    "activation": tuple(ACTIVATIONS),
    "dropout": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8),
    "initializer": tuple(INITIALIZERS),
    "scale": (0.01, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 10.0),
    "l2": (0.0, 0.01, 0.03, 0.1, 0.3, 0.7, 1.0, 3.0, 10.0),
    "optimizer": tuple(OPTIMIZERS),
    "learning_rate": (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "epochs": (10, 100, 300, 500, 1000, 1500, 3000, 5000, 15000, 50000),
    "batch_size": (8, 16, 32, 64, 128, 300, 1000),
    "broken": (False, True),
}
SHARED = ("data", "noise", "points", "seed")  # the same for A and B
PER_LAYER = ("units", "activation", "dropout")


@dataclass(frozen=True)
class Setting:
    """All settings of a training. Equal settings give equal numbers, to the last digit.

    units, activation, dropout  of the four hidden layers, in order; a layer with 0 units is left out
    scale                       factor for the initial weights
    batch_size                  a full batch if it is not smaller than the number of points
    broken                      replace the first Dense layer by one with a wrong backward pass
    """

    data: str = "circles"
    noise: float = 0.05
    points: int = 300
    seed: int = 0
    standardize: bool = False
    units: tuple[int, ...] = (10, 5, 0, 0)
    activation: tuple[str, ...] = ("ReLU",) * 4
    dropout: tuple[float, ...] = (0.0,) * 4
    initializer: str = "He"
    scale: float = 1.0
    l2: float = 0.0
    optimizer: str = "SGD"
    learning_rate: float = 0.1
    epochs: int = 1000
    batch_size: int = 1000
    broken: bool = False


def written(value):
    """Return a value of a setting as text for the address."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def address(setting, base, prefix=""):
    """Return {name: text} of the settings that differ from the base, for the address of the page."""
    names = [part.name for part in fields(Setting) if getattr(setting, part.name) != getattr(base, part.name)]
    return {prefix + name: written(getattr(setting, name)) for name in names}


def looked_up(name, text):
    """Return the allowed value with this text, or None."""
    allowed = {str(value): value for value in VALUES[name]}
    if name not in PER_LAYER:
        return allowed.get(text)
    values = tuple(allowed.get(part) for part in text.split(","))
    return values if len(values) == 4 and None not in values else None


def from_address(parameters, base, prefix=""):
    """Return the base with the settings of the address, and a message for each invalid one."""
    found, refused = {}, []
    for name in (part.name for part in fields(Setting) if prefix + part.name in parameters):
        text = parameters[prefix + name]
        value = looked_up(name, text) if isinstance(text, str) else None
        if value is None:
            allowed = ", ".join(map(str, VALUES[name]))
            refused.append(f"unknown value {prefix}{name}={text}; choose from {allowed}.")
        else:
            found[name] = value
    return replace(base, **found), refused


# ---- Training


@lru_cache
def photographs():
    """Return patches of two photographs, reduced to two numbers each: x (209, 2), y, and 50 more for testing."""
    from sklearn.decomposition import PCA  # takes a second to load, so the page loads it on first use

    with tempfile.TemporaryDirectory() as directory:
        write_photographs(directory, seed=0)
        photos = load_cats(directory)
    pixels, pixels_test = (x.reshape(len(x), -1) / 255 for x in (photos.x_train, photos.x_test))
    with threadpool_limits(1):  # scikit-learn's products too; `train` explains why
        components = PCA(2, svd_solver="full").fit(pixels)
    return components.transform(pixels), photos.y_train, components.transform(pixels_test), photos.y_test


def examples(setting):
    """Return training data x (m, 2), y (m,), and test data of the notebook's size: x_test (100, 2), y_test."""
    if setting.data == "photographs":
        x, y, x_test, y_test = photographs()
        x, y = x[: setting.points], y[: setting.points]
    else:
        x, y = DATA[setting.data](setting.points, noise=setting.noise, seed=setting.seed)
        x_test, y_test = DATA[setting.data](100, noise=setting.noise, seed=1000 + setting.seed)
    if setting.standardize:
        mean, deviation = x.mean(axis=0), x.std(axis=0)
        x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    return x, y, x_test, y_test


@dataclass(eq=False)
class BrokenDense(Dense):
    """y = x W + b, with a mistake in backward: db is the mean of dy over the rows instead of the sum."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.bias.grad = dy.mean(axis=0)
        return dx


def layers(setting):
    """Return the layers as (class, arguments)."""
    found = []
    for units, activation, rate in zip(setting.units, setting.activation, setting.dropout, strict=True):
        if units:
            found += [(Dense, (units,)), (ACTIVATIONS[activation], ()), *([(Dropout, (rate,))] if rate else [])]
    found += [(Dense, (1,)), (Sigmoid, ())]
    return [(BrokenDense, found[0][1]), *found[1:]] if setting.broken else found


def network(setting):
    """Return the network before training.

    Every kernel is drawn by a separate generator, so that kernels of equal shape in two networks start equal.
    """
    model = Sequential([kind(*arguments) for kind, arguments in layers(setting)], seed=setting.seed)
    model.build((2,))
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, Dense)]
    for number, kernel in enumerate(kernels):
        rng = np.random.default_rng([setting.seed, number])
        kernel.value = setting.scale * INITIALIZERS[setting.initializer](kernel.shape, rng)
    loss = BinaryCrossentropy() + L2(setting.l2) if setting.l2 else BinaryCrossentropy()
    model.compile(OPTIMIZERS[setting.optimizer](setting.learning_rate), loss, metrics=["accuracy"])
    return model


@dataclass(frozen=True)
class Result:
    """A finished training: the model, its figures by epoch, and the error that ended it early, if any."""

    setting: Setting
    data: tuple
    model: Sequential
    history: dict
    seconds: float
    trouble: str = ""

    @property
    def epochs(self):
        return len(self.history.get("loss", ()))

    def last(self, name):
        """Return the last value of a figure in the history, or None before the end of the first epoch."""
        return self.history[name][-1] if name in self.history else None


def train(setting, callbacks=()):
    """Train the network of the setting on its data."""
    threadpool_limits(1)  # permanently: products then have equal bits on any number of cores; small ones lose no speed
    x, y, x_test, y_test = data = examples(setting)
    model, trouble, begun = network(setting), "", time.perf_counter()
    settings = {"batch_size": setting.batch_size, "epochs": setting.epochs, "verbose": 0}
    try:
        model.fit(x, y, validation_data=(x_test, y_test), callbacks=callbacks, **settings)
    except NonFiniteError as error:
        trouble = str(error)
    return Result(setting, data, model, model.history.history, time.perf_counter() - begun, trouble)


# ---- The same training as Python code, to continue without the page


def data_code(setting):
    """Return the lines that do the same as `examples`."""
    if setting.data == "photographs":
        lines = [
            "with tempfile.TemporaryDirectory() as directory:",
            "    write_photographs(directory, seed=0)",
            "    photos = load_cats(directory)",
            "pixels, pixels_test = (x.reshape(len(x), -1) / 255 for x in (photos.x_train, photos.x_test))",
            'components = PCA(2, svd_solver="full").fit(pixels)',
            f"x, y = components.transform(pixels)[:{setting.points}], photos.y_train[:{setting.points}]",
            "x_test, y_test = components.transform(pixels_test), photos.y_test",
        ]
    else:
        lines = [
            f"x, y = {setting.data}({setting.points}, noise={setting.noise}, seed={setting.seed})",
            f"x_test, y_test = {setting.data}(100, noise={setting.noise}, seed={1000 + setting.seed})",
        ]
    if setting.standardize:
        lines += [
            "mean, deviation = x.mean(axis=0), x.std(axis=0)",
            "x, x_test = (x - mean) / deviation, (x_test - mean) / deviation",
        ]
    return lines


def import_code(setting):
    """Return the import lines."""
    kinds = {kind.__name__ for kind, _ in layers(setting)} - {"BrokenDense"} | {"Dense"}
    datasets = "load_cats, write_photographs" if setting.data == "photographs" else setting.data
    return [
        *(["import tempfile", ""] if setting.data == "photographs" else []),
        "import numpy as np",
        *(["from sklearn.decomposition import PCA"] if setting.data == "photographs" else []),
        "from threadpoolctl import threadpool_limits",
        "",
        "from minidl import Sequential",
        f"from minidl.datasets import {datasets}",
        f"from minidl.initializers import {type(INITIALIZERS[setting.initializer]).__name__}",
        f"from minidl.layers import {', '.join(sorted(kinds))}",
        "from minidl.losses import BinaryCrossentropy",
        f"from minidl.optimizers import {setting.optimizer}",
        *(["from minidl.regularizers import L2"] if setting.l2 else []),
    ]


def code(setting):
    """Return Python code that does the same as `train` with this setting, and prints the last cost."""
    broken = ["", "", "class BrokenDense(Dense):", inspect.getsource(BrokenDense.backward)] if setting.broken else []
    listed = [f"    {kind.__name__}({', '.join(map(str, arguments))})," for kind, arguments in layers(setting)]
    start = INITIALIZERS[setting.initializer]
    loss = f"BinaryCrossentropy() + L2({setting.l2})" if setting.l2 else "BinaryCrossentropy()"
    return "\n".join(
        [
            *import_code(setting),
            *broken,
            "",
            "threadpool_limits(1)",
            *data_code(setting),
            "",
            "model = Sequential([",
            *listed,
            f"], seed={setting.seed})",
            "model.build((2,))",
            "kernels = [layer.kernel for layer in model.layers if isinstance(layer, Dense)]",
            "for number, kernel in enumerate(kernels):",
            f"    rng = np.random.default_rng([{setting.seed}, number])",
            f"    kernel.value = {setting.scale} * {start!r}(kernel.shape, rng)",
            f'model.compile({setting.optimizer}({setting.learning_rate}), {loss}, metrics=["accuracy"])',
            "history = model.fit(",
            f"    x, y, batch_size={setting.batch_size}, epochs={setting.epochs}, verbose=0,",
            "    validation_data=(x_test, y_test),",
            ").history",
            'print(history["loss"][-1])',
        ]
    )


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("settings", nargs="*", metavar="name=value", help=f"of {', '.join(VALUES)}")
    given = dict(text.partition("=")[::2] for text in options.parse_args().settings)
    setting, refused = from_address(given, Setting())
    refused += [f"unknown setting {name}; choose from {', '.join(VALUES)}." for name in given if name not in VALUES]
    if refused:
        options.error(" ".join(refused))
    print(code(setting), "", sep="\n")
    result = train(setting)
    print(result.trouble or f"# prints {result.last('loss')}")


if __name__ == "__main__":
    main()
