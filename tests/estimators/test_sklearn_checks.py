"""scikit-learn's own checks of estimators, on all four and on functions, without an expected failure."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from minidl.estimators import MLPClassifier, MLPRegressor, SequentialClassifier, SequentialRegressor
from minidl.layers import Dense, ReLU
from minidl.optimizers import Adam
from tests.estimators.comparison import network


def numbers(outputs, hidden=16):
    return [Dense(hidden), ReLU(), Dense(outputs)]


# The functions use their defaults: check_no_attributes_set_in_init knows the parameters of `__init__` alone.
ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    SequentialClassifier(optimizer=Adam(0.02)),
    SequentialRegressor(optimizer=Adam(0.01)),
    SequentialClassifier(network, optimizer=Adam(0.02)),
    SequentialRegressor(numbers, optimizer=Adam(0.01)),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # max_iter=100 is too few to converge
@parametrize_with_checks(ESTIMATORS)
def test_estimator_passes_the_check_of_scikit_learn(estimator, check):
    check(estimator)
