"""Layers and models that are called several times in one model: Keras 3.15 on PyTorch, from the same weights."""

import numpy as np
import pytest

import minidl.keras as keras
from minidl import SettingError, ShapeError, load_model
from tests.keras.peer import NUMBERS, QUIET, TARGET, X, assert_same, both, peer

A, B = X[:, :2], X[:, 2:]


def siamese(keras, weights):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    h = keras.layers.Dense(4, activation="tanh", name="h")
    d = keras.layers.Subtract()([h(a), h(b)])
    y = keras.layers.Dense(1, activation="sigmoid", name="y")(d)
    model = keras.Model([a, b], y)
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit([A, B], TARGET, epochs=3, **QUIET).history
    return history, model.get_weights(), model.count_params(), [layer.name for layer in model.layers]


def siamese_bn(keras, weights):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    h, n = keras.layers.Dense(4, name="h"), keras.layers.BatchNormalization(momentum=0.7)
    d = keras.layers.Concatenate()([n(h(a)), keras.layers.Activation("relu")(n(h(b)))])
    model = keras.Model([a, b], keras.layers.Dense(2, name="y")(d))
    weights(model)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    history = model.fit([A, B], NUMBERS, epochs=3, **QUIET).history
    return history, model.get_weights(), model.evaluate([A, B], NUMBERS, verbose=0), model.predict([A, B], verbose=0)


def encoder_twice(keras, weights):
    x = keras.Input((2,))
    encoder = keras.Model(x, keras.layers.Dense(3, name="code")(keras.layers.Dense(5, "relu")(x)), name="encoder")
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model([a, b], keras.layers.Dot(axes=1, normalize=True)([encoder(a), encoder(b)]))
    other = keras.Model(a, keras.layers.Dense(1, name="head")(encoder(a)))
    weights(model)
    weights(other)
    model.compile("adam", "mse")
    other.compile("sgd", "mse")
    first = model.fit([A, B], TARGET, epochs=2, **QUIET).history
    second = other.fit(A, TARGET, epochs=2, **QUIET).history
    third = model.fit([A, B], TARGET, epochs=2, **QUIET).history
    return first, second, third, encoder.predict(A, verbose=0), model.get_weights()


def three(keras, weights):
    x = keras.Input((4,))
    step = keras.layers.Dense(4, activation="tanh", kernel_regularizer="l2", name="step")
    seq = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(4)], name="seq")
    h = step(seq(step(step(x))))
    model = keras.Model(x, [keras.layers.Dense(2, name="y")(seq(h)), h])
    weights(model)
    model.compile("rmsprop", ["mse", "mae"])
    history = model.fit(X, [NUMBERS, X], epochs=3, **QUIET).history
    return history, model.get_weights(), model.predict(X, verbose=0), model.count_params(), len(model.layers)


def one_after_the_other(keras, weights):
    x = keras.Input((4,))
    h = x
    block = keras.layers.Dense(4, activation="tanh")
    for _ in range(3):
        h = block(h)
    model = keras.Model(x, h)
    weights(model)
    model.compile("sgd", "mse")
    return model.fit(X, X, epochs=3, **QUIET).history, model.get_weights(), len(model.layers), len(model.weights)


def frozen(keras, weights):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    base = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.BatchNormalization()], name="base")
    y = keras.layers.Dense(2)(keras.layers.concatenate([base(a), base(b)]))
    base.trainable = False
    model = keras.Model([a, b], y)
    weights(model)
    model.compile("adam", "mse")
    first = model.fit([A, B], NUMBERS, epochs=2, **QUIET).history
    kept, counts = base.get_weights(), (len(model.trainable_weights), len(model.non_trainable_weights))
    base.trainable = True
    model.compile("adam", "mse")
    return first, kept, counts, model.fit([A, B], NUMBERS, epochs=2, **QUIET).history, model.get_weights()


def every_step_alike(keras, weights):
    x = keras.Input((2, 2))
    h = keras.layers.Dense(5, "tanh")(keras.layers.Dense(3, "relu")(x))
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(h)))
    weights(model)
    model.compile("adam", "mse")
    rows = X.reshape(-1, 2, 2)
    history = model.fit(rows, TARGET, epochs=3, **QUIET).history
    return history, model.get_weights(), model.predict(rows, verbose=0), model.count_params()


PROGRAMS = [every_step_alike, siamese, siamese_bn, encoder_twice, three, one_after_the_other, frozen]


@pytest.mark.peers
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_gives_the_same_numbers_as_on_keras(program):
    assert_same(*both(program))


# ---- files


def saved_network(keras):
    x = keras.Input((2,), name="x")
    encoder = keras.Model(x, keras.layers.Dense(3, "tanh", name="code")(x), name="encoder")
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    norm = keras.layers.BatchNormalization(name="norm")
    sides = [norm(encoder(a)), norm(encoder(b))]
    y = keras.layers.Dense(2, name="y")(keras.layers.Concatenate(name="sides")(sides))
    model = keras.Model([a, b], y)
    model.compile("adam", keras.losses.MeanSquaredError())
    model.fit([A, B], NUMBERS, epochs=2, **QUIET)
    return model


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # Keras's own
@pytest.mark.parametrize("ending", ["keras", "h5", "weights.h5"])
def test_files_go_to_keras_and_come_back(tmp_path, ending):
    theirs = peer()
    for index, (one, other) in enumerate([(keras, theirs), (theirs, keras)]):
        path = str(tmp_path / f"model{index}.{ending}")
        model = saved_network(one)
        if ending == "weights.h5":
            model.save_weights(path)
            read = saved_network(other)
            read.load_weights(path)
        else:
            model.save(path)
            read = other.models.load_model(path)
        wanted = np.asarray(model.predict([A, B], verbose=0))
        np.testing.assert_allclose(read.predict([A, B], verbose=0), wanted, rtol=1e-5, atol=1e-5)
        assert len(read.weights) == len(model.weights) == 8
        read.fit([A, B], NUMBERS, epochs=1, **QUIET)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_in_a_file_goes_on_as_the_one_that_was_saved(tmp_path, ending):
    model = saved_network(keras)
    model.save(tmp_path / f"model.{ending}")
    read = keras.models.load_model(tmp_path / f"model.{ending}")
    assert read.get_config() == model.get_config()
    assert np.array_equal(read.predict([A, B], verbose=0), model.predict([A, B], verbose=0))
    losses = [m.evaluate([A, B], NUMBERS, verbose=0) for m in (read, model)]
    assert losses[0] == losses[1]


def test_a_core_of_shared_layers_is_saved_in_the_form_of_the_core(tmp_path):
    model = saved_network(keras)
    model.core.save(tmp_path / "model.h5")
    read = load_model(tmp_path / "model.h5")
    assert list(read.params) == list(model.core.params)
    assert read.count_params() == model.count_params()
    assert np.array_equal(read.predict((A, B)), model.predict([A, B], verbose=0))


# ---- structure


def test_a_summary_lists_what_each_call_takes():
    lines = []
    saved_network(keras).summary(print_fn=lines.append, line_length=100)
    rows = lines[0].splitlines()
    assert any("encoder (Functional)" in row and "a[0][0], b[0][0]" in row and " 9 " in row for row in rows)
    assert any("norm (BatchNormalization)" in row and "encoder[0][0]," in row and " 12 " in row for row in rows)


def test_a_clone_shares_what_the_model_shares():
    clone = keras.models.clone_model(saved_network(keras))
    assert [layer.name for layer in clone.layers] == ["a", "b", "encoder", "norm", "sides", "y"]
    assert len(clone.weights) == 8
    names = [name for name, (layer, *_) in clone.core.layer.layers.items() if layer.built]
    assert names == list(clone.core.layer.layers)


def test_a_layer_without_weights_takes_rows_of_any_width():
    act, drop = keras.layers.Activation("tanh"), keras.layers.Dropout(0.0)
    a = keras.Input((4,))
    h = drop(act(keras.layers.Dense(3)(a)))
    model = keras.Model(a, keras.layers.Concatenate()([h, drop(act(a))]))
    assert np.array_equal(model.predict(X, verbose=0)[:, 3:], np.tanh(X))


def test_a_layer_with_weights_takes_rows_of_one_width():
    layer = keras.layers.Dense(3)
    layer(keras.Input((4,)))
    with pytest.raises(ShapeError, match=r"its kernel has shape \(4, 3\), rows of shape \(2,\) would need \(2, 3\)"):
        layer(keras.Input((2,)))


def test_a_layer_is_added_to_a_sequential_once():
    layer = keras.layers.Dense(4)
    with pytest.raises(
        SettingError, match=r"in .* already; to call it again, .* keras.Model\(x, layer\(layer\(x\)\)\)"
    ):
        keras.Sequential([layer, layer])
