"""scikit-learn's own checks of estimators, on all four, without an expected failure."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from minidl.estimators import MLPClassifier, MLPRegressor, SequentialClassifier, SequentialRegressor
from minidl.optimizers import Adam

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    SequentialClassifier(optimizer=Adam(0.02)),
    SequentialRegressor(optimizer=Adam(0.01)),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # max_iter=100 is too few to converge
@parametrize_with_checks(ESTIMATORS)
def test_estimator_passes_the_check_of_scikit_learn(estimator, check):
    check(estimator)
