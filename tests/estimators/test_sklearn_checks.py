"""scikit-learn's own checks of what an estimator must do, on all four, with no expected failure."""

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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # max_iter=100 ends them sooner
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_check(estimator, check):
    check(estimator)
