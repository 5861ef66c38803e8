"""Estimators that train any network."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from minidl import DataError, ShapeError
from minidl.estimators import SequentialClassifier, SequentialRegressor
from minidl.layers import BatchNormalization, Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from minidl.losses import MeanSquaredError
from minidl.metrics import AUC
from minidl.optimizers import LBFGS, SGD, Adam, Clip
from minidl.regularizers import L2
from minidl.sequential import Sequential
from tests.estimators.comparison import CANCER, LABELS, TWO

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


NETWORKS = {
    "list": [Dense(8), ReLU(), Dropout(0.1), Dense(1), Sigmoid()],
    "softmax": [Dense(8), Tanh(), Dense(2), Softmax()],
    "Sequential": Sequential([Dense(8), BatchNormalization(), ReLU(), Dense(1), Sigmoid()]),
    "nested": [Sequential([Dense(8), ReLU()]), Dense(1), Sigmoid()],
    "function": lambda outputs: [Dense(8), ReLU(), Dense(outputs), Sigmoid()],
    "none": None,
}


@pytest.mark.parametrize("form", NETWORKS)
def test_any_network_classifies_two_classes(form):
    names = np.array(["benign", "malign"])
    estimator = SequentialClassifier(NETWORKS[form], optimizer=Adam(0.01), epochs=15, random_state=0)
    for _ in range(2):  # training works on copies
        estimator.fit(CANCER[0], names[CANCER[1]])
    assert estimator.score(CANCER[0], names[CANCER[1]]) > 0.95
    assert estimator.predict_proba(CANCER[0]).sum(axis=1) == pytest.approx(1)
    assert set(estimator.predict(CANCER[0])) == set(estimator.classes_) == set(names)


def test_any_network_predicts_numbers():
    layers = [Dense(8), Tanh(), Dense(2)]
    estimator = SequentialRegressor(layers, loss=MeanSquaredError() + L2(0.1), optimizer=LBFGS(), epochs=200)
    estimator.fit(*TWO)
    assert estimator.predict(TWO[0]).shape == TWO[1].shape
    assert estimator.score(*TWO) > 0.5


def test_networks_that_do_not_fit_the_targets_raise_errors():
    wrong = [
        ([Dense(1)], r"the network must end in a Sigmoid or a Softmax, but ends in Dense\(units=1"),
        ([], "the network must end in a Sigmoid or a Softmax, but has no layers"),
        (Dense(1), r"Sequential takes a list of layers, as in Sequential\(\[Dense\(1\)\]\), got Dense"),
        ([Dense(3), Softmax()], "y has 1 numbers in a row, the model has 3 outputs"),
    ]
    for layers, message in wrong:
        with pytest.raises(ValueError, match=message):
            SequentialClassifier(layers).fit(*CANCER)


def test_grid_search_over_layers_learning_rate_and_epochs():
    small, large = ([Dense(units), ReLU(), Dense(1), Sigmoid()] for units in (2, 16))
    grid = {"layers": [small, large], "optimizer__learning_rate": [1e-5, 0.01], "epochs": [1, 10]}
    search = GridSearchCV(SequentialClassifier(small, random_state=0), grid, cv=2, n_jobs=2).fit(*CANCER)
    assert search.best_params_["optimizer__learning_rate"] == 0.01 and search.best_params_["epochs"] == 10
    alone = GridSearchCV(SequentialClassifier(small, random_state=0), grid, cv=2).fit(*CANCER)
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def trained():
    model = Sequential([Dense(8), BatchNormalization(), Tanh(), Dense(1), Sigmoid()], seed=0)
    model.compile(Clip(SGD(0.1), norm=1.0), metrics=["accuracy"])
    model.fit(*CANCER, epochs=5, verbose=0)
    return model


def test_every_fit_begins_with_the_weights_of_a_trained_network_and_leaves_it_as_it_is():
    model = trained()
    before, wanted = model.get_weights(), (model.predict(CANCER[0])[:, 0] > 0.5).astype(int)
    still = SequentialClassifier(model, optimizer=SGD(1e-12), epochs=1, random_state=0).fit(*CANCER)
    assert np.mean(still.predict(CANCER[0]) == wanted) > 0.98  # moving averages take one epoch more
    assert still.model_.dtype == np.float64  # that of X, as in scikit-learn
    on = SequentialClassifier(model, epochs=3, random_state=0).fit(*CANCER)
    assert on.model_.optimizer.optimizer.learning_rate == 0.1 and len(on.history_["accuracy"]) == 3
    again = clone(on).fit(*CANCER)
    assert again.model_.params.theta.tobytes() == on.model_.params.theta.tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert cross_val_score(on, *CANCER, cv=2).min() > 0.9
    with pytest.raises(ShapeError, match=r"the network is built for rows of shape \(30,\), X has \(10,\)"):
        on.fit(CANCER[0][:, :10], CANCER[1])


def test_frozen_layers_of_a_trained_network_stay_as_they_are():
    model = trained()
    model.layers[0].trainable = False
    fitted = SequentialClassifier(model, dtype="float32", epochs=2, random_state=0).fit(*CANCER)
    assert np.array_equal(fitted.model_.layers[0].kernel.value, model.layers[0].kernel.value)
    assert not np.array_equal(fitted.model_.layers[3].kernel.value, model.layers[3].kernel.value)


def test_warm_start_continues_and_partial_fit_adds_epochs():
    x, y = CANCER
    warm = SequentialClassifier(NETWORKS["softmax"], warm_start=True, epochs=2, random_state=0, shuffle=False)
    losses = [*warm.fit(x, y).history_["loss"], *warm.fit(x, y).history_["loss"]]
    assert sorted(losses, reverse=True) == losses
    parts = SequentialClassifier(NETWORKS["softmax"], random_state=0, shuffle=False)
    for _ in range(2):
        parts.partial_fit(x, y, classes=[0, 1])
    once = SequentialClassifier(NETWORKS["softmax"], epochs=2, random_state=0, shuffle=False).fit(x, y)
    assert np.allclose(parts.predict_proba(x), once.predict_proba(x))


def test_metrics_are_copied_and_stand_in_the_history():
    metric = AUC()
    state = repr(vars(metric))
    estimator = SequentialClassifier(metrics=["accuracy", metric], epochs=2, validation_split=0.2, random_state=0)
    figures = estimator.fit(*CANCER).history_
    assert set(figures) == {"loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc"}
    assert repr(vars(metric)) == state
    assert estimator.model_.evaluate(CANCER[0], CANCER[1], verbose=0)[1] == pytest.approx(estimator.score(*CANCER))


def test_validation_rows_are_those_given():
    names = np.array(["benign", "malign"])[CANCER[1]]
    rows, weight = CANCER[0][:50], np.arange(50) % 3
    estimator = SequentialClassifier(metrics="accuracy", epochs=3, validation_split=0.5, random_state=0)
    estimator.fit(CANCER[0], names, X_val=rows, y_val=names[:50], sample_weight_val=weight)
    expected = log_loss(names[:50], estimator.predict_proba(rows), sample_weight=weight)
    assert estimator.history_["val_loss"][-1] == pytest.approx(expected)
    counted = weight > 0  # as in Keras, weights do not enter metrics
    assert estimator.history_["val_accuracy"][-1] == pytest.approx(estimator.score(rows[counted], names[:50][counted]))
    alone = clone(estimator).set_params(validation_split=0.0).fit(CANCER[0], names)
    assert np.array_equal(alone.predict_proba(rows), estimator.predict_proba(rows))  # no row of X is held out
    with pytest.raises(DataError, match="pass X_val and y_val together"):
        estimator.fit(CANCER[0], names, X_val=rows)
    with pytest.raises(ValueError, match="X has 3 features, but SequentialClassifier is expecting 30"):
        estimator.fit(CANCER[0], names, X_val=rows[:, :3], y_val=names[:50])


def test_a_pipeline_transforms_the_validation_rows():
    x, y = CANCER[0] * 3 + 1, CANCER[1]
    net = SequentialClassifier(epochs=2, random_state=0)
    with config_context(enable_metadata_routing=True):
        last = clone(net).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("net", last)], transform_input=["X_val"])
        pipeline.fit(x, y, X_val=x[:50], y_val=y[:50])
    scaled = StandardScaler().fit_transform(x)
    net.fit(scaled, y, X_val=scaled[:50], y_val=y[:50])
    assert pipeline[-1].history_["val_loss"] == pytest.approx(net.history_["val_loss"])


def test_frames_with_column_names_and_label_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(CANCER[0]).add_prefix("x")
    for kind in ("str", "object", "category"):
        labels = pandas.Series(np.array(["benign", "malign"])[CANCER[1]]).astype(kind)
        estimator = SequentialClassifier(epochs=15, optimizer=Adam(0.01), random_state=0).fit(frame, labels)
        assert list(estimator.feature_names_in_) == list(frame.columns)
        assert list(estimator.classes_) == ["benign", "malign"]
        assert estimator.score(frame, labels) > 0.95
    with pytest.raises(ValueError, match="The feature names should match"):
        estimator.predict(frame[frame.columns[::-1]])


def test_several_labels_at_once():
    x, y = LABELS
    layers = [Dense(32), ReLU(), Dense(5), Sigmoid()]
    estimator = SequentialClassifier(layers, metrics="binary_accuracy", epochs=40, random_state=0)
    estimator.set_params(optimizer=Adam(0.01)).fit(x, y)
    assert estimator.predict(x).shape == y.shape and estimator.predict_proba(x).shape == y.shape
    assert estimator.score(x, y) > 0.7  # all five labels of a row
    assert np.mean(estimator.predict(x) == y) == pytest.approx(estimator.history_["binary_accuracy"][-1], abs=0.02)
