"""Frozen layers, `trainable = False`: what is set, what is copied, and BatchNormalization as in Keras."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.layers import BatchNormalization, Chain, Dense, Layer, ReLU, Residual
from minidl.optimizers import SGD
from tests.helpers.builders import built, rows
from tests.oracles.make_keras_numbers import PATH


def flags(layer):
    return [inner.trainable for _, inner in layer.walk()]


def test_a_new_layer_is_trainable():
    assert flags(Chain(Dense(2), Residual(Dense(2)))) == [True] * 4


def test_setting_a_container_sets_the_layers_inside():
    inner = Dense(2)
    chain = Chain(inner, Residual(Dense(2)), ReLU())
    chain.trainable = False
    assert flags(chain) == [False] * 5
    inner.trainable = True
    assert flags(chain) == [False, True, False, False, False]
    chain.trainable = True
    assert flags(chain) == [True] * 5


@pytest.mark.parametrize("value", [0, 1, None, "False", np.False_])
def test_trainable_must_be_true_or_false(value):
    with pytest.raises(SettingError, match="Dense: trainable must be True or False, got "):
        Dense(2).trainable = value


def test_a_clone_keeps_which_layers_are_trainable():
    chain = Chain(Dense(2), Residual(Dense(2), Dense(2)))
    chain.layers[1].trainable = False
    assert flags(chain.clone()) == flags(chain) == [True, True, False, False, False]


@dataclass(eq=False)
class Doubled(Layer):
    """y = f(x), f made in build."""

    def build(self, input_shape):
        self.inner = Dense(*input_shape)
        return self.inner.build(input_shape)

    def forward(self, x, training=False):
        return self.inner.forward(x, training)

    def backward(self, dy):
        return self.inner.backward(dy)


def test_layers_made_in_build_are_frozen_with_the_layer_that_makes_them():
    layer = Doubled()
    layer.trainable = False
    built(layer)
    assert flags(layer) == [False, False]


def test_training_leaves_a_frozen_layer_as_it_is_and_trains_the_layers_before_it():
    model = Sequential([Dense(4), ReLU(), Dense(3), Dense(1)], seed=0)
    model.layers[2].trainable = False
    model.compile(SGD(0.1, momentum=0.9), "mse")
    model.build((3,))
    before = {path: parameter.value.copy() for path, parameter in model.params.items()}
    model.fit(rows(20), rows(20, 1, seed=1), epochs=3)
    same = {path: np.array_equal(before[path], parameter.value) for path, parameter in model.params.items()}
    assert {path for path, unchanged in same.items() if unchanged} == {"dense_1/kernel", "dense_1/bias"}


# ---- batch normalization


def test_frozen_batch_normalization_uses_the_moving_averages_of_keras_in_training():
    with np.load(PATH) as stored:  # Keras 3.15.1: three batches in training, the fourth in inference
        x, expected, moving = stored["numbers"].astype(float), stored["normalized"], stored["moving"]
    layer = BatchNormalization(momentum=0.8)
    built(layer, n=4)
    layer.gamma.value, layer.beta.value = [0.5, 1, 2, -1], [0, 1, -1, 3]
    for number in range(3):
        layer.forward(x[10 * number : 10 * number + 10], training=True)
    layer.trainable = False
    assert np.allclose(layer.forward(x[30:40], training=True), expected[3], rtol=1e-6, atol=1e-6)  # float32
    assert np.allclose([layer.moving_mean, layer.moving_variance], moving, rtol=1e-6)


def test_the_gradient_of_frozen_batch_normalization_by_hand():
    layer, x, dy = BatchNormalization(epsilon=0.25), rows(), rows(seed=1)
    built(layer)
    layer.gamma.value, layer.trainable = [1, 2, 4], False
    layer.moving_variance = np.array([0.0, 0.75, 2.0])
    layer.forward(x, training=True)
    # y = gamma (x - 0) / sqrt(variance + 0.25): the deviations are 0.5, 1 and 1.5
    assert np.allclose(layer.backward(dy), dy * [1 / 0.5, 2 / 1, 4 / 1.5], rtol=1e-15)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from Keras's conversion of tensors
def test_frozen_batch_normalization_is_that_of_keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    x = rows(8).astype("float32")
    theirs, ours = keras.layers.BatchNormalization(momentum=0.8), BatchNormalization(momentum=0.8)
    model = Sequential([ours])
    model.build((3,))
    for trainable in (True, False):
        theirs.trainable = ours.trainable = trainable
        expected = keras.ops.convert_to_numpy(theirs(x, training=True))
        assert np.allclose(ours.forward(x, training=True), expected, rtol=1e-5, atol=1e-6)
        statistics = [keras.ops.convert_to_numpy(v) for v in (theirs.moving_mean, theirs.moving_variance)]
        assert np.allclose([ours.moving_mean, ours.moving_variance], statistics, rtol=1e-5, atol=1e-6)
