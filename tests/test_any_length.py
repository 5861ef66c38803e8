"""Models that take rows of any length: None in the shape of a row."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential
from minidl.errors import ShapeError
from minidl.gradcheck import check_model
from minidl.layers import (
    Add,
    AveragePooling1D,
    BatchNormalization,
    Chain,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Graph,
    MaxPooling1D,
    Sigmoid,
    Tanh,
    ZeroPadding1D,
)

rng = np.random.default_rng(0)


def ids(rows, length):
    return rng.integers(1, 10, (rows, length))


def windowed(shape=(None, None)):
    """A network whose layers depend on the length: each has windows."""
    layers = [
        Embedding(10, 5),
        Conv1D(4, 3, 2, padding="same"),
        ZeroPadding1D(1),
        BatchNormalization(),
        MaxPooling1D(2),
    ]
    model = Sequential([*layers, Dense(3)], seed=0)
    model.compile("adam", "mse")
    model.build(shape)
    return model


@pytest.mark.parametrize("length", [4, 9, 64, 100])
def test_predictions_are_those_of_a_model_for_that_length(length):
    any_length, of_length = windowed(), windowed((length,))
    x = ids(6, length)
    for other in (7, 12):  # between, it takes others
        any_length.predict(ids(2, other))
    np.testing.assert_array_equal(any_length.predict(x), of_length.predict(x))


def test_training_on_batches_of_several_lengths_is_training_on_each():
    batches = [(ids(8, n), rng.normal(size=(8, (-(-n // 2) + 2) // 2, 3))) for n in (4, 9, 6, 4)]
    model, twin = windowed(), windowed()
    model.fit((batch for batch in batches), steps_per_epoch=4, verbose=0)
    losses = [twin.train_on_batch(*batch) for batch in batches]
    np.testing.assert_array_equal(model.params.theta, twin.params.theta)
    assert model.history.history["loss"] == [pytest.approx(np.mean(losses))]
    np.testing.assert_array_equal(model.get_weights()[-4], twin.get_weights()[-4])  # moving averages too


def test_the_summary_and_the_shapes_have_none_where_the_length_decides(capsys):
    model = windowed()
    assert model.input_shape == (None,)
    assert model.output_shape == (None, 3)
    model.summary()
    printed = capsys.readouterr().out
    assert printed.count("(None, None, ") == 6


def test_an_input_may_have_any_length():
    model = Sequential([Input((None, 2)), Dense(3), GlobalAveragePooling1D()], seed=0)
    assert model.output_shape == (3,)
    assert model.predict(np.ones((4, 7, 2))).shape == (4, 3)
    images = Sequential([Input((None, None, 1)), Conv2D(2, 3), GlobalAveragePooling2D()], seed=0)
    assert images.predict(np.ones((2, 5, 9, 1))).shape == (2, 2)


def test_parameters_that_depend_on_the_length_are_named():
    model = Sequential([Embedding(10, 5), Flatten(), Dense(1)])
    with pytest.raises(ShapeError, match="the size of dense/kernel depends on their length; use layers that take any"):
        model.build((None, None))


def test_rows_that_do_not_fit_otherwise_are_refused():
    with pytest.raises(ShapeError, match=r"built for rows of shape \(None,\), None for any length"):
        windowed().predict(ids(2, 3)[..., None])


def test_targets_of_another_length_are_refused():
    with pytest.raises(ShapeError, match=r"targets \(8, 5, 3\) and outputs \(8, 4, 3\) have different positions"):
        windowed().fit(ids(8, 12), np.zeros((8, 5, 3)), verbose=0)


def test_files_keep_it(tmp_path):
    model, x = windowed(), ids(3, 20)
    model.fit(ids(8, 12), np.zeros((8, 4, 3)), verbose=0)
    model.save(tmp_path / "model.h5")
    loaded = minidl.load_model(tmp_path / "model.h5")
    assert loaded.input_shape == (None,)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_gradients_are_right_at_a_length_of_its_own():
    assert check_model(windowed(), ids(4, 11), rng.normal(size=(4, 4, 3))).passed


def test_several_inputs_may_each_have_any_length():
    layers = {
        "e": (Embedding(10, 4), "words"),
        "d": (Dense(4), "series"),
        "p": (GlobalAveragePooling1D(), "e"),
        "q": (GlobalAveragePooling1D(), "d"),
        "s": (Add(), "p", "q"),
        "t": (Tanh(), "s"),
        "y": (Dense(1), "t"),
        "o": (Sigmoid(), "y"),
    }

    def made(words, series):
        model = Model(Graph({"words": (words,), "series": (series, 3)}, layers, "o").clone(), seed=0)
        model.compile("adam", "binary_crossentropy")
        return model

    flexible = made(None, None)
    x = {"words": ids(6, 5), "series": rng.normal(size=(6, 8, 3))}
    other = {"words": ids(6, 3), "series": rng.normal(size=(6, 2, 3))}
    y = rng.integers(0, 2, 6)
    fixed = made(5, 8)
    flexible.predict(other)
    for model in (flexible, fixed):
        model.fit(x, y, epochs=2, verbose=0)
    assert flexible.predict(other).shape == (6, 1)
    np.testing.assert_array_equal(flexible.predict(x), fixed.predict(x))
    assert flexible.evaluate(x, y) == fixed.evaluate(x, y)


@pytest.mark.parametrize("each_step", [False, True])
def test_several_outputs_of_rows_of_any_length(each_step):
    layers = {
        "d": (Dense(4), "x"),
        "g": (GlobalAveragePooling1D(), "d"),
        "p": (Dense(1), "g"),
        "q": (Dense(2), "d" if each_step else "g"),
    }

    def made(length):
        model = Model(Graph("x", layers, ("p", "q")).clone(), seed=0)
        model.build((None, length, 3))
        model.compile("sgd", "mse", metrics="mae")
        return model

    flexible, fixed = made(None), made(5)
    x, p = rng.normal(size=(8, 5, 3)), rng.normal(size=(8, 1))
    q = rng.normal(size=(8, 5, 2) if each_step else (8, 2))
    flexible.predict(rng.normal(size=(8, 7, 3)))
    for model in (flexible, fixed):
        model.fit(x, (p, q), epochs=2, batch_size=4, verbose=0)
    assert flexible.evaluate(x, (p, q)) == fixed.evaluate(x, (p, q))
    outputs = flexible.predict(rng.normal(size=(3, 6, 3)))
    assert [output.shape for output in outputs] == [(3, 1), (3, 6, 2) if each_step else (3, 2)]


def test_batches_of_several_lengths_need_outputs_of_one_shape():
    layers = {"p": (Dense(1), "x"), "g": (GlobalAveragePooling1D(), "x"), "q": (Dense(2), "g")}
    model = Model(Graph("x", layers, ("p", "q")), seed=0)
    model.build((None, None, 3))
    model.compile("sgd", "mse")
    batches = [(rng.normal(size=(4, n, 3)), (rng.normal(size=(4, n, 1)), rng.normal(size=(4, 2)))) for n in (5, 7)]
    with pytest.raises(ShapeError, match=r"output p: .*\(7, 1\)"):
        model.fit((batch for batch in batches), steps_per_epoch=2, verbose=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv1D(3, 3, padding="same"),
        lambda: Conv1D(3, 2, 2),
        lambda: MaxPooling1D(2),
        lambda: AveragePooling1D(3, 1, "same"),
        lambda: GlobalAveragePooling1D(),
        lambda: Chain(Conv1D(3, 3), Tanh(), MaxPooling1D(2)),
    ],
    ids=lambda make: repr(make()),
)
def test_a_layer_has_places_for_rows_of_several_lengths(make):
    layer, of_length = make(), make()
    graph = Graph({"a": (9, 3), "b": (6, 3)}, {"p": (layer, "a"), "q": (layer, "b")}, ("p", "q"))
    a, b = rng.normal(size=(4, 9, 3)), rng.normal(size=(4, 6, 3))
    model, other = Model(graph, seed=0, dtype="float64"), Sequential([of_length], dtype="float64")
    other.build((6, 3))
    other.set_weights(model.get_weights())
    p, q = model.predict((a, b))
    np.testing.assert_array_equal(q, other.predict(b))
    model.compile("sgd", "mse")
    assert check_model(model, (a, b), (rng.normal(size=p.shape), rng.normal(size=q.shape))).passed


def test_a_layer_with_several_places_takes_any_length():
    layer = Conv1D(3, 3, padding="same")
    layers = {"p": (layer, "a"), "q": (layer, "b"), "g": (GlobalAveragePooling1D(), "p")}
    layers |= {"h": (GlobalAveragePooling1D(), "q"), "y": (Add(), "g", "h")}

    def made(a, b):
        model = Model(Graph({"a": (a, 3), "b": (b, 3)}, layers, "y").clone(), seed=0)
        model.compile("sgd", "mse")
        return model

    flexible, fixed = made(None, None), made(9, 6)
    x = {"a": rng.normal(size=(8, 9, 3)), "b": rng.normal(size=(8, 6, 3))}
    flexible.predict({"a": x["b"], "b": x["a"]})
    for model in (flexible, fixed):
        model.fit(x, np.ones((8, 3)), epochs=3, verbose=0)
    np.testing.assert_array_equal(flexible.params.theta, fixed.params.theta)
