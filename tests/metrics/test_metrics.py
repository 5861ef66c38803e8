"""Metrics against Keras and scikit-learn, by hand, in batches of any size."""

import copy

import numpy as np
import pytest
import sklearn.metrics

from minidl import Sequential, SettingError, losses, metrics
from minidl.callbacks import Callback
from minidl.layers import Dense, Sigmoid, Softmax
from minidl.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    F1Score,
    MeanMetric,
    Metric,
    Precision,
    R2Score,
    Recall,
    Scorer,
    SparseCategoricalAccuracy,
    named,
)
from tests.oracles.make_keras_numbers import BATCH, METRICS, PATH, ROWS, drawn


def fed(metric, y, p, batch=None):
    """The metric's result after all rows, in batches of this size."""
    y, p = np.asarray(y), np.asarray(p)
    metric.reset()
    for start in range(0, len(y), batch or len(y)):
        metric.update(y[start : start + (batch or len(y))], p[start : start + (batch or len(y))])
    return metric.result()


# ---- Keras and scikit-learn


@pytest.mark.parametrize(
    "number", range(len(METRICS)), ids=[f"{name} {options} {y}" for name, options, y, _ in METRICS]
)
def test_metrics_equal_keras(number):
    name, options, y, p = METRICS[number]
    with np.load(PATH) as stored:
        assert str(stored["keras_version"]) == "3.15.1"
        expected, y, p = stored["metrics"][number], stored[y], stored[p]
    assert len(y) == ROWS
    assert fed(getattr(metrics, name)(**options), y, p, BATCH) == pytest.approx(expected, rel=1e-6)


BITS, PROBABILITIES = drawn()["bits"][:, :1], drawn()["probabilities"][:, :1]
LABELS, ONE_HOT, SHARES = (drawn()[name] for name in ("labels", "one_hot", "shares"))
NUMBERS, GUESSES = drawn()["numbers"], drawn()["guesses"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (BinaryAccuracy(), sklearn.metrics.accuracy_score),
        (Accuracy(), sklearn.metrics.accuracy_score),
        (Precision(), sklearn.metrics.precision_score),
        (Recall(), sklearn.metrics.recall_score),
        (F1Score(), sklearn.metrics.f1_score),
    ],
    ids=["binary_accuracy", "accuracy", "precision", "recall", "f1_score"],
)
def test_metrics_of_two_classes_equal_scikit_learn(ours, theirs):
    assert fed(ours, BITS, PROBABILITIES, 7) == pytest.approx(theirs(BITS, PROBABILITIES > 0.5), rel=1e-14)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
def test_metrics_of_several_classes_equal_scikit_learn(average):
    expected = sklearn.metrics.f1_score(LABELS, SHARES.argmax(axis=1), average=average)
    for y in (LABELS, ONE_HOT):
        assert fed(F1Score(average), y, SHARES, 7) == pytest.approx(expected, rel=1e-14)


def test_the_area_is_as_close_to_scikit_learns_as_its_thresholds_allow():
    # at 200,001 thresholds no two of 50 probabilities share one, so the curve has every point
    exact = sklearn.metrics.roc_auc_score(BITS, PROBABILITIES)
    assert fed(AUC(200_001), BITS, PROBABILITIES, 7) == pytest.approx(exact, rel=1e-14)
    assert fed(AUC(), BITS, PROBABILITIES) == pytest.approx(exact, abs=1 / 199)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_r2_is_accurate_far_from_zero(offset):
    y, p = NUMBERS.astype(float) + offset, GUESSES.astype(float) + offset
    assert fed(R2Score(), y, p, 7) == pytest.approx(sklearn.metrics.r2_score(y, p), rel=1e-9)


@pytest.mark.parametrize(("p", "expected"), [([[2.0], [2.0]], 1), ([[2.0], [3.0]], 0)])
def test_r2_of_equal_targets(p, expected):
    assert fed(R2Score(), [[2.0], [2.0]], p) == sklearn.metrics.r2_score([2.0, 2.0], p) == expected


# ---- by hand


def accuracy(y, p, **settings):
    metric = BinaryAccuracy(**settings)
    metric.update(np.array(y), np.array(p))
    return metric.result()


def test_accuracy_is_the_fraction_of_right_entries():
    assert accuracy([[0], [1], [1], [0]], [[0.2], [0.9], [0.1], [0.7]]) == 0.5


def test_one_half_is_class_0_as_in_the_notebook():
    assert accuracy([[0], [1]], [[0.5], [0.5]]) == 0.5  # the notebook: p > 0.5


def test_the_threshold_can_be_set():
    assert accuracy([[0], [1]], [[0.2], [0.4]], threshold=0.3) == 1


def test_batches_add_up_and_reset_starts_anew():
    metric = BinaryAccuracy()
    assert metric.result() == 0
    metric.update(np.array([[1], [1], [1]]), np.array([[0.9], [0.9], [0.1]]))
    metric.update(np.array([[0]]), np.array([[0.1]]))
    assert metric.result() == 0.75
    metric.reset()
    metric.update(np.array([[0]]), np.array([[0.9]]))
    assert metric.result() == 0


def test_classes_by_their_largest_output():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3], [0.6, 0.3, 0.1]])
    assert fed(SparseCategoricalAccuracy(), [[0], [2], [0], [1]], p) == 0.5
    assert fed(CategoricalAccuracy(), np.eye(3)[[0, 2, 0, 1]], p) == 0.5


def test_precision_and_recall_by_hand():
    y, p = [[1], [1], [1], [0], [0]], [[0.9], [0.8], [0.2], [0.7], [0.5]]
    assert fed(Precision(), y, p) == 2 / 3
    assert fed(Recall(), y, p) == 2 / 3
    assert fed(F1Score(), y, p) == pytest.approx(2 / 3, rel=1e-15)
    assert fed(Recall(thresholds=0.1), y, p) == 1


def test_an_output_that_is_nan_is_above_no_threshold():
    # by hand: with it at the bottom, one of the two pairs (0.3, NaN), (0.3, 0.8) is in order
    assert fed(AUC(), [[1], [1], [0]], [[np.nan], [0.8], [0.3]]) == 0.5


def test_the_area_of_perfect_reversed_and_constant_predictions():
    y = [[0], [0], [1], [1]]
    assert fed(AUC(), y, [[0.1], [0.2], [0.8], [0.9]]) == 1
    assert fed(AUC(), y, [[0.9], [0.8], [0.2], [0.1]]) == 0
    assert fed(AUC(), y, [[0.3]] * 4) == 0.5


@pytest.mark.parametrize(
    "metric", [Precision(), Recall(), F1Score(), F1Score("weighted"), F1Score("micro"), AUC()], ids=repr
)
def test_without_positives_the_metric_is_0(metric):
    assert metric.result() == 0
    assert fed(metric, [[0], [0]], [[0.1], [0.2]]) == 0


@pytest.mark.parametrize(("y", "p"), [(BITS, PROBABILITIES), (LABELS, SHARES), (ONE_HOT, SHARES)])
def test_accuracy_chooses_the_metric_that_keras_chooses(y, p):
    # Keras 3.15.1, compile_utils.get_metric: by the widths of y and p
    kind = BinaryAccuracy() if p.shape[1] == 1 else CategoricalAccuracy()
    assert fed(Accuracy(), y, p, 7) == fed(kind, y, p)


SPARSE_LOSS = metrics.LossMetric(losses.SparseCategoricalCrossentropy())
OF_LABELS = {SPARSE_LOSS.name, metrics.LossMetric(losses.CategoricalGeneralizedCrossEntropy()).name}
EVERY = [kind() for kind in dict.fromkeys(metrics.METRICS.values())]
EVERY = [metric for metric in EVERY if metric.name not in OF_LABELS]  # they take class labels alone
EVERY += [
    metrics.SensitivityAtSpecificity(0.6),
    metrics.SpecificityAtSensitivity(0.6),
    metrics.PrecisionAtRecall(0.6),
    metrics.RecallAtPrecision(0.6),
    AUC(curve="PR", thresholds=[0.2, 0.5]),
    AUC(multi_label=True),
    metrics.OneHotMeanIoU(2),
    metrics.OneHotIoU(3, [0, 1]),
    Scorer(sklearn.metrics.max_error),
]


def rows_of(metric):
    """Return rows with one output; of several classes for a metric that needs them."""
    return (ONE_HOT, SHARES) if metric.name == "perplexity" else (BITS, PROBABILITIES)


@pytest.mark.parametrize("metric", EVERY, ids=named("ids", EVERY))
def test_batches_of_any_size_give_the_same(metric):
    results = [fed(metric, *rows_of(metric), batch) for batch in (1, 7, ROWS)]
    assert results == pytest.approx([results[0]] * 3, rel=1e-12)
    assert all(type(result) is float for result in results)


@pytest.mark.parametrize("metric", EVERY[:-1], ids=named("ids", EVERY[:-1]))
def test_class_labels_are_never_broadcast(metric):
    assert fed(metric, LABELS, SHARES) == pytest.approx(fed(metric, ONE_HOT, SHARES), rel=1e-14)


@pytest.mark.parametrize("metric", EVERY, ids=named("ids", EVERY))
def test_a_metric_continues_from_its_named_state(metric):
    metric.reset()
    y, p = rows_of(metric)
    metric.update(y[:20], p[:20])
    saved = {name: copy.deepcopy(getattr(metric, name)) for name in metric.state_names}
    other = copy.deepcopy(metric)
    other.reset()
    for name, value in saved.items():
        setattr(other, name, value)
    for one in (metric, other):
        one.update(y[20:], p[20:])
    assert other.result() == metric.result() == pytest.approx(fed(metric, y, p), rel=1e-12)


@pytest.mark.parametrize("metric", EVERY, ids=named("ids", EVERY))
def test_without_rows_the_metric_is_0(metric):
    metric.reset()
    assert metric.result() == 0


def test_only_errors_are_better_if_smaller():
    down = {type(metric).__name__ for metric in EVERY if metric.direction == "down"}
    errors = {name for name in down if name.endswith("Error")}
    assert len(errors) == 6
    assert down - errors == {"FalsePositives", "FalseNegatives", "LossMetric", "Perplexity"}


# ---- functions of others


def test_a_function_gets_all_rows_and_one_column_as_a_vector():
    seen = []

    def share_of_ones(y, p):
        seen.append((y.shape, p.shape))
        return y.mean()

    assert fed(Scorer(share_of_ones), BITS, PROBABILITIES, 7) == pytest.approx(BITS.mean())
    assert fed(Scorer(share_of_ones), LABELS, SHARES, 7) == pytest.approx(LABELS.mean())
    assert seen == [((ROWS,), (ROWS,)), ((ROWS,), (ROWS, 4))]


def test_functions_of_scikit_learn_are_recorded_in_history():
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(metrics=["accuracy", sklearn.metrics.roc_auc_score, sklearn.metrics.brier_score_loss])
    history = model.fit(x, y, epochs=2, validation_data=(x, y)).history
    names = ["accuracy", "roc_auc_score", "brier_score_loss", "loss"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    p = model.predict(x)[:, 0]
    assert history["val_roc_auc_score"][-1] == pytest.approx(sklearn.metrics.roc_auc_score(y, p))
    assert history["val_brier_score_loss"][-1] == pytest.approx(sklearn.metrics.brier_score_loss(y, p))


class Noting(Callback):
    def on_train_begin(self, logs=None):
        self.names = {"batch": set(), "test": set(), "epoch": set()}

    def on_train_batch_end(self, batch, logs=None):
        self.names["batch"] |= set(logs)

    def on_test_batch_end(self, batch, logs=None):
        self.names["test"] |= set(logs)

    def on_epoch_end(self, epoch, logs=None):
        self.names["epoch"] |= set(logs)


def test_functions_are_computed_at_the_end_of_the_epoch():
    # in batches of 4, most have one class: there roc_auc_score would warn
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) > 50
    model, noting = Sequential([Dense(1), Sigmoid()], seed=0), Noting()
    model.compile(metrics=["acc", sklearn.metrics.roc_auc_score])
    model.fit(x, y, batch_size=4, validation_data=(x, y), callbacks=[noting])
    assert noting.names["batch"] == noting.names["test"] == {"acc", "loss"}
    assert {"roc_auc_score", "val_roc_auc_score"} < noting.names["epoch"]


def test_metrics_of_class_labels_in_a_training():
    x = np.random.default_rng(0).normal(size=(ROWS, 3))
    model = Sequential([Dense(4), Softmax()], seed=0)
    model.compile(
        metrics=["acc", "sparse_categorical_accuracy", F1Score("micro"), sklearn.metrics.top_k_accuracy_score]
    )
    model.fit(x, LABELS, epochs=1)
    figures = model.evaluate(x, LABELS, return_dict=True)
    # with one class a row, micro F1 is the accuracy
    assert figures["acc"] == figures["sparse_categorical_accuracy"] == pytest.approx(figures["f1_score"])
    assert figures["top_k_accuracy_score"] >= figures["acc"]


# ---- names and settings


def test_a_name_is_the_string_as_typed_or_the_class_in_snake_case():
    # Keras 3.15.1: metrics=["acc"] is recorded as "acc", BinaryAccuracy() as "binary_accuracy"
    assert list(named("compile", ["acc", BinaryAccuracy()])) == ["acc", "binary_accuracy"]
    assert list(named("compile", "accuracy")) == ["accuracy"]
    assert named("compile", None) == {}
    given = [AUC(), F1Score(), R2Score(), "mae", sklearn.metrics.roc_auc_score, Scorer(sklearn.metrics.log_loss)]
    assert list(named("compile", given)) == ["auc", "f1_score", "r2_score", "mae", "roc_auc_score", "log_loss"]


def test_equal_names_are_numbered_and_names_of_the_objective_raise_an_error():
    assert list(named("compile", [Precision(0.3), Precision(0.6), "acc", "acc"])) == [
        "precision",
        "precision_1",
        "acc",
        "acc_1",
    ]

    def loss(y_true, y_pred):
        return 42.0

    with pytest.raises(SettingError, match="compile: History already has an entry loss; rename the metric"):
        named("compile", loss)


def test_a_class_instead_of_an_object_raises_an_error():
    with pytest.raises(SettingError, match=r"compile: metrics must be a Metric object or a string, .*; write AUC\(\)"):
        named("compile: metrics", AUC)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Precision(thresholds=1.5), r"Precision: thresholds must be in \[0, 1\], got 1.5"),
        (lambda: Recall(thresholds="half"), r"Recall: thresholds must be in \[0, 1\], got 'half'"),
        (lambda: Recall(thresholds=[0.5, 2]), r"Recall: thresholds must be in \[0, 1\], got 2"),
        (lambda: Recall(thresholds=[]), r"Recall: thresholds must hold at least one number, got \[\]"),
        (lambda: Recall(top_k=0), "Recall: top_k must be an integer of at least 1, got 0"),
        (lambda: F1Score(average="none"), "F1Score: average must be one of macro, weighted, micro, got 'none'"),
        (lambda: metrics.FBetaScore(beta=0), r"FBetaScore: beta must be in \(0, inf\), got 0"),
        (lambda: AUC(curve="roc"), "AUC: curve must be one of ROC, PR, got 'roc'"),
        (lambda: AUC(thresholds=[1.5]), r"AUC: thresholds must be in \[0, 1\], got 1.5"),
        (lambda: metrics.IoU(2, [0, 2]), r"IoU: target_class_ids is \[0, 2\], but the classes are 0 to 1"),
        (lambda: metrics.IoU(2, 0), "IoU: target_class_ids must be a list of classes, got 0"),
        (lambda: metrics.IoU(2, [-1]), "IoU: target_class_ids must be an integer of at least 0, got -1"),
        (lambda: AUC(name=3), "AUC: name must be a string, got 3"),
        (lambda: AUC(name=""), "AUC: name must be a string, got ''"),
        (lambda: F1Score(threshold=-1), r"F1Score: threshold must be in \[0, 1\], got -1"),
        (lambda: AUC(1), "AUC: num_thresholds must be an integer of at least 2, got 1"),
        (lambda: Scorer("auc"), r"Scorer: function must be callable as function\(y, p\), got 'auc'"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("call", [lambda m: m.reset(), lambda m: m.update(None, None), lambda m: m.result()])
def test_a_custom_metric_without_its_methods_raises_an_error(call):
    class Mine(Metric):
        pass

    with pytest.raises(NotImplementedError, match="Mine must write "):
        call(Mine())


class Widest(MeanMetric):
    def __call__(self, y, p):
        raise AssertionError("a Metric is no function")

    def values(self, y, p):
        return p.max(axis=1)


def test_a_metric_that_can_be_called_stays_a_metric():
    metric = named("compile", Widest())["widest"]
    assert fed(metric, [[0, 1], [0, 1]], [[1.0, 2.0], [3.0, 4.0]]) == 3


def test_a_custom_mean_metric_without_values_raises_an_error():
    class Mine(MeanMetric):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write values\(y, p\)"):
        fed(Mine(), [[0]], [[0]])
