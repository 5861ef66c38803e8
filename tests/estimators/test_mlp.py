"""The perceptrons compared with scikit-learn's, and the arguments that scikit-learn's do not have."""

import copy
import warnings

import numpy as np
import pytest

from minidl import DataError, ShapeError
from minidl.estimators import MLPClassifier, MLPRegressor, SequentialRegressor
from minidl.initializers import HeNormal
from minidl.layers import ELU
from minidl.optimizers import Clip, RMSprop
from minidl.regularizers import L1
from tests.estimators.comparison import CANCER, DIABETES, DIGITS, LABELS, TWO, assert_same, both

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, len(CANCER[1]))


# scikit-learn runs beside minidl, so no numbers are stored here.
SAME = {
    "adam": ("MLPClassifier", DIGITS, {}),
    "sgd": ("MLPClassifier", DIGITS, {"solver": "sgd"}),
    "lbfgs": ("MLPClassifier", DIGITS, {"solver": "lbfgs"}),
    "two hidden": ("MLPClassifier", DIGITS, {"hidden_layer_sizes": [20, 10], "activation": "tanh"}),
    "no hidden": ("MLPClassifier", DIGITS, {"hidden_layer_sizes": ()}),
    "one number": ("MLPClassifier", DIGITS, {"hidden_layer_sizes": 7, "activation": "identity"}),
    "logistic": ("MLPClassifier", DIGITS, {"activation": "logistic", "solver": "lbfgs", "max_iter": 8}),
    "early stopping": ("MLPClassifier", DIGITS, {"early_stopping": True, "n_iter_no_change": 2}),
    "two classes": ("MLPClassifier", CANCER, {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 40}),
    "no shuffle": ("MLPClassifier", CANCER, {"shuffle": False, "batch_size": 64}),
    "adaptive": (
        "MLPClassifier",
        CANCER,
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.2, "tol": 1e-3, "max_iter": 90},
    ),
    "invscaling": (
        "MLPClassifier",
        CANCER,
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "power_t": 0.3},
    ),
    "no momentum": ("MLPClassifier", CANCER, {"solver": "sgd", "momentum": 0.0, "alpha": 1.0}),
    "no Nesterov": ("MLPClassifier", CANCER, {"solver": "sgd", "nesterovs_momentum": False, "alpha": 0.0}),
    "labels": ("MLPClassifier", LABELS, {}),
    "regression": ("MLPRegressor", DIABETES, {"alpha": 1.0, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4}),
    "regression, lbfgs": ("MLPRegressor", DIABETES, {"solver": "lbfgs"}),
    "regression, early": ("MLPRegressor", DIABETES, {"early_stopping": True, "solver": "sgd"}),
    "two outputs": ("MLPRegressor", TWO, {}),
    "poisson": ("MLPRegressor", (DIABETES[0] / 10, DIABETES[1] / 50), {"loss": "poisson"}),
}


@pytest.mark.parametrize("case", SAME)
def test_training_ends_at_the_weights_of_scikit_learn(case):
    kind, (x, y), arguments = SAME[case]
    ours, theirs = both(kind, **arguments)
    ours.fit(x, y), theirs.fit(x, y)
    assert_same(ours, theirs)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-9)
    assert np.array_equal(ours.predict(x), theirs.predict(x)) or np.allclose(ours.predict(x), theirs.predict(x))
    assert ours.score(x, y) == pytest.approx(theirs.score(x, y), rel=1e-9)
    if hasattr(theirs, "predict_proba"):
        assert np.allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-9)
        with np.errstate(divide="ignore"):  # theirs warns where a probability is 0
            assert np.allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), atol=1e-7)
    for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "t_"):
        if hasattr(theirs, name) and theirs.solver != "lbfgs":
            wanted = getattr(theirs, name)
            assert getattr(ours, name) == (wanted if wanted is None else pytest.approx(wanted, rel=1e-9)), name


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_weighted_rows_give_the_weights_of_scikit_learn(solver):
    ours, theirs = both("MLPClassifier", solver=solver, batch_size=100)
    assert_same(ours.fit(*CANCER, sample_weight=WEIGHTS), theirs.fit(*CANCER, sample_weight=WEIGHTS))


def test_partial_fit_and_warm_start_continue_as_in_scikit_learn():
    x, y = DIGITS
    ours, theirs = both("MLPClassifier", warm_start=True, max_iter=4)
    for estimator in (ours, theirs):
        estimator.fit(x, y).fit(x, y)
        estimator.partial_fit(x[:300], y[:300]).partial_fit(x[300:], y[300:])
    assert_same(ours, theirs)
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_)
    assert (ours.t_, len(ours.loss_curve_)) == (theirs.t_, 10)


def test_partial_fit_may_be_the_first_call():
    x, y = DIABETES
    ours, theirs = both("MLPRegressor", solver="sgd", learning_rate_init=1e-4)
    for _ in range(3):
        ours.partial_fit(x, y), theirs.partial_fit(x, y)
    assert_same(ours, theirs)


def test_a_random_state_object_gives_the_same_order_as_in_scikit_learn():
    generators = [np.random.RandomState(7) for _ in range(2)]
    ours, theirs = (e.set_params(random_state=g) for e, g in zip(both("MLPClassifier"), generators, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(ours.fit(*DIGITS).fit(*DIGITS), theirs.fit(*DIGITS).fit(*DIGITS))
    assert generators[0].randint(1000) == generators[1].randint(1000)  # both drew the same number of times


def layers_of(estimator):
    return [type(layer).__name__ for layer in estimator.model_.layers]


def test_the_arguments_describe_the_network():
    estimator = MLPClassifier(
        (6, 5, 4),
        ["relu", ELU(0.5), "identity"],
        dropout=[0.2, 0, 0.1],
        batch_normalization=True,
        initializer="he_normal",
        max_iter=2,
        random_state=0,
    ).fit(*DIGITS)
    expected = ["Dense", "BatchNormalization", "ReLU", "Dropout", "Dense", "BatchNormalization", "ELU"]
    assert layers_of(estimator) == [*expected, "Dense", "BatchNormalization", "Dropout", "Dense", "Softmax"]
    assert isinstance(estimator.model_.layers[0].kernel_initializer, HeNormal)
    assert estimator.model_.layers[6].alpha == 0.5
    assert [kernel.shape for kernel in estimator.coefs_] == [(64, 6), (6, 5), (5, 4), (4, 10)]
    assert np.shares_memory(estimator.coefs_[0], estimator.model_.params.theta)


def test_loss_penalty_optimizer_and_dtype_may_be_minidls():
    estimator = MLPRegressor(
        "huber", (5,), penalty=L1(0.1), optimizer=Clip(RMSprop(0.01), norm=1.0), dtype="float32", random_state=0
    ).fit(*DIABETES)
    assert estimator.model_.params.theta.dtype == estimator.predict(DIABETES[0]).dtype == np.float32
    assert estimator.model_.objective.terms.penalties == (L1(0.1),)
    assert isinstance(estimator.model_.optimizer.optimizer, RMSprop)
    assert MLPRegressor(max_iter=1).fit(DIABETES[0].astype("float32"), DIABETES[1]).coefs_[0].dtype == np.float32
    for loss in ("mse", "sparse_categorical_crossentropy"):
        assert MLPClassifier(loss=loss, random_state=0, max_iter=60).fit(*DIGITS).score(*DIGITS) > 0.9


def test_wrong_arguments_raise_errors_that_name_them():
    wrong = [
        ({"solver": "newton"}, "MLPClassifier: solver must be one of lbfgs, sgd, adam, got 'newton'"),
        ({"activation": "swoosh"}, "MLPClassifier: activation must be one of identity, logistic"),
        ({"activation": ["relu"], "hidden_layer_sizes": (3, 4)}, "activation lists 1 for 2 hidden layers"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be an integer of at least 1, got 0"),
        ({"max_iter": 0}, "max_iter must be an integer of at least 1"),
        (
            {"penalty": 0.1},
            r"penalty must be a penalty such as L2\(0.7\), a string such as 'l2', or None, got 0.1",
        ),
        ({"alpha": -1}, r"alpha must be in \[0, inf\), got -1"),
        ({"validation_fraction": 5}, r"MLPClassifier: validation_fraction must be in \[0, 1\), got 5"),
        ({"callbacks": 3}, "MLPClassifier: callbacks must be a list of Callback objects, got 3"),
    ]
    for arguments, message in wrong:
        with pytest.raises(ValueError, match=message):
            MLPClassifier(**arguments).fit(*CANCER)
    with pytest.raises(ValueError, match=r"SequentialRegressor: validation_split must be in \[0, 1\), got 30"):
        SequentialRegressor(validation_split=30).fit(*DIABETES)
    with pytest.raises(DataError, match=r"The validation set is too small, 1 of 442 rows\. Increase 'val"):
        MLPRegressor(early_stopping=True, validation_fraction=0.001).fit(*DIABETES)
    with pytest.raises(DataError, match=r"y holds -.*, but labels for this loss must be in \[0, inf\)"):
        MLPRegressor("poisson").fit(DIABETES[0], -DIABETES[1])


def test_weights_can_be_assigned_as_in_scikit_learn():
    x, y = CANCER[0][:20, :3], CANCER[1][:20]
    rng = np.random.default_rng(0)
    kernels, biases = [rng.normal(size=(3, 2)), rng.normal(size=(2, 1))], [rng.normal(size=2), rng.normal(size=1)]
    ours, theirs = both("MLPClassifier", hidden_layer_sizes=2, solver="sgd", momentum=0, alpha=0.1)
    for estimator in (ours, theirs):
        estimator.partial_fit(x, y, classes=[0, 1])
        estimator.coefs_ = kernels
        estimator.intercepts_[0], estimator.intercepts_[1] = [bias.copy() for bias in biases]
    assert np.array_equal(ours.coefs_[0], kernels[0])
    assert np.allclose(ours.predict_proba(x), theirs.predict_proba(x))
    ours.partial_fit(x, y)
    theirs.coefs_ = [kernel.copy() for kernel in kernels]  # scikit-learn trains the arrays it was given
    theirs.partial_fit(x, y)
    assert_same(ours, theirs)
    for wrong in ([kernels[0]], [kernels[0].T, kernels[1]]):
        with pytest.raises(ShapeError, match=r"got 1 arrays for 2 layers|shape \(3, 2\), got \(2, 3\)"):
            ours.coefs_ = wrong
    kept = copy.deepcopy(ours.coefs_)
    ours.coefs_[0] = kernels[0] + 1
    assert type(kept) is list and not np.array_equal(kept[0], ours.coefs_[0])
    with pytest.raises(AttributeError):
        MLPClassifier().coefs_ = kernels


def test_warm_start_names_the_classes_before_and_now():
    x, y = DIGITS[0][:300], DIGITS[1][:300] % 3
    ours, theirs = both("MLPClassifier", warm_start=True, max_iter=2)
    for estimator in (ours, theirs):
        estimator.fit(x, y).fit(x, (y + 1) % 3)
        with pytest.raises(
            ValueError, match=r"warm_start can only be used where `y` has the same classes as in the pr"
        ) as e:
            estimator.fit(x, y % 2)
        assert str(e.value).endswith("Previously got [0 1 2], `y` has [0 1]")
