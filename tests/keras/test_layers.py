"""Layers: their numbers against Keras 3.15 on PyTorch, their settings, names and weights."""

import numpy as np
import pytest

import minidl
from minidl import keras
from minidl.errors import NotBuiltError, SettingError, ShapeError
from minidl.keras import layers
from tests.keras.peer import NUMBERS, QUIET, X, assert_same, both, peer


def adapted(layer):
    layer.adapt(X)
    return layer


LAYERS = {
    "dense": lambda k: k.layers.Dense(3, "relu", bias_initializer="ones", kernel_initializer="he_normal"),
    "no bias": lambda k: k.layers.Dense(3, use_bias=False, activation=k.activations.tanh),
    "layer as activation": lambda k: k.layers.Dense(3, activation=k.layers.LeakyReLU(negative_slope=0.1)),
    "activation": lambda k: k.layers.Activation("softplus"),
    "relu": lambda k: k.layers.ReLU(),
    "relu with a limit": lambda k: k.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
    "leaky relu": lambda k: k.layers.LeakyReLU(negative_slope=0.2),
    "elu": lambda k: k.layers.ELU(alpha=0.5),
    "prelu": lambda k: k.layers.PReLU(alpha_initializer="ones"),
    "prelu with a constraint": lambda k: k.layers.PReLU(
        alpha_initializer=k.initializers.Constant(-0.2), alpha_constraint="non_neg"
    ),
    "softmax": lambda k: k.layers.Softmax(),
    "unit": lambda k: k.layers.UnitNormalization(),
    "unit along several axes": lambda k: k.layers.UnitNormalization(axis=[1]),
    "batch": lambda k: k.layers.BatchNormalization(momentum=0.8, epsilon=1e-2, scale=False),
    "layer": lambda k: k.layers.LayerNormalization(epsilon=1e-2, center=False),
    "dropout": lambda k: k.layers.Dropout(0.0, seed=3),
    "noise": lambda k: k.layers.GaussianNoise(0.0),
    "flatten": lambda k: k.layers.Flatten(),
    "identity": lambda k: k.layers.Identity(),
    "reshape": lambda k: k.layers.Reshape((2, -1)),
    "rescaling": lambda k: k.layers.Rescaling(0.5, offset=1.0),
    "batch with all": lambda k: k.layers.BatchNormalization(
        1,
        beta_initializer="ones",
        gamma_initializer=k.initializers.Constant(2.0),
        moving_mean_initializer="ones",
        moving_variance_initializer=k.initializers.Constant(3.0),
        beta_regularizer="l2",
        gamma_regularizer=k.regularizers.L1(0.1),
        gamma_constraint="non_neg",
    ),
    "layer with penalty": lambda k: k.layers.LayerNormalization(
        [1], gamma_regularizer="l2", beta_constraint="max_norm"
    ),
    "groups": lambda k: k.layers.GroupNormalization(2, epsilon=1e-2, beta_initializer="ones"),
    "normalization": lambda k: adapted(k.layers.Normalization()),
    "normalization back": lambda k: k.layers.Normalization(mean=2.0, variance=3.0, invert=True),
    "rescaling of channels": lambda k: k.layers.Rescaling([0.5, 1, 2, 3], offset=1.0),
    "repeat": lambda k: k.layers.RepeatVector(3),
    "lambda": lambda k: k.layers.Lambda(lambda x: k.ops.square(x) + k.ops.exp(-x)),
}
ACTIVATIONS = [
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
]
ACTIVATIONS += ["mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"]


@pytest.mark.peers
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_layer_computes_and_learns_as_on_keras(make):
    def program(keras, weights):
        layer = make(keras)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), layer, keras.layers.Flatten()])
        model.add(keras.layers.Dense(2))
        weights(model)
        model.compile("sgd", "mse")
        history = model.fit(X, NUMBERS, epochs=2, batch_size=30, **QUIET).history
        shapes = [list(weight.shape) for weight in layer.weights], list(layer.output.shape)[1:]
        names = [[weight.name for weight in part] for part in (layer.trainable_weights, layer.non_trainable_weights)]
        return history, model.predict(X, verbose=0), layer.count_params(), shapes, names, layer.name

    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_has_the_same_value_and_derivative_as_on_keras(name):
    def program(keras, weights):
        function = keras.activations.get(name)
        values = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(X)))
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name), keras.layers.Dense(2)])
        weights(model)
        model.compile("sgd", "mse")
        return values, model.fit(X, NUMBERS, epochs=2, **QUIET).history, model.get_weights()

    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"])
def test_a_merging_layer_computes_and_learns_as_on_keras(kind):
    def program(keras, weights):
        x = keras.Input((4,))
        parts = [keras.layers.Dense(3, "tanh")(x), keras.layers.Dense(3, "sigmoid")(x)]
        settings = {"axes": 1} if kind == "Dot" else {}
        joined = getattr(keras.layers, kind)(**settings)(parts)
        model = keras.Model(x, keras.layers.Dense(2)(joined))
        weights(model)
        model.compile("sgd", "mse")
        history = model.fit(X, NUMBERS, epochs=2, **QUIET).history
        function = getattr(keras.layers, kind.lower())([keras.ops.ones((2, 3)), keras.ops.ones((2, 3))], **settings)
        return history, model.predict(X, verbose=0), list(joined.shape)[1:], keras.ops.convert_to_numpy(function)

    assert_same(*both(program))


@pytest.mark.peers
def test_arithmetic_of_tensors_computes_and_learns_as_on_keras():
    def program(keras, weights):
        x = keras.Input((4,))
        h = keras.layers.Dense(3)(x)
        g = (1.0 - h) * h / 2.0 + keras.ops.square(h) - keras.ops.mean(h, axis=-1, keepdims=True)
        y = keras.ops.concatenate([g, keras.ops.tanh(h), -x], axis=-1)
        model = keras.Model(x, keras.layers.Dense(2)(y))
        weights(model)
        model.compile("sgd", "mse")
        return model.fit(X, NUMBERS, epochs=2, **QUIET).history, model.predict(X, verbose=0)

    assert_same(*both(program))


@pytest.mark.peers
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_config_has_keras_keys_and_makes_the_layer_again(make):
    theirs, ours = make(peer()), make(keras)
    config = ours.get_config()
    missing = {"quantization_config", "data_format"}
    assert set(theirs.get_config()) - missing <= set(config) | {"seed"}
    assert type(ours).from_config(config).get_config() == config


def test_sums_of_tensors_are_layers_of_the_core():
    x = keras.Input((4,))
    h = layers.Dense(4)(x)
    model = keras.Model(x, (h + x) * h - x * x)
    kinds = [type(layer).__name__ for layer in model.core.layer.children.values()]
    assert sorted(kinds) == ["Add", "Dense", "Multiply", "Multiply", "Subtract"]
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense"]  # as Keras lists them
    y = model.layers[1](X)
    np.testing.assert_allclose(model(X), (y + X) * y - X * X, rtol=1e-4, atol=1e-5)


# ---- names and weights


def test_names_are_numbered_through_the_script_until_the_session_is_cleared():
    keras.backend.clear_session()
    names = [layer.name for layer in (layers.Dense(1), layers.Dense(1), layers.ReLU(), layers.PReLU())]
    assert names == ["dense", "dense_1", "re_lu", "p_re_lu"]
    assert keras.Sequential().name == "sequential"
    keras.backend.clear_session()
    assert layers.Dense(1).name == "dense"


def test_a_layer_is_built_by_the_first_call():
    layer = layers.Dense(3, activation="relu")
    assert not layer.built
    assert layer.weights == []
    y = layer(X)
    assert layer.built
    np.testing.assert_allclose(y, np.maximum(X @ layer.kernel.numpy(), 0), rtol=1e-5)
    np.testing.assert_array_equal(y.numpy(), layer(X, training=True))
    assert layer.count_params() == 15
    other = layers.Dense(2)
    other.build((None, 4))
    assert [weight.shape for weight in other.weights] == [(4, 2), (2,)]
    with pytest.raises(ShapeError, match="is built for rows of shape"):
        layer(X[:, :2])


def test_dropout_is_applied_in_training_alone():
    layer = layers.Dropout(0.5)
    np.testing.assert_array_equal(layer(X), X)
    dropped = layer(X, training=True)
    assert 0.3 < (dropped == 0).mean() < 0.7


def test_a_variable_is_a_view_that_can_be_assigned():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(1)])
    kernel = model.get_layer("hidden").kernel
    assert (kernel.shape, kernel.ndim, kernel.dtype, kernel.size) == ((4, 3), 2, "float32", 12)
    kernel.assign(np.ones((4, 3)))
    kernel.assign_add(np.ones((4, 3)))
    kernel.assign_sub(np.full((4, 3), 0.5))
    np.testing.assert_array_equal(model.get_weights()[0], np.full((4, 3), 1.5))
    np.testing.assert_array_equal(model.core.params["hidden/kernel"].value, np.full((4, 3), 1.5))
    np.testing.assert_array_equal(kernel * 2 + kernel, np.full((4, 3), 4.5))
    assert float(np.sum(kernel)) == 18
    with pytest.raises(ShapeError, match=r"hidden/kernel has shape \(4, 3\), got a value of shape \(3,\)"):
        kernel.assign(np.ones(3))
    assert model.weights[0].path == f"{model.name}/hidden/kernel"


def test_weights_are_checked_before_the_first_is_set():
    layer = layers.Dense(3)
    layer.build((None, 4))
    before = layer.get_weights()
    with pytest.raises(ShapeError, match="has 2 weights, got 1 arrays"):
        layer.set_weights([np.zeros((4, 3))])
    with pytest.raises(ShapeError, match=r"bias has shape \(3,\), got \(4,\)"):
        layer.set_weights([np.zeros((4, 3)), np.zeros(4)])
    np.testing.assert_array_equal(layer.kernel, before[0])


def test_first_weights_may_be_given_as_in_keras_2():
    given = [np.ones((4, 2)), np.zeros(2)]
    layer = layers.Dense(2, weights=given, input_shape=(4,))
    np.testing.assert_array_equal(keras.Sequential([layer]).get_weights()[0], given[0])


def test_freezing_a_layer_moves_its_weights_to_those_that_are_not_trained():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)])
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (6, 2)
    model.layers[0].trainable = False
    assert (len(model.trainable_variables), len(model.non_trainable_variables)) == (4, 4)
    assert model.core.layer.layers[0].trainable is False
    model.trainable = False
    assert model.trainable_weights == []
    assert layers.Dense(1, trainable=False).core[0].trainable is False


def test_the_seed_of_the_script_decides_on_the_weights():
    drawn = []
    for _ in range(2):
        minidl.set_random_seed(3)
        drawn.append(keras.Sequential([keras.Input((4,)), layers.Dense(3)]).get_weights()[0])
    np.testing.assert_array_equal(*drawn)


# ---- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(0), "units must be an integer of at least 1"),
        (lambda: layers.Dense(3, foo=1), "Dense has no argument 'foo'; it has units, activation"),
        (lambda: layers.Dense(3, activation="reluu"), "unknown activation 'reluu'; minidl has linear, relu"),
        (lambda: layers.Dense(3, activation=layers.ReLU), r"write ReLU\(\)"),
        (lambda: layers.Dense(3, activation=3), "an activation is a name, a function or a layer"),
        (lambda: layers.Dense(3, activity_regularizer="l3"), "unknown regularizer 'l3'; choose from"),
        (lambda: layers.Dense(3, dtype="float16"), "dtype must be float32 or float64"),
        (lambda: layers.Dense(3, name=4), "name must be a string"),
        (lambda: layers.Dropout(0.5, noise_shape=(1, 2))(keras.Input((4,))), "does not fit rows of shape"),
        (lambda: layers.BatchNormalization(renorm=True), "minidl has only renorm=False"),
        (lambda: layers.BatchNormalization(axis=2)(keras.Input((4,))), "axis=2 does not fit rows of shape"),
        (lambda: layers.Softmax(axis=0), "axis 0 holds the rows"),
        (lambda: keras.Input(4), r"shape must be a tuple such as \(4,\)"),
        (lambda: keras.Input(), "give the shape of a row"),
        (lambda: layers.Dense(2)(keras.Input((None,))), r"None in \(None,\) stands for any length: give the length"),
        (lambda: layers.Add()(keras.Input((4,))), "takes a list of two inputs or more"),
        (lambda: layers.Dense(2)([keras.Input((4,)), keras.Input((4,))]), "takes one input, got 2"),
        (lambda: layers.Dense(2)(keras.Input((4,)), keras.Input((4,))), "takes its inputs as one list"),
        (lambda: layers.Lambda(3), "Lambda takes a function"),
        (lambda: layers.Lambda(lambda x: keras.ops.sum(x))(keras.Input((4,))), "the shape"),
        (lambda: layers.Core("relu"), "Core takes a layer of minidl"),
        (lambda: float(np.asarray(keras.Input((4,)))), "has no numbers"),
        (lambda: next(iter(keras.Input((4,)))), "cannot be unpacked"),
    ],
)
def test_what_cannot_be_is_said(make, message):
    with pytest.raises((SettingError, ShapeError), match=message):
        make()


def test_a_layer_with_call_is_answered_with_how_to_write_it_here():
    with pytest.raises(SettingError, match=r"Square: minidl derives no Python code of layers[\s\S]*def backward"):

        class Square(layers.Layer):
            def call(self, inputs):
                return inputs * inputs


def test_a_layer_of_minidl_has_its_place_among_those_of_keras():
    x = keras.Input((4,))
    y = layers.Core(minidl.layers.Residual(minidl.layers.Dense(4), minidl.layers.Tanh()))(x)
    model = keras.Sequential([keras.Model(x, y), minidl.layers.Dense(2)])
    model.compile("adam", "mse")
    assert model.fit(X, NUMBERS, epochs=2, verbose=0).history["loss"][1] > 0
    assert model.count_params() == 30
    assert minidl.check_model(model.core, X[:9], NUMBERS[:9]).passed


def test_absent_layers_say_why_they_are_absent():
    for statement in ("from minidl.keras.layers import ConvLSTM1D", "layers.ConvLSTM1D"):
        with pytest.raises(ImportError, match=r"keras\.layers\.ConvLSTM1D is not in minidl\.keras: minidl has LSTM"):
            exec(statement, {"layers": layers})
    with pytest.raises(AttributeError, match="has no attribute 'Dence'; there are ELU"):
        _ = layers.Dence


def test_a_weight_that_is_not_made_yet_is_named():
    with pytest.raises(NotBuiltError, match=r"Dense 'x' has no kernel yet.*build"):
        _ = layers.Dense(3, name="x").kernel
    with pytest.raises(AttributeError, match="has no attribute 'kernle'; it has units"):
        _ = layers.Dense(3).kernle
    with pytest.raises(AttributeError, match="has not been called on a symbolic tensor"):
        _ = layers.Dense(3).output_shape
    for unconnected in (layers.Dense(3), keras.Sequential([layers.Dense(3)])):  # as in Keras 3.15
        for name in ("input", "output", "input_shape", "output_shape"):
            assert not hasattr(unconnected, name)
    assert layers.Dense(3).compute_output_shape((None, 4)) == (None, 3)
    assert layers.Concatenate().compute_output_shape([(None, 4), (None, 2)]) == (None, 6)


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3)])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "silu", "softplus", "tanh"])
def test_an_activation_takes_arrays_of_any_shape_as_on_keras(name, shape):
    assert_same_activation(name, shape)


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3)])  # a number has no axis to sum along
def test_softmax_takes_arrays_of_any_shape_as_on_keras(shape):
    assert_same_activation("softmax", shape)


def assert_same_activation(name, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    wanted = np.asarray(getattr(peer().activations, name)(peer().ops.array(x)))
    found = getattr(keras.activations, name)(x)
    assert found.shape == shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("axis", [0, 1, -2, (1, 2), (0, 2)])
def test_a_softmax_takes_any_axis_as_on_keras(axis):
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    wanted = np.asarray(peer().activations.softmax(peer().ops.array(x), axis=axis))
    np.testing.assert_allclose(keras.activations.softmax(x, axis=axis), wanted, rtol=1e-5)


def test_an_activation_inside_a_function_has_its_derivative():
    x = keras.Input((3,))
    y = layers.Lambda(lambda x: keras.activations.sigmoid(x) * keras.activations.softmax(x))(x)
    model = keras.Model(x, layers.Dense(1)(y))
    model.compile("sgd", "mse")
    rows = np.random.default_rng(0).normal(size=(5, 3))
    assert minidl.check_model(model.core, rows, rows[:, :1]).passed


def test_a_layer_without_a_weight_has_none_in_its_place():
    assert layers.Dense(2, use_bias=False).bias is None
    assert layers.BatchNormalization(center=False).beta is None


def test_a_weight_knows_its_constraint_and_regularizer():
    layer = layers.Dense(2, kernel_constraint="non_neg", bias_regularizer=keras.regularizers.L1(0.5))
    layer.build((None, 3))
    assert (layer.kernel.constraint, layer.kernel.regularizer) == (keras.constraints.NonNeg(), None)
    assert (layer.bias.constraint, layer.bias.regularizer.l1) == (None, 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(2, trainable="yes"), "Dense: trainable must be True or False, got 'yes'"),
        (lambda: layers.InputLayer(shape=(2,), batch_shape=(3, 2)), "give either batch_shape, got .3, 2., or shape"),
        (lambda: layers.InputLayer(batch_size=3, batch_shape=(3, 2)), "or batch_size, not both"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["ReLU", "LeakyReLU", "ELU", "Softmax"])
def test_a_layer_of_an_activation_takes_a_vector_as_on_keras(kind):
    x = np.array([-3.0, -1.0, 0.0, 2.0], "float32")
    wanted = getattr(peer().layers, kind)()(x).numpy()
    np.testing.assert_allclose(getattr(layers, kind)()(x), wanted, rtol=1e-6)
    assert getattr(layers, kind)()(x).shape == (4,)


@pytest.mark.parametrize("shape", [(-1, -1), (2, -3)])
def test_a_shape_has_at_most_one_unknown_size(shape):
    with pytest.raises(SettingError, match=r"Reshape: .*target_shape"):
        layers.Reshape(shape)


def test_a_built_sequential_is_not_built_for_another_shape():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.build((None, 4))
    with pytest.raises(SettingError, match=r"build: \w+ takes .None, 4., got .3, 5."):
        model.build((3, 5))
