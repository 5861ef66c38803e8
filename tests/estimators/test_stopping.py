"""When the training of a perceptron ends, and what it records, prints and warns of."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from minidl import NonFiniteError
from minidl.callbacks import Callback
from minidl.estimators import MLPClassifier
from minidl.optimizers import SGD
from minidl.schedules import ExponentialDecay
from tests.estimators.comparison import CANCER, DIABETES, TWO, both

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


def test_weights_that_overflow_raise_the_error_of_scikit_learn():
    rng = np.random.default_rng(0)
    x, y = np.finfo(float).max * rng.uniform(size=(10, 2)), rng.normal(size=10)
    message = (
        "Solver produced non-finite parameter weights. The input data may contain large values and need to be prep"
    )
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for estimator in both("MLPRegressor"):
            with pytest.raises(ValueError, match=message):
                estimator.fit(x, y)


def test_training_that_diverges_under_early_stopping_keeps_the_best_weights_as_in_scikit_learn():
    arguments = {"activation": "identity", "solver": "sgd", "learning_rate_init": 1, "early_stopping": True}
    ours, theirs = both("MLPRegressor", **arguments, max_iter=20)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(*TWO)
    with pytest.warns(ConvergenceWarning, match=r"overflowed in epoch \d+; the weights are those of the best valid"):
        ours.fit(*TWO)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_)
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert np.allclose(mine, other, rtol=1e-9, atol=0)
    assert np.isnan(ours.validation_scores_[-1]) and np.isnan(theirs.validation_scores_[-1])
    assert np.isnan(ours.loss_curve_[-1])


@pytest.mark.parametrize("rule", ["constant", "invscaling"])
def test_a_warm_start_continues_the_rule_of_the_learning_rate(rule):
    x, y = CANCER[0][:40], CANCER[1][:40]
    estimator = MLPClassifier(
        4, solver="sgd", learning_rate=rule, learning_rate_init=0.1, power_t=0.25, max_iter=1, warm_start=True
    )
    estimator.fit(x, y).fit(x, y)
    wanted = 0.1 if rule == "constant" else 0.1 / (80 + 1) ** 0.25
    assert estimator.model_.optimizer.learning_rate == pytest.approx(wanted)
    assert estimator.t_ == 80


def test_the_adaptive_rate_falls_to_a_millionth_before_training_ends():
    estimator = MLPClassifier(solver="sgd", learning_rate="adaptive", tol=0.5, max_iter=3000, n_iter_no_change=2)
    assert estimator.fit(*CANCER).n_iter_ < 3000
    assert estimator.model_.optimizer.learning_rate < 1e-6


@pytest.mark.parametrize("patience", [2, 5, 20])
def test_training_ends_after_the_epochs_of_n_iter_no_change(patience):
    ours, theirs = both("MLPClassifier", solver="sgd", tol=0.01, max_iter=3000, n_iter_no_change=patience)
    assert ours.fit(*CANCER).n_iter_ == theirs.fit(*CANCER).n_iter_ < 3000
    best = np.minimum.accumulate(ours.loss_curve_)[-patience - 2 : -1]
    assert (np.array(ours.loss_curve_[-patience - 1 :]) > best - 0.01).all()  # the last epochs, no better by tol


def test_an_interrupted_lbfgs_does_not_warn_of_its_limits():
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MLPClassifier(solver="lbfgs", callbacks=Interrupt(), random_state=0).fit(*CANCER)
    assert [str(warning.message) for warning in caught] == ["Training interrupted by user."]


def test_early_stopping_names_what_the_validation_rows_lack():
    x, y = np.arange(8.0).reshape(4, 2), np.array(["often", "often", "often", "rare"])
    with pytest.raises(ValueError, match="only 1 member") as caught:
        MLPClassifier(early_stopping=True).fit(x, y)
    if "Classes with too few members" in str(caught.value):  # newer scikit-learn names them
        assert "'rare'" in str(caught.value)
    for estimator in both("MLPRegressor", early_stopping=True):
        with pytest.raises(ValueError, match=r"The validation set is too small.* Increase 'validation_fraction' or th"):
            estimator.fit(x[:2], [0.0, 1.0])
