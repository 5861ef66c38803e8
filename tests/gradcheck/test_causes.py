"""Descriptions of mistakes: the right sentence for each wrong gradient."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import check_layer
from minidl.gradcheck._causes import Evidence
from minidl.gradcheck._differentiation import CENTRAL
from minidl.gradcheck._subjects import PlainSubject
from minidl.layers import Dense, Layer, LeakyReLU, ReLU, Residual, Sigmoid, Tanh
from tests.helpers.right_layers import doubling


@pytest.mark.parametrize("rate", [0.0, 1.0, 2.0])
def test_a_setting_called_rate_can_be_other_than_the_rate_of_dropout(rate):
    @dataclass(eq=False)
    class Rated(Layer):
        rate: float

        def forward(self, x, training=False):
            return 2 * x

        def backward(self, dy):
            return 3 * dy

    report = check_layer(Rated(rate), 4, raise_on_failure=False)
    assert "1.5 x derivative everywhere: a constant factor" in report.tensors["input"].cause


@pytest.mark.parametrize(
    ("base", "backward", "shape", "words"),
    [
        (Dense, "columns", 4, "bias is dy summed over the columns"),
        (Dense, "one left out", 4, "bias is wrong in entries [4] alone"),
        (Sigmoid, "masked", 4, "dL/dx is 0 in entries where the derivative is not"),
        (Sigmoid, "cubed", (2, 3), "cause: unknown"),
    ],
)
def test_causes_have_the_right_words(base, backward, shape, words):
    class Broken(base):
        def backward(self, dy):
            if backward == "masked":
                return dy * self.y * (1 - self.y) * (self.y > 0.5)
            if backward == "cubed":
                return dy * self.y**3
            self.kernel.grad = self.x.T @ dy
            if backward == "columns" and len(dy) == 5:
                self.bias.grad = dy.sum(axis=1)
            else:
                self.bias.grad[:4] = dy.sum(axis=0)[:4]
            return dy @ self.kernel.value.T

    report = check_layer(Broken(5) if base is Dense else Broken(), shape, raise_on_failure=False)
    assert words in str(report)


# what backward makes of the right gradient of the kernel, and what is said of it
MISTAKES = [
    (lambda g, W: 0 * g, "kernel = 0 everywhere"),
    (lambda g, W: -g, "the sign is flipped"),
    (lambda g, W: 1.5 * g, "1.5 x derivative everywhere: a constant factor too much"),
    (lambda g, W: 0.9 * g, "0.9 x derivative everywhere: a constant factor too little"),
    (lambda g, W: g / 5, "0.2 x derivative everywhere: a constant factor too little"),
    (lambda g, W: g + 0.3 * W, "kernel - derivative = 0.3 x kernel everywhere: a penalty inside backward"),
    (lambda g, W: abs(g), "kernel = |derivative|: its signs are lost"),
    (lambda g, W: g.T.reshape(g.shape), "the transpose of the derivative, reshaped"),
    (lambda g, W: g.sum(axis=0) + 0 * g, "has the sum over rows in every row"),
    (lambda g, W: g.mean(axis=0) + 0 * g, "has the mean over rows in every row"),
    (lambda g, W: np.roll(g, 1, 0), "the derivative moved by 1 along axis 0"),
    (lambda g, W: np.roll(g, -1, 1), "the derivative moved by -1 along axis 1"),
    (lambda g, W: g[::-1], "the derivative in reverse order along axis 0"),
    (lambda g, W: g[:, ::-1], "the derivative in reverse order along axis 1"),
    (lambda g, W: g * [[1], [1], [1], [2]], "wrong in rows 3 alone"),
    (lambda g, W: g * [1, 2, 1], "wrong in columns 1 alone"),
    (lambda g, W: g + np.eye(4, 3, 1), "wrong in entries [0, 1], [1, 2] alone"),
    (lambda g, W: g.astype(np.float32), "agrees with the derivative to seven digits"),
    (lambda g, W: np.full_like(g, np.nan), "unknown"),
    (lambda g, W: np.where(g > 0, np.inf, g), "wrong in entries"),
    (lambda g, W: np.where(g < 0, np.inf, g), "unknown"),
    (lambda g, W: np.cos(g), "unknown"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_wrong_parameter_gradient_is_described(mistake, words, scale):
    class Scaled(Dense):
        """y = scale (x W + b)."""

        def forward(self, x, training=False):
            return scale * super().forward(x, training)

        def backward(self, dy):
            dx = super().backward(scale * dy)
            self.kernel.grad = scale * mistake(self.kernel.grad / scale, self.kernel.value / scale)
            return dx

    assert words in str(check_layer(Scaled(3), 4, tolerance=1e-9, raise_on_failure=False))


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (lambda dy: 1 / len(dy), "5 = 5 rows: a mean where a sum belongs"),
        (lambda dy: 1 / (4 * len(dy)), "20 = 5 rows x 4 features: a mean where a sum belongs"),
        (len, "5 = 5 rows: a sum where a mean belongs (1/5 missing)"),
        (lambda dy: 1 / (len(dy) + 1), "0.166666667 x derivative everywhere: a constant factor too little"),
    ],
)
def test_a_factor_is_a_count_if_it_is_that_for_another_number_of_rows(factor, words):
    class Scaled(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad = factor(dy) * self.kernel.grad
            return dx

    assert words in str(check_layer(Scaled(3), 4, raise_on_failure=False))


def test_a_single_wrong_number_is_not_blamed_on_a_penalty():
    class Single(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad += 0.3 * self.kernel.value
            return dx

    report = check_layer(Single(1, use_bias=False), 1, raise_on_failure=False)
    assert "kernel" in report.wrong
    assert "penalty" not in str(report)  # any wrong number is the right one plus some multiple of the weight


@pytest.mark.parametrize(("rows", "words"), [(2, "cause: unknown"), (3, "something is computed in float32")])
def test_float32_is_a_cause_if_more_than_half_of_the_entries_are_coarse(rows, words):
    class Coarse(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad[:rows] = self.kernel.grad[:rows].astype(np.float32)
            return dx

    assert words in str(check_layer(Coarse(3), 4, tolerance=1e-10, raise_on_failure=False))


def test_a_sum_over_two_rows_is_recognized():
    class Summed(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad = np.broadcast_to(self.kernel.grad.sum(axis=0), (2, 3))
            return dx

    report = check_layer(Summed(3), 2, raise_on_failure=False)
    assert "has the sum over rows in every row" in report.tensors["kernel"].cause


@dataclass(eq=False)
class AtLeast(Layer):
    """y = max(x, bound), which does not depend on x below the bound."""

    bound: float

    def forward(self, x, training=False):
        self.above = above = x.real > self.bound
        return np.where(above, x, self.bound)

    def backward(self, dy):
        return dy * self.above


# a layer, what its backward makes of the right dL/dx, and what is said of it
INPUT_MISTAKES = [
    (Tanh(), lambda dx, dy, x, y: -dx, "dL/dx = -derivative everywhere: the sign is flipped"),
    (ReLU(), lambda dx, dy, x, y: dy, "the whole gradient passes"),
    (Sigmoid(), lambda dx, dy, x, y: dy, "dL/dx = dy: backward returns its argument"),
    (Sigmoid(), lambda dx, dy, x, y: dy * y, "dL/dx = dy * (y): that is not the derivative"),
    (Sigmoid(), lambda dx, dy, x, y: dy * (1 - y), "dL/dx = dy * (1 - y)"),
    (Tanh(), lambda dx, dy, x, y: dy * y * (1 - y), "dL/dx = dy * (y (1 - y))"),
    (Tanh(), lambda dx, dy, x, y: 1 - y * y, "dL/dx = 1 - y^2: dy is forgotten"),
    (Tanh(), lambda dx, dy, x, y: dy / (1 - y * y), "dL/dx = dy / derivative"),
    (LeakyReLU(), lambda dx, dy, x, y: dx * (x > 0), "0 in entries where the derivative is not"),
    (ReLU(), lambda dx, dy, x, y: dy * (x > -0.5), "zeros in other places than the derivative"),
    (ReLU(), lambda dx, dy, x, y: 2 * dy, "not 0 where the output does not depend on the input"),
    (LeakyReLU(), lambda dx, dy, x, y: np.where(x < 0, 2 * dx, dx), "2 x derivative where x < 0, and right elsewhere"),
    (LeakyReLU(), lambda dx, dy, x, y: np.where(x > 0, dx * x, dx), "wrong where x > 0, and right elsewhere"),
    (
        AtLeast(-1.0),
        lambda dx, dy, x, y: np.where(x < 0, 2 * dx, dx),
        "2 x derivative where x < 0, and right elsewhere",
    ),
    (Residual(Sigmoid()), lambda dx, dy, x, y: dx - dy, "lacks dy itself"),
    (Residual(Sigmoid()), lambda dx, dy, x, y: dx + dy, "has dy once too often"),
    (Residual(Sigmoid()), lambda dx, dy, x, y: 2 * dy - dx, "dy minus what should be added to it"),
]


@pytest.mark.parametrize(("right", "mistake", "words"), INPUT_MISTAKES, ids=[words for *_, words in INPUT_MISTAKES])
def test_a_wrong_input_gradient_is_described(right, mistake, words):
    @dataclass(eq=False)
    class Wrong(Layer):
        inner: Layer

        def forward(self, x, training=False):
            y = self.inner.forward(x, training)
            self.x, self.y = x, y
            return y

        def backward(self, dy):
            return mistake(self.inner.backward(dy), dy, self.x, self.y)

    report = check_layer(Wrong(right), 6, raise_on_failure=False)
    assert words in report.tensors["input"].cause


def test_the_sign_of_few_numbers_is_no_cause():
    class Steep(LeakyReLU):
        def backward(self, dy):
            dx = super().backward(dy)
            return np.where(self.x < 0, 2 * dx, dx)

    assert "where x < 0" in check_layer(Steep(), 2, raise_on_failure=False).tensors["input"].cause
    for seed in range(6):  # five rows of one number
        assert "where x < 0" not in str(check_layer(Steep(), 1, seed=seed, raise_on_failure=False))


def test_a_backward_that_returns_nothing_is_described():
    report = check_layer(doubling(backward=lambda self, dy: None), 4, raise_on_failure=False)
    assert report.tensors["input"].cause == "dL/dx is not an array like x: backward must return dL/dx"


def test_noise_much_smaller_than_the_derivative_is_not_a_factor_of_it():
    noise, derivative = np.random.default_rng(0).standard_normal((2, 5, 4))

    def ratio(claimed):
        f = lambda theta: (derivative * theta).sum()  # noqa: E731
        subject = PlainSubject(f, lambda theta: claimed, np.zeros((5, 4)), "theta", {})
        return Evidence(subject, "theta", "dL/dx", CENTRAL).ratio

    assert np.isnan(ratio(1e-7 * noise))
    assert ratio(1e-7 * derivative) == pytest.approx(1e-7)
    assert np.isnan(ratio(3 * derivative + 1e-4 * noise))
    assert np.isnan(ratio((1 + 1e-6) * derivative + 1e-7 * noise))
    assert ratio((1 + 1e-6) * derivative + 1e-11 * noise) == pytest.approx(1 + 1e-6, abs=1e-9)


def test_a_mistake_smaller_than_causes_can_tell_apart_has_none():
    class Barely(Tanh):
        def backward(self, dy):
            return super().backward(dy) * (1 + 1e-10 * np.cos(np.arange(6)))

    report = check_layer(Barely(), 6, tolerance=1e-11, raise_on_failure=False)
    assert not report.passed
    assert "cause: unknown" in str(report)
