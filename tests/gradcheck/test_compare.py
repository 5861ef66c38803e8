"""Comparison of a claimed gradient with derivatives: kinks, rounding, directions and entries."""

import numpy as np
import pytest

from minidl import Sequential, check_gradient, check_layer, check_model
from minidl.gradcheck import _compare
from minidl.gradcheck._functions import FunctionSubject
from minidl.gradcheck._subjects import Subject
from minidl.initializers import Constant
from minidl.layers import Dense, ReLU, Sigmoid, Tanh
from tests.helpers.networks import X, Y

RNG = np.random.default_rng(0)


def test_a_kink_is_not_a_mistake_if_the_gradient_is_a_function():
    kinked = lambda t: np.maximum(t, 0).sum()  # noqa: E731
    theta = np.array([0.0, 1.0, -1.0])
    report = check_gradient(kinked, lambda t: 1.0 * (t > 0), theta)
    assert report.passed
    assert check_gradient(kinked, lambda t: 1.0 * (t >= 0), theta, method="central").kinks == 1
    assert not check_gradient(kinked, lambda t: 1.0 * (t > -2), theta, raise_on_failure=False).passed


def test_differences_within_rounding_pass():
    # 0 against 1e-12: the notebook's formula alone calls it a difference of 1
    assert check_gradient(lambda t: (t**2).sum() + 1, np.array([1e-16, 2.0]), np.array([0.0, 1.0])).passed
    assert check_gradient(lambda t: 5.0 + 0 * t, 1e-15, 3.0).passed
    assert check_gradient(lambda t: (t**2).sum(), lambda t: 2 * t, []).difference == 0
    assert not check_gradient(lambda t: 5.0 + 0 * t, 1e-9, 3.0, raise_on_failure=False).passed


def test_nan_is_wrong_at_a_kink_too():
    def not_a_number_at_0(t):
        with np.errstate(invalid="ignore"):
            return t / np.maximum(t, -t)

    theta = np.array([0.0, 1.0])
    modulus = lambda t: np.maximum(t, -t).sum()  # noqa: E731
    assert check_gradient(modulus, np.sign, theta).kinks == 1
    report = check_gradient(modulus, not_a_number_at_0, theta, raise_on_failure=False)
    assert report.tensors["theta"].worst == (0,)


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("claimed", [[np.inf, 4.0], [-np.inf, np.inf], [2.0, np.nan]])
def test_a_gradient_that_is_not_finite_is_wrong(claimed, method):
    f, theta = lambda t: (t**2).sum(), np.array([1.0, 2.0])
    report = check_gradient(f, np.array(claimed), theta, method=method, raise_on_failure=False)
    assert (report.passed, report.difference) == (False, 1.0)
    assert not np.isfinite(report.tensors["theta"].analytic)


@pytest.mark.parametrize("depth", ["auto", "directions", 3, "all"])
def test_an_infinite_gradient_of_a_model_is_wrong_at_any_depth(depth):
    class Infinite(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad = self.kernel.grad * np.inf
            return dx

    model = Sequential([Infinite(2), Tanh(), Dense(1)], seed=0)
    model.compile(loss="mse")
    model.build((3,))
    report = check_model(model, X, Y, depth=depth, raise_on_failure=False)
    assert list(report.wrong) == ["infinite/kernel"]
    assert report.guilty == "infinite"


def test_infinity_is_wrong_at_a_kink_too():
    modulus = lambda t: np.maximum(t, -t).sum()  # noqa: E731
    gradient = lambda t: np.where(t == 0, np.inf, np.sign(t))  # noqa: E731
    report = check_gradient(modulus, gradient, np.array([0.0, 1.0]), raise_on_failure=False)
    assert report.tensors["theta"].worst == (0,)


def test_an_inconclusive_second_look_does_not_excuse_a_mistake():
    # a step short enough to miss a kink rounds 1 + 1e-8 |t| so much that either sign would do
    f = lambda t: 1 + 1e-8 * np.abs(t).sum()  # noqa: E731
    theta = np.array([0.5, 1.0])
    assert check_gradient(f, lambda t: 1e-8 * np.sign(t), theta).method == "central"
    assert not check_gradient(f, lambda t: -1e-8 * np.sign(t), theta, raise_on_failure=False).passed


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6, 1e12])
def test_central_differences_find_a_mistake_at_any_size(size):
    f, theta = lambda t: (np.abs(t) ** 2).sum(), np.array([size, -size])
    assert check_gradient(f, lambda t: 2 * t, theta).method == "central"
    assert not check_gradient(f, lambda t: 2.001 * t, theta, raise_on_failure=False).passed


@pytest.fixture
def few_are_many(monkeypatch):
    for subject in (Subject, FunctionSubject):
        monkeypatch.setattr(subject, "many", 60)
    monkeypatch.setattr(_compare, "SAMPLE", 5)


def test_directions_are_compared_first_if_there_are_very_many_entries(few_are_many):
    theta, wrong = RNG.standard_normal(61), np.ones(61)
    wrong[42] = 1.01
    f = lambda t: (t**2).sum()  # noqa: E731
    assert check_gradient(f, lambda t: 2 * t, theta).tensors["theta"].checked == 0
    assert check_gradient(f, lambda t: 2 * t, theta[:60]).tensors["theta"].checked == 60
    report = check_gradient(f, lambda t: 2 * t * wrong, theta, raise_on_failure=False)
    tensor = report.tensors["theta"]
    assert (tensor.worst, tensor.is_located) == ((42,), True)
    assert 1 <= tensor.checked <= 4
    assert check_gradient(f, lambda t: -2 * t, theta, raise_on_failure=False).tensors["theta"].checked == 5


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("scale", [1e-100, 1e-16, 1.0, 1e16, 1e100])
def test_the_verdict_does_not_depend_on_the_units(method, scale):
    def check(factor):
        f, gradient = lambda t: scale * (t**2).sum(), lambda t: factor * scale * t
        return check_gradient(f, gradient, np.array([0.5, -2.0, 3.0]), method=method, raise_on_failure=False)

    assert check(2).passed
    assert not check(2.0001).passed
    assert check(3).difference == pytest.approx(0.2, rel=1e-6)  # |3 - 2| / (3 + 2)


def test_a_sample_of_a_large_wrong_layer_is_enough(few_are_many):
    class Wide(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad *= -1
            return dx

    report = check_layer(Wide(16), 4, rows=2, raise_on_failure=False)
    assert list(report.wrong) == ["kernel"]
    assert (report.tensors["kernel"].checked, report.tensors["kernel"].size) == (5, 64)


@pytest.mark.parametrize("times", [1.5, 1 + 1e-5])
@pytest.mark.parametrize("depth", ["auto", "all"])
def test_one_wrong_entry_of_many_is_found(depth, times):
    class Wide(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad[-1, 3] *= times
            return dx

    x = RNG.standard_normal((6, 101))
    model = Sequential([Wide(200), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.build((101,))
    report = check_model(model, x, Y[:6], depth=depth, raise_on_failure=False)
    assert report.tensors["wide/kernel"].worst == (100, 3)
    assert report.guilty == "wide"


@pytest.mark.parametrize(("method", "difference"), [("complex", 1e-13), ("central", 1e-8)])
def test_one_direction_is_enough_by_either_method(method, difference):
    model = Sequential([Dense(5), Tanh(), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, depth="directions", method=method)
    assert list(report.tensors) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert {(tensor.checked, tensor.kinks) for tensor in report.tensors.values()} == {(0, 0)}
    assert report.difference < difference


def test_depth_all_compares_all_entries_however_many():
    model = Sequential([Dense(201)], seed=0)
    model.compile(loss="mse")
    model.build((100,))
    report = check_model(model, np.ones((2, 100)), np.ones((2, 201)), depth="all")
    assert report.tensors["dense/kernel"].checked == 20_100


@pytest.mark.parametrize(("depth", "kinks"), [("directions", 1), ("auto", 1), ("all", 4)])
def test_kinks_are_counted(depth, kinks):
    model = Sequential([Dense(4), ReLU(), Dense(1)], seed=0)
    model.build((3,))
    report = check_model(model, np.zeros((2, 3)), np.ones((2, 1)), depth=depth, seed=1)  # all four units are at 0
    assert report.tensors["dense/bias"].kinks == report.kinks == kinks
    assert str(report).count("kink") == 1
    assert str(report).count(f"right ({kinks} kink{'s' if kinks > 1 else ''})") == 1


def test_a_mistake_in_a_small_tensor_does_not_hide_behind_a_large_one():
    class Barely(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad *= 1 + 4e-7
            return dx

    # what comes back through a kernel of 2e-3 is that much smaller than what the last layer itself gets
    model = Sequential([Barely(3), Dense(1, kernel_initializer=Constant(2e-3))], seed=0)
    model.compile(loss="mse")
    model.build((3,))
    assert list(check_model(model, X, Y, raise_on_failure=False).wrong) == ["barely/kernel"]


def test_differences_of_a_function_that_draws_random_numbers_are_not_kinks():
    rng = np.random.default_rng(0)
    f = lambda t: (t * (rng.random(t.shape) < 0.9)).sum()  # noqa: E731
    assert not check_gradient(f, np.ones(20), np.ones(20), raise_on_failure=False).passed
