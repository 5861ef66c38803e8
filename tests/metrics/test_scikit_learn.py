"""Metrics against scikit-learn (1.5 or later), in batches, with and without weights of the rows."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from minidl import ShapeError, metrics
from tests.oracles.make_keras_metrics import drawn

DATA = drawn()
Y, P, W = DATA["bits"], DATA["probabilities"], DATA["weights"]
ONE_HOT, SHARES, LABELS = DATA["one_hot"], DATA["shares"], DATA["labels"][:, 0]


def fed(metric, y, p, weights=None, cuts=(13, 14, 40)):
    """The result after all rows, in batches that begin at the cuts."""
    for start, end in zip((0, *cuts), (*cuts, len(y)), strict=True):
        if end > start:
            metric.update_state(y[start:end], p[start:end], None if weights is None else weights[start:end])
    return metric.result()


PAIRS = [
    (
        metrics.Precision(class_id=1),
        lambda y, p, w: sklearn.metrics.precision_score(y[:, 1], p[:, 1] > 0.5, sample_weight=w),
    ),
    (
        metrics.Recall(0.3, class_id=2),
        lambda y, p, w: sklearn.metrics.recall_score(y[:, 2], p[:, 2] > 0.3, sample_weight=w),
    ),
    *[
        (
            metrics.FBetaScore(average, beta, 0.4),
            lambda y, p, w, average=average, beta=beta: sklearn.metrics.fbeta_score(
                y, p > 0.4, beta=beta, average=average, sample_weight=w, zero_division=0
            ),
        )
        for average in (None, "macro", "micro", "weighted")
        for beta in (0.5, 1.0, 3.0)
    ],
    (
        metrics.BinaryIoU([1], 0.4),
        lambda y, p, w: sklearn.metrics.jaccard_score(
            y.ravel(), p.ravel() >= np.float32(0.4), sample_weight=None if w is None else np.repeat(w, 4)
        ),
    ),
    (
        metrics.AUC(200_001, multi_label=True),
        lambda y, p, w: sklearn.metrics.roc_auc_score(y, p, average="macro", sample_weight=w),
    ),
    (
        metrics.AUC(200_001),
        lambda y, p, w: sklearn.metrics.roc_auc_score(y, p, average="micro", sample_weight=w),
    ),
]


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("ours", "theirs"), PAIRS, ids=[f"{number} {ours!r}" for number, (ours, _) in enumerate(PAIRS)]
)
def test_metrics_of_several_labels_equal_scikit_learn(ours, theirs, weights):
    ours.reset()
    assert fed(ours, Y, P, weights) == pytest.approx(theirs(Y, P, weights), rel=1e-6)


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_equals_scikit_learn(k, weights):
    expected = sklearn.metrics.top_k_accuracy_score(LABELS, SHARES, k=k, sample_weight=weights)
    for kind, y in ((metrics.TopKCategoricalAccuracy, ONE_HOT), (metrics.SparseTopKCategoricalAccuracy, LABELS)):
        assert fed(kind(k), y, SHARES, weights) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
def test_the_mean_overlap_equals_scikit_learn(weights):
    guesses = SHARES.argmax(axis=1)
    expected = sklearn.metrics.jaccard_score(LABELS, guesses, average="macro", sample_weight=weights)
    assert fed(metrics.MeanIoU(4), LABELS, guesses, weights) == pytest.approx(expected, rel=1e-6)
    assert fed(metrics.OneHotMeanIoU(4), ONE_HOT, SHARES, weights) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("RootMeanSquaredError", lambda *given, **weight: sklearn.metrics.mean_squared_error(*given, **weight) ** 0.5),
        (
            "MeanAbsolutePercentageError",
            lambda *given, **weight: 100 * sklearn.metrics.mean_absolute_percentage_error(*given, **weight),
        ),
        ("MeanSquaredLogarithmicError", sklearn.metrics.mean_squared_log_error),
        ("R2Score", sklearn.metrics.r2_score),
    ],
)
def test_errors_of_numbers_equal_scikit_learn(name, theirs, weights):
    y, p = DATA["positive"].astype(float), DATA["rates"].astype(float)
    expected = theirs(y, p, sample_weight=weights)
    assert fed(getattr(metrics, name)(), y, p, weights) == pytest.approx(expected, rel=1e-6)


def test_aggregations_of_r2_equal_scikit_learn():
    y, p = DATA["numbers"].astype(float), DATA["guesses"].astype(float)
    for ours, theirs in ((None, "raw_values"), ("variance_weighted_average", "variance_weighted")):
        expected = sklearn.metrics.r2_score(y, p, multioutput=theirs)
        assert fed(metrics.R2Score(ours), y, p) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
def test_the_lower_sum_of_a_pr_curve_is_close_to_scikit_learns_average_precision(weights):
    y, p = Y[:, 0], P[:, 0]
    expected = sklearn.metrics.average_precision_score(y, p, sample_weight=weights)
    low, high = (fed(metrics.AUC(200_001, "PR", method), y, p, weights) for method in ("minoring", "majoring"))
    assert low - 1e-12 <= expected <= high + 1e-12
    assert fed(metrics.AUC(200_001, "PR"), y, p, weights) == pytest.approx(expected, abs=0.05)


# ---- properties

# of the losses those that take any p in [0, 1]
KINDS = dict.fromkeys(
    kind for name, kind in metrics.METRICS.items() if isinstance(kind, type) or name in ("bce", "huber", "hinge")
)
del KINDS[metrics.Perplexity]  # of several classes

ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=1, max_size=30)


@given(rows=ROWS, data=st.data())
def test_any_cut_into_batches_gives_the_same(rows, data):
    y, p = (np.array(column, float)[:, None] for column in zip(*rows, strict=True))
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))), float)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(y)), max_size=4)))
    for kind in KINDS:
        for shares in (None, weights):
            whole, parts = (fed(kind(), y, p, shares, part) for part in ((), cuts))
            assert parts == pytest.approx(whole, rel=1e-9, abs=1e-12)


@given(rows=ROWS)
def test_a_row_of_weight_2_counts_as_two_rows(rows):
    y, p = (np.array(column, float)[:, None] for column in zip(*rows, strict=True))
    weights = np.arange(len(y)) % 3
    repeated = [np.repeat(array, weights, axis=0) for array in (y, p)]
    for kind in KINDS:
        metric = kind()
        expected = fed(kind(), *repeated, None, ()) if weights.any() else kind().result()
        assert fed(metric, y, p, weights, ()) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(rows=ROWS)
def test_the_four_counts_are_all_entries(rows):
    y, p = (np.array(column, float)[:, None] for column in zip(*rows, strict=True))
    kinds = (metrics.TruePositives, metrics.TrueNegatives, metrics.FalsePositives, metrics.FalseNegatives)
    counts = [kind([0.2, 0.5, 0.9])(y, p) for kind in kinds]
    assert np.array_equal(sum(counts), np.full(3, len(y)))


# ---- by hand


def test_of_equal_outputs_the_first_is_among_the_k_largest():
    assert metrics.Precision(top_k=1)([[1, 0, 0]], [[0.4, 0.4, 0.2]]) == 1
    assert metrics.Precision(top_k=1)([[0, 1, 0]], [[0.4, 0.4, 0.2]]) == 0


def test_a_class_that_is_no_output_raises_an_error():
    with pytest.raises(ShapeError, match="Precision: class_id is 3, and there are 2 outputs; the first class is 0"):
        metrics.Precision(class_id=3)([[0, 1]], [[0.1, 0.9]])


def test_the_cosine_is_1_for_the_same_direction_and_minus_1_for_the_opposite():
    y = [[1.0, 2.0], [3.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    p = [[2.0, 4.0], [-1.0, 0.0], [1.0, -1.0], [1.0, 1.0]]
    assert [
        metrics.CosineSimilarity()(a, b) for a, b in zip(np.array(y)[:, None], np.array(p)[:, None], strict=True)
    ] == (pytest.approx([1, -1, 0, 0], abs=1e-15))


def test_log_cosh_does_not_overflow():
    assert metrics.LogCoshError()([0.0, 0.0], [1e6, -1e6]) == pytest.approx(1e6 - np.log(2), rel=1e-12)


def test_labels_outside_the_classes_do_not_count_in_an_overlap():
    # by hand: class 0 has 1 of 2, class 1 has 1 of 2; the labels 2 and -1 are left out
    assert metrics.MeanIoU(2)([0, 0, 1, 2, 0], [0, 1, 1, 1, -1]) == 0.5
    assert metrics.MeanIoU(2, ignore_class=0)([0, 0, 1], [0, 1, 1]) == 1
    assert metrics.MeanIoU(3).result() == 0
