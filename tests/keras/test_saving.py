"""Files of models, exchanged with Keras 3.15 on PyTorch."""

import numpy as np
import pytest

from minidl import keras
from minidl.errors import ModelFileError, SettingError
from tests.keras.peer import NUMBERS, QUIET, X, peer

ignored = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def sequential(keras):
    inner = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.PReLU()], name="inner")
    layers = [keras.Input((4,)), keras.layers.Dense(5, "tanh", kernel_regularizer="l2"), inner]
    layers += [keras.layers.BatchNormalization(), keras.layers.Dropout(0.2), keras.layers.LeakyReLU(0.1)]
    return keras.Sequential([*layers, keras.layers.Dense(2, kernel_initializer="he_normal", name="last")], name="net")


def functional(keras):
    x = keras.Input((4,), name="x")
    h = keras.layers.Dense(4, activation="gelu", name="h")(x)
    h = keras.layers.LayerNormalization()(keras.layers.Add()([h, x]))
    joined = keras.layers.Concatenate()([h, x])
    return keras.Model(x, keras.layers.Dense(2, activation=keras.activations.softplus)(joined), name="net")


def named_outputs(keras):
    x = keras.Input((4,), name="x")
    h = keras.layers.Dense(3, "tanh", name="h")(x)
    outputs = {"z": keras.layers.Dense(2, name="first")(h), "a": keras.layers.Dense(2, name="second")(h)}
    return keras.Model({"x": x}, outputs, name="net")


def trained(keras, make):
    model = make(keras)
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(X, NUMBERS, epochs=2, **QUIET)
    return model


MODELS = [sequential, functional]
ENDINGS = [".keras", ".h5"]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_comes_back_from_its_file(make, ending, tmp_path):
    model = trained(keras, make)
    model.save(tmp_path / f"model{ending}")
    loaded = keras.models.load_model(tmp_path / f"model{ending}")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.get_config() == model.get_config()
    assert loaded.evaluate(X, NUMBERS, verbose=0) == model.evaluate(X, NUMBERS, verbose=0)
    assert type(loaded.optimizer) is type(model.optimizer)


def test_a_loaded_model_trains_on_where_it_was(tmp_path):
    model = trained(keras, functional)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(X, NUMBERS, **QUIET)
        assert each.optimizer.core.iterations == 9
    for array, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(array, other, atol=1e-6)


@pytest.mark.peers
@ignored
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_keras_reads_a_model(make, ending, tmp_path):
    theirs, model = peer(), trained(keras, make)
    model.save(tmp_path / f"model{ending}")
    compiled = ending == ".keras"  # from an .h5 Keras 3 cannot read loss="mse", its own files neither
    loaded = theirs.models.load_model(tmp_path / f"model{ending}", compile=compiled)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X), atol=1e-5)
    if compiled:
        figures = loaded.evaluate(X, NUMBERS, verbose=0)
        np.testing.assert_allclose(figures, model.evaluate(X, NUMBERS, verbose=0), rtol=1e-4)


@pytest.mark.peers
@ignored
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_of_keras_is_read(make, ending, tmp_path):
    model = trained(peer(), make)
    model.save(tmp_path / f"model{ending}")
    loaded = keras.models.load_model(tmp_path / f"model{ending}")
    np.testing.assert_allclose(loaded.predict(X), model.predict(X, verbose=0), atol=1e-5)
    np.testing.assert_allclose(loaded.evaluate(X, NUMBERS), model.evaluate(X, NUMBERS, verbose=0), rtol=1e-4)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]


@pytest.mark.peers
@ignored
@pytest.mark.parametrize("make", MODELS)
def test_weights_go_to_keras_and_back(make, tmp_path):
    theirs, ours = make(peer()), make(keras)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), atol=1e-5)
    ours.set_weights([array + 0.1 for array in ours.get_weights()])
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), atol=1e-5)


def agree(ours, theirs):
    """Compare weights, outputs and figures of two models with outputs by name."""
    for array, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(array, other, atol=1e-6)
    predicted, expected = ours.predict(X, verbose=0), theirs.predict(X, verbose=0)
    assert list(predicted) == list(expected) == ["a", "z"]
    for name in predicted:
        np.testing.assert_allclose(predicted[name], expected[name], atol=1e-5)
    y = {"a": NUMBERS, "z": -NUMBERS}
    figures = [model.evaluate(X, y, verbose=0) for model in (ours, theirs)]
    np.testing.assert_allclose(*figures, rtol=1e-4)


def compiled(keras):
    model = named_outputs(keras)
    losses = {"z": "mse", "a": keras.losses.MeanAbsoluteError()}
    model.compile(keras.optimizers.Adam(0.01), losses, metrics={"z": ["mae"], "a": ["mse"]})
    model.fit(X, {"a": NUMBERS, "z": -NUMBERS}, **QUIET)
    return model


@pytest.mark.peers
@ignored
def test_outputs_by_name_go_to_keras_and_back(tmp_path):
    for writer, reader in [(peer(), keras), (keras, peer())]:
        model, other = compiled(writer), compiled(reader)
        model.save(tmp_path / "model.keras")
        agree(reader.models.load_model(tmp_path / "model.keras"), model)
        model.save_weights(tmp_path / "model.weights.h5")
        other.load_weights(tmp_path / "model.weights.h5")
        agree(other, model)
        model.set_weights([array + 0.1 for array in model.get_weights()])
        other.set_weights(model.get_weights())
        agree(other, model)


@pytest.mark.parametrize("make", MODELS)
def test_a_config_makes_the_same_model_with_new_weights(make):
    model = make(keras)
    for copy in (
        type(model).from_config(model.get_config()),
        keras.models.model_from_json(model.to_json()),
        keras.models.clone_model(model),
    ):
        assert copy.get_config() == model.get_config()
        assert [array.shape for array in copy.get_weights()] == [array.shape for array in model.get_weights()]
        assert not np.array_equal(copy.predict(X), model.predict(X))
        copy.set_weights(model.get_weights())
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    model, other = sequential(keras), functional(keras)
    other.save_weights(tmp_path / "other.weights.h5")
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=r"load_weights: .*other.weights.h5: .*nothing was loaded"):
        model.load_weights(tmp_path / "other.weights.h5")
    for kept, array in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, array)


def test_names_of_files_are_checked(tmp_path):
    model = functional(keras)
    with pytest.raises(SettingError, match=r"ends in \.keras"):
        model.save(tmp_path / "model.json")
    with pytest.raises(SettingError, match=r"end in \.weights\.h5"):
        model.save_weights(tmp_path / "model.h5")
    model.save(tmp_path / "model.keras")
    with pytest.raises(SettingError, match="overwrite=True"):
        model.save(tmp_path / "model.keras", overwrite=False)


def test_a_class_that_is_not_known_is_named(tmp_path):
    model = functional(keras)
    config = model.get_config()
    config["layers"][1]["class_name"] = "ConvLSTM2D"
    with pytest.raises(SettingError, match="there is no layer 'ConvLSTM2D'"):
        keras.Model.from_config(config)


def with_a_registered_loss(keras):
    @keras.saving.register_keras_serializable(package="tests")
    class Weighed(keras.losses.Loss):
        def __init__(self, share=1.0, name="weighed", **others):
            super().__init__(name=name, **others)
            self.share = share

        def call(self, y_true, y_pred):
            return self.share * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

        def get_config(self):
            return super().get_config() | {"share": self.share}

    model = functional(keras)
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.5, name="falling")
    model.compile(keras.optimizers.SGD(rate), Weighed(0.5))
    model.fit(X, NUMBERS, epochs=2, **QUIET)
    return model


@pytest.mark.peers
@ignored
def test_registered_classes_and_schedules_go_to_keras_and_back(tmp_path):
    for writer, reader in [(peer(), keras), (keras, peer())]:
        with_a_registered_loss(reader)  # registers its class there
        model = with_a_registered_loss(writer)
        model.save(tmp_path / "model.keras")
        loaded = reader.models.load_model(tmp_path / "model.keras")
        assert loaded.loss.share == 0.5
        np.testing.assert_allclose(float(loaded.optimizer.learning_rate), 0.05 * 0.5**0.6, rtol=1e-5)
        np.testing.assert_allclose(loaded.evaluate(X, NUMBERS, verbose=0), model.evaluate(X, NUMBERS, verbose=0), 1e-5)


def test_a_registered_function_is_found_by_its_name(tmp_path):
    @keras.saving.register_keras_serializable()
    def doubled(y_true, y_pred):
        return 2 * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    model = functional(keras)
    model.compile("sgd", doubled, metrics=["mse"])
    model.save(tmp_path / "model.keras")
    loss, mse = keras.models.load_model(tmp_path / "model.keras").evaluate(X, NUMBERS, verbose=0)
    assert loss == pytest.approx(2 * mse, rel=1e-6)
