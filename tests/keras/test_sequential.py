"""Sequential models against Keras 3.15 on PyTorch, from the same weights."""

import numpy as np
import pytest

from tests.keras.peer import CLASSES, NUMBERS, ONE_HOT, QUIET, TARGET, X, assert_same, both

pytestmark = pytest.mark.peers


def binary(keras, weights):
    model = keras.Sequential(
        [
            keras.layers.Dense(8, activation="relu", input_shape=(4,)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    weights(model)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(X, TARGET, epochs=4, batch_size=16, validation_split=0.2, **QUIET)
    return history.history, model.evaluate(X, TARGET, verbose=0), model.predict(X, verbose=0), model.get_weights()


def classes(keras, weights):
    model = keras.models.Sequential(name="classes")
    model.add(keras.Input(shape=(4,)))
    model.add(keras.layers.Dense(6, kernel_regularizer="l2", kernel_constraint="max_norm"))
    model.add(keras.layers.BatchNormalization(momentum=0.9))
    model.add(keras.layers.LeakyReLU(negative_slope=0.1))
    model.add(keras.layers.LayerNormalization())
    model.add(keras.layers.Dense(3))
    model.add(keras.layers.Activation("softmax"))
    weights(model)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, CLASSES, epochs=3, batch_size=32, validation_data=(X[:30], CLASSES[:30]), **QUIET)
    return history.history, model.predict(X, verbose=0), model.get_weights()


def weighted(keras, weights):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(3, "softmax")])
    weights(model)
    model.compile("rmsprop", "categorical_crossentropy", weighted_metrics=["accuracy"])
    share = np.linspace(0.5, 2, len(X))
    kept = model.fit(X, ONE_HOT, sample_weight=share, epochs=3, **QUIET).history
    both_weights = {0: 1.0, 1: 2.0, 2: 0.5}
    more = model.fit(X, ONE_HOT, class_weight=both_weights, epochs=5, initial_epoch=3, **QUIET)
    return kept, more.history, more.epoch, model.evaluate(X, ONE_HOT, verbose=0, sample_weight=share, return_dict=True)


def regression(keras, weights):
    model = keras.Sequential([keras.layers.Dense(6, activation="elu", input_dim=4), keras.layers.PReLU()])
    model.add(keras.layers.Dense(2, use_bias=False, activation="linear"))
    weights(model)
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    losses = [model.train_on_batch(X[:20], NUMBERS[:20], return_dict=True)["loss"]]
    history = model.fit(X, NUMBERS, epochs=3, batch_size=90, validation_freq=2, validation_split=0.1, **QUIET)
    return losses, history.history, model.predict_on_batch(X[:5]), model.count_params()


def frozen(keras, weights):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "silu"), keras.layers.Dense(2)])
    model.layers[0].trainable = False
    weights(model)
    model.compile("adam", "mse")
    model.fit(X, NUMBERS, epochs=2, **QUIET)
    return model.get_weights(), len(model.trainable_weights), len(model.non_trainable_weights)


def nested(keras, weights):
    inner = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.Dense(4, "gelu")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2)])
    weights(model)
    model.compile("sgd", "mae")
    model.fit(X, NUMBERS, epochs=2, **QUIET)
    return model.get_weights(), inner.get_weights(), inner.predict(X, verbose=0), [layer.name for layer in model.layers]


@pytest.mark.parametrize("program", [binary, classes, weighted, regression, frozen, nested])
def test_a_program_gives_the_same_numbers_as_on_keras(program):
    assert_same(*both(program))
