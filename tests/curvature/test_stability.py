"""The stable rate on parabolas, where it is exact, and the figures beside it."""

import math

import numpy as np
import pytest

from minidl import Sequential, diagnose
from minidl.callbacks import Curvature
from minidl.curvature import gradient_noise_scale, learning_rate_curve, stable_learning_rate
from minidl.errors import DataError, SettingError
from minidl.layers import Dense, Dropout, ReLU
from minidl.losses import MeanSquaredError
from minidl.optimizers import LBFGS, SGD, Adam, Lion, RMSprop
from tests.benchmarks import stable_rate
from tests.helpers.builders import rows

X = rows(40, 3) * [1.0, 2.0, 0.3]
Y = X @ [[1.0], [-2.0], [0.5]] + 0.1 * rows(40, 1, seed=1)


def linear(optimizer):
    """A linear regression: its loss is a parabola in the weights."""
    model = Sequential([Dense(1)], seed=0, dtype="float64")
    model.compile(optimizer, loss=MeanSquaredError())
    model.build((3,))
    return model


def exact_hessian():
    inputs = np.column_stack([X, np.ones(len(X))])
    return 2 * inputs.T @ inputs / len(X)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.9, "nesterov": True}])
def test_sgd_on_a_parabola_is_stable_up_to_the_rate(settings):
    model = linear(SGD(0.1, **settings))
    rate = stable_learning_rate(model, X, Y)
    below, above = (
        stable_rate.losses(model, X, Y, SGD(factor * rate, **settings), steps=3000) for factor in (0.99, 1.01)
    )
    assert below[-1] < below[0]
    assert not above[-1] < above[0]


def test_sgd_has_the_formula_of_the_largest_eigenvalue():
    largest = np.linalg.eigvalsh(exact_hessian())[-1]
    assert stable_learning_rate(linear(SGD(0.1)), X, Y) == pytest.approx(2 / largest, rel=1e-12)
    assert stable_learning_rate(linear(SGD(0.1, momentum=0.9)), X, Y) == pytest.approx(3.8 / largest, rel=1e-12)


@pytest.mark.parametrize("kind", [Adam, RMSprop])
@pytest.mark.parametrize("steps", [3, 500])
def test_the_preconditioner_is_that_of_the_step(kind, steps):
    model = linear(kind(0.01))
    model.fit(X, Y, batch_size=40, epochs=steps, verbose=0)
    optimizer, v = model.optimizer, model.optimizer.v.copy()
    rate = stable_learning_rate(model, X, Y)

    def step(grad):
        """One step with v as it is after `steps` steps, from a momentum of 0, at rate 1."""
        optimizer.learning_rate, optimizer.iterations, point = 1.0, steps - 1, np.zeros(4)
        optimizer.v = v / (optimizer.beta_2 if kind is Adam else optimizer.rho)
        if kind is Adam:
            optimizer.m = np.zeros(4)
        optimizer.update(point, grad)
        return point

    tiny = 1e-12  # its square does not count in v
    inverse = -step(np.full(4, tiny)) / tiny
    matrix = np.diag(inverse) @ exact_hessian()
    largest = np.linalg.eigvals(matrix).real.max()
    # heavy ball, u <- beta u + (1 - beta) g: stable below 2 (1 + beta) / (1 - beta), here for (1 - beta) P^-1
    limit = 2 * (1 + optimizer.beta_1) if kind is Adam else 2
    assert rate == pytest.approx(limit / largest, rel=1e-6)


def test_adam_with_a_fixed_preconditioner_is_stable_up_to_the_rate():
    """u <- beta_1 u + (1 - beta_1) g, theta <- theta - rate P^-1 u: the matrix of one step has a radius of 1."""
    model = linear(Adam(0.01))
    model.fit(X, Y, batch_size=40, epochs=2000, verbose=0)
    rate, optimizer = stable_learning_rate(model, X, Y), model.optimizer
    p = np.sqrt((1 - optimizer.beta_2) * optimizer.v / (1 - optimizer.beta_2**2000)) + optimizer.epsilon
    h, beta, eye = exact_hessian(), optimizer.beta_1, np.eye(4)
    slope = (1 - beta) * h
    step = -rate / p[:, None] * np.hstack([slope, beta * eye])
    radius = abs(np.linalg.eigvals(np.vstack([np.hstack([eye, 0 * eye]) + step, np.hstack([slope, beta * eye])]))).max()
    assert radius == pytest.approx(1, abs=1e-3)  # sqrt(v) + epsilon, with the corrections of 2,000 steps


def test_without_positive_curvature_every_rate_is_stable():
    model = linear(SGD(0.1))
    assert stable_learning_rate(model, 0 * X, Y, sample_weight=np.zeros(40)) == math.inf


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [(Lion(), "known for SGD, RMSprop, Adam, got Lion"), (Adam(), "made no step; fit the model first")],
)
def test_errors(optimizer, words):
    with pytest.raises(SettingError, match=words):
        stable_learning_rate(linear(optimizer), X, Y)


def test_near_minima_of_smooth_networks_the_rate_is_the_edge():
    for seed in (0, 5, 10):  # tanh
        model, x, y = stable_rate.network(seed)
        stable_rate.to_a_minimum(model, x, y)
        assert stable_rate.verdict(model, x, y, stable_rate.OPTIMIZERS["gradient descent"]) == (True, True)


def test_noise_scale_of_a_known_distribution():
    """Gradients of the bias alone, 2 (b - y): the mean of y is 1, its variance 4."""
    model = Sequential([Dense(1, kernel_initializer="zeros")], seed=0, dtype="float64")
    model.compile(loss=MeanSquaredError())
    y = 1 + 2 * np.random.default_rng(0).standard_normal((20000, 1))
    found = gradient_noise_scale(model, np.zeros((20000, 1)), y)
    assert found == pytest.approx(4, rel=0.3)  # 31 parts: the standard error of tr(S) is sqrt(2 / 31)
    with pytest.raises(DataError, match="at least 2 rows"):
        gradient_noise_scale(model, np.zeros((1, 1)), y[:1])


def test_the_callback_records_at_its_epochs():
    model = linear(SGD(0.02))
    history = model.fit(X, Y, batch_size=40, epochs=5, verbose=0, callbacks=[Curvature(X, Y, every=2)]).history
    largest, trace = np.linalg.eigvalsh(exact_hessian())[-1], np.trace(exact_hessian())
    np.testing.assert_allclose(history["sharpness"], [largest, np.nan] * 2 + [largest], 1e-3)
    np.testing.assert_allclose(history["sharpness_times_rate"][::2], 0.02 * largest, 1e-3)
    np.testing.assert_allclose(history["trace"][::2], trace, 0.2)
    assert all(noise > 0 for noise in history["gradient_noise"][::2])


def test_the_callback_does_not_change_the_training():
    def run(*callbacks):
        model = Sequential([Dense(40), ReLU(), Dropout(0.2), Dense(1)], seed=0)
        model.compile(Adam(0.01), loss=MeanSquaredError())
        return model.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks).history["loss"]

    assert run() == run(Curvature(X, Y))


def test_the_callback_knows_optimizers_without_a_formula():
    model = linear(Lion(0.001))
    history = model.fit(X, Y, epochs=1, verbose=0, callbacks=[Curvature(X, Y)]).history
    assert np.isnan(history["sharpness_times_rate"][0]) and history["sharpness"][0] > 0


def test_the_curve_falls_and_ends_where_the_training_diverges():
    model = linear(SGD(0.1))
    before = model.params.theta.copy()
    curve = learning_rate_curve(model, X, Y, batch_size=40)
    edge = stable_learning_rate(model, X, Y)
    assert len(curve.rates) == len(curve.losses) < 100
    assert curve.rates[0] == 1e-5 < curve.steepest < curve.lowest < 10 * edge
    assert curve.losses.min() < 0.1 * curve.losses[0] and curve.losses[-1] < 4 * curve.losses.min()
    assert curve.rates[-1] > edge
    assert np.array_equal(model.params.theta, before) and model.optimizer.learning_rate == 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [({"low": 1.0, "high": 0.1}, "low must be below high"), ({"steps": 1}, "at least 2"), ({"low": 0}, "low must be")],
)
def test_settings_of_the_curve(options, words):
    with pytest.raises(SettingError, match=words):
        learning_rate_curve(linear(SGD(0.1)), X, Y, **options)


def test_the_curve_needs_a_learning_rate():
    with pytest.raises(SettingError, match="LBFGS has no learning rate"):
        learning_rate_curve(linear(LBFGS()), X, Y)


def test_the_diagnosis_states_the_stable_rate():
    model = linear(SGD(5.0))
    found = next(finding for finding in diagnose(model, X, Y).findings if "learning rate is too high" in str(finding))
    assert found.figures["stable_rate"] == pytest.approx(2 / np.linalg.eigvalsh(exact_hessian())[-1], rel=1e-3)
