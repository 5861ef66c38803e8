"""The estimators in scikit-learn's tools: pipelines, searches, ensembles, inspection."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.inspection import DecisionBoundaryDisplay, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minidl.estimators import MLPClassifier, MLPRegressor, SequentialClassifier, SequentialRegressor
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import Adam
from tests.estimators.comparison import CANCER, DIABETES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


CLASSIFIERS = [
    MLPClassifier((8,), learning_rate_init=0.02, max_iter=20),
    SequentialClassifier([Dense(8), ReLU(), Dense(1), Sigmoid()], epochs=25),
]


REGRESSORS = [
    MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=20),
    SequentialRegressor([Dense(8), ReLU(), Dense(1)], optimizer=Adam(0.1)),
]


KIND = {"ids": lambda estimator: type(estimator).__name__}


@pytest.mark.parametrize("estimator", CLASSIFIERS + REGRESSORS, **KIND)
def test_tools_for_all_estimators(estimator):
    x, y = DIABETES if estimator in REGRESSORS else CANCER
    least = 0.2 if estimator in REGRESSORS else 0.85
    pipeline = make_pipeline(StandardScaler(), clone(estimator).set_params(random_state=0))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > least
    pipeline.fit(x, y)
    importances = permutation_importance(pipeline, x, y, n_repeats=2, random_state=0)
    assert importances.importances_mean.max() > 0
    step = pipeline.steps[-1][0]
    search = GridSearchCV(pipeline, {f"{step}__random_state": [0, 1]}, cv=2).fit(x, y)
    assert search.best_score_ > least
    sizes, _, scores = learning_curve(pipeline, x, y, train_sizes=[0.3, 1.0], cv=3)
    assert sizes[0] < sizes[1] and scores.mean(axis=1)[1] > least
    assert np.array_equal(pickle.loads(pickle.dumps(pipeline)).predict(x), pipeline.predict(x))
    fitted = pipeline[-1]
    copied = copy.deepcopy(fitted)
    copied.model_.params.theta[:] = 0
    assert fitted.model_.params.theta.any()


@pytest.mark.parametrize("estimator", CLASSIFIERS, **KIND)
def test_tools_for_classifiers(estimator):
    x, y = CANCER
    one = clone(estimator).set_params(random_state=0)
    calibrated = CalibratedClassifierCV(one, cv=2).fit(x, y)
    voting = VotingClassifier([("a", one), ("b", clone(estimator))], voting="soft").fit(x, y)
    assert min(calibrated.score(x, y), voting.score(x, y)) > 0.9
    display = DecisionBoundaryDisplay.from_estimator(one.fit(x[:, :2], y), x[:, :2], grid_resolution=5)
    assert display.response.shape == (5, 5)


@pytest.mark.parametrize("estimator", REGRESSORS, **KIND)
def test_tools_for_regressors(estimator):
    x, y = DIABETES
    assert VotingRegressor([("a", estimator), ("b", clone(estimator))]).fit(x, y).score(x, y) > 0.3
    display = DecisionBoundaryDisplay.from_estimator(clone(estimator).fit(x[:, :2], y), x[:, :2], grid_resolution=5)
    assert display.response.shape == (5, 5)
