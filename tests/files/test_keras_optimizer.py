"""The optimizer's state in .weights.h5 files, exchanged with Keras 3."""

import h5py
import numpy as np
import pytest

from minidl import Sequential, optimizers
from minidl.layers import (
    Dense,
    Tanh,
)
from minidl.losses import MeanSquaredError
from tests.helpers.every_layer import difference
from tests.helpers.keras_networks import KERAS_OPTIMIZERS

# Keras 3.15 on PyTorch 2.13 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.mark.peers
@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_training_continues_on_the_other_side(keras, tmp_path, name):
    ours_of, theirs_of = KERAS_OPTIMIZERS[name]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")
    arguments = {"batch_size": 8, "shuffle": False, "verbose": 0}
    first = Sequential([Dense(4), Tanh(), Dense(2)], seed=1)
    first.compile(ours_of(optimizers), MeanSquaredError())
    first.fit(x, y, epochs=2, **arguments)
    first.save_weights(tmp_path / "a.weights.h5")

    layers = [keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)]
    theirs = keras.Sequential(layers)
    theirs.compile(theirs_of(keras), "mse")
    theirs.optimizer.build(theirs.trainable_variables)
    theirs.load_weights(tmp_path / "a.weights.h5")
    assert int(theirs.optimizer.iterations) == 4
    theirs.fit(x, y, epochs=2, **arguments)
    theirs.save_weights(tmp_path / "b.weights.h5")

    second = Sequential([Dense(4), Tanh(), Dense(2)])
    second.compile(ours_of(optimizers), MeanSquaredError())
    second.build((3,))
    second.load_weights(tmp_path / "b.weights.h5")
    assert second.optimizer.iterations == 8
    second.fit(x, y, epochs=2, **arguments)
    first.fit(x, y, epochs=4, **arguments)  # the same without a break
    assert difference(second.predict(x), first.predict(x)) < 1e-5


@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_the_state_of_an_optimizer_comes_back(tmp_path, name):
    x, y = np.random.default_rng(0).normal(size=(2, 16, 2))
    models = [Sequential([Dense(4), Tanh(), Dense(2)], seed=1) for _ in range(2)]
    for model in models:
        model.compile(KERAS_OPTIMIZERS[name][0](optimizers), MeanSquaredError())
        model.build((2,))
    models[0].fit(x, y, epochs=2, shuffle=False)
    models[0].save_weights(tmp_path / "m.weights.h5")
    models[1].load_weights(tmp_path / "m.weights.h5")
    for model in models:
        model.fit(x, y, epochs=2, shuffle=False)
    assert models[1].optimizer.iterations == 4
    assert difference(models[1].params.theta, models[0].params.theta) < 1e-6


def test_the_state_of_another_optimizer_is_left_out_with_a_warning(tmp_path):
    model, other = Sequential([Dense(1)]), Sequential([Dense(1)])
    model.compile("adam")
    model.fit(np.ones((2, 1)), np.ones(2), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    other.compile("sgd")
    other.build((1,))
    with pytest.warns(UserWarning, match="the file's 6 optimizer arrays do not fit SGD; they are left out"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert np.array_equal(model.params.theta, other.params.theta)


def test_the_state_of_an_optimizer_that_keras_lacks_is_not_written(tmp_path):
    model = Sequential([Dense(1)])
    model.compile("lbfgs")
    model.fit(np.ones((2, 1)), np.ones(2), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert list(file) == ["layers"]


def test_a_state_too_large_for_the_dtype_becomes_infinite(tmp_path):
    large, small = Sequential([Dense(1)], dtype="float64"), Sequential([Dense(1)])
    for model in (large, small):
        model.compile("adam")
        model.fit(np.ones((2, 1)), np.ones(2), verbose=0)
    large.optimizer.v[:] = 1e300
    large.save_weights(tmp_path / "m.weights.h5")
    small.load_weights(tmp_path / "m.weights.h5")
    assert np.isinf(small.optimizer.v).all()
