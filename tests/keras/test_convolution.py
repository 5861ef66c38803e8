"""Convolution and pooling against Keras 3.15 on PyTorch: numbers, configs, summaries, and files both ways."""

import numpy as np
import pytest

from minidl import keras
from minidl.errors import NotBuiltError, SettingError, ShapeError
from minidl.keras import layers
from tests.keras.peer import QUIET, assert_same, both, peer, text_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
RNG = np.random.default_rng(3)
IMAGE, STEPS = (6, 5, 2), (9, 3)
PENALIZED = {"kernel_regularizer": "l2", "bias_constraint": "max_norm", "kernel_initializer": "he_normal"}
WITH_WEIGHTS = {
    "Conv1D": (STEPS, lambda k: k.layers.Conv1D(3, 2, activation="relu")),
    "causal": (STEPS, lambda k: k.layers.Conv1D(4, (3,), padding="causal", dilation_rate=2)),
    "groups of steps": (STEPS, lambda k: k.layers.Conv1D(3, 2, 2, groups=3, use_bias=False)),
    "Conv2D": (IMAGE, lambda k: k.layers.Conv2D(3, 3, activation="tanh", data_format="channels_last")),
    "same": (IMAGE, lambda k: k.layers.Convolution2D(4, (2, 3), (2, 1), "SAME", groups=2, **PENALIZED)),
    "dilation": (IMAGE, lambda k: k.layers.Conv2D(2, 2, dilation_rate=(2, 1), activation=k.layers.LeakyReLU())),
    "transposed": (IMAGE, lambda k: k.layers.Conv2DTranspose(2, 3, strides=2, padding="same", activation="softplus")),
    "output padding": (IMAGE, lambda k: k.layers.Conv2DTranspose(2, 2, 2, output_padding=1, bias_initializer="ones")),
    "depthwise": (IMAGE, lambda k: k.layers.DepthwiseConv2D(2, depth_multiplier=2, activation="relu6")),
    "separable": (IMAGE, lambda k: k.layers.SeparableConv2D(3, 2, 2, padding="same", pointwise_regularizer="l2")),
}
WITHOUT = {
    "MaxPooling1D": (STEPS, lambda k: k.layers.MaxPooling1D()),
    "MaxPooling2D": (IMAGE, lambda k: k.layers.MaxPool2D((2, 3), strides=(1, 2), padding="same")),
    "AveragePooling1D": (STEPS, lambda k: k.layers.AveragePooling1D(3, 3, padding="same")),
    "AveragePooling2D": (IMAGE, lambda k: k.layers.AvgPool2D(pool_size=2)),
    "GlobalMaxPooling1D": (STEPS, lambda k: k.layers.GlobalMaxPool1D(keepdims=True)),
    "GlobalMaxPooling2D": (IMAGE, lambda k: k.layers.GlobalMaxPooling2D()),
    "GlobalAveragePooling1D": (STEPS, lambda k: k.layers.GlobalAveragePooling1D()),
    "GlobalAveragePooling2D": (IMAGE, lambda k: k.layers.GlobalAvgPool2D(keepdims=True)),
}
LAYERS = WITH_WEIGHTS | WITHOUT


def around(keras, shape, make):
    """A model with the layer behind one that learns, so that the gradient along its input counts."""
    first = keras.layers.Dense(shape[-1], name="first")
    return keras.Sequential(
        [keras.Input(shape), first, make(keras), keras.layers.Flatten(), keras.layers.Dense(2, name="last")]
    )


@pytest.mark.peers
@pytest.mark.parametrize(("shape", "make"), LAYERS.values(), ids=LAYERS)
def test_a_layer_computes_learns_and_is_summarised_as_on_keras(shape, make):
    x, y = RNG.normal(size=(40, *shape)).astype("float32"), RNG.normal(size=(40, 2))

    def program(keras, weights):
        model = around(keras, shape, make)
        weights(model)
        table = text_of(model)
        model.compile("sgd", "mse")
        history = model.fit(x, y, epochs=2, batch_size=8, **QUIET).history
        layer = model.layers[1]
        names = [(weight.name, list(weight.shape)) for weight in layer.weights]
        return history, model.predict(x, verbose=0), names, layer.name, table, list(layer.output.shape)[1:]

    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.parametrize(("shape", "make"), LAYERS.values(), ids=LAYERS)
def test_a_config_is_that_of_keras_and_makes_the_layer_again(shape, make):
    theirs, ours = make(peer()).get_config(), make(keras).get_config()
    assert set(theirs) - {"activity_regularizer", "name"} <= set(ours)
    plain = [name for name, value in theirs.items() if not isinstance(value, dict) and name != "name"]
    assert [ours.get(name) for name in plain] == [theirs[name] for name in plain]
    assert type(make(keras)).from_config(ours).get_config() == ours
    assert type(make(keras)).from_config(theirs).get_config().keys() == ours.keys()


@pytest.mark.peers
@pytest.mark.parametrize(("shape", "make"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file", "ignore:Compiled the loaded model")
def test_whole_models_go_to_keras_and_come_back(shape, make, ending, tmp_path):
    ours, x = around(keras, shape, make), RNG.normal(size=(3, *shape)).astype("float32")
    wanted = ours.predict(x, verbose=0)
    ours.save(tmp_path / f"ours{ending}")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / f"ours{ending}").predict(x, verbose=0), wanted)
    theirs = peer().models.load_model(tmp_path / f"ours{ending}")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)
    theirs.save(tmp_path / f"theirs{ending}")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / f"theirs{ending}").predict(x, verbose=0), wanted)


@pytest.mark.peers
@pytest.mark.parametrize(("shape", "make"), WITH_WEIGHTS.values(), ids=WITH_WEIGHTS)
def test_weights_alone_go_to_keras_and_come_back(shape, make, tmp_path):
    ours, theirs = around(keras, shape, make), around(peer(), shape, make)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(our, their)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    again = around(keras, shape, make)
    again.load_weights(tmp_path / "theirs.weights.h5")
    for our, their in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(our, their)


@pytest.mark.peers
def test_keras_2_scripts_give_the_shape_of_an_image_to_the_first_layer():
    def program(keras, weights):
        model = keras.Sequential()
        model.add(keras.layers.Conv2D(4, kernel_size=(3, 3), activation="relu", input_shape=(8, 8, 1)))
        model.add(keras.layers.MaxPooling2D(pool_size=(2, 2)))
        return [list(layer.output.shape)[1:] for layer in model.layers], model.count_params()

    assert_same(*both(program))


@pytest.mark.peers
def test_the_other_names_are_those_of_keras():
    theirs = peer().layers
    others = {name: kind.__name__ for name, kind in vars(theirs).items() if getattr(kind, "__name__", name) != name}
    there = [name for name in others if name in layers.__all__]
    assert len(there) == 12
    assert [getattr(layers, name).__name__ for name in there] == [others[name] for name in there]


# ---- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(8, 3, data_format="channels_first"), "^Conv2D: .*'channels_first'; .*moveaxis"),
        (lambda: layers.MaxPooling1D(data_format="channels_first"), "^MaxPooling1D: .*'channels_first'"),
        (lambda: layers.GlobalMaxPooling2D("channels_first"), "^GlobalMaxPooling2D: .*'channels_first'"),
        (lambda: layers.Conv2D(8, 3, padding="causal"), "^Conv2D: padding must be one of valid, same, got 'causal'"),
        (lambda: layers.Conv2D(8, 3, strides=0), "^Conv2D: strides must be an integer of at least 1, got 0"),
        (lambda: layers.Conv2D(8, 3, foo=1), "^Conv2D has no argument 'foo'; it has filters, kernel_size, strides"),
        (lambda: layers.Conv1D(8, (3, 3))(keras.Input((9, 1))), "^Conv1D: kernel_size must be an integer, .*Conv2D$"),
        (
            lambda: layers.Conv2D(8, 3)(keras.Input((28, 28))),
            r"^Conv2D takes rows of shape \(height, width, channels\)",
        ),
        (lambda: layers.Conv2D(8, 3)(keras.Input((2, 2, 1))), "^Conv2D: a window reaches over 3 x 3 pixels"),
        (lambda: layers.Conv2D(8, 3)(keras.Input((2, None, 3))), "a window reaches over .*give the length"),
        (lambda: layers.Conv2D(8, 3, groups=3)(keras.Input((4, 4, 2))), "^Conv2D: the 2 channels cannot be cut"),
    ],
)
def test_what_cannot_be_is_said(make, message):
    with pytest.raises((SettingError, ShapeError), match=message):
        make()


def test_a_kernel_that_is_not_made_yet_is_named():
    with pytest.raises(NotBuiltError, match=r"SeparableConv2D 'x' has no pointwise_kernel yet"):
        _ = layers.SeparableConv2D(3, 2, name="x").pointwise_kernel


def test_a_class_made_of_a_convolution_is_one():
    class Edge(layers.Conv2D):
        """A convolution under another name."""

    model = keras.Sequential([keras.Input((4, 4, 1)), Edge(2, 3)])
    assert model.layers[0].kernel.shape == (3, 3, 1, 2)
    assert model.layers[0].name.startswith("edge")


def test_a_model_whose_first_data_did_not_fit_takes_the_next():
    model = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    for shape in ((4, 28, 28), (2, 1, 1, 1)):
        with pytest.raises(ShapeError, match=r"^Conv2D"):
            model.fit(np.zeros(shape), np.zeros(len(np.zeros(shape))), verbose=0)
        assert not model.built
    model.fit(np.zeros((4, 8, 8, 1)), np.zeros(4), verbose=0)
    assert model.layers[0].kernel.shape == (3, 3, 1, 2)


def test_a_layer_that_could_not_be_added_is_not_in_the_model():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 3)])
    with pytest.raises(ShapeError, match=r"Conv2D: a window reaches over 5 x 5 pixels, but its input has 2 x 2"):
        model.add(layers.Conv2D(2, 5, name="large"))
    model.add(layers.Conv2D(2, 2, name="small"))
    assert [layer.name for layer in model.layers][1:] == ["small"]
    assert model.output_shape == (None, 1, 1, 2)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 8, 8), r"predict: x has shape \(8, 8\) a row, .*: pass x\[\.\.\., None\]"),
        ((8, 8, 3), r"predict: x has shape \(8, 3\) a row, .*\. For one row pass x\[None\]"),
        ((2, 3, 8, 8), r"predict: x has shape \(3, 8, 8\) a row, .*x\.transpose\(0, 2, 3, 1\)"),
    ],
)
def test_images_of_other_shapes_are_told_what_to_do(shape, message):
    channels = 1 if shape == (4, 8, 8) else 3
    model = keras.Sequential([keras.Input((8, 8, channels)), layers.Conv2D(2, 3), layers.GlobalMaxPooling2D()])
    with pytest.raises(ShapeError, match=message):
        model.predict(np.zeros(shape), verbose=0)
