"""ActivityRegularization: what it adds to the objective, and where the objective is used."""

import numpy as np
import pytest

import minidl
from minidl import GradientError, Sequential, SettingError, check_layer, check_model
from minidl.data import Examples
from minidl.files import export_onnx
from minidl.layers import ActivityRegularization, Chain, Dense, Dropout, Graph, ReLU, Tanh
from minidl.losses import MeanSquaredError
from minidl.optimizers import LBFGS, SGD
from minidl.regularizers import L1, L1L2, L2

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))


def network(penalty, *, seed=0):
    layers = [Dense(4), ReLU(), ActivityRegularization(penalty), Dense(2)]
    model = Sequential(layers, seed=seed, dtype="float64")
    model.compile(SGD(0.05), MeanSquaredError())
    model.build((3,))
    return model


def codes(model, x):
    return np.maximum(x @ model.params["dense/kernel"].value + model.params["dense/bias"].value, 0)


def loss_by_hand(model, penalty_of_codes):
    return np.mean((model.predict(X) - Y) ** 2) + penalty_of_codes(codes(model, X)) / len(X)


@pytest.mark.parametrize(
    ("penalty", "formula"),
    [
        (L1.keras(0.3), lambda h: 0.3 * np.abs(h).sum()),
        (L1(0.3), lambda h: 0.3 * np.abs(h).sum()),
        (L2(0.3), lambda h: 0.15 * np.square(h).sum()),
        (L2.keras(0.3), lambda h: 0.3 * np.square(h).sum()),
        (L1L2.keras(0.1, 0.3), lambda h: 0.1 * np.abs(h).sum() + 0.3 * np.square(h).sum()),
        ("l2", lambda h: 0.01 * np.square(h).sum()),
    ],
    ids=repr,
)
@pytest.mark.parametrize("batch_size", [7, 1024])
def test_the_loss_of_evaluate_contains_the_penalty_for_batches_of_any_size(penalty, formula, batch_size):
    model = network(penalty)
    wanted = loss_by_hand(model, formula)
    assert model.evaluate(X, Y, batch_size=batch_size, verbose=0) == pytest.approx(wanted, rel=1e-12)
    assert model.objective.value(Examples(X, Y)).data_loss == pytest.approx(wanted, rel=1e-12)
    assert model.objective.gradient(Examples(X, Y)).data_loss == pytest.approx(wanted, rel=1e-12)


def test_weights_of_rows_do_not_change_the_penalty():
    model, weight = network(L2(0.5)), RNG.uniform(0.5, 2.0, len(X))
    data_loss = np.mean(weight * np.mean((model.predict(X) - Y) ** 2, axis=1))
    wanted = data_loss + 0.25 * np.square(codes(model, X)).sum() / len(X)
    assert model.evaluate(X, Y, sample_weight=weight, verbose=0) == pytest.approx(wanted, rel=1e-12)


def test_a_strong_penalty_makes_the_codes_small():
    sums = {}
    for penalty in (L1(0.0), L1(10.0)):
        model = network(penalty)
        model.fit(X, Y, epochs=100, batch_size=25, verbose=0)
        sums[penalty] = codes(model, X).sum()
    assert sums[L1(10.0)] < 0.01 * sums[L1(0.0)]


def test_predictions_are_those_without_the_layer():
    model = network(L2(0.5))
    plain = Sequential([Dense(4), ReLU(), Dense(2)], dtype="float64")
    plain.build((3,))
    plain.params.theta = model.params.theta
    assert np.array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize("penalty", [L1(0.3), L2(0.7)], ids=repr)
def test_check_model_proves_the_gradient_with_the_penalty(penalty):
    assert check_model(network(penalty), X, Y).difference < 1e-10


class ForgottenDerivative(ActivityRegularization):
    """Adds the penalty to the objective, but not its derivative to dL/dx."""

    def backward(self, dy):
        return dy


class ForgottenRows(ActivityRegularization):
    """Does not divide the derivative by the rows."""

    def backward(self, dy):
        return dy + self.penalty.gradient(self.x.reshape(-1), 1.0).reshape(self.x.shape)


@pytest.mark.parametrize("wrong", [ForgottenDerivative, ForgottenRows])
def test_the_gradient_checker_finds_a_wrong_derivative_of_the_penalty(wrong):
    with pytest.raises(GradientError):
        check_layer(wrong(L2(0.7)), 4)
    with pytest.raises(GradientError):
        check_layer(Chain(Dense(3), wrong(L2(0.7)), Dense(2)), 4)
    with pytest.raises(GradientError):
        check_model(Sequential([Dense(4), wrong(L2(0.7)), Dense(2)], dtype="float64"), X, Y)


def test_every_place_of_a_layer_adds_its_penalty():
    shared, dense = ActivityRegularization(L2(2.0)), Dense(3)
    graph = Graph("x", {"a": (shared, "x"), "h": (dense, "a"), "b": (shared, "h"), "y": (Tanh(), "b")}, "y")
    model = minidl.Model(graph, dtype="float64")
    model.compile(SGD(0.1), MeanSquaredError())
    model.build((3,))
    h = X @ dense.parameters["kernel"].value + dense.parameters["bias"].value
    target = np.zeros((50, 3))
    wanted = np.mean(np.tanh(h) ** 2) + (np.square(X).sum() + np.square(h).sum()) / 50
    assert model.evaluate(X, target, verbose=0) == pytest.approx(wanted, rel=1e-12)
    assert check_model(model, X, target).difference < 1e-10


def test_the_penalty_sees_the_outputs_of_dropout_in_training():
    layers = [Dropout(0.5), ActivityRegularization(L2(2.0))]
    model = Sequential(layers, dtype="float64", seed=1)
    model.compile(SGD(0.1), MeanSquaredError())
    model.build((3,))
    rows = Examples(X, np.zeros((50, 3)))
    evaluation = model.objective.gradient(rows)
    wanted = np.mean(evaluation.outputs**2) + np.square(evaluation.outputs).sum() / 50
    assert evaluation.data_loss == pytest.approx(wanted, rel=1e-12)
    assert (evaluation.outputs == 0).any()


@pytest.mark.parametrize("optimizer", [LBFGS(), SGD(0.5)], ids=repr)
def test_training_minimises_the_whole(optimizer):
    # mean (p - y)^2 + 0.25 sum p^2 / m of two outputs is least where p - y + 0.5 p = 0: least squares for y / 1.5
    model = Sequential([Dense(2), ActivityRegularization(L2(0.5))], dtype="float64", seed=0)
    model.compile(optimizer, MeanSquaredError())
    model.fit(X, Y, epochs=200, batch_size=50, verbose=0)
    design = np.column_stack([X, np.ones(len(X))])
    wanted = design @ np.linalg.lstsq(design, Y / 1.5, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), wanted, atol=1e-4)


def test_history_reports_the_loss_with_the_penalty_alone():
    model = network(L2(0.5))
    history = model.fit(X, Y, epochs=1, batch_size=50, verbose=0).history
    assert list(history) == ["loss"]


def test_model_files_keep_the_layer(tmp_path):
    model = network(L1L2(0.2, 0.3))
    model.save(tmp_path / "model.h5")
    loaded = minidl.load_model(tmp_path / "model.h5")
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert loaded.layers[2].penalty == L1L2(0.2, 0.3)
    with pytest.raises(SettingError, match="archives keep no penalties"):
        model.save(tmp_path / "model.keras")


@pytest.mark.peers
def test_onnx_files_leave_the_layer_out(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = network(L2(0.5))
    export_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (outputs,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(outputs, model.predict(X), rtol=1e-6)


def test_what_is_no_penalty_is_refused():
    with pytest.raises(SettingError, match="penalty must be a penalty such as L2"):
        ActivityRegularization(0.5)
