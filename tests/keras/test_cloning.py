"""clone_model: Keras 3.15 says what a copy shares with the model, and how its layers are made."""

import numpy as np
import pytest

from minidl import SettingError, keras
from tests.keras.peer import NUMBERS, QUIET, X, both


def wired(keras):
    x = keras.Input((4,), name="x")
    h = keras.layers.Dense(3, activation="tanh", name="h")(x)
    sums = keras.layers.add([h, keras.layers.Dense(3, name="g")(h)], name="sum")
    return keras.Model(x, {"a": keras.layers.Dense(2, name="a")(sums), "b": sums})


def in_line(keras):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="h"), keras.layers.Dense(2, name="a")])


def renamed(layer):
    config = layer.get_config()
    config["name"] += "_new"
    return layer.__class__.from_config(config)


@pytest.mark.peers
@pytest.mark.parametrize("make", [wired, in_line])
def test_a_copy_has_layers_of_its_own_as_on_keras(make):
    def program(keras, weights):
        model = make(keras)
        plain, other = keras.models.clone_model(model), keras.models.clone_model(model, clone_function=renamed)
        shared = [one is two for one, two in zip(model.layers, plain.layers, strict=True)]
        names = [[layer.name for layer in one.layers] for one in (plain, other)]
        output = plain(np.zeros((2, 4), "float32"))
        return shared, names, sorted(output) if isinstance(output, dict) else output.shape

    theirs, ours = both(program)
    assert ours == theirs


@pytest.mark.peers
def test_a_function_may_put_layers_between_as_on_keras():
    def program(keras, weights):
        def call(layer, *arguments, **options):
            y = layer(*arguments, **options)
            return keras.layers.Dropout(0.5)(y) if isinstance(layer, keras.layers.Dense) else y

        copy = keras.models.clone_model(wired(keras), clone_function=lambda layer: layer, call_function=call)
        return [type(layer).__name__ for layer in copy.layers]

    theirs, ours = both(program)
    assert ours == theirs


def test_a_copy_is_compiled_as_the_model_is_and_trains_alone():
    model = in_line(keras)
    model.compile(keras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    copy = keras.models.clone_model(model)
    before = model.get_weights()
    copy.fit(X, NUMBERS, **QUIET)
    assert copy.optimizer.learning_rate == 0.02
    assert set(copy.history.history) == {"loss", "mae"}
    assert all(np.array_equal(one, two) for one, two in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 0


def test_a_copy_takes_given_inputs():
    x = keras.Input((4,), name="mine")
    assert keras.models.clone_model(wired(keras), input_tensors=x).input is x
    with pytest.raises(SettingError, match="clone_model: the model has 1 inputs, got 2 input_tensors"):
        keras.models.clone_model(wired(keras), input_tensors=[x, keras.Input((4,))])


def test_layers_of_functions_are_copied_and_not_written_to_files(tmp_path):
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Lambda(lambda x: x * 2)(x) + 1)
    assert np.array_equal(keras.models.clone_model(model)(X[:3]), model(X[:3]))
    for write in (model.to_json, lambda: model.save(tmp_path / "model.keras")):
        with pytest.raises(SettingError, match="is a Python function, which files do not hold"):
            write()
