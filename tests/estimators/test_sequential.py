"""Estimators that train any network."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from minidl.estimators import SequentialClassifier, SequentialRegressor
from minidl.layers import BatchNormalization, Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from minidl.losses import MeanSquaredError
from minidl.optimizers import LBFGS, Adam
from minidl.regularizers import L2
from minidl.sequential import Sequential
from tests.estimators.comparison import CANCER, TWO

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
