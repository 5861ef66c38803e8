"""Steps against the exact formula, Keras 3.15.1 in float32 and PyTorch 2.13.0 in float64.

The stored numbers come from tests/oracles/make_keras_optimizers.py.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from minidl import Sequential
from minidl.layers import Dense, ReLU
from minidl.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Clip,
    Lion,
    MovingAverage,
    Nadam,
    RMSprop,
    WeightDecay,
)
from minidl.schedules import CosineDecay, ExponentialDecay
from tests.helpers.builders import vector
from tests.oracles.make_keras_optimizers import STEPS, WEIGHTS, X, Y

GRADIENTS = [Fraction(1), Fraction(-3, 4), Fraction(5, 8), Fraction(1, 2)]


def positions(optimizer):
    """Return the values of theta, which starts at 1, after each of the gradients."""
    theta, visited = np.ones(1), []
    optimizer.build(vector(theta))
    for gradient in GRADIENTS:
        optimizer.update(theta, np.array([float(gradient)]))
        visited.append(theta[0])
    return visited


def by_the_formula(lr, mu, nesterov):
    """Keras 3.15.1, optimizers/sgd.py, in exact fractions: m = mu m - lr g; w += m, or w += mu m - lr g."""
    theta, m, visited = Fraction(1), Fraction(0), []
    for gradient in GRADIENTS:
        m = mu * m - lr * gradient
        theta += mu * m - lr * gradient if nesterov else m
        visited.append(float(theta))
    return visited


@pytest.mark.parametrize("mu", [Fraction(0), Fraction(1, 2), Fraction(7, 8)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_follows_its_formula_exactly(mu, nesterov):
    lr = Fraction(1, 4)  # all numbers are sums of powers of two, so nothing is rounded
    optimizer = SGD(float(lr), momentum=float(mu), nesterov=nesterov)
    assert positions(optimizer) == by_the_formula(lr, mu, nesterov)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_update_leaves_the_gradient_and_keeps_the_dtype(momentum):
    optimizer, theta, grad = SGD(0.1, momentum=momentum), np.ones(3, np.float32), np.ones(3, np.float32)
    optimizer.build(vector(theta))
    optimizer.update(theta, grad)
    assert theta.dtype == np.float32
    assert (grad == 1).all()
    assert np.allclose(theta, 0.9)


def test_centered_rmsprop_stays_finite_for_a_constant_gradient():
    # v - a^2 = g^2 (1 - rho^t) rho^t is never negative; in float32 its difference is, from some step on
    optimizer, theta = RMSprop(0.001, centered=True), np.zeros(1000, np.float32)
    grad = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    optimizer.build(vector(theta))
    for _ in range(300):
        optimizer.update(theta, grad)
    assert np.isfinite(theta).all()


STORED = np.load(Path(__file__).parents[1] / "oracles" / "optimizers.npz")


AS_IN_KERAS = {
    "sgd": lambda: SGD(0.05),
    "momentum": lambda: SGD(0.05, momentum=0.9),
    "nesterov": lambda: SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(0.01),
    "rmsprop momentum": lambda: RMSprop(0.001, rho=0.8, momentum=0.5),
    "rmsprop centered": lambda: RMSprop(0.005, centered=True),
    "rmsprop centered momentum": lambda: RMSprop(0.002, momentum=0.7, centered=True, epsilon=1e-3),
    "adagrad": lambda: Adagrad(0.1),
    "adagrad accumulator": lambda: Adagrad(0.05, initial_accumulator_value=0.5, epsilon=1e-5),
    "adam": lambda: Adam(0.01),
    "adam betas": lambda: Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
    "amsgrad": lambda: AMSGrad(0.01),
    "adamw": lambda: AdamW(0.01),
    "adamw decay": lambda: AdamW(0.01, weight_decay=0.1),
    "nadam": lambda: Nadam(0.01),
    "nadam betas": lambda: Nadam(0.01, beta_1=0.7, beta_2=0.99),
    "adamax": lambda: Adamax(0.01),
    "adamax betas": lambda: Adamax(0.01, beta_1=0.7, beta_2=0.99, epsilon=1e-4),
    "adadelta": lambda: Adadelta(1.0),
    "adadelta rho": lambda: Adadelta(0.5, rho=0.8, epsilon=1e-4),
    "lion": lambda: Lion(0.001),
    "lion betas": lambda: Lion(0.001, beta_1=0.7, beta_2=0.9),
    "weight decay": lambda: WeightDecay(SGD(0.05, momentum=0.9), weight_decay=0.1),
    "clip value": lambda: Clip(SGD(0.05, momentum=0.9), value=0.02),
    "clip norm": lambda: Clip(SGD(0.05, momentum=0.9), norm=0.1),
    "clip global norm": lambda: Clip(Adam(0.01), global_norm=0.1),
    "moving average": lambda: MovingAverage(SGD(0.05), momentum=0.9),
    "exponential decay": lambda: SGD(ExponentialDecay(0.1, 50, 0.5)),
    "cosine decay": lambda: Adam(CosineDecay(0.001, 150, warmup_target=0.02, warmup_steps=20)),
}


TINY = 1e-30


AS_IN_TORCH = {
    "sgd": AS_IN_KERAS["sgd"],
    "momentum": AS_IN_KERAS["momentum"],
    "nesterov": AS_IN_KERAS["nesterov"],
    "rmsprop": lambda: RMSprop(0.01, epsilon=TINY),
    "rmsprop centered": lambda: RMSprop(0.005, epsilon=TINY, centered=True),
    "adagrad": lambda: Adagrad(0.1, epsilon=TINY),
    "adam": lambda: Adam(0.01, epsilon=TINY),
    "adamw": lambda: AdamW(0.01, epsilon=TINY, weight_decay=0.1),
    "adamax": lambda: Adamax(0.01, epsilon=TINY),
    "adadelta": lambda: Adadelta(1.0),
    "nadam": lambda: Nadam(0.01, epsilon=TINY),
}


def after_200_steps(optimizer, dtype):
    model = Sequential([Dense(5), ReLU(), Dense(3)], dtype=dtype)
    model.build((6,))
    model.set_weights(WEIGHTS)
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=40, epochs=STEPS)
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.mark.parametrize("name", AS_IN_KERAS)
def test_200_steps_end_where_keras_ends(name):
    assert np.abs(after_200_steps(AS_IN_KERAS[name](), "float32") - STORED[f"keras/{name}"]).max() < 1e-5


@pytest.mark.parametrize("name", AS_IN_TORCH)
def test_200_steps_in_float64_end_where_pytorch_ends(name):
    assert np.abs(after_200_steps(AS_IN_TORCH[name](), "float64") - STORED[f"torch/{name}"]).max() < 1e-9


def test_every_stored_run_is_compared():
    assert set(STORED) == {f"keras/{name}" for name in AS_IN_KERAS} | {f"torch/{name}" for name in AS_IN_TORCH}
