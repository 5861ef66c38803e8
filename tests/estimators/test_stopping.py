"""When the training of a perceptron ends, and what it records, prints and warns of."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from minidl import NonFiniteError
from minidl.callbacks import Callback
from minidl.estimators import MLPClassifier
from minidl.optimizers import SGD
from minidl.schedules import ExponentialDecay
from tests.estimators.comparison import CANCER, DIABETES, both

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_verbose_prints_the_lines_of_scikit_learn(capsys):
    for estimator in both("MLPRegressor", max_iter=3, verbose=True, early_stopping=True):
        estimator.fit(*DIABETES)
    ours, theirs = np.array_split(capsys.readouterr().out.splitlines(), 2)
    assert ours.tolist() == theirs.tolist()
    assert len(ours) == 6


@pytest.mark.filterwarnings("error")
def test_training_that_did_not_converge_warns_as_in_scikit_learn():
    cases = [
        ({"max_iter": 3}, "max_iter=3 reached"),
        ({"solver": "lbfgs", "max_fun": 3}, "max_iter=200 or max_fun reached"),
        ({"solver": "lbfgs", "max_iter": 3}, "max_iter=3 or max_fun reached"),
    ]
    for arguments, message in cases:
        with pytest.warns(ConvergenceWarning, match=message):
            MLPClassifier(random_state=0, **arguments).fit(*CANCER)
    MLPClassifier(random_state=0, max_iter=1000, tol=0.1).fit(*CANCER)
    with pytest.warns(UserWarning, match="batch_size=1000 is larger than the number of rows, 569; using 569"):
        MLPClassifier(batch_size=1000, tol=0.1).fit(*CANCER)


def test_an_interrupted_fit_leaves_an_estimator_that_predicts():
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator = MLPClassifier(callbacks=Interrupt()).fit(*CANCER)
    assert estimator.n_iter_ == 2
    assert estimator.score(*CANCER) > 0.5


@pytest.mark.parametrize("rule", ["invscaling", "adaptive"])
def test_a_minidl_optimizer_keeps_its_own_learning_rate(rule):
    rate = ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
    estimator = MLPClassifier(optimizer=SGD(rate), solver="sgd", learning_rate=rule, tol=1e9, n_iter_no_change=2)
    assert estimator.fit(*CANCER).n_iter_ == 4  # the rate rule is ignored, patience is not
    assert estimator.model_.optimizer.learning_rate == rate


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_validation_scores_that_overflow_equal_those_of_scikit_learn(kind):
    ours, theirs = both(kind, early_stopping=True)
    for row in range(100):
        x, y = CANCER[0][:100].copy(), np.arange(100) % 3
        x[row] = 1e308
        try:
            ours.fit(x, y)
        except NonFiniteError:
            continue  # a training row, not a validation row
        break
    with np.errstate(all="ignore"):
        theirs.fit(x, y)
    # NaN for numbers, not for classes; in scikit-learn NaN also resets the count of n_iter_no_change
    wanted = theirs.validation_scores_[: ours.n_iter_]
    assert np.allclose(ours.validation_scores_, wanted, equal_nan=True)
    assert np.isnan(wanted).all() == (kind == "MLPRegressor")
    assert np.allclose(ours.coefs_[0], theirs.coefs_[0], rtol=0, atol=1e-8)


def test_infinite_n_iter_no_change_never_stops_early():
    ours, theirs = both("MLPClassifier", n_iter_no_change=np.inf, tol=1e9, max_iter=13)
    assert ours.fit(*CANCER).n_iter_ == theirs.fit(*CANCER).n_iter_ == 13
