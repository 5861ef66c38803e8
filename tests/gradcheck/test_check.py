"""The checker's faces: a function, a loss, a layer, a model, a training; their reports, options and promises."""

import copy
import json
from dataclasses import dataclass

import numpy as np
import pytest

from minidl import (
    DataError,
    GradientChecker,
    GradientError,
    NotBuiltError,
    Sequential,
    SettingError,
    ShapeError,
    check_gradient,
    check_layer,
    check_loss,
    check_model,
)
from minidl.gradcheck import compare
from minidl.gradcheck.causes import Evidence
from minidl.gradcheck.report import Report, Tensor
from minidl.initializers import Constant
from minidl.layers import (
    Chain,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    Parameter,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.optimizers import SGD
from minidl.regularizers import L1, L2
from tests.helpers.planted_own import Huber, Modulus, Noise, Skip
from tests.helpers.right_layers import RunningScale

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 3)), RNG.integers(0, 2, (40, 1))


def trained(*extra, loss=None, epochs=2, seed=0, dtype="float32", **options):
    model = Sequential([Dense(5), *extra, ReLU(), Dropout(0.3), Dense(1), Sigmoid()], seed=seed, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), loss or BinaryCrossentropy() + L2(0.7))
    model.fit(X, Y, epochs=epochs, **options)
    return model


def worse(base, times=1.01):
    """The layer with an input gradient that is one per cent too large."""

    class Worse(base):
        def backward(self, dy):
            dx = super().backward(dy)
            return None if dx is None else times * dx

    return dataclass(eq=False)(Worse)


# ---- check_gradient


def test_the_notebooks_one_dimensional_example():
    report = check_gradient(lambda theta: 3.0 * theta, lambda theta: 3.0, 4.0)
    assert report.passed
    assert report.difference < 1e-15
    assert report.method == "complex"
    with pytest.raises(GradientError, match="1 of 1 gradients wrong") as caught:
        check_gradient(lambda theta: 3.0 * theta, lambda theta: theta, 4.0)
    tensor = caught.value.report.tensors["theta"]
    assert (tensor.worst, tensor.analytic, tensor.numeric) == ((), 4.0, 3.0)


def test_a_gradient_as_function_or_as_value():
    theta = RNG.standard_normal((2, 3))
    assert check_gradient(lambda t: (t**3).sum(), lambda t: 3 * t**2, theta).passed
    report = check_gradient(lambda t: (t**3).sum(), 3 * theta**2, theta)
    assert (report.tensors["theta"].checked, report.difference < 1e-15) == (6, True)
    wrong = 3 * theta**2
    wrong[1, 2] *= 1 + 1e-6
    report = check_gradient(lambda t: (t**3).sum(), wrong, theta, raise_on_failure=False)
    assert report.tensors["theta"].worst == (1, 2)


def test_a_kink_is_no_mistake_if_the_gradient_is_a_function():
    kinked = lambda t: np.maximum(t, 0).sum()  # noqa: E731
    theta = np.array([0.0, 1.0, -1.0])
    report = check_gradient(kinked, lambda t: 1.0 * (t > 0), theta)
    assert report.passed
    assert check_gradient(kinked, lambda t: 1.0 * (t >= 0), theta, method="central").kinks == 1
    assert not check_gradient(kinked, lambda t: 1.0 * (t > -2), theta, raise_on_failure=False).passed


def test_a_function_that_is_not_complex_safe_gets_central_differences_and_the_report_says_so():
    theta = np.array([0.5, -2.0, 0.0])
    report = check_gradient(lambda t: np.abs(t).sum(), np.sign, theta)
    assert report.method == "central"
    assert "central differences" in str(report)
    assert not check_gradient(lambda t: np.abs(t).sum(), lambda t: 0 * t, theta, raise_on_failure=False).passed


def test_what_rounding_explains_passes():
    # 0 against 1e-12: the notebook's formula alone calls it a difference of 1
    assert check_gradient(lambda t: (t**2).sum() + 1, np.array([1e-16, 2.0]), np.array([0.0, 1.0])).passed
    assert check_gradient(lambda t: 5.0 + 0 * t, 1e-15, 3.0).passed
    assert check_gradient(lambda t: (t**2).sum(), lambda t: 2 * t, []).difference == 0
    assert not check_gradient(lambda t: 5.0 + 0 * t, 1e-9, 3.0, raise_on_failure=False).passed


def test_a_gradient_that_is_no_number_is_wrong_at_a_kink_too():
    def not_a_number_at_0(t):
        with np.errstate(invalid="ignore"):
            return t / np.maximum(t, -t)

    theta = np.array([0.0, 1.0])
    modulus = lambda t: np.maximum(t, -t).sum()  # noqa: E731
    assert check_gradient(modulus, np.sign, theta).kinks == 1
    report = check_gradient(modulus, not_a_number_at_0, theta, raise_on_failure=False)
    assert report.tensors["theta"].worst == (0,)


def test_a_second_look_that_sees_less_pardons_nothing():
    # a step short enough to miss a kink rounds 1 + 1e-8 |t| so much that either sign would do
    f = lambda t: 1 + 1e-8 * np.abs(t).sum()  # noqa: E731
    theta = np.array([0.5, 1.0])
    assert check_gradient(f, lambda t: 1e-8 * np.sign(t), theta).method == "central"
    assert not check_gradient(f, lambda t: -1e-8 * np.sign(t), theta, raise_on_failure=False).passed


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6, 1e12])
def test_central_differences_see_a_mistake_at_any_size(size):
    f, theta = lambda t: (np.abs(t) ** 2).sum(), np.array([size, -size])
    assert check_gradient(f, lambda t: 2 * t, theta).method == "central"
    assert not check_gradient(f, lambda t: 2.001 * t, theta, raise_on_failure=False).passed


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(compare, "MANY", 60)
    monkeypatch.setattr(compare, "SAMPLE", 5)


def test_of_very_many_entries_directions_come_first(few_are_many):
    theta, wrong = RNG.standard_normal(61), np.ones(61)
    wrong[42] = 1.01
    f = lambda t: (t**2).sum()  # noqa: E731
    assert check_gradient(f, lambda t: 2 * t, theta).tensors["theta"].checked == 0
    report = check_gradient(f, lambda t: 2 * t * wrong, theta, raise_on_failure=False)
    assert (report.tensors["theta"].worst, report.tensors["theta"].checked) == ((42,), 61)
    assert check_gradient(f, lambda t: -2 * t, theta, raise_on_failure=False).tensors["theta"].checked == 5


@pytest.mark.parametrize(
    ("f", "gradient", "words"),
    [
        (np.sum, np.ones(4), r"gradient has shape \(4,\), theta \(3,\)"),
        (np.sum, 1.0, r"gradient has shape \(\), theta \(3,\)"),
        (lambda t: t, np.ones(3), r"f\(theta\) must be a number, got an array of shape \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit(f, gradient, words):
    with pytest.raises(ShapeError, match=f"check_gradient: {words}"):
        check_gradient(f, gradient, np.ones(3))


def test_the_complex_step_is_refused_where_it_would_see_nothing():
    with pytest.raises(SettingError, match=r'gradient loses the imaginary parts .* must be "auto" or "central"'):
        check_gradient(lambda t: np.abs(t).sum(), np.sign, np.ones(2), method="complex")
    with pytest.raises(SettingError, match="Modulus loses the imaginary parts"):
        check_layer(Modulus(), 4, method="complex")


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("scale", [1e-100, 1e-16, 1.0, 1e16, 1e100])
def test_the_verdict_does_not_depend_on_the_units(method, scale):
    def check(factor):
        f, gradient = lambda t: scale * (t**2).sum(), lambda t: factor * scale * t
        return check_gradient(f, gradient, np.array([0.5, -2.0, 3.0]), method=method, raise_on_failure=False)

    assert check(2).passed
    assert not check(2.0001).passed
    assert check(3).difference == pytest.approx(0.2, rel=1e-6)  # |3 - 2| / (3 + 2)


def test_bad_options():
    for options, words in (
        ({"method": "fast"}, "method"),
        ({"tolerance": 0}, "tolerance"),
        ({"tolerance": 1}, "toler"),
    ):
        with pytest.raises(SettingError, match=f"check_gradient: {words}"):
            check_gradient(np.sin, np.cos, 1.0, **options)


# ---- check_layer


def promise_breaker(**methods):
    """A right layer y = 2 x with other methods."""

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dy):
        return 2 * dy

    kind = type("Breaker", (Layer,), {"forward": forward, "backward": backward, **methods})
    return dataclass(eq=False)(kind)()


def writes_x(self, x, training=False):
    y = 2 * x
    x[:] = 0
    return y


def writes_dy(self, dy):
    dy *= 2
    return dy


def borrows_x(self, x, training=False):
    x *= 2
    y = x.copy()
    x /= 2
    return y


def widens(self, x, training=False):
    return x * np.float64(2)


def returns_its_own_buffer(self, x, training=False):
    if getattr(self, "y", None) is None or self.y.shape != x.shape or self.y.dtype != x.dtype:
        self.y = np.empty_like(x)
    y = self.y
    np.multiply(x, 2, out=y)
    return y


def reads_back(self, x, training=False):
    self.y = 2 * x
    return self.y


COUNTER = iter(range(10**9))


def counts(self, x, training=False):
    return 2 * x + next(COUNTER)


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"forward": writes_x}, "it writes into its input x"),
        ({"backward": writes_dy}, "backward writes into its argument dy"),
        ({"forward": borrows_x}, "it cannot take a read-only or non-contiguous input"),
        ({"forward": widens}, "forward turns float32 into float64; use Python floats as scalars"),
        ({"forward": returns_its_own_buffer}, "a later pass writes into an array that was returned earlier"),
        ({"build": lambda self, shape: (7,)}, r"build promises rows of shape \(7,\), forward returns \(4,\)"),
        (
            {"backward": lambda self, dy: 2 * dy[:, :3]},
            r"backward returns dL/dx of shape \(6, 3\) for x of shape \(6, 4\)",
        ),
        ({"backward": lambda self, dy: None}, "backward returns nothing; it must return an array, dL/dx"),
        ({"backward": lambda self, dy: list(2 * dy)}, "backward returns a list; it must return an array, dL/dx"),
        ({"forward": counts}, "forward is not the same twice from one state"),
    ],
)
def test_a_broken_promise_fails_the_check(methods, words):
    with pytest.raises(GradientError, match=f"broken: {words}"):
        check_layer(promise_breaker(**methods), 4)


def test_a_pass_that_changes_parameters_breaks_a_promise():
    class Drifts(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.value *= 2
            return dx

    report = check_layer(Drifts(3), 4, raise_on_failure=False)
    assert "a pass changes its parameters" in report.broken


def test_forward_must_return_something_as_precise_as_its_input():
    with pytest.raises(ShapeError, match="Breaker: forward returns nothing; it must return an array, y"):
        check_layer(promise_breaker(forward=lambda self, x, training=False: None), 4)
    with pytest.raises(ShapeError, match="Breaker: forward returns a list; it must return an array, y"):
        check_layer(promise_breaker(forward=lambda self, x, training=False: [2 * x]), 4)
    single = promise_breaker(forward=lambda self, x, training=False: 2 * x.astype(np.float32))
    words = "Breaker: forward turns float64 into float32, too coarse for slopes; keep the dtype of x"
    with pytest.raises(DataError, match=words):
        check_layer(single, 4)
    with pytest.raises(DataError, match=words):
        check_model(trained(single), X, Y)


def test_adding_to_a_gradient_breaks_a_promise():
    class Adds(Dense):
        def backward(self, dy):
            self.bias.grad += dy.sum(axis=0)
            self.kernel.grad = self.x.T @ dy
            return dy @ self.kernel.value.T

    report = check_layer(Adds(3), 4, raise_on_failure=False)
    assert "(+=)" in report.tensors["bias"].cause
    assert any("backward is not the same twice" in line for line in report.broken)


def reads_back_in_inference(self, x, training=False):
    return 2 * x if training else reads_back(self, x)


def test_what_is_not_a_number_breaks_no_promise():
    def root(self, x, training=False):
        with np.errstate(invalid="ignore"):
            self.y = y = np.sqrt(x)  # of numbers below 0, too
        return y

    layer = promise_breaker(forward=root, backward=lambda self, dy: dy / (2 * self.y))
    assert check_layer(layer, 4, raise_on_failure=False).broken == []


@pytest.mark.parametrize("rate", [0.0, 1.0, 2.0])
def test_a_setting_called_rate_need_not_be_that_of_dropout(rate):
    @dataclass(eq=False)
    class Rated(Layer):
        rate: float

        def forward(self, x, training=False):
            return 2 * x

        def backward(self, dy):
            return 3 * dy

    report = check_layer(Rated(rate), 4, raise_on_failure=False)
    assert "1.5 x slope everywhere: a constant factor" in report.tensors["input"].cause


@pytest.mark.parametrize("forward", [reads_back, reads_back_in_inference])
def test_reading_back_is_advice(forward):
    report = check_layer(promise_breaker(forward=forward), 4)
    assert report.passed
    assert "forward reads self.y back" in report.notes[0]


def test_an_input_that_cannot_be_read_only_or_strided():
    def viewed(self, x, training=False):
        return 2 * np.frombuffer(x, x.dtype).reshape(-1, 4)  # only a contiguous array is a buffer

    report = check_layer(promise_breaker(forward=viewed), 4, raise_on_failure=False)
    assert any("non-contiguous" in line for line in report.broken)


def test_mode_and_number_of_rows_where_the_layer_is_wrong_are_noted():
    class InTraining(Layer):
        def forward(self, x, training=False):
            self.training = training
            return x

        def backward(self, dy):
            return 1.1 * dy if self.training else dy

    report = check_layer(InTraining(), 4, raise_on_failure=False)
    assert report.notes == ["input is wrong in training alone"]
    mean = type(
        "Mean", (Layer,), {"forward": lambda s, x, training=False: 1 * x, "backward": lambda s, dy: dy / len(dy)}
    )
    assert "input is wrong with 5 rows alone" in check_layer(mean(), 4, raise_on_failure=False).notes
    assert check_layer(mean(), 4, rows=(1,)).passed


def test_the_layer_itself_is_not_touched():
    layer = Dense(3)
    before = dict(vars(layer))
    check_layer(layer, 4)
    assert vars(layer) == before


@pytest.mark.parametrize(
    ("base", "backward", "shape", "words"),
    [
        (Dense, "columns", 4, "bias is dy summed over the columns"),
        (Dense, "one left out", 4, "bias is wrong in entries [4] alone"),
        (Sigmoid, "masked", 4, "dL/dx is 0 in entries where the slope is not"),
        (Sigmoid, "cubed", (2, 3), "cause: unknown"),
    ],
)
def test_what_causes_are_called(base, backward, shape, words):
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


def test_a_large_wrong_layer_is_sampled(few_are_many):
    class Wide(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad *= -1
            return dx

    report = check_layer(Wide(16), 4, rows=2, raise_on_failure=False)
    assert list(report.wrong) == ["kernel"]
    assert (report.tensors["kernel"].checked, report.tensors["kernel"].size) == (5, 64)


def test_options_of_check_layer():
    assert check_layer(Dense(3), 4, method="central").method == "central"
    assert check_layer(Dense(3), (4,), rows=(2,), seed=5).rows == 2
    assert check_layer(Modulus(), 4).method == "central"
    assert check_layer(Dense(3), 4, rows=2).rows == 2
    with pytest.raises(SettingError, match="check_layer: method"):
        check_layer(Dense(3), 4, method="fast")
    with pytest.raises(SettingError, match="check_layer: rows must be an integer of at least 1, got 0"):
        check_layer(Dense(3), 4, rows=(5, 0))
    with pytest.raises(SettingError, match="check_layer: input_shape must be an integer of at least 1, got None"):
        check_layer(Dense(3), (None, 4))
    with pytest.raises(SettingError, match=r"check_layer: layer must be a Layer object such as Dense\(3\), got <class"):
        check_layer(Dense, 4)
    with pytest.raises(SettingError, match=r"input_shape must be the shape of a row, got an array; pass x.shape"):
        check_layer(Dense(3), X)
    assert check_layer(worse(Dense)(3), 4, tolerance=0.1).passed


# what backward makes of the right gradient of the kernel, and what is said of it
MISTAKES = [
    (lambda g, W: 0 * g, "kernel = 0 everywhere"),
    (lambda g, W: -g, "the sign is flipped"),
    (lambda g, W: 1.5 * g, "1.5 x slope everywhere: a constant factor too much"),
    (lambda g, W: 0.9 * g, "0.9 x slope everywhere: a constant factor too little"),
    (lambda g, W: g / 5, "5 = 5 rows: a mean where a sum belongs"),
    (lambda g, W: g / 20, "20 = 5 rows x 4 features: a mean where a sum belongs"),
    (lambda g, W: 5 * g, "5 = 5 rows: a sum where a mean belongs (1/5 missing)"),
    (lambda g, W: g + 0.3 * W, "kernel - slope = 0.3 x kernel everywhere: a penalty inside backward"),
    (lambda g, W: abs(g), "kernel = |slope|: its signs are lost"),
    (lambda g, W: g.T.reshape(g.shape), "the transpose of the slope, reshaped"),
    (lambda g, W: g.sum(axis=0) + 0 * g, "has the sum over rows in every row"),
    (lambda g, W: g.mean(axis=0) + 0 * g, "has the mean over rows in every row"),
    (lambda g, W: np.roll(g, 1, 0), "the slope moved by 1 along axis 0"),
    (lambda g, W: np.roll(g, -1, 1), "the slope moved by -1 along axis 1"),
    (lambda g, W: g[::-1], "the slope turned round along axis 0"),
    (lambda g, W: g[:, ::-1], "the slope turned round along axis 1"),
    (lambda g, W: g * [[1], [1], [1], [2]], "wrong in rows 3 alone"),
    (lambda g, W: g * [1, 2, 1], "wrong in columns 1 alone"),
    (lambda g, W: g + np.eye(4, 3, 1), "wrong in entries [0, 1], [1, 2] alone"),
    (lambda g, W: g.astype(np.float32), "agrees with the slope to seven digits"),
    (lambda g, W: np.full_like(g, np.nan), "unknown"),
    (lambda g, W: np.cos(g), "unknown"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_what_a_wrong_gradient_looks_like(mistake, words, scale):
    class Scaled(Dense):
        """y = scale (x W + b)."""

        def forward(self, x, training=False):
            return scale * super().forward(x, training)

        def backward(self, dy):
            dx = super().backward(scale * dy)
            self.kernel.grad = scale * mistake(self.kernel.grad / scale, self.kernel.value / scale)
            return dx

    assert words in str(check_layer(Scaled(3), 4, tolerance=1e-9, raise_on_failure=False))


def test_a_sum_over_two_rows_is_told_from_a_slope():
    class Summed(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad = np.broadcast_to(self.kernel.grad.sum(axis=0), (2, 3))
            return dx

    report = check_layer(Summed(3), 2, raise_on_failure=False)
    assert "has the sum over rows in every row" in report.tensors["kernel"].cause


# a layer, what its backward makes of the right dL/dx, and what is said of it
INPUT_MISTAKES = [
    (Tanh(), lambda dx, dy, x, y: -dx, "dL/dx = -slope everywhere: the sign is flipped"),
    (ReLU(), lambda dx, dy, x, y: dy, "lets the whole gradient through"),
    (Sigmoid(), lambda dx, dy, x, y: dy, "dL/dx = dy: backward returns its argument"),
    (Sigmoid(), lambda dx, dy, x, y: dy * y, "dL/dx = dy * (y): that is not the slope"),
    (Sigmoid(), lambda dx, dy, x, y: dy * (1 - y), "dL/dx = dy * (1 - y)"),
    (Tanh(), lambda dx, dy, x, y: dy * y * (1 - y), "dL/dx = dy * (y (1 - y))"),
    (Tanh(), lambda dx, dy, x, y: 1 - y * y, "dL/dx = 1 - y^2: dy is forgotten"),
    (Tanh(), lambda dx, dy, x, y: dy / (1 - y * y), "dL/dx = dy / slope"),
    (LeakyReLU(), lambda dx, dy, x, y: dx * (x > 0), "0 in entries where the slope is not"),
    (ReLU(), lambda dx, dy, x, y: dy * (x > -0.5), "zeros in other places than the slope"),
    (ReLU(), lambda dx, dy, x, y: 2 * dy, "not 0 where the output does not depend on the input"),
    (LeakyReLU(), lambda dx, dy, x, y: np.where(x < 0, 2 * dx, dx), "2 x slope where x < 0, and right elsewhere"),
    (LeakyReLU(), lambda dx, dy, x, y: np.where(x > 0, dx * x, dx), "wrong where x > 0, and right elsewhere"),
    (Residual(Sigmoid()), lambda dx, dy, x, y: dx - dy, "lacks dy itself"),
    (Residual(Sigmoid()), lambda dx, dy, x, y: dx + dy, "has dy once too often"),
    (Residual(Sigmoid()), lambda dx, dy, x, y: 2 * dy - dx, "dy minus what should be added to it"),
]


@pytest.mark.parametrize(("right", "mistake", "words"), INPUT_MISTAKES, ids=[words for *_, words in INPUT_MISTAKES])
def test_what_a_wrong_input_gradient_looks_like(right, mistake, words):
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


# ---- check_loss


def test_check_loss_looks_at_every_form():
    names = ["output", "output, weighted", "output, hard labels", "logits", "logits, weighted", "logits, hard labels"]
    assert list(check_loss(BinaryCrossentropy(), 2).tensors) == names
    assert list(check_loss(MeanSquaredError() + L2(1.0) + L1(0.5)).tensors) == ["output", "output, weighted", "penalty"]
    assert list(check_loss(L2(1.0)).tensors) == ["penalty"]
    assert list(check_loss("mse", 2).tensors) == ["output", "output, weighted"]
    assert check_loss(L2(1.0)).title == "L2"
    assert check_loss(MeanSquaredError() + L2(1.0)).title == check_loss("mse").title == "MeanSquaredError"
    assert list(check_loss(BinaryCrossentropy(from_logits=True)).tensors) == names[:3]
    with pytest.raises(GradientError, match="slope / 2"):
        check_loss(Huber("mean over outputs"), 2)


@pytest.mark.parametrize(
    ("loss", "options", "words"),
    [
        (MeanSquaredError, {}, r"loss must be a Loss object or a string, got .*; write MeanSquaredError\(\)"),
        (None, {}, "loss must be a Loss object or a string, got None"),
        (MeanSquaredError(), {"outputs": 0}, "outputs must be an integer of at least 1"),
        (MeanSquaredError(), {"rows": 0}, "rows must be an integer of at least 1"),
    ],
)
def test_what_is_no_loss_is_refused(loss, options, words):
    with pytest.raises(SettingError, match=f"check_loss: {words}"):
        check_loss(loss, **options)


# ---- check_model


def test_the_report_of_a_right_model():
    report = check_model(trained(), X, Y)
    assert report.passed
    assert report.difference < 1e-14
    assert report.guilty is None
    assert report.rows == 32
    assert report.method == "complex"
    assert list(report.tensors) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias", "penalty"]
    assert report.evaluations > 0
    assert report.seconds > 0


def test_the_report_of_a_wrong_model():
    model = trained(Residual(Dense(5)), worse(Dense)(5, name="middle"))
    report = check_model(model, X, Y, raise_on_failure=False)
    assert report.guilty == "middle"
    tensor = report.tensors["dense/kernel"]
    gradient = tensor.analytic / tensor.numeric
    assert gradient == pytest.approx(1.01, rel=1e-9)
    assert not tensor.passed
    assert tensor.difference == pytest.approx(0.01 / 2.01, rel=1e-6)
    assert (tensor.checked, tensor.kinks) == (15, 0)
    assert 0 <= tensor.worst[0] < 3
    assert 0 <= tensor.worst[1] < 5
    assert "1.01 x slope" in tensor.cause
    assert report.tensors["middle/kernel"].passed
    for words in ("guilty: middle", "WRONG", "right", "dense/kernel", "1.01 x slope", "complex step, float64, 32 rows"):
        assert words in str(report)
    with pytest.raises(GradientError) as caught:
        check_model(model, X, Y)
    assert str(caught.value) == str(caught.value.report)


def test_the_report_as_data_html_and_picture():
    report = check_model(trained(worse(Skip)()), X, Y, raise_on_failure=False)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["passed"] is False
    assert data["tensors"]["dense/kernel"]["worst"] == list(report.tensors["dense/kernel"].worst)
    page = report._repr_html_()
    assert page.count("<tr>") == 1 + len(report.tensors)
    assert "<th>gradient</th><th>checked</th>" in page
    assert "<td>dense/kernel</td><td>15/15</td>" in page
    ax = report.plot()
    assert len(ax.patches) == len(report.tensors)
    assert report.plot(ax=ax) is ax


def test_the_report_as_text():
    tensors = {"input": Tensor(20, 6.3e-17, checked=20), "scale/beta": Tensor(1, 0.9, False, (0,), -0.5, -10, 0, 1)}
    report = Report("Swish", "complex", 1, tensors, broken=["it writes into its input x"], notes=["slow"])
    assert str(report).splitlines() == [
        "Swish: 1 of 2 gradients wrong, 1 promise broken (complex step, float64, 1 row)",
        "",
        "  gradient    checked  difference  worst entry  backward  slope",
        "  input         20/20     6.3e-17  -                   -      -  right",
        "  scale/beta      1/1     9.0e-01  [0]              -0.5    -10  WRONG",
        "  cause: unknown",
        "  broken: it writes into its input x",
        "  note: slow",
    ]
    assert np.isnan([Tensor(3).analytic, Tensor(3).numeric]).all()


def test_depths():
    model = trained()
    checked = {depth: check_model(model, X, Y, depth=depth).tensors["dense/kernel"].checked for depth in DEPTHS}
    assert checked == {"auto": 0, "directions": 0, 4: 4, 100: 15, "all": 15}
    wrong = trained(worse(Skip)())
    for depth in DEPTHS:
        assert not check_model(wrong, X, Y, depth=depth, raise_on_failure=False).tensors["dense/kernel"].passed
    assert check_model(wrong, X, Y, raise_on_failure=False).tensors["dense/kernel"].checked == 15


DEPTHS = ("auto", "directions", 4, 100, "all")


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
        ([worse(ReLU)(), Dense(8), Softplus(), logarithm()], "worse", "1.01 x slope"),
        ([ReLU(), Dense(8), Softplus(), logarithm(2.0)], "log", "2 x slope"),
        ([Dense(8), eight_features(1.5), ReLU()], "eight", "1.5 x slope"),
        ([worse(ReLU)(), Dense(8), eight_features(), ReLU()], "worse", "1.01 x slope"),
    ],
)
def test_a_layer_that_does_not_run_on_random_rows_is_judged_on_its_own(layers, guilty, words):
    model = Sequential([Dense(5), *layers, Dense(1)], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, raise_on_failure=False)
    assert report.guilty == guilty
    assert words in str(report)


def test_a_layer_that_cannot_be_run_alone_is_not_judged():
    class Handmade(Layer):
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


def test_a_gradient_of_another_shape_than_its_parameter_is_told():
    class Columns(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.bias.grad = dy.sum(axis=1)
            return dx

    with pytest.raises(ShapeError, match=r"a parameter of shape \(3,\) is given a grad of shape \(5,\)"):
        check_layer(Columns(3), 4)


def test_no_gradient_for_the_input_is_the_cause_when_backward_returns_nothing():
    report = check_layer(promise_breaker(backward=lambda self, dy: None), 4, raise_on_failure=False)
    assert report.tensors["input"].cause == "dL/dx has no number in it: backward must return dL/dx"


def test_an_array_in_the_place_of_a_parameter_is_noted():
    class Scale(Layer):
        def build(self, input_shape):
            self.gain, self.last, self.order = np.ones(input_shape), np.zeros(1), np.arange(4)
            return input_shape

        def forward(self, x, training=False):
            self.last = x
            return x * self.gain.astype(x.dtype)

        def backward(self, dy):
            return dy * self.gain.astype(dy.dtype)

    assert check_layer(RunningScale(), 4).notes == []
    assert check_layer(Scale(), 4).notes == ["self.gain is an array and no Parameter: nothing trains it"]


def test_noise_that_is_small_beside_the_slope_is_no_factor_of_it():
    noise, slope = np.random.default_rng(0).standard_normal((2, 5, 4))
    assert Evidence("dL/dx", 1e-7 * noise, slope, {}, 1e-6).factor(1e-7 * noise, slope) is None
    assert Evidence("dL/dx", 1e-7 * slope, slope, {}, 1e-6).factor(1e-7 * slope, slope) == pytest.approx(1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_of_another_generator_is_found_whatever_its_seed(seed):
    rng = np.random.default_rng(seed)

    class Drops(Noise):
        def forward(self, x, training=False):
            self.factor = factor = (rng.random(x.shape) < 0.9).astype(x.real.dtype)
            return x * factor

    report = check_layer(Drops(), 4, raise_on_failure=False)
    broken = report.broken[0]
    assert broken.startswith("forward is not the same twice from one state")
    assert report.tensors["input"].cause == broken


def test_a_report_shows_itself_as_its_text():
    report = check_layer(Dense(3), 4)
    assert repr(report) == str(report)


@pytest.mark.parametrize("given", [Sequential, lambda: None, X])
def test_what_is_no_model_is_refused(given):
    with pytest.raises(
        SettingError, match=r"check_model: model must be a Model, got .*; call check_model\(model, x, y"
    ):
        check_model(given, X, Y)


def test_a_layer_that_draws_elsewhere_is_told_so():
    class Elsewhere(Noise):
        def forward(self, x, training=False):
            self.factor = factor = RNG.random(x.shape).astype(x.real.dtype)
            return x * factor

    report = check_model(trained(Elsewhere()), X, Y, raise_on_failure=False)
    assert report.guilty == "elsewhere"
    assert "forward is not the same twice from one state" in str(report)


def test_a_layer_that_training_does_not_run_is_not_to_blame():
    class Either(Chain):
        """Its first layer in training, its second one outside."""

        def forward(self, x, training=False):
            return self.layers[0 if training else 1].forward(x, training)

        def backward(self, dy):
            return self.layers[0].backward(dy)

    model = Sequential([Dense(5), Either(worse(ReLU)(), worse(Sigmoid)()), Dense(1)], seed=0)
    model.build((3,))
    assert check_model(model, X, Y, raise_on_failure=False).guilty == "either/worse"


def test_a_first_layer_may_return_its_gradient_and_a_loss_may_see_probabilities():
    for first, passed in (Skip(), True), (Skip("bias from dy"), False):
        model = Sequential([first, Dense(3), Softmax()], seed=0)
        model.compile(loss=BinaryCrossentropy())  # not its own activation
        model.build((3,))
        report = check_model(model, X, RNG.integers(0, 2, (40, 3)), depth="all", raise_on_failure=False)
        assert (report.method, report.passed) == ("complex", passed)


@pytest.mark.parametrize(("method", "difference"), [("complex", 1e-13), ("central", 1e-8)])
def test_one_direction_is_enough_by_either_method(method, difference):
    model = Sequential([Dense(5), Tanh(), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, depth="directions", method=method)
    assert list(report.tensors) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert {(tensor.checked, tensor.kinks) for tensor in report.tensors.values()} == {(0, 0)}
    assert report.difference < difference


def test_outputs_that_depend_on_every_column_of_a_kernel():
    model = Sequential([Dense(4), Residual(Dense(4), Softmax()), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, depth="all")
    assert report.tensors["residual/dense/kernel"].checked == 16
    assert report.difference < 1e-13


def test_all_entries_are_all_of_them_however_many():
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


def test_methods_tolerance_and_rows():
    model = trained(worse(Skip, 1 + 1e-6)())
    assert not check_model(model, X, Y, raise_on_failure=False).passed
    assert check_model(model, X, Y, tolerance=1e-5).passed
    right = trained()
    assert check_model(right, X, Y, method="central", rows=5).rows == 5
    assert check_model(right, X, Y, method="central").method == "central"
    assert check_model(right, X[:3], Y[:3]).rows == 3
    assert check_model(trained(Modulus()), X, Y).method == "central"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": "deep"}, "depth must be one of auto, directions, all, got 'deep'"),
        ({"depth": 0}, "depth must be an integer of at least 1"),
        ({"depth": 1.5}, "depth must be an integer"),
        ({"method": "fast"}, "method must be one of"),
        ({"tolerance": -1}, "tolerance must be in"),
        ({"rows": 0}, "rows must be an integer of at least 1"),
    ],
)
def test_bad_options_of_check_model(options, words):
    with pytest.raises(SettingError, match=f"check_model: {words}"):
        check_model(trained(), X, Y, **options)


def test_an_unbuilt_model_is_refused():
    with pytest.raises(NotBuiltError, match="check_model: sequential is not built yet; call build or fit first"):
        check_model(Sequential([Dense(1)]), X, Y)


def test_sample_weights_count():
    model = trained(loss=Huber("weights forgotten"))
    assert check_model(model, X, Y).passed
    report = check_model(model, X, Y, sample_weight=np.linspace(0, 2, 40), raise_on_failure=False)
    assert "the weights are forgotten" in str(report)


def test_the_penalty_is_checked_apart():
    @dataclass(frozen=True)
    class Doubled(L2):
        def gradient(self, w, m):
            return 2 * super().gradient(w, m)

    model = trained(loss=BinaryCrossentropy() + Doubled(1e-3))
    report = check_model(model, X, Y, raise_on_failure=False)
    assert list(report.wrong) == ["penalty"]
    assert report.guilty is None
    assert report.tensors["penalty"].cause.startswith("the penalty's gradient = 2 x slope everywhere")
    assert check_model(model, X, Y, tolerance=0.5).passed  # |2 - 1| / (2 + 1)


# ---- nothing is left behind


def everything(model):
    """All that a check could change, as one string of bytes or text each."""
    state = {"theta": model.params.theta.tobytes(), "grad": model.params.grad.tobytes()}
    state["rng"] = repr(model.rng.bit_generator.state)
    for path, layer in model.layer.walk():
        for name, value in vars(layer).items():
            state[f"{path}.{name}"] = value.tobytes() if isinstance(value, np.ndarray) else repr(value)
            state[f"id of {path}.{name}"] = id(value)
    state |= {f"optimizer.{name}": repr(value) for name, value in vars(model.optimizer).items()}
    return state


@pytest.mark.parametrize("depth", ["auto", "all", "directions"])
@pytest.mark.parametrize("extra", [Noise, RunningScale, Modulus, Skip, worse(Skip)], ids=str)
def test_a_check_leaves_the_model_as_it_was(extra, depth):
    model = trained(extra())
    before = everything(model)
    check_model(model, X, Y, depth=depth, raise_on_failure=False)
    assert everything(model) == before


def test_a_check_before_the_first_training_leaves_the_optimiser_as_it_was():
    model = Sequential([Dense(5), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    model.compile(SGD(0.1, momentum=0.9))
    before = everything(model)
    check_model(model, X, Y)
    assert everything(model) == before


def test_a_check_that_raises_leaves_the_model_as_it_was():
    model = trained(worse(Skip)())
    before = everything(model)
    with pytest.raises(GradientError):
        check_model(model, X, Y)
    assert everything(model) == before


def test_a_forward_that_fails_midway_leaves_the_model_as_it_was():
    @dataclass(eq=False)
    class Fails(Layer):
        passes: int = 10**9

        def build(self, input_shape):
            self.scale, self.done = Parameter(input_shape, "ones"), 0
            return input_shape

        def forward(self, x, training=False):
            done = self.done + 1
            self.x, self.done = x, done
            if done > self.passes:
                raise MemoryError("no more")
            return x * self.scale.value

        def backward(self, dy):
            self.scale.grad = (dy * self.x).sum(axis=0)
            return dy * self.scale.value

    model = trained(Fails())
    fails = model.layer.layers[1]
    for passes in range(0, 12, 3):
        fails.passes = fails.done + passes
        before = everything(model)
        with pytest.raises(MemoryError, match="no more"):
            check_model(model, X, Y, depth="all", method="central")
        assert everything(model) == before


# ---- while training


def test_the_callback_changes_nothing_in_the_training():
    alone, watched = trained(epochs=5), trained(epochs=5, callbacks=[GradientChecker()])
    assert alone.params.theta.tobytes() == watched.params.theta.tobytes()
    assert alone.history.history["loss"] == watched.history.history["loss"]


def test_reports_and_history():
    checker = GradientChecker(every=2, rows=4)
    model = trained(epochs=5, callbacks=[checker])
    assert [report.epoch for report in checker.reports] == [0, 2, 4]
    assert {report.rows for report in checker.reports} == {4}
    recorded = model.history.history["gradient_difference"]
    assert [np.isnan(value) for value in recorded] == [False, True, False, True, False]
    assert recorded[::2] == [report.difference for report in checker.reports]
    assert max(recorded[::2]) < 1e-14


def test_the_same_training_is_checked_along_the_same_directions():
    once, again = GradientChecker(), GradientChecker()
    trained(epochs=5, callbacks=[once])
    trained(epochs=5, callbacks=[again])
    assert [report.difference for report in once.reports] == [report.difference for report in again.reports]


def test_depth_of_the_callback():
    checker = GradientChecker(every=3, depth="all", method="central")
    trained(epochs=4, callbacks=[checker])
    assert [report.method for report in checker.reports] == ["central"] * 2
    assert all(report.tensors["dense/kernel"].checked == 15 for report in checker.reports)


def test_on_failure():
    with pytest.raises(GradientError, match="guilty: worse"):
        trained(worse(Skip)(), callbacks=[GradientChecker()])
    with pytest.warns(UserWarning, match="epoch 1: sequential"):
        trained(worse(Skip)(), epochs=1, callbacks=[GradientChecker(on_failure="warn")])
    checker = GradientChecker(on_failure="record")
    trained(worse(Skip)(), epochs=2, callbacks=[checker])
    assert [report.passed for report in checker.reports] == [False, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0}, "every must be an integer of at least 1"),
        ({"rows": 0}, "rows must be"),
        ({"on_failure": "stop"}, "on_failure must be one of raise, warn, record"),
        ({"depth": "deep"}, "depth must be one of"),
        ({"method": "fast"}, "method must be one of"),
        ({"tolerance": 2}, "tolerance must be in"),
    ],
)
def test_bad_options_of_the_callback(options, words):
    with pytest.raises(SettingError, match=f"GradientChecker: {words}"):
        GradientChecker(**options)


def test_a_failure_leaves_nothing_on_the_checkers_layers():
    class Kept(GradientChecker):
        def close(self):
            self.kept = self.function
            super().close()

    checker = Kept(on_failure="record")
    trained(worse(Skip)(), epochs=2, callbacks=[checker])
    assert not [path for path, layer in checker.kept.model.layer.walk() if "forward" in vars(layer)]


def test_without_logs_nothing_is_written_down():
    checker = GradientChecker()
    checker.on_epoch_begin(0)
    checker.on_epoch_end(0)
    assert checker.reports == []


def test_a_checker_can_be_used_twice_and_copied():
    checker = GradientChecker(every=2)
    trained(epochs=2, callbacks=[checker])
    trained(Skip(), epochs=2, callbacks=[checker])
    assert len(checker.reports) == 2
    assert len(copy.deepcopy(checker).reports) == 2
