"""The layer whose backward is wrong is found."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import Sequential, check_model
from minidl.layers import Chain, Dense, Layer, Parameter, ReLU, Sigmoid, Softplus
from minidl.losses import MeanSquaredError
from tests.helpers.networks import X, Y, trained
from tests.helpers.planted import worse
from tests.helpers.planted_own import Noise

RNG = np.random.default_rng(0)


def logarithm(times=1.0):
    """log x, which gives no numbers on random rows."""

    class Log(Layer):
        def forward(self, x, training=False):
            self.x = x
            return np.log(x)

        def backward(self, dy):
            return times * dy / self.x

    return Log()


EIGHT = np.arange(1.0, 9.0)


def eight_features(times=1.0):
    """A layer that runs on rows of eight numbers alone."""

    @dataclass(eq=False)
    class Eight(Layer):
        def build(self, input_shape):
            self.scale = Parameter((1,), "ones")
            return input_shape

        def forward(self, x, training=False):
            self.x = x
            return x * EIGHT * self.scale.value

        def backward(self, dy):
            self.scale.grad = (dy * self.x * EIGHT).sum()
            return times * dy * EIGHT * self.scale.value

    return Eight()


@pytest.mark.parametrize(
    ("layers", "guilty", "words"),
    [
        ([worse(ReLU)(), Dense(8), Softplus(), logarithm()], "worse", "1.01 x derivative"),
        ([ReLU(), Dense(8), Softplus(), logarithm(2.0)], "log", "2 x derivative"),
        ([Dense(8), eight_features(1.5), ReLU()], "eight", "1.5 x derivative"),
        ([worse(ReLU)(), Dense(8), eight_features(), ReLU()], "worse", "1.01 x derivative"),
    ],
)
def test_a_layer_that_cannot_run_on_random_rows_runs_on_its_own_rows(layers, guilty, words):
    model = Sequential([Dense(5), *layers, Dense(1)], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, raise_on_failure=False)
    assert report.guilty == guilty
    assert words in str(report)


def test_a_layer_that_cannot_run_alone_is_not_guilty():
    class Handmade(Layer):
        factor = None

        def forward(self, x, training=False):
            return self.factor * x

        def backward(self, dy):
            return 2 * self.factor * dy

    layer = Handmade()
    layer.factor = 3.0  # no setting: no clone has it
    model = Sequential([Dense(5), layer, Dense(1)], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, raise_on_failure=False)
    assert (report.passed, report.guilty) == (False, None)
    assert "cause: unknown" in str(report)


def test_a_layer_that_draws_from_another_generator_is_guilty():
    class Elsewhere(Noise):
        def forward(self, x, training=False):
            self.factor = factor = RNG.random(x.shape).astype(x.real.dtype)
            return x * factor

    report = check_model(trained(Elsewhere()), X, Y, raise_on_failure=False)
    assert report.guilty == "elsewhere"
    assert "forward is not the same twice from one state" in str(report)


def test_a_layer_that_training_does_not_run_is_not_guilty():
    class Either(Chain):
        """Its first layer in training, its second one outside."""

        def forward(self, x, training=False):
            return self.layers[0 if training else 1].forward(x, training)

        def backward(self, dy):
            return self.layers[0].backward(dy)

    model = Sequential([Dense(5), Either(worse(ReLU)(), worse(Sigmoid)()), Dense(1)], seed=0)
    model.build((3,))
    assert check_model(model, X, Y, raise_on_failure=False).guilty == "either/worse"


def test_a_mistake_that_only_a_small_tolerance_finds_is_explained():
    model = trained(worse(Sigmoid, 1 + 1e-8)())
    assert check_model(model, X, Y).passed
    report = check_model(model, X, Y, tolerance=1e-10, raise_on_failure=False)
    assert (report.guilty, "1.00000001 x derivative" in str(report)) == ("worse", True)


def test_a_mistake_in_a_loss_that_only_a_small_tolerance_finds_is_explained():
    class Barely(MeanSquaredError):
        def value_and_gradient(self, p, y, weights=None):
            value, gradient = super().value_and_gradient(p, y, weights)
            return value, (1 + 1e-8) * gradient

    report = check_model(trained(loss=Barely()), X, Y, tolerance=1e-10, raise_on_failure=False)
    assert "the derivative of Barely = 1.00000001 x derivative everywhere" in str(report)


def test_a_wide_layer_runs_alone_with_few_features():
    class Wide(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad *= 2
            return dx

    x = RNG.standard_normal((6, 101))  # 101 x 200 entries are too many to compare them all
    model = Sequential([Wide(200), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.build((101,))
    report = check_model(model, x, Y[:6], raise_on_failure=False)
    assert report.guilty == "wide"
    assert "kernel = 2 x derivative everywhere" in report.tensors["wide/kernel"].cause
