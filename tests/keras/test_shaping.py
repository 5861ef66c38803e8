"""Layers that change the shape of images and sequences, and Normalization, against Keras 3.15 on PyTorch."""

import numpy as np
import pytest

from minidl import keras
from minidl.errors import SettingError
from minidl.keras import layers
from tests.keras.peer import NUMBERS, QUIET, X, assert_same, both, peer

IMAGE, STEPS = (4, 4, 2), (8, 4)
LAYERS = {
    "permute": (IMAGE, lambda k: k.layers.Permute((3, 1, 2))),
    "reshape": (IMAGE, lambda k: k.layers.Reshape((-1, 8))),
    "padding": (IMAGE, lambda k: k.layers.ZeroPadding2D(((1, 0), (0, 2)))),
    "cropping": (IMAGE, lambda k: k.layers.Cropping2D(((1, 0), (0, 1)), data_format="channels_last")),
    "nearest": (IMAGE, lambda k: k.layers.UpSampling2D(2)),
    "bilinear": (IMAGE, lambda k: k.layers.UpSampling2D((2, 3), interpolation="bilinear")),
    "dropout of channels": (IMAGE, lambda k: k.layers.SpatialDropout2D(0.0)),
    "batch": (IMAGE, lambda k: k.layers.BatchNormalization(axis=1)),
    "groups": (IMAGE, lambda k: k.layers.GroupNormalization(groups=-1)),
    "padding of steps": (STEPS, lambda k: k.layers.ZeroPadding1D((1, 0))),
    "cropping of steps": (STEPS, lambda k: k.layers.Cropping1D((1, 0))),
    "more steps": (STEPS, lambda k: k.layers.UpSampling1D(3)),
    "dropout of features": (STEPS, lambda k: k.layers.SpatialDropout1D(0.0, seed=1)),
    "repeat": ((32,), lambda k: k.layers.RepeatVector(3)),
    "normalization": ((4,), lambda k: adapted(k.layers.Normalization())),
    "normalization of images": (IMAGE, lambda k: k.layers.Normalization((1, 3), mean=1.0, variance=2.0)),
}


def adapted(layer):
    layer.adapt(X)
    return layer


@pytest.mark.peers
@pytest.mark.parametrize(("shape", "make"), LAYERS.values(), ids=LAYERS)
def test_a_layer_computes_and_learns_as_on_keras(shape, make):
    def program(keras, weights):
        layer = make(keras)
        before = [keras.layers.Dense(32), keras.layers.Reshape(shape)] if shape != (4,) else []
        model = keras.Sequential([keras.Input((4,)), *before, layer, keras.layers.Flatten(), keras.layers.Dense(2)])
        weights(model)
        model.compile("sgd", "mse")
        history = model.fit(X, NUMBERS, epochs=2, batch_size=30, **QUIET).history
        names = [[weight.name for weight in part] for part in (layer.trainable_weights, layer.non_trainable_weights)]
        return history, model.predict(X, verbose=0), list(layer.output.shape)[1:], names, layer.count_params()

    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("shape", "make"), LAYERS.values(), ids=LAYERS)
def test_a_config_and_a_file_make_the_layer_again(shape, make, tmp_path):
    theirs, ours = make(peer()), make(keras)
    config = ours.get_config()
    assert set(theirs.get_config()) <= set(config)
    assert type(ours).from_config(config).get_config() == config
    model = keras.Sequential([keras.Input(shape), ours, keras.layers.Flatten(), keras.layers.Dense(2)])
    x = np.random.default_rng(0).random((3, *shape)).astype("float32")
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / f"m{ending}").predict(x), model.predict(x))
    there = peer().models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(there.predict(x, verbose=0), model.predict(x), rtol=1e-5, atol=1e-5)
    there.save(tmp_path / "k.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "k.keras").predict(x), model.predict(x))


# ---- Normalization, as tutorials use it


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "program",
    [
        lambda k: adapted(k.layers.Normalization()),
        lambda k: adapted(k.layers.Normalization(axis=-1, input_shape=[4])),
        lambda k: adapted(k.layers.Normalization(axis=None)),
    ],
)
def test_moments_have_the_shape_and_numbers_of_keras(program):
    ours, theirs = program(keras), program(peer())
    for name in ("mean", "variance"):
        expected = getattr(theirs, name).cpu().numpy()
        assert getattr(ours, name).shape == expected.shape
        np.testing.assert_allclose(getattr(ours, name).numpy(), expected, rtol=1e-5)
    assert [weight.path for weight in ours.weights] == [f"{ours.name}/{name}" for name in ("mean", "variance", "count")]
    np.testing.assert_allclose(ours(X), theirs(X).cpu().numpy(), rtol=1e-4, atol=1e-5)


def test_one_feature_is_adapted_to_as_in_the_tutorial_of_regression():
    horsepower = X[:, 0]
    normalizer = layers.Normalization(input_shape=[1], axis=None)
    normalizer.adapt(horsepower)
    model = keras.Sequential([normalizer, layers.Dense(1)])
    assert model.predict(horsepower[:10], verbose=0).shape == (10, 1)
    model.compile("adam", "mae")
    model.fit(horsepower, X[:, 1], epochs=1, verbose=0)
    np.testing.assert_allclose(normalizer(horsepower[:, None]).mean(), 0, atol=1e-5)


def test_adapting_works_after_the_model_is_built_and_with_batches():
    layer = layers.Normalization()
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.adapt(X)
    whole = model.predict(X, verbose=0)
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=1e-5)

    class Halves(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, number):
            return X[45 * number : 45 * number + 45], None

    for batches in (Halves(), [X[:30], X[30:]], (part for part in (X[:30], X[30:]))):
        other = layers.Normalization()
        other.adapt(batches)
        np.testing.assert_allclose(other(X), whole, rtol=1e-4, atol=1e-5)


def test_channels_first_is_answered():
    for make in (layers.ZeroPadding2D, layers.Cropping2D, layers.UpSampling2D, layers.ZeroPadding1D, layers.Flatten):
        with pytest.raises(SettingError, match=rf"{make.__name__}: minidl has the channels last, got .* np.moveaxis"):
            make(data_format="channels_first")
    with pytest.raises(SettingError, match="SpatialDropout2D: minidl has the channels last"):
        layers.SpatialDropout2D(0.5, data_format="channels_first")
