"""The penalty of given weights is one number, however it is asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import Sequential, SettingError, check_model, load_model
from minidl.callbacks import Callback, GradientChecker
from minidl.estimators import MLPClassifier, SequentialRegressor
from minidl.layers import Dense, Sigmoid, Tanh
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.optimizers import LBFGS, SGD
from minidl.regularizers import L1, L2

LAMBD = 0.7


def rows(m):
    x = np.random.default_rng(m).normal(size=(m, 3))
    return x, (x[:, 0] > 0).astype(float)


def network(optimizer=None, loss=None):
    """Return a model whose weights do not change: the penalty is the same in every batch."""
    model = Sequential([Dense(4), Tanh(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.compile(optimizer or SGD(1e-300), loss or BinaryCrossentropy() + L2(LAMBD))
    return model


def by_hand(model, m):
    kernels = (layer.kernel.value for layer in model.layers if isinstance(layer, Dense))
    return LAMBD / (2 * m) * sum(float((kernel**2).sum()) for kernel in kernels)


def stream(x, y, size):
    return ((x[i : i + size], y[i : i + size]) for i in range(0, len(x), size))


class Batches(Callback):
    """Keeps the penalty that each batch reports."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(logs["penalty"])


@settings(max_examples=60, deadline=None)
@given(m=st.integers(2, 60), size=st.integers(1, 70), asked=st.integers(1, 60), at_once=st.integers(1, 70))
def test_the_penalty_depends_on_no_batch_and_on_no_rows_but_those_of_the_training(m, size, asked, at_once):
    x, y = rows(m)
    model, batches = network(), Batches()
    logs = model.fit(x, y, size, validation_data=rows(asked), verbose=0, callbacks=batches).history
    wanted = pytest.approx(by_hand(model, m), rel=1e-12)
    assert [*batches.seen, logs["penalty"][0], logs["val_penalty"][0]] == [wanted] * (len(batches.seen) + 2)
    figures = model.evaluate(*rows(asked), batch_size=at_once, return_dict=True)
    assert figures["penalty"] == wanted
    assert figures["loss"] == pytest.approx(logs["val_loss"][0], rel=1e-12)


def test_twelve_ways_of_asking_give_one_number(tmp_path):
    x, y = rows(50)
    model = network()
    history = model.fit(x, y, 20, validation_data=(x[:7], y[:7]), verbose=0).history
    penalty = by_hand(model, 50)
    asked = {
        "fit": history["penalty"][0],
        "validation": history["val_penalty"][0],
        "evaluate": model.evaluate(x, y, return_dict=True)["penalty"],
        "evaluate in batches": model.evaluate(x, y, batch_size=3, return_dict=True)["penalty"],
        "evaluate a stream": model.evaluate(stream(x, y, 9), return_dict=True)["penalty"],
        "test_on_batch": model.test_on_batch(x[:4], y[:4], return_dict=True)["penalty"],
        "objective": model.objective.penalty(1),
        "backpropagate": model.backpropagate(x, y) - model.evaluate(x, y, return_dict=True)["data_loss"],
        "a copy": model.copy().evaluate(x, y, return_dict=True)["penalty"],
        "train_on_batch": model.train_on_batch(x[:5], y[:5], return_dict=True)["penalty"],
    }
    model.save(tmp_path / "model.h5")
    asked["a file"] = load_model(tmp_path / "model.h5").evaluate(x, y, return_dict=True)["penalty"]
    for name, optimizer, data, options in (
        ("full batch", SGD(1e-300), (x, y), {"batch_size": 50}),
        ("a generator", SGD(1e-300), (stream(x, y, 10),), {"steps_per_epoch": 5}),
        ("a list of batches", SGD(1e-300), (Pairs(x, y),), {}),
    ):
        other = network(optimizer)
        asked[name] = other.fit(*data, verbose=0, **options).history["penalty"][0]
    lbfgs = network(LBFGS())
    logs = lbfgs.fit(x, y, epochs=1, verbose=0).history
    assert logs["penalty"][0] == pytest.approx(by_hand(lbfgs, 50), rel=1e-12)
    assert asked == {name: pytest.approx(penalty, rel=1e-12) for name in asked}


class Pairs:
    """Batches by number."""

    def __init__(self, x, y):
        self.batches = list(stream(x, y, 10))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]


def test_the_gradient_check_is_of_the_penalty_that_the_training_has():
    x, y = rows(50)
    model, checker = network(SGD(0.1)), GradientChecker(rows=4)
    model.fit(x, y, 20, epochs=2, verbose=0, callbacks=checker)
    assert all(report.passed for report in checker.reports)
    assert check_model(model, x[:9], y[:9]).passed
    # the gradient that backpropagate leaves is that of the data plus lambd / 50 w
    model.backpropagate(x[:9], y[:9])
    whole = model.params.grad.copy()
    model.compile(SGD(0.1), BinaryCrossentropy())
    model.backpropagate(x[:9], y[:9])
    kernels = model.params.kernels
    difference = (whole - model.params.grad)[kernels]
    assert difference == pytest.approx(LAMBD / 50 * model.params.theta[kernels], rel=1e-9, abs=1e-15)


def test_a_new_training_settles_its_own_rows():
    model = network()
    for m in (50, 20):
        model.fit(*rows(m), verbose=0)
        assert model.training_rows == m
        assert model.evaluate(*rows(5), return_dict=True)["penalty"] == pytest.approx(by_hand(model, m), rel=1e-12)
    model.fit(*rows(50), validation_split=0.2, verbose=0)
    assert model.training_rows == 40  # the validation rows are not trained on


def test_before_any_training_the_rows_at_hand_count():
    model = network()
    model.build((3,))
    for m in (50, 20):
        assert model.evaluate(*rows(m), return_dict=True)["penalty"] == pytest.approx(by_hand(model, m), rel=1e-12)


def test_the_first_batch_settles_the_rows_of_train_on_batch():
    model = network()
    for m in (10, 4):
        logs = model.train_on_batch(*rows(m), return_dict=True)
        assert logs["penalty"] == pytest.approx(by_hand(model, 10), rel=1e-12)


def test_an_epoch_of_unknown_length_needs_a_penalty_that_is_not_divided():
    x, y = rows(50)
    with pytest.raises(SettingError, match=r"unknown; pass steps_per_epoch, or .* such as L2.keras\(0.01\)"):
        network().fit(stream(x, y, 10), verbose=0)
    model = network(loss=BinaryCrossentropy() + L2.keras(0.01))
    model.fit(stream(x, y, 10), verbose=0)
    assert model.evaluate(x, y, return_dict=True)["penalty"] == pytest.approx(by_hand(model, 1) * 0.02 / LAMBD)


def test_a_fit_that_is_refused_leaves_the_rows_of_the_last():
    model = network()
    model.fit(*rows(50), verbose=0)
    with pytest.raises(SettingError, match="the rows of an epoch, which are unknown"):
        model.fit(stream(*rows(20), 10), verbose=0)
    assert model.training_rows == 50


def test_estimators_report_the_same_penalty():
    x, y = rows(50)
    estimator = SequentialRegressor(
        [Dense(4), Tanh(), Dense(1)], loss=MeanSquaredError() + L2(LAMBD), optimizer=SGD(1e-300), epochs=1,
        batch_size=20, dtype="float64",
    )  # fmt: skip
    model = estimator.fit(x, y).model_
    assert estimator.history_["penalty"][0] == pytest.approx(by_hand(model, 50), rel=1e-12)


def test_only_scikit_learns_alpha_is_divided_by_the_rows_of_a_batch():
    # sklearn.neural_network._multilayer_perceptron 1.9.1, _backprop: alpha / (2 n_samples) of the batch
    x, y = rows(50)
    mlp = MLPClassifier((4,), alpha=LAMBD, batch_size=20, max_iter=1, solver="sgd", learning_rate_init=1e-300)
    with pytest.warns(match="max_iter"):
        model = mlp.fit(x, y).model_
    figures = model.evaluate(x, y[:, None], return_dict=True)
    assert figures["penalty"] == pytest.approx(by_hand(model, 50), rel=1e-12)
    batches = (20 * by_hand(model, 20) * 2 + 10 * by_hand(model, 10)) / 50
    assert mlp.loss_ == pytest.approx(figures["data_loss"] + batches, rel=1e-12)


@pytest.mark.parametrize("penalty", [L2.keras(0.01), L1.keras(0.01), L2.pytorch(0.01)])
def test_keras_and_pytorch_do_not_divide(penalty):
    w = np.array([1.0, -2.0, 3.0])
    value = {"L2(lambd=0.02": 0.01 * 14, "L1(lambd=0.01": 0.01 * 6, "L2(lambd=0.01": 0.005 * 14}
    wanted = next(number for start, number in value.items() if repr(penalty).startswith(start))
    for m in (1, 7, 1000):
        assert penalty.value(w, m) == pytest.approx(wanted, rel=1e-15)
