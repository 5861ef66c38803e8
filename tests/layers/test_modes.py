"""Training and prediction: only training changes a model, and layers differ between them as documented."""

import copy

import numpy as np
import pytest

from minidl import Sequential
from minidl.layers import BatchNormalization, Dense, Dropout, GaussianNoise, ReLU, Sigmoid
from minidl.metrics import AUC, F1Score
from minidl.optimizers import SGD


def rows(m=40, n=3, seed=0):
    return np.random.default_rng(seed).normal(2, 5, (m, n))


@pytest.mark.parametrize("layer", [BatchNormalization(), Dropout(0.5), GaussianNoise(0.5)], ids=repr)
def test_layers_that_differ_between_training_and_inference(layer):
    model = Sequential([layer.clone()], seed=0, dtype="float64")
    model.build((3,))
    layer, x = model.layers[0], rows()
    outside = layer.forward(x)
    assert not np.allclose(layer.forward(x, training=True), outside)
    if not isinstance(layer, BatchNormalization):  # whose statistics have moved
        assert np.array_equal(layer.forward(x), outside)
        assert np.array_equal(outside, x)


def everything_that_training_uses(model):
    """All that a training goes on from."""
    state = {path: array.copy() for path, array in model.layer.named_state().items()}
    state |= {"theta": model.params.theta.copy(), "rng": copy.deepcopy(model.streams.states)}
    optimizer = {name: copy.deepcopy(value) for name, value in vars(model.optimizer).items()}
    return state | {f"optimizer {name}": value for name, value in optimizer.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_evaluate_and_predict_never_change_the_model(dtype):
    layers = [GaussianNoise(0.1), Dense(6), BatchNormalization(), ReLU(), Dropout(0.3), Dense(1), Sigmoid()]
    model = Sequential(layers, seed=0, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), metrics=["accuracy", AUC(), F1Score()])
    x, y = rows(), np.arange(40) % 2
    model.fit(x, y, batch_size=16, epochs=3)
    before = everything_that_training_uses(model)
    first = model.evaluate(x, y)
    outputs = model.predict(x)
    model.evaluate(x[:5], y[:5])
    assert np.array_equal(model.evaluate(x, y), first)
    assert np.array_equal(model.predict(x), outputs)
    after = everything_that_training_uses(model)
    assert before.keys() == after.keys()
    assert {"batch_normalization/moving_mean", "batch_normalization/moving_variance"} < before.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
