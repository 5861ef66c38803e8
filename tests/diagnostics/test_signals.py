"""Signals: the recorded pass through a copy of the model."""

import numpy as np

from minidl import Sequential
from minidl.datasets import circles
from minidl.diagnostics import collect_signals
from minidl.layers import Dense, ReLU, Sigmoid

X, Y = circles(300, noise=0.05, seed=0)


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
