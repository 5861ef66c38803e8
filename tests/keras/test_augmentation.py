"""Layers that change images at random: with one possible draw, they compute and learn as on Keras 3.15 on PyTorch."""

import numpy as np
import pytest

from minidl import keras
from minidl.errors import SettingError
from minidl.keras import layers
from tests.keras.peer import NUMBERS, QUIET, X, assert_same, both, peer

LAYERS = {
    "translation": lambda k: k.layers.RandomTranslation((0.3, 0.3), (-0.2, -0.2)),
    "filled": lambda k: k.layers.RandomTranslation((0.3, 0.3), (-0.2, -0.2), "constant", fill_value=2.0, seed=1),
    "rotation": lambda k: k.layers.RandomRotation((0.1, 0.1), fill_mode="nearest"),
    "nearest": lambda k: k.layers.RandomRotation((0.1, 0.1), interpolation="nearest", data_format="channels_last"),
    "zoom": lambda k: k.layers.RandomZoom((-0.2, -0.2)),
    "zoom of each axis": lambda k: k.layers.RandomZoom((-0.2, -0.2), (0.3, 0.3), "wrap"),
    "contrast": lambda k: k.layers.RandomContrast((0, 0), value_range=(-1, 1)),
}


@pytest.mark.peers
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_layer_computes_and_learns_as_on_keras(make):
    def program(keras, weights):
        layer = make(keras)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(24), keras.layers.Reshape((4, 3, 2)), layer])
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(2))
        weights(model)
        model.compile("sgd", "mse")
        history = model.fit(X, NUMBERS, epochs=2, batch_size=30, **QUIET).history
        return history, model.predict(X, verbose=0), list(layer.output.shape)[1:], layer.name

    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.parametrize("make", [*LAYERS.values(), lambda k: k.layers.RandomFlip("vertical")])
def test_a_config_has_keras_keys_and_makes_the_layer_again(make):
    theirs, ours = make(peer()), make(keras)
    config = ours.get_config()
    assert set(theirs.get_config()) == set(config)
    assert type(ours).from_config(config).get_config() == config


@pytest.mark.peers
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("training", [{}, {"training": True}, {"training": False}], ids=str)
def test_a_call_on_arrays_changes_them_as_on_keras(make, training):
    images = np.random.default_rng(0).uniform(-1, 1, (3, 4, 3, 2)).astype("float32")

    def program(keras, weights):
        layer, inner, inputs = make(keras), make(keras), keras.Input((4, 3, 2))
        models = [keras.Sequential([make(keras)]), keras.Model(inputs, inner(inputs))]
        calls = [layer(images[0], **training), *(part(images, **training) for part in (layer, *models))]
        return [np.array(keras.ops.convert_to_numpy(y)) for y in calls]

    assert_same(*both(program))


def test_a_call_on_arrays_flips_some_of_them():
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    layer = layers.RandomFlip("horizontal")
    assert np.array_equal(layer(images, training=False), images)
    y = np.asarray(layer(images))
    assert y.dtype == np.float32
    flipped = (y == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 0 < flipped.sum() < 20
    assert np.array_equal(y[~flipped], images[~flipped])
    assert len({np.asarray(layer(images[0])).tobytes() for _ in range(20)}) == 2


def test_other_formats_are_refused():
    with pytest.raises(SettingError, match="RandomFlip: minidl has the channels last, got "):
        layers.RandomFlip(data_format="channels_first")
