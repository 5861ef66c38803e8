"""Models and layers as functions of a vector: what a check needs of them, and that it leaves them as they were."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import GradientError, Sequential, ShapeError, check_layer, check_model
from minidl.data import Examples
from minidl.gradcheck._chain_subject import DataLoss, gradient_after_other_batch
from minidl.initializers import Constant
from minidl.layers import Dense, Layer, Parameter, ReLU, Residual, Sigmoid, Softmax
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2
from tests.helpers.networks import X, Y, trained
from tests.helpers.planted import worse
from tests.helpers.planted_own import Modulus, Noise, Skip
from tests.helpers.right_layers import RunningScale, doubling

RNG = np.random.default_rng(0)


def test_forward_must_return_an_array():
    with pytest.raises(ShapeError, match="Doubling: forward returns nothing; it must return an array, y"):
        check_layer(doubling(forward=lambda self, x, training=False: None), 4)
    with pytest.raises(ShapeError, match="Doubling: forward returns a list; it must return an array, y"):
        check_layer(doubling(forward=lambda self, x, training=False: [2 * x]), 4)


def test_a_gradient_of_another_shape_than_its_parameter_raises():
    class Columns(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.bias.grad = dy.sum(axis=1)
            return dx

    with pytest.raises(ShapeError, match=r"a parameter of shape \(3,\) is given a grad of shape \(5,\)"):
        check_layer(Columns(3), 4)


def test_a_first_layer_may_return_dx_and_a_loss_may_work_on_probabilities():
    for first, passed in (Skip(), True), (Skip("bias from dy"), False):
        model = Sequential([first, Dense(3), Softmax()], seed=0)
        model.compile(loss=BinaryCrossentropy())  # not its own activation
        model.build((3,))
        report = check_model(model, X, RNG.integers(0, 2, (40, 3)), depth="all", raise_on_failure=False)
        assert (report.method, report.passed) == ("complex", passed)


def test_a_loss_on_probabilities_supports_the_complex_step_after_layers_of_other_widths():
    model = Sequential([Dense(4), Sigmoid(), Dense(3), Softmax()], seed=0)
    model.compile(loss=BinaryCrossentropy())  # not its own activation
    model.build((3,))
    assert check_model(model, X, RNG.integers(0, 2, (40, 3))).method == "complex"


def test_outputs_that_depend_on_every_column_of_a_kernel():
    model = Sequential([Dense(4), Residual(Dense(4), Softmax()), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    report = check_model(model, X, Y, depth="all")
    assert report.tensors["residual/dense/kernel"].checked == 16
    assert report.difference < 1e-13


def full_state(model):
    """All that a check could change, as one string of bytes or text each."""
    state = {"theta": model.params.theta.tobytes(), "grad": model.params.grad.tobytes()}
    state["rng"] = repr(model.streams.states)
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
    before = full_state(model)
    check_model(model, X, Y, depth=depth, raise_on_failure=False)
    assert full_state(model) == before


def test_a_check_before_the_first_training_leaves_the_optimizer_as_it_was():
    model = Sequential([Dense(5), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    model.compile(SGD(0.1, momentum=0.9))
    assert model.objective.layers  # linked
    before = full_state(model)
    check_model(model, X, Y)
    assert full_state(model) == before


def test_a_check_that_raises_leaves_the_model_as_it_was():
    model = trained(worse(Skip)())
    before = full_state(model)
    with pytest.raises(GradientError):
        check_model(model, X, Y)
    assert full_state(model) == before


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
        before = full_state(model)
        with pytest.raises(MemoryError, match="no more"):
            check_model(model, X, Y, depth="all", method="central")
        assert full_state(model) == before


def test_rows_that_depend_on_one_other_row_are_differentiated_rightly():
    class MinusLargest(Layer):
        """y = x minus the largest row of the batch, by the first feature."""

        def forward(self, x, training=False):
            self.place = place = int(x.real[:, 0].argmax())
            return x - x[place]

        def backward(self, dy):
            dx = dy.copy()
            dx[self.place] -= dy.sum(axis=0)
            return dx

    for seed in range(6):  # the largest row is another one each time
        assert check_layer(MinusLargest(), 3, seed=seed).difference < 1e-12
        assert check_layer(MinusLargest(), 3, rows=2, seed=seed).difference < 1e-12
    model = trained(MinusLargest())
    assert check_model(model, X, Y, depth="all").difference < 1e-12


def test_frozen_layers_are_checked_and_their_penalties_do_not_count():
    model = trained(worse(Skip)(), loss=BinaryCrossentropy() + L2(0.7))
    for layer in model.layer.layers:
        layer.trainable = False
    report = check_model(model, X, Y, raise_on_failure=False)
    assert report.guilty == "worse"
    assert "penalty" not in report.tensors
    model.layer.layers[0].trainable = True
    assert "penalty" in check_model(model, X, Y, raise_on_failure=False).tensors


class Remembered:
    """Stands for the state of layers: what `other` passes leave behind."""

    def __init__(self):
        self.left = self.restored = 0

    def restore(self):
        self.left, self.restored = 0, self.restored + 1

    def restore_generators(self):
        pass


@pytest.mark.parametrize(
    ("outputs_remember", "gradient_remembers", "found"),
    [
        (False, False, (1.0, False)),
        (False, True, (8.0, True)),  # backward takes something from the pass before
        (True, False, (1.0, False)),
        (True, True, (1.0, False)),  # forward remembers, which is allowed
    ],
)
def test_what_a_gradient_takes_from_the_pass_before_shows(outputs_remember, gradient_remembers, found):
    state = Remembered()

    def this():
        return np.array(2.0 + state.left * outputs_remember), np.array(1.0 + state.left * gradient_remembers)

    def other():
        state.left = 7

    gradient, depends = gradient_after_other_batch(state, this, other)
    assert (float(gradient), depends) == found
    assert state.restored >= 2


def test_a_gradient_that_changes_after_the_very_same_pass_is_that_of_a_layer_that_remembers():
    state = Remembered()

    def this():
        state.left += 1
        return np.array(2.0), np.array(float(state.left))

    gradient, depends = gradient_after_other_batch(state, this, this)
    assert (float(gradient), depends) == (1.0, False)


@pytest.mark.parametrize(
    ("x", "y", "unit"),
    [
        ([[3.0], [1.0]], [[0.5], [0.0]], 3.0),  # 6 / 2 rows
        ([[0.1], [0.2]], [[0.5], [-8.0]], 4.0),
        ([[0.1], [0.2]], [[0.5], [0.0]], 0.5),
    ],
)
def test_the_unit_of_a_model_is_its_largest_output_or_target_per_row(x, y, unit):
    model = Sequential([Dense(1, kernel_initializer=Constant(2.0))])
    model.compile(loss="mse")
    model.build((1,))
    subject = DataLoss(model.objective, Examples(np.array(x), np.array(y)))
    assert subject.unit(subject.point) == pytest.approx(unit, rel=1e-15)


def test_the_unit_of_a_loss_on_logits_does_not_depend_on_them():
    model = Sequential([Dense(1, kernel_initializer=Constant(2.0)), Sigmoid()])
    model.compile(loss="binary_crossentropy")
    model.build((1,))
    subject = DataLoss(model.objective, Examples(np.array([[30.0], [1.0]]), np.array([[1.0], [0.0]])))
    assert subject.unit(subject.point) == 0.5
