"""Functional models against Keras 3.15 on PyTorch, from the same weights."""

import pytest

from tests.keras.peer import CLASSES, NUMBERS, QUIET, TARGET, X, assert_same, both

pytestmark = pytest.mark.peers

A, B = X[:, :2], X[:, 2:]


def chain(keras, weights):
    x = keras.Input(shape=(4,), name="x")
    h = keras.layers.Dense(8, activation="relu", name="h")(x)
    y = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.0)(h))
    model = keras.Model(inputs=x, outputs=y)
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit({"x": X}, TARGET, epochs=3, **QUIET)
    hidden = keras.Model(model.input, model.get_layer("h").output)
    return history.history, hidden.predict(X, verbose=0), hidden.count_params(), [layer.name for layer in model.layers]


def skip(keras, weights):
    x = keras.layers.Input((4,))
    h = keras.layers.Dense(4, activation="tanh")(x)
    h = keras.layers.add([h, x])
    h = keras.layers.BatchNormalization()(h)
    joined = keras.layers.concatenate([h, x])
    y = keras.layers.Dense(2)(keras.layers.Activation("relu")(joined))
    model = keras.models.Model(x, y, name="skip")
    weights(model)
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    history = model.fit(X, NUMBERS, epochs=3, validation_split=0.2, **QUIET)
    return history.history, model.evaluate(X, NUMBERS, verbose=0), model.predict(X[:7], verbose=0), model.get_weights()


def several(keras, weights):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    h = keras.layers.Dense(5, activation="relu")(a)
    g = keras.layers.Dense(5, activation="relu")(b)
    joined = keras.layers.Concatenate()([h, g, keras.layers.Multiply()([h, g])])
    kind = keras.layers.Dense(3, activation="softmax", name="kind")(joined)
    size = keras.layers.Dense(2, name="size")(joined)
    model = keras.Model(inputs=[a, b], outputs=[kind, size])
    weights(model)
    model.compile(
        optimizer="rmsprop",
        loss={"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.2},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    history = model.fit({"a": A, "b": B}, {"kind": CLASSES, "size": NUMBERS}, epochs=3, **QUIET)
    listed = model.evaluate([A, B], [CLASSES, NUMBERS], verbose=0)
    named = model.evaluate([A, B], [CLASSES, NUMBERS], verbose=0, return_dict=True)
    numbers = [keras.ops.convert_to_numpy(y) for y in model([A, B])]
    return history.history, listed, named, model.predict([A, B], verbose=0), numbers, model.get_weights()


def inputs_by_keys_that_are_not_sorted(keras, weights):
    b, a = keras.Input((2,), name="b"), keras.Input((2,), name="a")
    h = [keras.layers.Dense(3, "tanh", name="first")(b), keras.layers.Dense(3, "tanh", name="second")(a)]
    model = keras.Model({"b": b, "a": a}, keras.layers.Dense(1, name="y")(keras.layers.Concatenate()(h)))
    weights(model)
    model.compile("sgd", "mse")
    history = model.fit({"a": A, "b": B}, TARGET, epochs=2, **QUIET).history
    shapes = [x.name for x in model.inputs], [layer.name for layer in model.layers]
    return history, shapes, model.predict({"b": B, "a": A}, verbose=0), model.get_weights()


def one_of_several(keras, weights):
    a, b = keras.Input((2,)), keras.Input((2,))
    both_sides = [keras.layers.Dense(3, "tanh")(a), keras.layers.Dense(3, "tanh")(b)]
    y = keras.layers.Dense(1)(keras.layers.Subtract()(both_sides))
    model = keras.Model([a, b], y)
    weights(model)
    model.compile("sgd", "mse")
    validation = ([A[:20], B[:20]], TARGET[:20])
    return model.fit([A, B], TARGET, epochs=3, validation_data=validation, **QUIET).history, model.get_weights()


def autoencoder(keras, weights):
    x = keras.Input((4,))
    code = keras.layers.Dense(2, activation="relu", name="code")(x)
    encoder = keras.Model(x, code, name="encoder")
    c = keras.Input((2,))
    decoder = keras.Model(c, keras.layers.Dense(4, activation="linear")(c), name="decoder")
    model = keras.Model(x, decoder(encoder(x)), name="autoencoder")
    weights(model)
    before = encoder.predict(X, verbose=0)
    model.compile("adam", "mae")
    history = model.fit(X, X, epochs=3, **QUIET)
    names = [layer.name for layer in model.layers if "input" not in layer.name]
    after = encoder.predict(X, verbose=0)
    return history.history, before, after, decoder.predict(after, verbose=0), encoder.get_weights(), names


def transfer(keras, weights):
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(3, "relu")])
    base.trainable = False
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(1)(base(x, training=False)))
    weights(model)
    model.compile("adam", "mse")
    first = model.fit(X, TARGET, epochs=2, **QUIET).history
    base.trainable = True
    model.compile(keras.optimizers.Adam(1e-4), "mse")
    second = model.fit(X, TARGET, epochs=2, **QUIET).history
    return first, second, base.get_weights(), len(model.trainable_weights)


PROGRAMS = [chain, skip, several, inputs_by_keys_that_are_not_sorted, one_of_several, autoencoder, transfer]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_gives_the_same_numbers_as_on_keras(program):
    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.parametrize("form", [list, tuple, lambda pair: dict(zip("ab", pair, strict=True))])
def test_a_call_returns_outputs_in_the_form_of_the_model_as_on_keras(form):
    def program(keras, weights):
        x = keras.Input((4,), batch_size=3)
        model = keras.Model(x, form([keras.layers.Dense(2)(x), keras.layers.Dense(1)(x)]))
        for one in (model, model.__class__.from_config(model.get_config())):
            numbers, symbols = one(X[:3]), one(keras.Input((4,)))
            parts = numbers.values() if isinstance(numbers, dict) else numbers
            shapes = [tuple(part.shape) for part in parts]
        return type(numbers).__name__, type(symbols).__name__, shapes

    theirs, ours = both(program)
    assert ours == theirs


@pytest.mark.peers
def test_a_fixed_number_of_rows_is_part_of_the_shapes_as_on_keras():
    def program(keras, weights):
        x = keras.Input((4,), batch_size=3)
        model = keras.Model(x, keras.layers.Dense(2)(x))
        late = keras.Sequential([keras.layers.Dense(5)])
        return [
            model.input_shape,
            model.output_shape,
            model.layers[1].compute_output_shape((7, 4)),
            late.compute_output_shape((6, 4)),
            model.predict(X[:3], verbose=0).shape,
        ]

    theirs, ours = both(program)
    assert ours == theirs


def outputs_by_name(keras, weights):
    x = keras.Input((4,))
    parts = {"b": keras.layers.Dense(2, name="first")(x), "a": keras.layers.Dense(1, name="second")(x)}
    inner = keras.Model(x, parts, name="inner")
    one = keras.Model(x, {"only": parts["a"]})
    weights(inner)
    z = keras.Input((4,))
    made, single = inner(z), one(z)
    outer = keras.Model(z, keras.layers.Concatenate()([made["a"], made["b"], single["only"]]))
    forms = [sorted(inner.output), sorted(made), list(one.output), inner.output_shape, [y.shape for y in inner.outputs]]
    eager = {name: keras.ops.convert_to_numpy(inner(X)[name]) for name in ("a", "b")}
    read = keras.models.model_from_json(inner.to_json())
    predictions = inner.predict(X, verbose=0), one.predict(X, verbose=0), outer.predict(X, verbose=0)
    return forms, eager, sorted(read.output), predictions[1:], [predictions[0][name] for name in ("a", "b")]


def test_outputs_by_name_are_dicts_as_on_keras():
    assert_same(*both(outputs_by_name))


@pytest.mark.peers
def test_inputs_are_given_by_the_keys_of_the_model_or_by_their_names_as_on_keras():
    def program(keras, weights):
        a, b = keras.Input((4,), name="first"), keras.Input((4,), name="second")
        model = keras.Model({"x": a, "w": b}, keras.layers.Dense(2)(keras.layers.subtract([a, b])))
        weights(model)
        model.compile("sgd", "mse")
        history = model.fit({"x": X, "w": X * X}, NUMBERS, epochs=2, **QUIET).history
        by_key = model.predict({"x": X[:3], "w": X[3:6]}, verbose=0)
        return history, by_key, keras.ops.convert_to_numpy(model({"x": X[:3], "w": X[3:6]}))

    assert_same(*both(program))
