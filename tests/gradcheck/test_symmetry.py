"""The symmetric check: mistakes planted on purpose, right networks, functions of SciPy."""

import numpy as np
import pytest
from scipy.optimize import rosen_der

from minidl import GradientError, Sequential
from minidl.errors import SettingError, ShapeError
from minidl.gradcheck import check_model_symmetry, check_symmetry
from minidl.layers import Dense, Flatten, Tanh
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from tests.gradcheck.test_planted import ALL
from tests.helpers.builders import rows
from tests.helpers.networks import X, Y, random_network, trained
from tests.helpers.planted_own import Modulus

# gradients of another function, which are symmetric; and mistakes of a millionth
NOT_SEEN = {
    "Dense: kernel, penalty inside",
    "Dense: bias, penalty inside",
    "Dense: kernel, one entry 1 + 1e-6",
    "Branches: negative inputs, a millionth",
    "Branches: one unit, a millionth",
}


def is_of_another_function(plant):
    """A wrong loss or penalty is the gradient of another objective, if its derivatives are functions of one number."""
    return plant.name in NOT_SEEN or plant.guilty is None


def test_mistakes_in_layers_are_found():
    missed = {plant.name for plant in ALL if check_model_symmetry(*plant.network(), raise_on_failure=False).passed}
    assert missed >= NOT_SEEN
    assert {plant.name for plant in ALL if plant.name in missed and not is_of_another_function(plant)} == set()
    assert len(ALL) - len(missed) >= 110


@pytest.mark.parametrize("part", range(2))
def test_right_networks_raise_no_alarm(part):
    for seed in range(part, 100, 2):
        model, x, y = random_network(seed)
        assert check_model_symmetry(model, x, y).difference <= 2e-7


@pytest.mark.slow
def test_a_thousand_right_networks_raise_no_alarm():
    for seed in range(1000):
        model, x, y = random_network(seed)
        assert check_model_symmetry(model, x, y).passed


def test_the_report_names_method_and_tensors():
    class Half(Tanh):
        def backward(self, dy):
            dx = super().backward(dy)
            return None if dx is None else np.concatenate([dx[:, :1] / 2, dx[:, 1:]], axis=1)

    model = Sequential([Dense(3), Half(), Dense(1)], seed=0)
    model.compile(loss=MeanSquaredError())
    model.build((3,))
    with pytest.raises(
        GradientError, match=r"sequential: not the gradient of any function: .*complex step.*most for d"
    ):
        check_model_symmetry(model, rows(), np.ones((5, 1)))
    right = check_model_symmetry(trained(), X, Y)
    assert right.passed and right.difference < 1e-12
    assert str(right).startswith("sequential: second derivatives symmetric to ")


def test_a_layer_that_loses_imaginary_parts_is_checked_by_differences():
    model = Sequential([Dense(4), Modulus(), Dense(1)], seed=0)
    model.compile(loss=BinaryCrossentropy(from_logits=True))
    report = check_model_symmetry(model, X, Y)
    assert report.passed and report.method == "central differences"
    with pytest.raises(SettingError, match="does not compute with complex numbers"):
        check_model_symmetry(model, X, Y, method="complex")


def test_gradients_of_functions():
    theta = np.array([0.5, 1.5, -0.7, 1.1])
    right = check_symmetry(rosen_der, theta)
    assert right.passed
    assert check_symmetry(rosen_der, theta, method="central").passed
    assert check_symmetry(lambda t: 3 * rosen_der(t), theta).passed  # that of 3 f

    def wrong(t):
        g = rosen_der(t)
        return np.append(g[:-1], 2 * g[-1])

    found = check_symmetry(wrong, theta, raise_on_failure=False)
    assert not found.passed and found.difference > 0.01
    assert str(found).startswith("wrong: not the gradient of any function")
    assert not check_symmetry(wrong, theta, method="central", raise_on_failure=False).passed


def test_matrices_and_a_gradient_without_complex_numbers():
    def gradient(w):  # of sum(w^2 |w|) / 3
        return w * abs(w.astype(float))

    report = check_symmetry(gradient, rows(3, 2))
    assert report.passed and report.method == "central differences"
    rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert check_symmetry(lambda w: w @ rotation, rows(3, 2), raise_on_failure=False).difference > 0.1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_symmetry(np.sum, np.ones(3)), ShapeError, r"theta has shape \(3,\), its gradient \(\)"),
        (lambda: check_symmetry(np.copy, np.ones(3), directions=1), SettingError, "at least 2"),
        (lambda: check_symmetry(np.copy, np.ones(3), method="auto "), SettingError, "must be one of auto"),
        (lambda: check_symmetry(np.copy, np.ones(3), tolerance=1), SettingError, r"tolerance must be in \(0, 1\)"),
        (lambda: check_model_symmetry(Flatten(), X, Y), SettingError, "model must be a Model"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
