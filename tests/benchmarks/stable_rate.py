"""Does training at 0.9 of the stable learning rate fall, and at 1.1 of it rise? On 30 random networks.

python -m tests.benchmarks.stable_rate

Each network is trained by L-BFGS with a small penalty to a minimum, moved away from it by a little, and trained on with
all rows at 0.9 and at 1.1 of the rate that `stable_learning_rate` gives. The same is done at the first weights, where
the curvature changes in every step.
"""

import sys

import numpy as np

from minidl import Sequential, curvature
from minidl.layers import GELU, Dense, ReLU, Sigmoid, Softmax, Softplus, Tanh
from minidl.losses import BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError
from minidl.optimizers import LBFGS, SGD
from minidl.regularizers import L2
from minidl.trainer import update

NETWORKS, STEPS = 30, 200
ACTIVATIONS = (Tanh, ReLU, Sigmoid, GELU, Softplus)
OPTIMIZERS = {
    "gradient descent": lambda rate: SGD(rate),
    "momentum 0.9": lambda rate: SGD(rate, momentum=0.9),
    "Nesterov 0.9": lambda rate: SGD(rate, momentum=0.9, nesterov=True),
}


def network(seed):
    """Return (model, x, y): one to three hidden layers, on a regression, two classes or three classes in turn."""
    rng = np.random.default_rng(seed)
    m, features = int(rng.integers(20, 100)), int(rng.integers(2, 8))
    layers, x = [], rng.standard_normal((m, features))
    for _ in range(rng.integers(1, 4)):
        layers += [Dense(int(rng.integers(4, 20))), ACTIVATIONS[seed % 5]()]
    if seed % 3 == 0:
        layers, loss = [*layers, Dense(2)], MeanSquaredError()
        y = np.tanh(x @ rng.standard_normal((features, 2))) + 0.1 * rng.standard_normal((m, 2))
    elif seed % 3 == 1:
        layers, loss = [*layers, Dense(1), Sigmoid()], BinaryCrossentropy()
        y = (x @ rng.standard_normal((features, 1)) + rng.standard_normal((m, 1)) > 0).astype(float)
    else:
        layers, loss = [*layers, Dense(3), Softmax()], CategoricalCrossentropy()
        y = np.eye(3)[(x @ rng.standard_normal((features, 3)) + rng.standard_normal((m, 3))).argmax(axis=1)]
    model = Sequential(layers, seed=seed, dtype="float64")
    model.compile(LBFGS(tolerance=1e-7), loss=loss + L2(1.0))
    model.build((features,))
    return model, x, y


def to_a_minimum(model, x, y):
    """Train to the end, and move the weights by a thousandth."""
    model.fit(x, y, epochs=2000, verbose=0)
    model.params.theta += 1e-3 * np.random.default_rng(0).standard_normal(model.params.theta.size)


def losses(model, x, y, optimizer, steps=STEPS):
    """Return the objective before each of the steps of a copy, on all rows."""
    objective, batch, found = model.objective.copy(), model.examples("stable_rate", x, y), []
    optimizer.build(objective.params)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            evaluation = objective.gradient(batch)
            found.append(evaluation.data_loss + evaluation.penalty)
            update(objective, optimizer)
    return np.array(found)


def verdict(model, x, y, make, steps=STEPS):
    """Return (True if the loss is lower in the end at 0.9, True if it has risen above its start at 1.1)."""
    rate = curvature.stable_learning_rate(model, x, y, optimizer=make(1.0))
    below, above = (losses(model, x, y, make(factor * rate), steps) for factor in (0.9, 1.1))
    return bool(below[-1] < below[0]), not bool(np.nanmax(above) <= above[0])


def main():
    for place, steps in (("near a minimum", STEPS), ("at the first weights", 20)):
        for name, make in OPTIMIZERS.items():
            found = []
            for seed in range(NETWORKS):
                model, x, y = network(seed)
                if steps == STEPS:
                    to_a_minimum(model, x, y)
                found.append(verdict(model, x, y, make, steps))
            fell, rose = np.sum(found, axis=0)
            sys.stdout.write(
                f"{place}, {name}: at 0.9 the loss fell in {fell}, at 1.1 it rose in {rose} of {NETWORKS}\n"
            )


if __name__ == "__main__":
    main()
