"""Behaviour that Keras's guides rely on: forms of targets, lines of output, errors of unbuilt models."""

import re

import pytest

from tests.keras.peer import CLASSES, TARGET, X, assert_same, both

pytestmark = pytest.mark.peers


def network(keras, weights, outputs=1, activation="sigmoid"):
    layers = [keras.layers.Dense(4, activation="relu"), keras.layers.Dense(outputs, activation=activation)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    weights(model)
    return model


# ---- class labels in losses and metrics of scripts


def test_labels_reach_functions_and_metrics_as_fit_received_them():
    def program(keras, weights):
        def distances(y_true, y_pred):
            one_hot = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 3)
            return keras.ops.mean(keras.ops.square(one_hot - y_pred), axis=-1)

        class Distance(keras.metrics.Metric):
            def __init__(self, name="distance"):
                super().__init__(name=name)
                self.total = self.add_weight(name="total", initializer="zeros")

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.total.assign_add(keras.ops.sum(distances(y_true, y_pred)))

            def result(self):
                return self.total + 0

        model = network(keras, weights, 3, "softmax")
        model.compile("sgd", distances, metrics=[distances, Distance()])
        measured = model.evaluate(X, CLASSES, verbose=0)
        return measured, model.fit(X, CLASSES, epochs=2, verbose=0, shuffle=False).history["loss"]

    assert_same(*both(program), tolerance=1e-5)


@pytest.mark.parametrize("labels", [CLASSES, CLASSES[:, None]], ids=["(m,)", "(m, 1)"])
def test_a_column_of_labels_stays_a_column(labels):
    def program(keras, weights):
        def hits(y_true, y_pred):
            classes = keras.ops.expand_dims(keras.ops.argmax(y_pred, axis=-1), -1)
            return keras.ops.cast(keras.ops.cast(y_true, "int64") == keras.ops.cast(classes, "int64"), "float32")

        model = network(keras, weights, 3, "softmax")
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[hits])
        return model.evaluate(X, labels, verbose=0)

    assert_same(*both(program), tolerance=1e-5)


# ---- lines of output


@pytest.mark.parametrize("epochs", [1, 2])
def test_verbose_2_prints_the_lines_of_keras(epochs, capsys):
    def program(keras, weights):
        model = network(keras, weights)
        model.compile("sgd", "mse", metrics=["mae", "accuracy"])
        capsys.readouterr()
        model.fit(X, TARGET, epochs=epochs, batch_size=15, verbose=2, shuffle=False, validation_split=0.5)
        model.evaluate(X, TARGET, batch_size=30, verbose=2)
        model.predict(X, batch_size=45, verbose=2)
        return re.sub(r"\d+m?s\b", "T", capsys.readouterr().out)

    theirs, ours = both(program)
    assert ours == theirs
    assert "2/2 - T - T/step\n" in ours
