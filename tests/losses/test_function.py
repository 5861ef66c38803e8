"""Losses and penalties of Python functions, whose derivative minidl finds."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError, check_loss, check_model
from minidl.layers import Dense, Sigmoid, Tanh
from minidl.losses import (
    BinaryCrossentropy,
    FunctionLoss,
    Huber,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    rows_of,
)
from minidl.regularizers import L1L2, FunctionPenalty

rng = np.random.default_rng(0)
P, Y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
WEIGHTS = rng.uniform(0.5, 2, 6)

SAME = [  # a loss of minidl, and the same as a function
    (MeanSquaredError(), lambda y, p: np.mean(np.square(p - y), axis=-1)),
    (MeanSquaredError(), lambda y, p: (p - y) ** 2),
    (Huber(0.7), lambda y, p: np.where(abs(p - y) < 0.7, 0.5 * (p - y) ** 2, 0.7 * np.abs(p - y) - 0.245)),
    (Huber(0.7), lambda y, p: rows_of(Huber(0.7), y, p)),
]


@pytest.mark.parametrize(("loss", "function"), SAME)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_a_function_is_the_loss_that_it_writes(loss, function, weights):
    value, derivative = loss.value_and_gradient(P, Y, weights)
    found, slope = FunctionLoss(function).value_and_gradient(P, Y, weights)
    assert found == pytest.approx(value, rel=1e-13)
    assert np.allclose(slope, derivative, rtol=1e-12, atol=1e-15)


def test_one_number_for_all_rows_is_the_loss():
    value, derivative = FunctionLoss(lambda y, p: np.mean((p - y) ** 2)).value_and_gradient(P, Y)
    wanted, slope = MeanSquaredError().value_and_gradient(P, Y)
    assert value == pytest.approx(wanted, rel=1e-14)
    assert np.allclose(derivative, slope, rtol=1e-13)


def test_rows_may_depend_on_each_other():
    # sum (p - mean p)^2 / m has the derivative 2 (p - mean p) / m
    loss = FunctionLoss(lambda y, p: (p[:, 0] - np.mean(p[:, 0])) ** 2)
    value, derivative = loss.value_and_gradient(P[:, :1], Y[:, :1])
    spread = P[:, :1] - P[:, :1].mean()
    assert value == pytest.approx((spread**2).mean(), rel=1e-14)
    assert np.allclose(derivative, 2 * spread / 6, rtol=1e-12)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda y, p: np.cross(p, p), SettingError, "np.cross has no known derivative here"),
        (lambda y, p: np.copysign(p, y), SettingError, "np.copysign has no known derivative here"),
        (lambda y, p: np.add.reduce(p), SettingError, "np.add has no known derivative in this form"),
        (lambda y, p: np.mean(p, dtype="float64"), SettingError, "dtype= has no known derivative here"),
        (lambda y, p: np.array(p), SettingError, "the array is converted, which loses the derivative"),
        (lambda y, p: float(p[0, 0]), SettingError, "the array is turned into a number"),
        (lambda y, p: p if np.sum(p) else y, SettingError, "`if` on an array loses the derivative; use where"),
        (lambda y, p: np.mean(y), SettingError, "must compute the loss from y_pred, got"),
        (lambda y, p: rows_of(Huber(), p, y), SettingError, "Huber has no derivative along the targets"),
        (lambda y, p: p[:3, 0], ShapeError, r"returns the shape \(3,\); one number per row was expected, \(6,\)"),
        (lambda y, p: np.dot(p, y[None]), SettingError, "dot of shapes"),
        (lambda y, p: np.linalg.norm(p, 1), SettingError, "norm with ord=1"),
    ],
)
def test_what_has_no_derivative_raises_an_error(function, error, message):
    with pytest.raises(error, match=message):
        FunctionLoss(function).terms(P, Y)


@pytest.mark.parametrize("given", [3, "mse", Huber])
def test_a_function_is_needed(given):
    with pytest.raises(SettingError, match=r"FunctionLoss: function must be a function of \(y_true, y_pred\)"):
        FunctionLoss(given)


def test_a_model_trains_with_a_function_and_its_gradient_checks():
    def quantile(y, p):
        return np.mean(np.maximum(0.9 * (y - p), -0.1 * (y - p)), axis=-1)

    model = Sequential([Dense(5), Tanh(), Dense(4)], seed=0, dtype="float64")
    model.compile("adam", FunctionLoss(quantile))
    losses = model.fit(P, Y, epochs=50).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert check_model(model, P, Y).difference < 1e-9
    assert check_loss(FunctionLoss(quantile), 4).difference < 1e-12


def test_class_labels_come_in_one_column():
    labels = np.array([0, 2, 1, 3, 0, 1])
    loss = SparseCategoricalCrossentropy(from_logits=True)
    histories = []
    for given in (loss, FunctionLoss(lambda y, p: rows_of(loss, y, p))):
        model = Sequential([Dense(4)], seed=0, dtype="float64")
        model.compile("sgd", given)
        histories.append(model.fit(P, labels, epochs=3).history["loss"])
    assert np.allclose(*histories, rtol=1e-13)


def test_a_penalty_of_a_function():
    penalty, w = FunctionPenalty(lambda w: 0.3 * np.sum(np.abs(w)) + 0.7 * np.sum(np.square(w))), P.ravel()
    wanted = L1L2.keras(0.3, 0.7)
    assert penalty.value(w, 5) == pytest.approx(wanted.value(w, 5), rel=1e-14)
    assert np.allclose(penalty.gradient(w, 5), wanted.gradient(w, 5), rtol=1e-13)
    losses = []
    for regularizer in (penalty, wanted):
        model = Sequential([Dense(3, kernel_regularizer=regularizer), Sigmoid(), Dense(1), Sigmoid()], seed=0)
        model.compile("sgd", BinaryCrossentropy())
        losses.append(model.fit(P, Y[:, 0] > 0, epochs=3).history["loss"])
    assert np.allclose(*losses, rtol=1e-6)
    with pytest.raises(SettingError, match="must compute one number from the weights"):
        FunctionPenalty(lambda w: w * 2).value(w, 1)
    with pytest.raises(SettingError, match="function must be a function of the weights"):
        FunctionPenalty(3)
