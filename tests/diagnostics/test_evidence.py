"""The evidence of rules: the recorded pass through a copy of the model, classes, losses that need no network."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from minidl import Sequential
from minidl.datasets import circles
from minidl.diagnostics import class_labels, collect_signals
from minidl.diagnostics._evidence import chance_loss, constant_loss, is_regularized
from minidl.layers import Dense, MultiHeadAttention, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy

X, Y = circles(300, noise=0.05, seed=0)


def test_signals_are_without_the_dropout_inside_a_layer():
    x = np.random.default_rng(0).normal(size=(20, 5, 4))
    model = Sequential([MultiHeadAttention(2, 2, dropout=0.5)], seed=0, dtype="float64")
    model.compile(loss="mse")
    model.build((5, 4))
    assert is_regularized(model.objective)
    signals = collect_signals(model, x, x, 20)
    assert np.array_equal(signals.layers[0].y, model.predict(x))
    assert model.layers[0].dropout == 0.5
    model.layers[0].dropout = 0.0
    assert not is_regularized(model.objective)


def test_signals_hold_the_arrays_that_passed_through_the_layers():
    model = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.build((2,))
    signals = collect_signals(model, X, Y, 50)
    first, relu, last = signals.layers
    assert [signal.path for signal in signals.layers] == ["dense", "re_lu", "dense_1"]
    assert np.array_equal(first.y, signals.rows.x @ model.params["dense/kernel"].value)
    assert np.array_equal(relu.y, np.maximum(first.y, 0))
    probabilities = 1 / (1 + np.exp(-last.y))
    assert np.allclose(last.dy, (probabilities - signals.rows.y) / 50, atol=1e-15)
    assert first.y.shape == (50, 4)


def test_the_loss_of_chance_is_the_logarithm_of_the_number_of_classes():
    y = np.array([[0.0], [1], [1], [1]])
    assert chance_loss(BinaryCrossentropy(), y, (1,)) == pytest.approx(math.log(2))
    assert chance_loss(SparseCategoricalCrossentropy(), y, (7,)) == pytest.approx(math.log(7))
    assert chance_loss(CategoricalCrossentropy(), np.eye(5), (5,)) == pytest.approx(math.log(5))


def test_a_constant_prediction_has_the_entropy_of_the_classes_or_the_variance_of_the_amounts():
    y = np.array([[0.0], [1], [1], [1]])
    assert constant_loss(BinaryCrossentropy(), y, (1,)) == pytest.approx(entropy([0.25, 0.75]))
    assert constant_loss(SparseCategoricalCrossentropy(), y, (2,)) == pytest.approx(entropy([0.25, 0.75]))
    amounts = np.random.default_rng(0).normal(size=(50, 3))
    assert constant_loss(MeanSquaredError(), amounts, (3,)) == pytest.approx(amounts.var(axis=0).mean())


@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        ([[0], [1], [1]], [0, 1, 1]),
        ([[2], [0], [1]], [2, 0, 1]),
        ([[0, 1], [1, 0]], [1, 0]),
        ([[0], [0.5]], None),
        ([[1], [3]], None),
        ([[0], [2]], None),
        ([[0, 1], [1, 1]], None),
    ],
)
def test_classes_are_one_hot_rows_or_whole_numbers_from_0(y, wanted):
    found = class_labels(np.array(y, float))
    assert found is None if wanted is None else found.tolist() == wanted
