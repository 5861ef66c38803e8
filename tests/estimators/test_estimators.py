"""The estimators beside scikit-learn's own perceptrons, and in the hands of its tools."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_multilabel_classification
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minidl import DataError, NonFiniteError, SettingError, estimators
from minidl.callbacks import Callback, EarlyStopping
from minidl.estimators import MLPClassifier, MLPRegressor, SequentialClassifier, SequentialRegressor
from minidl.estimators.losses import Exponential, LogLoss, PoissonDeviance, SquaredError
from minidl.estimators.rows import Rows
from minidl.gradcheck import check_layer, check_loss
from minidl.initializers import HeNormal
from minidl.layers import ELU, BatchNormalization, Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.optimizers import LBFGS, SGD, Adam, Clip, RMSprop
from minidl.regularizers import L1, L2
from minidl.schedules import ExponentialDecay
from minidl.sequential import Sequential

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def standardised(x, y):
    return StandardScaler().fit_transform(x), y


DIGITS = standardised(*(a[:600] for a in load_digits(return_X_y=True)))
CANCER = standardised(*load_breast_cancer(return_X_y=True))
DIABETES = standardised(*load_diabetes(return_X_y=True))
LABELS = standardised(*make_multilabel_classification(300, random_state=0))
TWO = DIABETES[0], np.column_stack([DIABETES[1], -2 * DIABETES[1]]) / 100
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, len(CANCER[1]))

# What scikit-learn 1.9.1 ends at is computed beside ours, so these need no stored numbers.
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


def both(kind, **arguments):
    arguments = {"random_state": 0, "max_iter": 15} | arguments
    return getattr(estimators, kind)(**arguments), getattr(neural_network, kind)(**arguments)


def assert_same(ours, theirs):
    for mine, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert np.abs(mine - other).max() < 1e-8
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("case", SAME)
def test_the_weights_are_scikit_learns(case):
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
def test_weighted_rows_lead_to_scikit_learns_weights(solver):
    ours, theirs = both("MLPClassifier", solver=solver, batch_size=100)
    assert_same(ours.fit(*CANCER, sample_weight=WEIGHTS), theirs.fit(*CANCER, sample_weight=WEIGHTS))


def test_partial_fit_and_warm_start_go_on_as_scikit_learn_does():
    x, y = DIGITS
    ours, theirs = both("MLPClassifier", warm_start=True, max_iter=4)
    for estimator in (ours, theirs):
        estimator.fit(x, y).fit(x, y)
        estimator.partial_fit(x[:300], y[:300]).partial_fit(x[300:], y[300:])
    assert_same(ours, theirs)
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_)
    assert (ours.t_, len(ours.loss_curve_)) == (theirs.t_, 10)


def test_partial_fit_from_the_start():
    x, y = DIABETES
    ours, theirs = both("MLPRegressor", solver="sgd", learning_rate_init=1e-4)
    for _ in range(3):
        ours.partial_fit(x, y), theirs.partial_fit(x, y)
    assert_same(ours, theirs)


def test_partial_fit_knows_its_classes():
    x, y = np.eye(4), np.array(["a", "b", "a", "b"])
    with pytest.raises(DataError, match="pass classes, all that there will ever be, in the first call"):
        MLPClassifier().partial_fit(x, y)
    estimator = MLPClassifier(random_state=0).partial_fit(x, y, classes=["a", "b", "c"])
    assert estimator.predict_proba(x).shape == (4, 3)
    with pytest.raises(DataError, match=r"not those of the first call"):
        estimator.partial_fit(x, y, classes=["a", "b"])
    with pytest.raises(DataError, match=r"y has the classes \['d'\], this estimator was made for \['a' 'b' 'c'\]"):
        estimator.partial_fit(x[:1], ["d"])
    for lbfgs in (MLPClassifier(solver="lbfgs"), MLPRegressor(solver="lbfgs")):
        assert not hasattr(lbfgs, "partial_fit")
    with pytest.raises(SettingError, match="does not go with early_stopping=True"):
        MLPClassifier(early_stopping=True).partial_fit(x, y, classes=["a", "b"])


@pytest.mark.parametrize("estimator", [MLPClassifier(max_iter=5), SequentialClassifier(epochs=5)])
def test_sparse_rows_are_the_same_rows(estimator):
    x, y = load_digits(return_X_y=True)
    dense = clone(estimator).set_params(random_state=0).fit(x / 16, y)
    thin = clone(estimator).set_params(random_state=0).fit(sparse.csr_array(x / 16), y)
    assert thin.model_.params.theta.tobytes() == dense.model_.params.theta.tobytes()
    assert np.array_equal(thin.predict_proba(sparse.csc_array(x / 16)), dense.predict_proba(x / 16))


def test_verbose_prints_what_scikit_learn_prints(capsys):
    for estimator in both("MLPRegressor", max_iter=3, verbose=True, early_stopping=True):
        estimator.fit(*DIABETES)
    ours, theirs = np.array_split(capsys.readouterr().out.splitlines(), 2)
    assert ours.tolist() == theirs.tolist()
    assert len(ours) == 6


@pytest.mark.filterwarnings("error")
def test_convergence_is_warned_of_as_in_scikit_learn():
    cases = [
        ({"max_iter": 3}, "max_iter=3 reached"),
        ({"solver": "lbfgs", "max_fun": 3}, "max_iter=200 or max_fun reached"),
        ({"solver": "lbfgs", "max_iter": 3}, "max_iter=3 or max_fun reached"),
    ]
    for arguments, words in cases:
        with pytest.warns(ConvergenceWarning, match=words):
            MLPClassifier(random_state=0, **arguments).fit(*CANCER)
    MLPClassifier(random_state=0, max_iter=1000, tol=0.1).fit(*CANCER)
    with pytest.warns(UserWarning, match="batch_size=1000 is larger than the 569 rows"):
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


# ---- what scikit-learn's have not


def layers_of(estimator):
    return [type(layer).__name__ for layer in estimator.model_.layers]


def test_the_network_is_what_the_arguments_say():
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


def test_loss_penalty_optimiser_and_dtype_are_minidls():
    estimator = MLPRegressor(
        "huber", (5,), penalty=L1(0.1), optimizer=Clip(RMSprop(0.01), norm=1.0), dtype="float32", random_state=0
    ).fit(*DIABETES)
    assert estimator.model_.params.theta.dtype == estimator.predict(DIABETES[0]).dtype == np.float32
    assert estimator.model_.objective.terms.penalties == (L1(0.1),)
    assert isinstance(estimator.model_.optimizer.optimizer, RMSprop)
    assert MLPRegressor(max_iter=1).fit(DIABETES[0].astype("float32"), DIABETES[1]).coefs_[0].dtype == np.float32
    for loss in ("mse", "sparse_categorical_crossentropy"):
        assert MLPClassifier(loss=loss, random_state=0, max_iter=60).fit(*DIGITS).score(*DIGITS) > 0.9


@pytest.mark.parametrize("rule", ["invscaling", "adaptive"])
def test_an_optimiser_of_minidls_has_its_own_rate(rule):
    rate = ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
    estimator = MLPClassifier(optimizer=SGD(rate), solver="sgd", learning_rate=rule, tol=1e9, n_iter_no_change=2)
    assert estimator.fit(*CANCER).n_iter_ == 4  # as with any optimiser: two epochs too many end it
    assert estimator.model_.optimizer.learning_rate == rate


def test_class_weight_is_a_weight_for_each_row():
    x, y = CANCER
    for given, weight in (("balanced", len(y) / (2 * np.bincount(y))[y]), ({0: 3.0, 1: 0.5}, np.array([3.0, 0.5])[y])):
        by_class = MLPClassifier(class_weight=given, random_state=0, max_iter=5).fit(x, y)
        by_row = MLPClassifier(random_state=0, max_iter=5).fit(x, y, sample_weight=weight)
        assert np.allclose(by_class.coefs_[0], by_row.coefs_[0], rtol=0, atol=1e-12)


def test_callbacks_are_copied_and_watch():
    stopping = EarlyStopping("loss", patience=1, min_delta=1e9)
    estimator = MLPClassifier(callbacks=[stopping], random_state=0).fit(*CANCER)
    assert estimator.n_iter_ == 2 and not hasattr(stopping, "model")
    history = SequentialClassifier(
        callbacks=EarlyStopping(patience=3), validation_split=0.2, random_state=0, epochs=500
    )
    history.fit(*CANCER)
    assert history.n_iter_ == len(history.history_["val_loss"]) < 500


def test_rows_of_weight_zero_are_left_out_and_of_weight_two_count_twice():
    x, y = CANCER[0][:90], CANCER[1][:90]
    weight = np.arange(90) % 3
    for estimator in (MLPClassifier(max_iter=20), SequentialClassifier(epochs=20, batch_size=90)):
        estimator.set_params(random_state=0)
        weighted = clone(estimator).fit(x, y, sample_weight=weight).predict_proba(x)
        repeated = clone(estimator).fit(x.repeat(weight, axis=0), y.repeat(weight)).predict_proba(x)
        assert np.allclose(weighted, repeated, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_a_validation_that_overflows_has_scikit_learns_scores(kind):
    ours, theirs = both(kind, early_stopping=True)
    for row in range(100):
        x, y = CANCER[0][:100].copy(), np.arange(100) % 3
        x[row] = 1e308
        try:
            ours.fit(x, y)
        except NonFiniteError:
            continue  # a row to learn from, not one to validate on
        break
    with np.errstate(all="ignore"):
        theirs.fit(x, y)
    # NaN for numbers, not for classes; in scikit-learn it also starts the count of n_iter_no_change anew
    wanted = theirs.validation_scores_[: ours.n_iter_]
    assert np.allclose(ours.validation_scores_, wanted, equal_nan=True)
    assert np.isnan(wanted).all() == (kind == "MLPRegressor")
    assert np.allclose(ours.coefs_[0], theirs.coefs_[0], rtol=0, atol=1e-8)


def test_who_waits_for_ever_trains_to_the_end():
    ours, theirs = both("MLPClassifier", n_iter_no_change=np.inf, tol=1e9, max_iter=13)
    assert ours.fit(*CANCER).n_iter_ == theirs.fit(*CANCER).n_iter_ == 13


def test_wrong_arguments_are_named():
    wrong = [
        ({"solver": "newton"}, "MLPClassifier: solver must be one of lbfgs, sgd, adam, got 'newton'"),
        ({"activation": "swoosh"}, "MLPClassifier: activation must be one of identity, logistic"),
        ({"activation": ["relu"], "hidden_layer_sizes": (3, 4)}, "activation lists 1 for 2 hidden layers"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be an integer of at least 1, got 0"),
        ({"max_iter": 0}, "max_iter must be an integer of at least 1"),
        ({"penalty": 0.1}, r"penalty must be a Penalty such as L1\(0.1\), or None, got 0.1"),
        ({"alpha": -1}, r"alpha must be in \[0, inf\), got -1"),
        ({"validation_fraction": 5}, r"MLPClassifier: validation_fraction must be in \[0, 1\), got 5"),
        ({"callbacks": 3}, "MLPClassifier: callbacks must be a list of Callback objects, got 3"),
    ]
    for arguments, message in wrong:
        with pytest.raises(ValueError, match=message):
            MLPClassifier(**arguments).fit(*CANCER)
    with pytest.raises(ValueError, match=r"SequentialRegressor: validation_split must be in \[0, 1\), got 30"):
        SequentialRegressor(validation_split=30).fit(*DIABETES)
    with pytest.raises(DataError, match="1 rows to validate on are too few; increase validation_fraction"):
        MLPRegressor(early_stopping=True, validation_fraction=0.001).fit(*DIABETES)
    with pytest.raises(DataError, match=r"y holds -.*, but labels for this loss must be in \[0, inf\)"):
        MLPRegressor("poisson").fit(DIABETES[0], -DIABETES[1])


# ---- any network


NETWORKS = {
    "list": [Dense(8), ReLU(), Dropout(0.1), Dense(1), Sigmoid()],
    "softmax": [Dense(8), Tanh(), Dense(2), Softmax()],
    "Sequential": Sequential([Dense(8), BatchNormalization(), ReLU(), Dense(1), Sigmoid()]),
    "nested": [Sequential([Dense(8), ReLU()]), Dense(1), Sigmoid()],
    "function": lambda outputs: [Dense(8), ReLU(), Dense(outputs), Sigmoid()],
    "none": None,
}


@pytest.mark.parametrize("form", NETWORKS)
def test_any_network_tells_two_classes_apart(form):
    names = np.array(["benign", "malign"])
    estimator = SequentialClassifier(NETWORKS[form], optimizer=Adam(0.01), epochs=15, random_state=0)
    for _ in range(2):  # what is trained are copies
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


def test_networks_that_do_not_fit_are_refused():
    wrong = [
        ([Dense(1)], r"the network must end in a Sigmoid or a Softmax, but ends in Dense\(units=1"),
        ([], "the network must end in a Sigmoid or a Softmax, but has no layers"),
        (Dense(1), r"Sequential takes a list of layers, as in Sequential\(\[Dense\(1\)\]\), got Dense"),
        ([Dense(3), Softmax()], "y has 1 numbers in a row, the model has 3 outputs"),
    ]
    for layers, message in wrong:
        with pytest.raises(ValueError, match=message):
            SequentialClassifier(layers).fit(*CANCER)


def test_clones_keep_every_argument_and_fits_change_none():
    layers = [Dense(4, kernel_initializer=HeNormal()), ReLU(), Dropout(0.3), Dense(1), Sigmoid()]
    optimizer, loss = SGD(0.1, momentum=0.9), BinaryCrossentropy(label_smoothing=0.1) + L2(0.01)
    estimator = SequentialClassifier(layers, optimizer=optimizer, loss=loss, epochs=2, random_state=0)
    before = repr(estimator.get_params())
    estimator.fit(*CANCER)
    assert repr(estimator.get_params()) == repr(clone(estimator).get_params()) == before
    assert estimator.layers is layers and estimator.optimizer is optimizer
    assert not optimizer.built and not layers[0].parameters
    again = clone(estimator).fit(*CANCER)
    assert again.model_.params.theta.tobytes() == estimator.model_.params.theta.tobytes()


def test_double_underscores_reach_into_the_arguments():
    layers, optimizer = [Dense(4), ReLU(), Dense(1), Sigmoid()], Clip(SGD(0.1), norm=1.0)
    estimator = SequentialClassifier(layers, optimizer=optimizer)
    estimator.set_params(layers__0__units=7, optimizer__optimizer__learning_rate=0.5, epochs=3)
    assert estimator.get_params()["layers__0__units"] == 7
    assert estimator.get_params()["optimizer__optimizer__learning_rate"] == 0.5
    assert (layers[0].units, optimizer.optimizer.learning_rate) == (4, 0.1)  # those handed in stay as they are
    named = SequentialClassifier(optimizer="sgd").set_params(optimizer__momentum=0.9)
    assert isinstance(named.optimizer, SGD) and named.optimizer.momentum == 0.9
    with pytest.raises(
        ValueError, match=r"set_params: Adam\(.*\) has no setting 'momentum'; it has learning_rate, beta_1"
    ):
        SequentialClassifier().set_params(optimizer__momentum=0.9)
    with pytest.raises(ValueError, match="Invalid parameter 'optimiser'"):
        SequentialClassifier().set_params(optimiser__momentum=0.9)
    with pytest.raises(SettingError, match=r"SGD: momentum must be in \[0, 1\), got 2"):
        named.set_params(optimizer__momentum=2)


def test_grid_search_over_layers_learning_rate_and_epochs():
    small, large = ([Dense(units), ReLU(), Dense(1), Sigmoid()] for units in (2, 16))
    grid = {"layers": [small, large], "optimizer__learning_rate": [1e-5, 0.01], "epochs": [1, 10]}
    search = GridSearchCV(SequentialClassifier(small, random_state=0), grid, cv=2, n_jobs=2).fit(*CANCER)
    assert search.best_params_["optimizer__learning_rate"] == 0.01 and search.best_params_["epochs"] == 10
    alone = GridSearchCV(SequentialClassifier(small, random_state=0), grid, cv=2).fit(*CANCER)
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


# ---- scikit-learn's tools

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
def test_tools_for_all(estimator):
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
    twin = copy.deepcopy(fitted)
    twin.model_.params.theta[:] = 0
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


# ---- losses


def test_the_losses_and_the_exponential_have_the_right_gradients():
    assert check_layer(Exponential(), input_shape=(3,)).passed
    for loss in (LogLoss(), LogLoss(from_logits=True), SquaredError(), PoissonDeviance(of_logarithms=True)):
        assert check_loss(loss).passed


def test_an_order_is_scikit_learns_also_where_its_generator_is_handed_in():
    generators = [np.random.RandomState(7) for _ in range(2)]
    ours, theirs = (e.set_params(random_state=g) for e, g in zip(both("MLPClassifier"), generators, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(ours.fit(*DIGITS).fit(*DIGITS), theirs.fit(*DIGITS).fit(*DIGITS))
    assert generators[0].randint(1000) == generators[1].randint(1000)  # as much drawn


def test_an_evaluation_of_weighted_rows_is_their_weighted_mean_however_many_batches_it_takes():
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(4000, 3)), rng.normal(size=(4000, 1)), rng.uniform(0.1, 5, 4000)
    model = Sequential([Dense(1)], seed=0, dtype="float64")
    model.compile(loss="mse")
    model.build((3,))
    squares = (model.predict(x) - y)[:, 0] ** 2
    assert model.evaluate(Rows(x, y, weight)) == pytest.approx(np.average(squares, weights=weight), rel=1e-12)
