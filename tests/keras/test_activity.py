"""Penalties on the outputs of layers, against Keras 3.15 on PyTorch."""

import numpy as np
import pytest

from minidl import keras
from minidl.keras import layers
from tests.keras.peer import NUMBERS, QUIET, X, assert_same, both, peer


def sequential(k, *inner):
    return k.Sequential([k.Input((4,)), *inner])


def branches(k):
    x = k.Input((4,))
    a, b = k.layers.Dense(3)(x), k.layers.Dense(3)(x)
    return k.Model(x, k.layers.Dense(2)(k.layers.Add(activity_regularizer="l1")([a, b])))


def shared(k):
    x = k.Input((4,))
    twice = k.layers.Dense(4, "tanh", activity_regularizer=k.regularizers.L2(0.2))
    return k.Model(x, k.layers.Dense(2)(twice(twice(x))))


def nested(k):
    inner = k.Sequential(
        [k.Input((4,)), k.layers.Dense(3, activity_regularizer=k.regularizers.L1L2(0.1, 0.2)), k.layers.ReLU()]
    )
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2, activity_regularizer="l2")(inner(x)))


MODELS = {
    "dense": lambda k: sequential(
        k, k.layers.Dense(5, "relu", activity_regularizer=k.regularizers.L1(0.1)), k.layers.Dense(2)
    ),
    "output": lambda k: sequential(k, k.layers.Dense(2, "tanh", activity_regularizer="l2")),
    "layer": lambda k: sequential(k, k.layers.Dense(5), k.layers.ActivityRegularization(0.1, 0.2), k.layers.Dense(2)),
    "layer of the data": lambda k: sequential(k, k.layers.ActivityRegularization(l2=0.2), k.layers.Dense(2)),
    "with penalties on weights": lambda k: sequential(
        k, k.layers.Dense(5, kernel_regularizer="l2", activity_regularizer="l2"), k.layers.Dense(2)
    ),
    "normalization": lambda k: sequential(
        k, k.layers.Dense(3), k.layers.BatchNormalization(activity_regularizer="l2"), k.layers.Dense(2)
    ),
    "of a layer that is not trainable": lambda k: sequential(
        k, k.layers.Dense(5), k.layers.Dense(3, trainable=False, activity_regularizer="l2"), k.layers.Dense(2)
    ),
    "activation": lambda k: sequential(
        k, k.layers.Dense(3), k.layers.Activation("elu", activity_regularizer="l1"), k.layers.Dense(2)
    ),
    "several inputs": branches,
    "several places": shared,
    "models in models": nested,
}


@pytest.mark.peers
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_training_and_evaluation_agree(make):
    def program(k, weights):
        model = make(k)
        weights(model)
        model.compile(k.optimizers.SGD(0.05), "mse")
        history = model.fit(X, NUMBERS, epochs=3, batch_size=40, validation_split=0.2, **QUIET)
        weight = np.linspace(0.5, 2.0, len(X))
        return (
            history.history,
            model.get_weights(),
            model.evaluate(X, NUMBERS, batch_size=32, verbose=0),
            model.evaluate(X, NUMBERS, sample_weight=weight, verbose=0),
            model.predict(X[:5], verbose=0),
        )

    assert_same(*both(program), tolerance=1e-4)


@pytest.mark.peers
def test_classification_on_probabilities_with_a_penalty_on_them_agrees():
    def program(k, weights):
        model = sequential(k, k.layers.Dense(1, "sigmoid", activity_regularizer="l2"))
        weights(model)
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return model.fit(X, (X[:, :1] > 0) * 1.0, epochs=2, **QUIET).history, model.get_weights()

    assert_same(*both(program), tolerance=1e-4)


@pytest.mark.peers
def test_a_function_as_the_regularizer_agrees():
    def program(k, weights):
        model = sequential(
            k, k.layers.Dense(3, activity_regularizer=lambda y: 0.1 * k.ops.sum(k.ops.exp(y))), k.layers.Dense(2)
        )
        weights(model)
        model.compile("sgd", "mse")
        return model.fit(X, NUMBERS, epochs=2, **QUIET).history, model.get_weights()

    assert_same(*both(program), tolerance=1e-4)


@pytest.mark.peers
@pytest.mark.parametrize(
    "make",
    [
        lambda k: k.layers.Dense(3, activity_regularizer=k.regularizers.L1(0.25)),
        lambda k: k.layers.ActivityRegularization(l1=0.25, l2=0.5),
        lambda k: k.layers.Flatten(activity_regularizer="l2"),
    ],
)
def test_configs_are_those_of_keras(make):
    theirs, ours = make(peer()).get_config(), make(keras).get_config()
    assert set(theirs) - set(ours) <= {"quantization_config"}
    for name in ("activity_regularizer", "l1", "l2"):
        their, our = theirs.get(name), ours.get(name)
        if isinstance(their, dict):  # Keras rounds the numbers to float32
            assert (our["class_name"], their["class_name"]) == (their["class_name"], our["class_name"])
            their, our = their["config"], our["config"]
        assert our == (pytest.approx(their) if isinstance(their, dict | float) else their)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_keras_reads_our_archive_and_we_read_that_of_keras(tmp_path):
    k = peer()
    for make in (MODELS["layer"], MODELS["dense"]):
        ours = make(keras)
        ours.compile("sgd", "mse")
        ours.save(tmp_path / "ours.keras")
        theirs = k.models.load_model(tmp_path / "ours.keras", compile=False)
        theirs.compile("sgd", "mse")
        value = ours.evaluate(X, NUMBERS, verbose=0)
        assert theirs.evaluate(X, NUMBERS, verbose=0) == pytest.approx(value, rel=1e-5)
        theirs.save(tmp_path / "theirs.keras")
        back = keras.models.load_model(tmp_path / "theirs.keras")
        back.compile("sgd", "mse")
        assert back.evaluate(X, NUMBERS, verbose=0) == pytest.approx(value, rel=1e-5)


def test_copies_keep_the_penalty():
    model = MODELS["dense"](keras)
    copy = keras.models.clone_model(model)
    assert copy.layers[0].activity_regularizer.l1 == 0.1
    assert layers.Dense.from_config(model.layers[0].get_config()).activity_regularizer.l1 == 0.1
    assert layers.Dense(3).activity_regularizer is None
