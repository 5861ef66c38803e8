"""A small trained network, and random right networks that are difficult for a gradient checker: kinks at exact zeros,
saturation, dead rows."""

import numpy as np

from minidl import Sequential
from minidl.layers import Chain, Dense, Dropout, Flatten, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.optimizers import SGD
from minidl.regularizers import L1, L2

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 3)), RNG.integers(0, 2, (40, 1))


def trained(*extra, loss=None, epochs=2, seed=0, dtype="float32", **options):
    """A network with dropout and a penalty, trained on (X, Y), with extra layers after the first."""
    model = Sequential([Dense(5), *extra, ReLU(), Dropout(0.3), Dense(1), Sigmoid()], seed=seed, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), loss or BinaryCrossentropy() + L2(0.7))
    model.fit(X, Y, epochs=epochs, **options)
    return model


ACTIVATIONS = (ReLU, Sigmoid)


def random_network(seed):
    """(model, x, y): depth 1 to 5, any mixture of what there is, built and compiled."""
    rng = np.random.default_rng(seed)
    m, features = int(rng.choice([1, 2, 5, 12])), int(rng.integers(1, 7))
    layers, width = [], features
    if rng.random() < 0.1:
        layers.append(Dropout(0.3))
    for _ in range(rng.integers(0, 5)):
        kind = rng.choice(["plain", "plain", "dropout", "residual", "chain"])
        activation = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]
        if kind == "residual":
            layers.append(Residual(Dense(width), activation(), Dropout(0.5)))
            continue
        width = int(rng.integers(1, 9))
        block = [Dense(width, use_bias=bool(rng.random() < 0.8)), activation()]
        layers.append(Chain(*block)) if kind == "chain" else layers.extend(block)
        if kind == "dropout":
            layers.append(Dropout(float(rng.choice([0.1, 0.5, 0.9]))))
    outputs = int(rng.integers(1, 4))
    layers.append(Dense(outputs))
    binary = rng.random() < 0.7
    if binary or rng.random() < 0.3:
        layers.append(Sigmoid())
    dtype = str(rng.choice(["float32", "float64"]))
    model = Sequential(layers, seed=seed, dtype=dtype)
    loss = BinaryCrossentropy() if binary else MeanSquaredError()
    for term, chance in ((L2(0.7), 0.4), (L1(0.3), 0.2), (L2(1e4), 0.05)):
        loss = loss + term if rng.random() < chance else loss
    model.compile(loss=loss)
    x = rng.standard_normal((m, features))
    y = rng.integers(0, 2, (m, outputs)).astype(float) if binary else rng.standard_normal((m, outputs))
    if rng.random() < 0.15:
        x, layers_first = x.reshape(m, features, 1), Flatten()
        model = Sequential([layers_first, *(layer.clone() for layer in layers)], seed=seed, dtype=dtype)
        model.compile(loss=loss)
    x = _hard_rows(rng, x)
    model.build(x.shape[1:])
    _hard_weights(rng, model)
    return model, x, y


def _hard_rows(rng, x):
    kind = rng.choice(["as is", "integers", "duplicates", "zeros", "some zeros", "large"])
    if kind == "integers":
        return np.round(2 * x)
    if kind == "duplicates":
        return np.repeat(x[:1], len(x), axis=0)
    if kind == "zeros":
        return 0 * x
    if kind == "some zeros":
        x[::2] = 0
    return 100 * x if kind == "large" else x


def _hard_weights(rng, model):
    params = model.params
    kind = rng.choice(
        ["as is", "biases", "integers", "zero kernels", "one zero kernel", "all zero", "saturated", "tiny"]
    )
    if kind == "biases":
        params.theta += 0.3 * rng.standard_normal(params.theta.size)
    if kind == "integers":
        params.theta[:] = np.round(3 * rng.standard_normal(params.theta.size))
    if kind == "zero kernels":
        params.theta[params.kernels] = 0
    if kind == "one zero kernel":
        params[str(rng.choice([path for path in params if path.endswith("kernel")]))].value = 0
    if kind == "all zero":
        params.theta[:] = 0
    if kind in ("saturated", "tiny"):
        params.theta *= 30 if kind == "saturated" else 1e-6
