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


# ---- the script's own classes and functions in files


def registered_parts(keras):
    register = keras.utils.register_keras_serializable(package="own")

    @register
    def bent(x):
        return keras.ops.tanh(x) * 2

    @register
    class Scaled(keras.losses.Loss):
        def __init__(self, factor=2.0, **settings):
            super().__init__(**settings)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

        def get_config(self):
            return super().get_config() | {"factor": self.factor}

    @register
    class Rectified(keras.layers.Dense):
        def __init__(self, units, **settings):
            super().__init__(units, activation="relu", **settings)

        def get_config(self):
            return {name: value for name, value in super().get_config().items() if name != "activation"}

    return bent, Scaled, Rectified


def test_files_find_registered_classes_and_functions(tmp_path):
    def program(keras, weights):
        before = dict(keras.utils.get_custom_objects())
        bent, scaled, rectified = registered_parts(keras)
        model = keras.Sequential([keras.Input((4,)), rectified(3), keras.layers.Dense(1, activation=bent)])
        weights(model)
        model.compile("sgd", scaled(factor=3.0))
        path = tmp_path / f"{keras.__name__}.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        keras.utils.get_custom_objects().clear()
        keras.utils.get_custom_objects().update(before)
        return loaded.evaluate(X, TARGET, verbose=0), loaded.predict(X, verbose=0), type(loaded.layers[0]).__name__

    assert_same(*both(program), tolerance=1e-5)


def test_custom_objects_name_the_functions_of_a_file_and_of_a_config(tmp_path):
    def program(keras, weights):
        def bent(x):
            return keras.ops.tanh(x) * 2

        def distance(y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, bent), keras.layers.Activation(bent)])
        model.add(keras.layers.Dense(1))
        weights(model)
        model.compile("sgd", distance, metrics=[distance])
        path, own = tmp_path / f"{keras.__name__}.keras", {"bent": bent, "distance": distance}
        model.save(path)
        loaded = keras.models.load_model(path, custom_objects=own)
        with keras.utils.custom_object_scope(own):
            scoped = keras.Sequential.from_config(model.get_config())
        copies = [scoped, keras.Sequential.from_config(model.get_config(), custom_objects=own)]
        for copy in copies:
            copy.set_weights(model.get_weights())
        return loaded.evaluate(X, TARGET, verbose=0), [copy.predict(X, verbose=0) for copy in copies]

    assert_same(*both(program), tolerance=1e-5)


def test_output_shapes_keep_the_number_of_rows():
    def program(keras, weights):
        model = network(keras, weights, 3)
        return [tuple(part.compute_output_shape((5, 4))) for part in (model, model.layers[0])]

    theirs, ours = both(program)
    assert ours == theirs == [(5, 3), (5, 4)]
