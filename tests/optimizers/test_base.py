"""What holds for every optimizer: learning rate, one model, settings, state."""

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.layers import Dense
from minidl.optimizers import (
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Clip,
    MovingAverage,
    Nadam,
    Optimizer,
    RMSprop,
)
from tests.helpers.builders import vector


def test_the_learning_rate_can_be_changed_between_steps():
    optimizer, theta = SGD(1.0), np.zeros(1)
    optimizer.build(vector(theta))
    optimizer.update(theta, np.ones(1))
    optimizer.learning_rate = 0.5
    optimizer.update(theta, np.ones(1))
    assert theta[0] == -1.5
    optimizer.learning_rate = -1
    with pytest.raises(SettingError, match=r"^SGD: learning_rate must be in \[0, inf\), got -1"):
        optimizer.update(theta, np.ones(1))


@pytest.mark.parametrize("rate", [-1.0, float("inf"), float("nan"), "fast"])
def test_a_changed_learning_rate_is_checked_at_the_next_step(rate):
    optimizer, theta = SGD(1.0), np.zeros(1)
    optimizer.build(vector(theta))
    optimizer.learning_rate = rate
    with pytest.raises(SettingError, match=r"SGD: learning_rate must be in \[0, inf\), got"):
        optimizer.update(theta, np.ones(1))
    assert theta[0] == 0


def test_an_optimizer_in_use_cannot_be_compiled_into_a_second_model():
    optimizer = SGD(0.1, momentum=0.9)
    x, y = np.zeros((4, 2)), np.zeros(4)
    first, second = Sequential([Dense(1)]), Sequential([Dense(1)])
    first.compile(optimizer)
    first.fit(x, y)
    with pytest.raises(SettingError, match=r"compile: SGD.* is already in use by another model; create a new one"):
        second.compile(optimizer)


def test_an_optimizer_compiled_into_two_models_raises_an_error_at_the_second_fit():
    optimizer = SGD(0.1)
    x, y = np.zeros((4, 2)), np.zeros(4)
    first, second = Sequential([Dense(1)]), Sequential([Dense(1)])
    first.compile(optimizer)
    second.compile(optimizer)
    first.fit(x, y)
    with pytest.raises(SettingError, match=r"fit: SGD.* is already in use by another model"):
        second.fit(x, y)


def test_compiling_again_with_the_same_optimizer_keeps_its_state():
    model, x, y = Sequential([Dense(1)], seed=0), np.ones((4, 2)), np.ones(4)
    optimizer = SGD(0.01, momentum=0.9)
    model.compile(optimizer)
    model.fit(x, y)
    velocity = optimizer.velocity.copy()
    model.compile(optimizer, metrics=["accuracy"])
    assert np.array_equal(optimizer.velocity, velocity)
    model.fit(x, y)
    assert optimizer.iterations == 2


# Keras 3.15.1: inspect.signature of its optimizers
ADAM = "learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07"


DEFAULTS = [
    (SGD, "learning_rate=0.01, momentum=0.0, nesterov=False"),
    (RMSprop, "learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False"),
    (Adagrad, "learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07"),
    (Adam, ADAM),
    (AMSGrad, ADAM),
    (AdamW, f"{ADAM}, weight_decay=0.004"),
    (Nadam, ADAM),
]


@pytest.mark.parametrize(("kind", "settings"), DEFAULTS)
def test_the_defaults_are_those_of_keras(kind, settings):
    assert repr(kind()) == f"{kind.__name__}({settings})"


# a vector of 5 numbers for each of v, m, u, a, ... in the formula, and 1 for the count of steps
STATE_SIZES = [
    (lambda: SGD(0.1), 1),
    (lambda: SGD(0.1, momentum=0.9), 6),
    (lambda: RMSprop(), 6),
    (lambda: RMSprop(centered=True), 11),
    (lambda: RMSprop(momentum=0.9, centered=True), 16),
    (lambda: Adagrad(), 6),
    (lambda: Adam(), 11),
    (lambda: AMSGrad(), 16),
    (lambda: Nadam(), 12),  # and the product of the u_t
    (lambda: MovingAverage(Clip(Adam(), norm=1.0)), 16),
]


@pytest.mark.parametrize(("make", "numbers"), STATE_SIZES)
def test_the_state_is_as_large_as_the_formula_needs(make, numbers):
    optimizer = make()
    optimizer.build(vector(np.zeros(5)))
    assert optimizer.count_state() == numbers
    for _ in range(3):
        optimizer.update(np.zeros(5), np.ones(5))
    assert optimizer.count_state() == numbers
    assert optimizer.iterations == 3


def test_a_custom_optimizer_trains_a_model():
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


@pytest.mark.parametrize(
    "make", [lambda: Clip(SGD(), 1.0), lambda: MovingAverage(SGD(), 0.9), lambda: AdamW(0.1, 0.9, 0.999, 1e-7, 0.1)]
)
def test_settings_that_are_easily_confused_are_keyword_only(make):
    with pytest.raises(TypeError, match="positional arguments"):
        make()


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (RMSprop, "rho", 1.0),
        (RMSprop, "momentum", 1.0),
        (RMSprop, "epsilon", 0.0),
        (RMSprop, "centered", 1),
        (Adam, "beta_1", -0.1),
        (Adam, "beta_2", 1.0),
        (Adam, "epsilon", 0.0),
        (AdamW, "weight_decay", -1.0),
        (Adagrad, "initial_accumulator_value", -1),
        (Adagrad, "epsilon", 0.0),
        (Nadam, "learning_rate", -1e-3),
        (LBFGS, "memory", 0),
        (LBFGS, "tolerance", -1.0),
        (LBFGS, "max_evaluations", 0),
        (LBFGS, "min_decrease", -1.0),
    ],
)
def test_a_setting_outside_its_range_raises_an_error_with_its_name(kind, setting, value):
    with pytest.raises(SettingError, match=f"^{kind.__name__}: {setting} must be "):
        kind(**{setting: value})


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (RMSprop, "epsilon"),
        (Adagrad, "initial_accumulator_value"),
        (Adagrad, "epsilon"),
        (Adam, "epsilon"),
        (AdamW, "weight_decay"),
        (LBFGS, "tolerance"),
        (LBFGS, "min_decrease"),
    ],
)
def test_settings_without_an_upper_end_may_be_large(kind, setting):
    assert getattr(kind(**{setting: 7}), setting) == 7
