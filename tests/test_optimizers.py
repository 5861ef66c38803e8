"""How the parameters move."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.layers import Dense
from minidl.optimizers import SGD, Optimizer

GRADIENTS = [Fraction(1), Fraction(-3, 4), Fraction(5, 8), Fraction(1, 2)]


def vector(theta):
    """What an optimiser sees of the parameters: one vector, here of one parameter."""
    return SimpleNamespace(theta=theta, slices={"kernel": slice(None)})


def path(optimizer):
    """Where theta = 1 goes on these gradients."""
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
    assert path(optimizer) == by_the_formula(lr, mu, nesterov)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_update_leaves_the_gradient_and_keeps_the_dtype(momentum):
    optimizer, theta, grad = SGD(0.1, momentum=momentum), np.ones(3, np.float32), np.ones(3, np.float32)
    optimizer.build(vector(theta))
    optimizer.update(theta, grad)
    assert theta.dtype == np.float32
    assert (grad == 1).all()
    assert np.allclose(theta, 0.9)


def test_the_learning_rate_may_be_set_anew():
    optimizer, theta = SGD(1.0), np.zeros(1)
    optimizer.build(vector(theta))
    optimizer.update(theta, np.ones(1))
    optimizer.learning_rate = 0.5
    optimizer.update(theta, np.ones(1))
    assert theta[0] == -1.5
    assert optimizer.iterations == 2


def test_an_optimizer_has_one_model():
    optimizer = SGD(0.1, momentum=0.9)
    x, y = np.zeros((4, 2)), np.zeros(4)
    first, second = Sequential([Dense(1)]), Sequential([Dense(1)])
    first.compile(optimizer)
    first.fit(x, y)
    with pytest.raises(SettingError, match=r"compile: SGD.* already trains a model, and remembers its steps"):
        second.compile(optimizer)


def test_an_optimizer_compiled_into_two_models_is_refused_at_the_second_fit():
    optimizer = SGD(0.1)
    x, y = np.zeros((4, 2)), np.zeros(4)
    first, second = Sequential([Dense(1)]), Sequential([Dense(1)])
    first.compile(optimizer)
    second.compile(optimizer)
    first.fit(x, y)
    with pytest.raises(SettingError, match=r"fit: SGD.* already trains a model"):
        second.fit(x, y)


def test_compiling_again_with_the_same_optimizer_keeps_its_memory():
    model, x, y = Sequential([Dense(1)], seed=0), np.ones((4, 2)), np.ones(4)
    optimizer = SGD(0.01, momentum=0.9)
    model.compile(optimizer)
    model.fit(x, y)
    velocity = optimizer.velocity.copy()
    model.compile(optimizer, metrics=["accuracy"])
    assert np.array_equal(optimizer.velocity, velocity)
    model.fit(x, y)
    assert optimizer.iterations == 2


def test_the_defaults_are_keras_defaults():
    # Keras 3.15.1: SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    assert repr(SGD()) == "SGD(learning_rate=0.01, momentum=0.0, nesterov=False)"


def test_an_optimizer_of_ones_own_trains_a_model():
    class Signs(Optimizer):
        """Theta <- theta - lr sign(g)."""

        def update(self, theta, grad):
            theta -= self.learning_rate * np.sign(grad)

    model = Sequential([Dense(1, kernel_initializer="zeros")])
    model.compile(Signs(0.25), "mse")
    model.fit(np.ones((4, 2)), np.ones(4))
    assert (model.params.theta == 0.25).all()
    with pytest.raises(NotImplementedError, match=r"Optimizer must write update\(theta, grad\)"):
        Optimizer(0.1).update(np.ones(1), np.ones(1))
