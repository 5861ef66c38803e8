"""The rules for layers that check_layer checks besides the gradient."""

import numpy as np
import pytest

from minidl import GradientError, Sequential, check_layer, check_model
from minidl.layers import Dense, Layer, Sigmoid
from tests.helpers.planted_own import Noise
from tests.helpers.right_layers import RunningScale, doubling


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
        ({"forward": borrows_x}, "it does not accept a read-only or non-contiguous input"),
        ({"forward": widens}, "forward turns float32 into float64; use Python floats as scalars"),
        ({"forward": returns_its_own_buffer}, "a later pass writes into an array that was returned earlier"),
        (
            {"build": lambda self, shape: (7,)},
            r"build returns the row shape \(7,\), forward returns rows of",
        ),
        (
            {"backward": lambda self, dy: 2 * dy[:, :3]},
            r"backward returns dL/dx of shape \(6, 3\) for x of shape \(6, 4\)",
        ),
        ({"backward": lambda self, dy: None}, "backward returns nothing; it must return an array, dL/dx"),
        ({"backward": lambda self, dy: list(2 * dy)}, "backward returns a list; it must return an array, dL/dx"),
        ({"forward": counts}, "forward is not the same twice from one state"),
    ],
)
def test_a_broken_rule_fails_the_check(methods, words):
    with pytest.raises(GradientError, match=f"broken: {words}"):
        check_layer(doubling(**methods), 4)


def test_a_pass_that_changes_parameters_breaks_a_rule():
    class Drifts(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.value *= 2
            return dx

    report = check_layer(Drifts(3), 4, raise_on_failure=False)
    assert "a pass changes its parameters" in report.broken


def test_adding_to_a_gradient_breaks_a_rule():
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


def test_nan_breaks_no_rule():
    def root(self, x, training=False):
        with np.errstate(invalid="ignore"):
            self.y = y = np.sqrt(x)  # of numbers below 0, too
        return y

    layer = doubling(forward=root, backward=lambda self, dy: dy / (2 * self.y))
    assert check_layer(layer, 4, raise_on_failure=False).broken == []


@pytest.mark.parametrize("forward", [reads_back, reads_back_in_inference])
def test_reading_back_is_advice(forward):
    report = check_layer(doubling(forward=forward), 4)
    assert report.passed
    assert "forward reads self.y back" in report.notes[0]


def test_an_input_that_cannot_be_read_only_or_strided():
    def viewed(self, x, training=False):
        return 2 * np.frombuffer(x, x.dtype).reshape(-1, 4)  # only a contiguous array is a buffer

    report = check_layer(doubling(forward=viewed), 4, raise_on_failure=False)
    assert any("non-contiguous" in line for line in report.broken)


def test_an_array_instead_of_a_parameter_is_noted():
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
    assert check_layer(Scale(), 4).notes == ["self.gain is an array but not a Parameter: training does not change it"]


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


def test_the_rules_hold_in_training_too():
    def widens_in_training(self, x, training=False):
        return widens(self, x) if training else 2 * x

    def writes_in_training(self, x, training=False):
        return writes_x(self, x) if training else 2 * x

    broken = check_layer(doubling(forward=widens_in_training), 4, raise_on_failure=False).broken
    assert broken[0] == "forward turns float32 into float64; use Python floats as scalars"
    assert (
        "it writes into its input x"
        in check_layer(doubling(forward=writes_in_training), 4, raise_on_failure=False).broken
    )


# ---- two verdicts


def test_a_broken_rule_is_one_finding_and_spoils_no_figure():
    for methods in ({"forward": writes_x}, {"backward": writes_dy}, {"forward": widens}):
        report = check_layer(doubling(**methods), 4, raise_on_failure=False)
        assert (report.gradients_right, report.contract_kept, report.passed) == (True, False, False)
        assert report.difference < 1e-15
        assert len(report.broken) == 1 + ("forward" in methods and methods["forward"] is writes_x)


def test_the_contract_of_foreign_layers_is_a_note():
    report = check_layer(doubling(backward=writes_dy), 4, contract=False)
    assert (report.passed, report.contract_kept) == (True, False)
    assert "broken: backward writes into its argument dy" in str(report)
    assert report.to_dict()["contract_kept"] is False
    wrong = doubling(backward=lambda self, dy: 3 * dy)
    assert not check_layer(wrong, 4, contract=False, raise_on_failure=False).passed


def test_float32_inside_is_coarse_and_breaks_a_rule():
    single = doubling(forward=lambda self, x, training=False: 2 * x.astype(np.float32).astype(x.dtype))
    report = check_layer(single, 4)
    assert any("digits, which is all that can be measured" in note for note in report.notes)
    single = doubling(forward=lambda self, x, training=False: 2 * x.astype(np.float32))
    report = check_layer(single, 4, raise_on_failure=False)
    assert report.gradients_right
    assert report.broken == ["forward turns float64 into float32; keep the dtype of x"]
    wrong = doubling(forward=single.forward.__func__, backward=lambda self, dy: 2.02 * dy)
    assert not check_layer(wrong, 4, raise_on_failure=False).gradients_right


def test_a_layer_that_writes_into_what_another_one_needs_is_guilty_in_a_model():
    model = Sequential([Dense(3), Sigmoid(), doubling(forward=writes_x), Dense(1)], seed=0)
    model.compile(loss="mse")
    model.build((4,))
    report = check_model(model, np.ones((3, 4)), np.ones((3, 1)), raise_on_failure=False)
    assert report.guilty == "doubling"
    assert "it writes into its input x, which another layer needs" in str(report)
