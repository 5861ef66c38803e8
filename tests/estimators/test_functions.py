"""Functions that describe a network: their arguments are arguments of the estimator."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from minidl import SettingError
from minidl.estimators import SequentialClassifier, SequentialRegressor
from minidl.estimators._functions import call, defaults
from minidl.layers import ELU, Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from minidl.optimizers import SGD, Adam
from minidl.sequential import Sequential
from tests.estimators.comparison import CANCER, DIABETES, network

IRIS = load_iris(return_X_y=True)


def units(estimator):
    return [layer.units for layer in estimator.model_.layers if isinstance(layer, Dense)]


def test_arguments_of_the_function_are_parameters_of_the_estimator():
    estimator = SequentialClassifier(network, hidden=3, epochs=1, random_state=0)
    assert estimator.hidden == 3
    assert estimator.get_params(deep=False)["hidden"] == 3 and "rate" not in estimator.get_params(deep=False)
    assert estimator.get_params()["rate"] == 0.0  # the default
    assert "outputs" not in estimator.get_params()
    assert units(estimator.fit(*CANCER)) == [3, 1]
    assert units(estimator.set_params(hidden=5).fit(*IRIS)) == [5, 3]
    twin = clone(estimator)
    assert units(twin.fit(*IRIS)) == [5, 3] and not hasattr(clone(estimator), "model_")
    assert "hidden=5" in repr(estimator)
    for copied in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        assert copied.hidden == 5 and np.array_equal(copied.predict(IRIS[0]), estimator.predict(IRIS[0]))


def test_a_new_function_keeps_the_arguments_that_it_has_and_uses_its_own_defaults():
    def wide(outputs, hidden, rate=0.5, depth=2):
        return [*(layer for _ in range(depth) for layer in (Dense(hidden), Dropout(rate))), Dense(outputs), Softmax()]

    estimator = clone(SequentialClassifier(network, hidden=4, activation=Tanh(), epochs=1, random_state=0))
    estimator.set_params(layers=wide, depth=3)
    assert "activation" not in estimator.get_params() and estimator.get_params()["rate"] == 0.5
    fitted = estimator.fit(*IRIS)
    assert units(fitted) == [4, 4, 4, 3] and fitted.model_.layers[1].rate == 0.5


def test_double_underscores_name_settings_inside_the_arguments_of_a_function():
    given = Dense(4)
    estimator = SequentialRegressor(lambda first, outputs: [first, ReLU(), Dense(outputs)], first=given)
    assert estimator.get_params()["first__units"] == 4
    assert units(estimator.set_params(first__units=6, epochs=1).fit(*DIABETES)) == [6, 1] and given.units == 4
    inside = clone(SequentialClassifier(network, activation=ELU(), activation__alpha=0.5, optimizer__learning_rate=0.1))
    assert (inside.activation.alpha, inside.optimizer.learning_rate) == (0.5, 0.1)


def test_searches_and_pipelines_set_the_arguments():
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("net", SequentialClassifier(network, epochs=20, random_state=0))]
    )
    grid = {"net__hidden": [1, 16], "net__optimizer__learning_rate": [1e-5, 0.01]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(*CANCER)
    assert search.best_params_["net__optimizer__learning_rate"] == 0.01 and search.best_score_ > 0.9
    drawn = RandomizedSearchCV(pipeline, {"net__rate": [0.0, 0.2]}, n_iter=2, cv=2, random_state=0).fit(*CANCER)
    assert set(drawn.cv_results_["param_net__rate"]) == {0.0, 0.2}
    assert cross_val_score(pipeline, *CANCER, cv=2).min() > 0.8


def test_fit_gives_the_function_what_it_knows_by_name():
    received = {}

    def described(outputs, n_features, n_classes, optimizer, dtype="float16", loss="unset"):
        received.update(outputs=outputs, n_features=n_features, n_classes=n_classes, optimizer=optimizer)
        received.update(dtype=dtype, loss=loss)
        return [Dense(n_classes), Softmax()]

    SequentialClassifier(described, optimizer="sgd", epochs=1).fit(*IRIS)
    wanted = {"outputs": 3, "n_features": 4, "n_classes": 3, "optimizer": "sgd", "dtype": "float16", "loss": "unset"}
    assert received == wanted
    plain = SequentialClassifier(lambda n: [Dense(n), Sigmoid()], epochs=1)  # as in minidl 0.1
    assert units(plain.fit(*CANCER)) == [1]
    numbers = SequentialRegressor(lambda outputs, n_classes: [Dense(outputs)], n_classes=3, epochs=1)
    assert units(numbers.fit(*DIABETES)) == [1]  # an argument like any other: a regressor knows no classes


def test_a_compiled_network_brings_optimizer_loss_and_metrics():
    def compiled(outputs, rate=0.05):
        model = Sequential(network(outputs))
        model.compile(SGD(rate), "sparse_categorical_crossentropy", ["accuracy"])
        return model

    own = SequentialClassifier(compiled, rate=0.1, epochs=2, random_state=0).fit(*IRIS)
    assert own.model_.optimizer.learning_rate == 0.1 and set(own.history_) == {"accuracy", "loss"}
    assert own.model_.loss.loss.sparse
    given = SequentialClassifier(compiled, optimizer="adam", loss="mse", metrics="mae", epochs=1).fit(*IRIS)
    assert isinstance(given.model_.optimizer, Adam) and set(given.history_) == {"mae", "loss"}
    assert not given.model_.loss.loss.sparse


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: SequentialClassifier(network, hiden=3), "'hiden' for SequentialClassifier: did you mean 'hidden'"),
        (lambda: SequentialClassifier(network).set_params(hiden=3), "network takes hidden, rate, activation; Seq"),
        (lambda: SequentialClassifier(network, optimzer=3), "did you mean 'optimizer'"),
        (lambda: SequentialRegressor(network, class_weight=3), "Invalid parameter 'class_weight' for SequentialR"),
        (lambda: SequentialClassifier([Dense(1)], hidden=3), "only a function as layers adds arguments"),
        (lambda: SequentialClassifier(lambda outputs, score: [], score=3), "has a method or attribute 'score'; ren"),
        (lambda: SequentialClassifier(lambda outputs, layers=2: []).fit(*IRIS), "has an argument 'layers' of its own"),
        (lambda: SequentialClassifier(lambda outputs, deep: []).fit(*IRIS), r"needs deep; pass it: .*\(.*, deep=...\)"),
    ],
)
def test_names_that_do_not_fit_raise_errors_that_say_what_does(wrong, message):
    with pytest.raises(SettingError, match=message):
        wrong()


def test_defaults_reads_the_signature_and_call_passes_what_fits_it():
    assert defaults(network)["hidden"] == 8 and defaults(network)["outputs"] is inspect.Parameter.empty
    assert defaults([Dense(1)]) == {}
    assert call("who", lambda a, *, b=2: (a, b), {"a": 1, "c": 3}, 9) == (1, 2)


def test_a_function_without_return_raises_an_error():
    def network(outputs):
        [Dense(outputs)]

    for kind in (SequentialClassifier, SequentialRegressor):
        with pytest.raises(SettingError, match=f"{kind.__name__}: network returned None; return a list of layers"):
            kind(network).fit(*IRIS)
