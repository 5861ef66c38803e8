"""Models: structure, training, tables, and what they answer to arguments that cannot be."""

import numpy as np
import pytest

import minidl
from minidl import keras
from minidl.errors import DataError, NotBuiltError, SettingError, ShapeError
from minidl.keras import layers
from tests.keras.peer import CLASSES, NUMBERS, QUIET, TARGET, X, assert_same, both, text_of


def small():
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, "relu", name="hidden"), layers.Dense(2)], name="net")


def wide():
    x = keras.Input((4,), name="x")
    h = layers.Dense(4, "relu", name="h")(x)
    return keras.Model(x, layers.Dense(2, name="y")(layers.Add(name="sum")([h, x])), name="wide")


# ---- against Keras


def sequential_tables(keras, weights):
    inner = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)], name="inner_model_with_a_long_name")
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    inner.layers[0].trainable = False
    tables = [text_of(model), text_of(model, expand_nested=True, show_trainable=True), text_of(model, line_length=60)]
    model.compile("adam", "mse")
    model.fit(X, TARGET, verbose=0)
    later = keras.Sequential([keras.layers.Dense(3)])
    return [*tables, text_of(later)], text_of(model, layer_range=["batch_normalization", "dense_2"])[:9]


def functional_tables(keras, weights):
    x, other = keras.Input((4,), name="x"), keras.Input((2,), name="other")
    h = keras.layers.Dense(3, name="first")(x)
    g = keras.layers.Dense(3, name="second")(other)
    joined = keras.layers.Concatenate(name="joined")([h, g])
    model = keras.Model([x, other], [keras.layers.Dense(1, name="y")(joined), h], name="net")
    return text_of(model), [layer.name for layer in model.layers], model.count_params()


@pytest.mark.peers
@pytest.mark.parametrize("program", [sequential_tables, functional_tables])
def test_the_table_is_that_of_keras(program):
    assert_same(*both(program))


def training(keras, weights):
    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = [len(self.model.layers), self.params["epochs"]]

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(float(np.abs(self.model.layers[0].get_weights()[0]).sum()))
            self.seen.append(sorted(logs))
            if epoch == 1:
                self.model.optimizer.learning_rate = 0.001
            if epoch == 3:
                self.model.stop_training = True

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    weights(model)
    watch = Watch()
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    history = model.fit(X, CLASSES, epochs=9, callbacks=[watch], batch_size=20, **QUIET)
    return history.history, history.epoch, watch.seen


@pytest.mark.peers
def test_a_callback_sees_the_model_as_on_keras():
    assert_same(*both(training))


def outputs_by_name(keras, weights):
    x = keras.Input((4,), name="x")
    outputs = {"a": keras.layers.Dense(1)(x), "b": keras.layers.Dense(2)(x)}
    model = keras.Model({"x": x}, outputs)
    weights(model)
    model.compile("sgd", loss={"a": "mse", "b": "mae"})
    history = model.fit({"x": X}, {"a": TARGET, "b": NUMBERS}, epochs=2, **QUIET).history
    return history, model.predict({"x": X}, verbose=0)


def departments(keras):
    x = keras.Input((4,), name="x")
    h = keras.layers.Dense(3, "tanh", name="h")(x)
    priority = keras.layers.Dense(1, "sigmoid", name="first")(h)
    department = keras.layers.Dense(3, "softmax", name="second")(keras.layers.Dense(2, name="inner")(h))
    return keras.Model(x, {"priority": priority, "department": department}, name="tickets")


def outputs_by_keys_that_are_not_sorted(keras, weights):
    model = departments(keras)
    weights(model)
    losses = {"priority": "mse", "department": "sparse_categorical_crossentropy"}
    model.compile("sgd", losses, metrics={"priority": ["mse", "mae"], "department": ["accuracy"]})
    y = {"priority": TARGET, "department": CLASSES}
    history = model.fit(X, y, epochs=2, **QUIET).history
    names = [weight.path.split("/")[-2] for weight in model.weights]
    return history, names, model.evaluate(X, y, verbose=0), model.predict(X, verbose=0), model.get_weights()


def figures_of_two_outputs(keras, weights):
    x = keras.Input((4,))
    h = keras.layers.Dense(3, "tanh")(x)
    outputs = [keras.layers.Dense(1, name="score")(h), keras.layers.Dense(3, "softmax", name="class_output")(h)]
    model = keras.Model(x, outputs)
    weights(model)
    figures = []
    for metrics, weighted in [
        ([["mse", "mae"], ["accuracy"]], None),
        ({"class_output": ["accuracy"], "score": ["mae"]}, {"score": ["mse"], "class_output": ["accuracy"]}),
        ([[], ["accuracy"]], [["mae"], []]),
    ]:
        model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], metrics=metrics, weighted_metrics=weighted)
        figures.append(model.evaluate(X, [TARGET, CLASSES], verbose=0))
        figures.append(model.test_on_batch(X, [TARGET, CLASSES]))
    return figures, model.train_on_batch(X, [TARGET, CLASSES])


def one_loss_for_all(keras, weights):
    x = keras.Input((4,))
    shared = keras.layers.Dense(3, "tanh")(x)
    outputs = [keras.layers.Dense(2, name="a")(shared), keras.layers.Dense(1, "sigmoid", name="b")(shared)]
    model = keras.Model(x, outputs)
    weights(model)
    model.compile("adam", ["mse", "binary_crossentropy"], loss_weights=[1.0, 0.1], metrics=[["mae"], None])
    model.layers[-1].trainable = False
    history = model.fit(X, [NUMBERS, (TARGET > 0) * 1.0], epochs=2, batch_size=45, **QUIET)
    return history.history, model.get_weights(), len(model.predict(X, verbose=0))


def nested_and_functional(keras, weights):
    block_in = keras.Input((4,))
    h = keras.layers.Dense(4, "relu")(block_in)
    block = keras.Model(block_in, keras.layers.add([h, block_in]), name="block")
    model = keras.Sequential([keras.Input((4,)), block, keras.layers.Dense(2, name="last")])
    weights(model)
    model.compile("rmsprop", "mse")
    history = model.fit(X, NUMBERS, epochs=2, **QUIET).history
    return history, block.predict(X, verbose=0), model.get_weights(), [w.shape[0] for w in model.trainable_weights]


PROGRAMS = [
    outputs_by_name,
    outputs_by_keys_that_are_not_sorted,
    figures_of_two_outputs,
    one_loss_for_all,
    nested_and_functional,
]


@pytest.mark.peers
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_gives_the_same_numbers_as_on_keras(program):
    assert_same(*both(program))


# ---- structure


def test_a_chain_is_a_sequential_of_the_core():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(1)(layers.Dropout(0.1)(layers.Dense(3, "relu")(x))))
    assert type(model.core) is minidl.Sequential
    assert [type(layer).__name__ for layer in model.core.layers] == ["Dense", "ReLU", "Dropout", "Dense"]
    nested = keras.Sequential([small(), layers.Dense(1)])
    assert [type(layer).__name__ for layer in nested.core.layers] == ["Dense", "ReLU", "Dense", "Dense"]
    assert type(wide().core) is minidl.Model


@pytest.mark.parametrize("make", [small, wide])
def test_the_core_takes_part_in_everything(make, tmp_path):
    model = make()
    assert minidl.check_model(model.core, X[:9], NUMBERS[:9]).passed
    model.core.save(tmp_path / "core.h5")
    np.testing.assert_array_equal(minidl.load_model(tmp_path / "core.h5").predict(X), model.predict(X))
    model.compile("adam", "mse")
    model.fit(X, NUMBERS, verbose=0)
    assert minidl.diagnose(model.core, X, NUMBERS) is not None


def test_layers_keep_their_weights_when_others_come_and_go():
    model = keras.Sequential([layers.Dense(3, input_shape=(4,))])
    first = model.get_weights()
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model.get_weights()[0], first[0])
    assert model.predict(X).shape == (90, 2)
    last = model.pop()
    assert last.units == 2
    assert model.predict(X).shape == (90, 3)
    assert [layer.name for layer in model.layers] == [model.layers[0].name]
    with pytest.raises(SettingError, match="no layer to remove"):
        keras.Sequential().pop()


def test_the_first_data_build_a_model_without_an_input():
    model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built
    with pytest.raises(NotBuiltError, match="the shape of its rows is unknown"):
        _ = model.core
    assert model.predict(X).shape == (90, 2)
    assert model.built
    assert model.input_shape == (None, 4)
    called = keras.Sequential([layers.Dense(3)])
    assert called(X).shape == (90, 3)
    by_shape = keras.Sequential([layers.Dense(3)])
    by_shape.build((None, 4))
    assert by_shape.count_params() == 15
    column = keras.Sequential([layers.Dense(1)])
    column.compile("sgd", "mse")
    column.fit(X[:, 0], X[:, 0], verbose=0)
    assert column.input_shape == (None, 1)


def test_a_part_of_a_model_shares_its_weights():
    model = small()
    part = keras.Model(inputs=model.inputs, outputs=model.get_layer("hidden").output)
    ahead = keras.Sequential(model.layers[:1])
    model.compile("sgd", "mse")
    before = part.predict(X)
    model.fit(X, NUMBERS, verbose=0)
    assert not np.allclose(part.predict(X), before)
    np.testing.assert_array_equal(part.predict(X), ahead.predict(X))
    assert part.layers[-1] is model.layers[0]


def test_layers_are_found_by_name_and_index():
    model = wide()
    assert model.get_layer("sum") is model.get_layer(index=2)
    assert model.get_layer(index=-1).name == "y"
    for arguments, message in [
        ({"name": "z"}, r"No such layer: z. Existing layers are: \['x', 'h', 'sum', 'y'\]"),
        ({"index": 4}, "no layer with index 4; there are 4 layers"),
        ({}, "takes a name or an index"),
    ]:
        with pytest.raises(SettingError, match=message):
            model.get_layer(**arguments)


def test_calls_on_arrays_are_predictions():
    for model in (small(), wide()):
        np.testing.assert_allclose(model(X).numpy(), model.predict(X), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(model.predict_on_batch(X[:3]), model.predict(X[:3]))


def test_float64_is_a_setting():
    keras.config.set_floatx("float64")
    try:
        model = small()
        assert model.predict(X).dtype == np.float64
        assert model.weights[0].dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
    assert small().predict(X).dtype == np.float32


def test_figures_come_as_a_list_a_number_or_a_dict():
    model = small()
    model.compile("sgd", "mse", metrics=["mae", keras.metrics.MeanSquaredError(name="second")])
    assert model.metrics_names == ["loss", "mae", "second"]
    listed = model.test_on_batch(X, NUMBERS)
    named = model.evaluate(X, NUMBERS, return_dict=True)
    assert list(named) == ["loss", "mae", "second"]
    assert listed == pytest.approx(list(named.values()))
    assert model.train_on_batch(X, NUMBERS, return_dict=True) == pytest.approx(named)
    model.compile("sgd", "mse")
    assert isinstance(model.evaluate(X, NUMBERS), float)
    assert model.history is model.core.history


def test_a_single_input_and_output_may_have_their_names():
    figures = []
    for x, y in [(X, NUMBERS), ({"x": X}, {"y": NUMBERS}), ([X], [NUMBERS])]:
        minidl.set_random_seed(1)
        model = wide()
        model.compile({"class_name": "SGD", "config": {"learning_rate": 0.1}}, {"y": "mse"}, metrics={"y": ["mae"]})
        history = model.fit(x, y, validation_data=(x, y), shuffle=False, verbose=0).history
        figures.append([history, model.evaluate(x, y), model.train_on_batch(x, y), model.test_on_batch(x, y)])
    assert figures[0] == figures[1] == figures[2]


def test_penalties_are_part_of_the_loss_alone():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1))])
    model.compile("sgd", "mse")
    history = model.fit(X, NUMBERS, epochs=2, validation_split=0.2, verbose=0).history
    assert list(history) == ["loss", "val_loss"]


# ---- answers


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small().fit(X, NUMBERS), r"You must call `compile\(\)`"),
        (lambda: keras.Sequential("dense"), "takes a list of layers"),
        (lambda: keras.Sequential([layers.Dense]), r"write Dense\(\.\.\.\)"),
        (lambda: keras.Sequential([layers.Dense(1), keras.Input((4,))]), "an Input must be the first"),
        (lambda: keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]), "unique names: 'a'"),
        (lambda: keras.Model(keras.Input((4,))), r"takes inputs and outputs; [\s\S]*keras\.Model\(inputs=x"),
        (lambda: keras.Model(X, X), "takes symbolic tensors"),
        (lambda: keras.Model(keras.Input((4,)), layers.Dense(1)(keras.Input((4,), name="q"))), "the input 'q'"),
        (lambda: small()(keras.Input((3,))), r"net takes \(None, 4\), got \(None, 3\)"),
        (lambda: small().compile("adamm", "mse"), "adamm"),
    ],
)
def test_what_cannot_be_is_said(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_a_loss_is_needed():
    model = small()
    model.compile("adam")
    with pytest.raises(SettingError, match="fit: there is no loss to compute"):
        model.fit(X, NUMBERS)
    assert model.predict(X).shape == (90, 2)


def test_settings_of_outputs_that_do_not_exist_are_refused():
    model = small()
    for settings in ({"loss": {"other": "mse"}}, {"loss": "mse", "loss_weights": [0.5]}):
        with pytest.raises(SettingError, match="compile: "):
            model.compile("sgd", **settings)
        assert not model.compiled


def test_losses_of_outputs_that_the_model_does_not_have_are_refused():
    model = departments(keras)
    for loss, message in [(["mse"] * 3, "got 3 of them"), ({"other": "mse"}, "'other' is not one of them")]:
        with pytest.raises(SettingError, match=message):
            model.compile("sgd", loss)
    for loss in (keras.losses.MeanSquaredError(), "mse", None):
        model.compile("sgd", loss)
        assert model.compiled


@pytest.mark.parametrize("loss", [None, [None, None], {}, {"priority": None}], ids=repr)
def test_one_output_at_least_needs_a_loss(loss):
    model = departments(keras)
    model.compile("sgd", loss)
    with pytest.raises(SettingError, match="fit: there is no loss to compute; give one to compile"):
        model.fit(None, None)


def test_targets_of_one_output_for_two_are_refused():
    model = departments(keras)
    model.compile("sgd", ["mse", "mse"])
    for call in (model.fit, model.evaluate):
        with pytest.raises(DataError, match=r"output department: got the number 0\.0; y of several outputs is a list"):
            call([[0.0] * 4] * 2, [0.0, 1.0], verbose=0)


def test_former_names_are_answered():
    for name, remedy in [("fit_generator", r"write fit\(generator"), ("predict_classes", "argmax")]:
        with pytest.raises(AttributeError, match=remedy):
            getattr(small(), name)
    with pytest.raises(AttributeError, match="'net' has no attribute 'fitt'"):
        _ = small().fitt


def test_a_model_with_call_is_answered_with_how_to_write_it_here():
    with pytest.raises(SettingError, match=r"Mine: minidl derives no Python code of layers[\s\S]*outputs=y"):

        class Mine(keras.Model):
            def call(self, inputs):
                return inputs


def test_data_of_another_shape_are_refused():
    model = small()
    model.compile("sgd", "mse")
    with pytest.raises((ShapeError, DataError), match="fit: "):
        model.fit(X[:, :3], NUMBERS)
    with pytest.raises(SettingError, match=r"takes \(None, 4\), got \(None, 3\)"):
        model(X[:, :3])
