"""Frozen layers: neither updated nor penalised, while gradients flow through them, as in Keras."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, check_model
from minidl.callbacks import LambdaCallback
from minidl.layers import BatchNormalization, Chain, Dense, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.optimizers import LBFGS, SGD, Adam, AdamW, Clip, MovingAverage
from minidl.regularizers import L1, L2

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(24, 3)), rng.integers(0, 2, 24).astype(float)
OPTIMIZERS = {
    "SGD": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "Adam": lambda: Adam(0.1),
    "AdamW": lambda: AdamW(0.1, weight_decay=0.1),
    "Clip": lambda: Clip(Adam(0.1), global_norm=0.1),
    "MovingAverage": lambda: MovingAverage(SGD(0.1)),
    "LBFGS": lambda: LBFGS(),
}


def network(optimizer=None, loss=None):
    layers = [Dense(4), ReLU(), Dense(4), Sigmoid(), Dense(1), Sigmoid()]
    model = Sequential(layers, seed=0, dtype="float64")
    model.compile(optimizer or SGD(0.1), loss or BinaryCrossentropy() + L2(0.5))
    model.build((3,))
    return model


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_training_changes_the_other_layers_only(make):
    model = network(make())
    model.layers[2].trainable = False
    before = model.get_weights()
    model.fit(X, Y, batch_size=8 if make is not OPTIMIZERS["LBFGS"] else 24, epochs=3)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True, True, False, False, True, True]


def test_a_layer_frozen_during_training_does_not_drift_on_momentum():
    model = network(SGD(0.1, momentum=0.9))
    model.fit(X, Y, epochs=3)
    model.layers[0].trainable = False
    before = model.layers[0].kernel.value.copy()
    model.fit(X, Y, epochs=3)
    assert np.array_equal(model.layers[0].kernel.value, before)
    model.layers[0].trainable = True
    model.fit(X, Y)
    assert not np.array_equal(model.layers[0].kernel.value, before)


def test_a_layer_frozen_while_fit_runs_is_updated_until_fit_ends():
    model = network()
    kernel, seen = model.params["dense/kernel"], []

    def freeze(epoch, logs):
        model.layers[0].trainable = False
        seen.append(kernel.value.copy())

    model.fit(X, Y, epochs=2, callbacks=LambdaCallback(on_epoch_begin=freeze))
    assert not np.array_equal(seen[0], kernel.value)
    before = kernel.value.copy()
    model.fit(X, Y)
    assert np.array_equal(kernel.value, before)


def test_batch_normalization_frozen_while_fit_runs_keeps_its_state_at_once():
    layer = BatchNormalization()
    model = Sequential([Dense(2), layer, Dense(1), Sigmoid()], seed=0)
    seen = []

    def freeze(epoch, logs):
        layer.trainable = epoch < 1
        seen.append(layer.moving_mean.copy())

    model.fit(X, Y, epochs=3, callbacks=LambdaCallback(on_epoch_begin=freeze))
    assert not np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[1], seen[2])


def test_gradients_flow_through_a_frozen_layer_unchanged():
    free, frozen = network(loss=BinaryCrossentropy()), network(loss=BinaryCrossentropy())
    frozen.layers[2].trainable = False
    assert free.backpropagate(X, Y) == frozen.backpropagate(X, Y)
    assert np.array_equal(free.params.grad, frozen.params.grad)


def test_penalties_leave_frozen_kernels_out():
    model = network(loss=BinaryCrossentropy() + L2(0.5) + L1(0.1))
    model.layers[2].trainable = False
    kernels = [model.layers[i].kernel.value for i in (0, 4)]
    m = len(X)
    expected = sum(0.5 / (2 * m) * (k**2).sum() + 0.1 / m * np.abs(k).sum() for k in kernels)
    assert model.objective.penalty(m) == pytest.approx(expected, rel=1e-13)
    model.layers[0].trainable = model.layers[4].trainable = False
    assert model.objective.penalties == ()
    assert model.objective.penalty(m) == 0


def test_the_regularizer_of_a_frozen_layer_does_not_count():
    model = Sequential([Dense(2, kernel_regularizer=L2(1.0)), Dense(1)], seed=0)
    model.build((3,))
    assert model.objective.penalty(1) > 0
    model.layers[0].trainable = False
    assert model.objective.penalty(1) == 0


@pytest.mark.parametrize("which", [0, 2, 4])
def test_the_gradient_check_passes_with_a_frozen_layer(which):
    model = network()
    model.layers[which].trainable = False
    assert check_model(model, X, Y, depth="all").difference < 1e-12


def test_freezing_a_container_freezes_the_layers_inside():
    block = Residual(Dense(3), Chain(ReLU(), Dense(3)))
    model = Sequential([block, Dense(1)], seed=0)
    model.compile(SGD(0.1), MeanSquaredError())
    model.build((3,))
    block.trainable = False
    assert not any(layer.trainable for _, layer in block.walk())
    before = model.get_weights()
    model.fit(X, Y)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * 4 + [True] * 2


def test_a_model_whose_layers_are_all_frozen_keeps_its_weights():
    model = network()
    model.layer.trainable = False
    before = model.params.theta.copy()
    model.fit(X, Y, epochs=2)
    assert np.array_equal(model.params.theta, before)


def test_only_true_and_false_freeze():
    with pytest.raises(SettingError, match="Dense: trainable must be True or False, got 0"):
        Dense(1).trainable = 0


def test_the_summary_counts_frozen_parameters_as_non_trainable():
    model, lines = network(), []
    model.layers[2].trainable = False
    model.summary(print_fn=lines.append)
    assert " Trainable params: 21 " in lines[0]
    assert " Non-trainable params: 20 " in lines[0]


# Keras 3.15.1: a frozen BatchNormalization normalises with its moving statistics in training, too, and keeps them
def test_a_frozen_batch_normalization_runs_in_inference_mode():
    model = Sequential([BatchNormalization(), Dense(1)], seed=0, dtype="float64")
    model.compile(SGD(0.1), MeanSquaredError())
    model.fit(X, Y, epochs=2)
    layer = model.layers[0]
    layer.trainable = False
    mean, variance = layer.moving_mean.copy(), layer.moving_variance.copy()
    trained, inferred = (layer.forward(X, training=training) for training in (True, False))
    assert np.array_equal(trained, inferred)
    model.fit(X, Y, epochs=2)
    assert np.array_equal(layer.moving_mean, mean)
    assert np.array_equal(layer.moving_variance, variance)
