"""The checks of a function, a loss, a layer and a model: their options and results."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import (
    GradientError,
    Model,
    Sequential,
    SettingError,
    ShapeError,
    check_gradient,
    check_layer,
    check_loss,
    check_model,
)
from minidl.layers import (
    Chain,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Graph,
    Layer,
    Residual,
    Sigmoid,
    Tanh,
)
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.regularizers import L1, L2
from minidl.validation import Interval
from tests.helpers.networks import X, Y, trained
from tests.helpers.planted import worse
from tests.helpers.planted_own import Huber, Modulus, Skip

RNG = np.random.default_rng(0)


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


def test_central_differences_are_used_if_a_function_does_not_support_complex_numbers():
    theta = np.array([0.5, -2.0, 0.0])
    report = check_gradient(lambda t: np.abs(t).sum(), np.sign, theta)
    assert report.method == "central"
    assert "central differences" in str(report)
    assert not check_gradient(lambda t: np.abs(t).sum(), lambda t: 0 * t, theta, raise_on_failure=False).passed


@pytest.mark.parametrize(
    ("f", "gradient", "words"),
    [
        (np.sum, np.ones(4), r"gradient has shape \(4,\), theta \(3,\)"),
        (np.sum, 1.0, r"gradient has shape \(\), theta \(3,\)"),
        (
            lambda t: t,
            np.ones(3),
            r"for f of shape \(3,\) the gradient is the Jacobian: it has shape \(3,\), theta \(3,\)",
        ),
    ],
)
def test_wrong_shapes_raise(f, gradient, words):
    with pytest.raises(ShapeError, match=f"check_gradient: {words}"):
        check_gradient(f, gradient, np.ones(3))


def test_the_complex_step_is_rejected_if_imaginary_parts_are_lost():
    with pytest.raises(SettingError, match=r'gradient loses the imaginary parts .* must be "auto" or "central"'):
        check_gradient(lambda t: np.abs(t).sum(), np.sign, np.ones(2), method="complex")
    with pytest.raises(SettingError, match="Modulus loses the imaginary parts"):
        check_layer(Modulus(), 4, method="complex")


def test_bad_options_raise():
    for options, words in (
        ({"method": "fast"}, "method"),
        ({"tolerance": 0}, "tolerance"),
        ({"tolerance": 1}, "toler"),
    ):
        with pytest.raises(SettingError, match=f"check_gradient: {words}"):
            check_gradient(np.sin, np.cos, 1.0, **options)


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
    assert (
        "input is wrong with 5 or 3 rows alone" in check_layer(mean(), 4, rows=(5, 1, 3), raise_on_failure=False).notes
    )
    assert check_layer(mean(), 4, rows=(1,)).passed
    assert check_layer(worse(Sigmoid)(), 4, raise_on_failure=False).notes == []


def test_one_mode_with_one_number_of_rows_is_noted():
    class Inference(Layer):
        def forward(self, x, training=False):
            self.training = training
            return 1 * x

        def backward(self, dy):
            return dy if self.training or len(dy) == 1 else 1.1 * dy

    report = check_layer(Inference(), 4, rows=(1, 5), raise_on_failure=False)
    assert report.notes == ["input is wrong with 5 rows in inference alone"]
    assert report.rows == 5


def test_the_layer_itself_is_not_changed():
    layer = Dense(3)
    before = dict(vars(layer))
    check_layer(layer, 4)
    assert vars(layer) == before


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


def test_check_loss_checks_every_form():
    names = ["output", "output, weighted", "output, hard labels", "logits", "logits, weighted", "logits, hard labels"]
    assert list(check_loss(BinaryCrossentropy(), 2).tensors) == names
    assert list(check_loss(MeanSquaredError() + L2(1.0) + L1(0.5)).tensors) == ["output", "output, weighted", "penalty"]
    assert list(check_loss(L2(1.0)).tensors) == ["penalty"]
    assert list(check_loss("mse", 2).tensors) == ["output", "output, weighted"]
    assert check_loss(L2(1.0)).title == "L2"
    assert check_loss(MeanSquaredError() + L2(1.0)).title == check_loss("mse").title == "MeanSquaredError"
    assert list(check_loss(BinaryCrossentropy(from_logits=True)).tensors) == names[:3]
    with pytest.raises(GradientError, match="derivative / 2"):
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
def test_check_loss_rejects_bad_arguments(loss, options, words):
    with pytest.raises(SettingError, match=f"check_loss: {words}"):
        check_loss(loss, **options)


def test_the_report_of_a_right_model():
    report = check_model(trained(), X, Y)
    assert report.passed
    assert report.difference < 1e-14
    assert report.guilty is None
    assert report.rows == 32
    assert report.method == "complex"
    assert list(report.tensors) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias", "penalty"]
    assert [tensor.size for tensor in report.tensors.values()] == [15, 5, 5, 1, 26]
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
    assert "1.01 x derivative" in tensor.cause
    assert report.tensors["middle/kernel"].passed
    for words in (
        "guilty: middle",
        "WRONG",
        "right",
        "dense/kernel",
        "1.01 x derivative",
        "complex step, float64, 32 rows",
    ):
        assert words in str(report)
    with pytest.raises(GradientError) as caught:
        check_model(model, X, Y)
    assert str(caught.value) == str(caught.value.report)


DEPTHS = ("auto", "directions", 4, 100, "all")


def test_depths():
    model = trained()
    checked = {depth: check_model(model, X, Y, depth=depth).tensors["dense/kernel"].checked for depth in DEPTHS}
    assert checked == {"auto": 0, "directions": 0, 4: 4, 100: 15, "all": 15}
    wrong = trained(worse(Skip)())
    for depth in DEPTHS:
        assert not check_model(wrong, X, Y, depth=depth, raise_on_failure=False).tensors["dense/kernel"].passed
    assert check_model(wrong, X, Y, raise_on_failure=False).tensors["dense/kernel"].checked == 15


@pytest.mark.parametrize("given", [Sequential, lambda: None, X])
def test_check_model_rejects_other_objects(given):
    with pytest.raises(
        SettingError, match=r"check_model: model must be a Model, got .*; call check_model\(model, x, y"
    ):
        check_model(given, X, Y)


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
def test_bad_options_of_check_model_raise(options, words):
    with pytest.raises(SettingError, match=f"check_model: {words}"):
        check_model(trained(), X, Y, **options)


def test_a_model_that_is_not_built_is_built_for_the_rows():
    model, other = Sequential([Dense(1)], seed=0), Sequential([Dense(1)], seed=0)
    assert check_model(model, X, Y).passed
    other.build(X.shape[1:])
    assert np.array_equal(model.params.theta, other.params.theta)


def test_sample_weights_count():
    model = trained(loss=Huber("weights forgotten"))
    assert check_model(model, X, Y).passed
    report = check_model(model, X, Y, sample_weight=np.linspace(0, 2, 40), raise_on_failure=False)
    assert "the weights are forgotten" in str(report)
    assert check_model(trained(), X, Y, sample_weight=np.linspace(0, 2, 40)).passed


def test_the_penalty_is_checked_separately():
    @dataclass(frozen=True)
    class Doubled(L2):
        def gradient(self, w, m):
            return 2 * super().gradient(w, m)

    model = trained(loss=BinaryCrossentropy() + Doubled(1e-3))
    report = check_model(model, X, Y, raise_on_failure=False)
    assert list(report.wrong) == ["penalty"]
    assert report.guilty is None
    assert report.tensors["penalty"].cause.startswith("the penalty's gradient = 2 x derivative everywhere")
    assert check_model(model, X, Y, tolerance=0.5).passed  # |2 - 1| / (2 + 1)


def test_a_check_needs_rows():
    with pytest.raises(SettingError, match=r"check_layer: rows must be an integer or several of them, got \(\)"):
        check_layer(Dense(3), 4, rows=())


def test_the_penalty_is_checked_by_the_given_method():
    model = trained()
    assert check_model(model, X, Y, method="central").method == "central"

    @dataclass(frozen=True)
    class Lossy(L2):
        def value(self, w, m):
            return super().value(w.real, m)

    lossy = trained(loss=BinaryCrossentropy() + Lossy(0.7))
    assert check_model(lossy, X, Y).method == "central"
    with pytest.raises(SettingError, match="the penalty's gradient loses the imaginary parts"):
        check_model(lossy, X, Y, method="complex")


def test_a_loss_that_does_not_support_complex_numbers_is_checked_by_differences():
    class Absolute(MeanSquaredError):
        """l = |p - y|^3."""

        factor = 3

        def terms(self, p, y):
            return (np.abs(p - y) ** 3).sum(axis=1), self.factor * np.abs(p - y) * (p - y)

    class Wrong(Absolute):
        factor = 2

    assert check_loss(Absolute()).method == "central"
    assert not check_loss(Wrong(), raise_on_failure=False).passed


@pytest.mark.parametrize("depth", ["auto", "directions", 4, "all"])
def test_the_penalty_is_checked_along_a_direction_at_any_depth(depth):
    assert check_model(trained(), X, Y, depth=depth).tensors["penalty"].checked == 0


def test_a_loss_is_checked_on_outputs_below_a_finite_upper_bound():
    class Below(MeanSquaredError):
        """l = -log(-p)."""

        outputs = Interval("(-inf, 0)")

        def terms(self, p, y):
            assert (p.real < 0).all()
            return -np.log(-p).sum(axis=1), -1 / p

    assert check_loss(Below()).passed


def test_the_difference_of_a_report_is_the_largest_of_its_tensors():
    report = check_model(trained(worse(Skip)()), X, Y, raise_on_failure=False)
    assert report.difference == max(tensor.difference for tensor in report.tensors.values()) > 1e-3
    assert report.to_dict()["difference"] == report.difference


def test_ids_among_several_inputs_stay_where_they_are():
    rng = np.random.default_rng(0)
    x = {"ids": rng.integers(0, 9, (8, 4)), "numbers": rng.normal(size=(8, 3))}
    layers = {
        "vectors": (Embedding(9, 2), "ids"),
        "flat": (Flatten(), "vectors"),
        "joined": (Concatenate(), "flat", "numbers"),
        "y": (Dense(1), "joined"),
    }
    model = Model(Graph({"ids": (4,), "numbers": (3,)}, layers, "y"), seed=0)
    model.compile(loss="mse")
    assert check_model(model, x, rng.normal(size=(8, 1))).headline.startswith(
        "model: all gradients right (complex step"
    )


@pytest.mark.parametrize(("factor", "wrong"), [(1, []), (2, ["input"])])
def test_a_graph_that_takes_ids_beside_numbers(factor, wrong):
    class Scaled(Tanh):
        def backward(self, dy):
            return factor * super().backward(dy)

    nodes = {
        "words": (Chain(Embedding(9, 4), GlobalAveragePooling1D()), "ids"),
        "squashed": (Scaled(), "numbers"),
        "both": (Concatenate(), "words", "squashed"),
        "y": (Dense(1), "both"),
    }
    for inputs in ({"numbers": (3,), "ids": (5,)}, {"ids": (5,), "numbers": (3,)}):
        report = check_layer(Graph(inputs, nodes, "y"), 8, raise_on_failure=False)
        assert [path for path, tensor in report.tensors.items() if not tensor.passed] == wrong
        assert not report.broken
