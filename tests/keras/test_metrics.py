"""Metrics under Keras's names: numbers of Keras 3.15 on PyTorch, and classes of the user's own."""

import warnings

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError, layers
from minidl import losses as core_losses
from minidl import metrics as core
from minidl.keras import losses, metrics, ops
from tests.keras.peer import peer

rng = np.random.default_rng(0)
P = rng.uniform(0, 1, (40, 4)).astype("float32")
Y = (rng.uniform(0, 1, (40, 4)) < 0.5).astype("float32")
Z = rng.normal(size=(40, 4)).astype("float32")
LABELS = rng.integers(0, 4, 40)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
SHARES = P / P.sum(axis=1, keepdims=True)
WEIGHTS = rng.integers(1, 4, 40).astype("float32")  # whole numbers: Keras's IoU rounds others

CASES = [  # class, settings, targets, outputs
    ("Accuracy", {}, LABELS, P.argmax(axis=1)),
    ("AUC", {}, Y[:, :1], P[:, :1]),
    ("AUC", {"curve": "PR", "num_thresholds": 50}, Y[:, :1], P[:, :1]),
    ("BinaryAccuracy", {}, Y, P),
    ("BinaryAccuracy", {"threshold": 0.3}, Y, P),
    ("BinaryCrossentropy", {}, Y, P),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, Y, Z),
    ("BinaryIoU", {}, Y[:, :1], P[:, :1]),
    ("CategoricalAccuracy", {}, ONE_HOT, P),
    ("CategoricalCrossentropy", {}, ONE_HOT, SHARES),
    ("CategoricalHinge", {}, ONE_HOT, Z),
    ("CosineSimilarity", {}, Y + 0.1, Z),
    ("F1Score", {}, ONE_HOT, SHARES),
    ("F1Score", {"average": "macro", "threshold": 0.4}, ONE_HOT, SHARES),
    ("FBetaScore", {"beta": 2.0}, ONE_HOT, SHARES),
    ("FalseNegatives", {}, Y, P),
    ("FalsePositives", {"thresholds": [0.2, 0.6]}, Y, P),
    ("Hinge", {}, Y, Z),
    ("KLDivergence", {}, P[::-1], P),
    ("LogCoshError", {}, Y, Z),
    ("MeanAbsoluteError", {}, Y, Z),
    ("MeanAbsolutePercentageError", {}, P + 0.1, Z),
    ("MeanSquaredError", {}, Y, Z),
    ("MeanSquaredLogarithmicError", {}, Y, P),
    ("OneHotMeanIoU", {"num_classes": 4}, ONE_HOT, SHARES),
    ("Poisson", {}, Y, P),
    ("Precision", {}, Y, P),
    ("PrecisionAtRecall", {"recall": 0.5}, Y[:, :1], P[:, :1]),
    ("R2Score", {}, Y, Z),
    ("Recall", {"thresholds": [0.2, 0.6]}, Y, P),
    ("RecallAtPrecision", {"precision": 0.5}, Y[:, :1], P[:, :1]),
    ("RootMeanSquaredError", {}, Y, Z),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, Y[:, :1], P[:, :1]),
    ("SparseCategoricalAccuracy", {}, LABELS, P),
    ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, LABELS, P),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5}, Y[:, :1], P[:, :1]),
    ("SquaredHinge", {}, Y, Z),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, P),
    ("TrueNegatives", {}, Y, P),
    ("TruePositives", {}, Y, P),
]


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings", "y", "p"), CASES, ids=lambda part: part if isinstance(part, str) else "")
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_metrics_have_the_numbers_and_names_of_keras(name, settings, y, p, weights):
    keras = peer()
    keras.backend.clear_session()
    ours, theirs = (getattr(k, name)(**settings) for k in (metrics, keras.metrics))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in (slice(0, 15), slice(15, 40)):
            some = None if weights is None else weights[part]
            ours.update_state(y[part], p[part], some)
            theirs.update_state(y[part], p[part], some)
        wanted = keras.ops.convert_to_numpy(theirs.result())
    assert np.shape(ours.result()) == np.shape(wanted)
    np.testing.assert_allclose(ours.result(), wanted, rtol=1e-5, atol=1e-6)
    assert ours.name == theirs.name


FUNCTIONS = [
    ("binary_accuracy", {"threshold": 0.4}, Y, P),
    ("categorical_accuracy", {}, ONE_HOT, P),
    ("sparse_categorical_accuracy", {}, LABELS, P),
    ("top_k_categorical_accuracy", {"k": 2}, ONE_HOT, P),
    ("sparse_top_k_categorical_accuracy", {"k": 2}, LABELS, P),
    ("mean_absolute_error", {}, Y, Z),
]


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings", "y", "p"), FUNCTIONS, ids=[name for name, *_ in FUNCTIONS])
def test_functions_return_the_rows_of_keras(name, settings, y, p):
    keras = peer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(keras.metrics, name)(keras.ops.array(y), keras.ops.array(p), **settings)
        wanted = keras.ops.convert_to_numpy(theirs)
    np.testing.assert_allclose(getattr(metrics, name)(y, p, **settings), wanted, rtol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_means_and_sums_of_values_are_those_of_keras(name):
    keras = peer()
    ours, theirs = getattr(metrics, name)(name="loss"), getattr(keras.metrics, name)(name="loss")
    for values, weights in (([1.0, 3, 5], None), ([2.0, 4], [1.0, 0.5]), (7.0, None), ([[1.0], [2]], [3.0, 4])):
        ours.update_state(values, weights)
        theirs.update_state(values, sample_weight=weights)
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)
    ours.reset_state()
    assert ours.result() == 0
    assert ours.name == "loss"
    assert ours([4.0]) == 4


# ---- objects and names


def test_objects_are_those_of_the_core():
    assert type(metrics.Precision(0.3, name="own")) is core.Precision
    assert metrics.Precision(0.3, name="own").thresholds == 0.3
    assert metrics.BinaryAccuracy("own", threshold=0.3).name == "own"
    assert metrics.F1Score().average is None
    assert type(metrics.Poisson()) is core.LossMetric


@pytest.mark.parametrize("name", ["accuracy", "mae", "AUC", "Precision", "binary_crossentropy", "RootMeanSquaredError"])
def test_strings_and_classes_name_metrics(name):
    assert isinstance(metrics.get(name), core.Metric)


def test_losses_and_functions_become_metrics():
    assert metrics.get(losses.mean_squared_error).core == core_losses.MeanSquaredError()
    wrapped = metrics.get(lambda y_true, y_pred: ops.mean(ops.abs(y_true - y_pred), axis=-1))
    assert wrapped(Y, Z) == pytest.approx(np.abs(Y - Z).mean(), rel=1e-6)
    assert wrapped.name == "<lambda>"
    assert metrics.get(None) is None


def test_a_config_makes_the_same_metric():
    again = metrics.deserialize(metrics.serialize(metrics.Precision(0.3, name="own")))
    assert (again.thresholds, again.name) == (0.3, "own")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: metrics.get("acuracy"), SettingError, "unknown metric 'acuracy'.*did you mean 'accuracy'"),
        (lambda: metrics.AUC(label_weights=[1]), SettingError, "AUC: label_weights must be None in minidl.keras"),
        (lambda: metrics.AUC(bins=3), TypeError, "AUC: .*'bins'; it takes num_thresholds, curve"),
        (lambda: metrics.PearsonCorrelation, ImportError, "pass scipy.stats.pearsonr"),
        (lambda: metrics.Metric()(Y, P), NotImplementedError, "Metric must write update_state"),
    ],
)
def test_errors_say_what_there_is(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- classes of the user's own


class BinaryTruePositives(metrics.Metric):
    """The example of Keras's guide."""

    def __init__(self, name="binary_true_positives", **settings):
        super().__init__(name=name, **settings)
        self.true_positives = self.add_weight(name="tp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ops.cast(ops.logical_and(ops.equal(y_true, 1), ops.greater(y_pred, 0.5)), self.dtype)
        if sample_weight is not None:
            values = values * ops.reshape(sample_weight, (-1, 1))
        self.true_positives.assign_add(ops.sum(values))

    def result(self):
        return self.true_positives


def test_a_metric_with_weights_of_its_own():
    metric = BinaryTruePositives()
    assert metric(Y, P) == (Y * (P > 0.5)).sum()
    assert metric(Y, P) == 2 * (Y * (P > 0.5)).sum()
    metric.reset_state()
    assert metric.result() == 0
    model = Sequential([layers.Dense(4), layers.Sigmoid()], seed=0)
    model.compile("sgd", "bce", metrics=[metric], weighted_metrics=[BinaryTruePositives(name="weighted")])
    history = model.fit(Z, Y, sample_weight=WEIGHTS, epochs=2, verbose=0).history
    right = Y * (model.predict(Z) > 0.5)
    assert model.evaluate(Z, Y, sample_weight=WEIGHTS)[1:] == [right.sum(), (right * WEIGHTS[:, None]).sum()]
    assert len(history["binary_true_positives"]) == 2


def test_the_arrays_of_a_metric_are_computed_with():
    metric = metrics.Metric(name="own")
    state = metric.add_weight("total", initializer="ones")
    counts = metric.add_variable(shape=3, initializer="zeros", name="counts")
    state.assign_add(2)
    state.assign_sub(0.5)
    counts.assign([1, 2, 3])
    assert (float(state), float(state * 2), counts[1], counts.shape, counts.dtype) == (2.5, 5, 2, (3,), "float32")
    assert np.array_equal(ops.sum(counts) / counts, [6, 3, 2])
    assert np.array_equal(np.asarray(counts), counts.numpy())
    assert repr(counts).startswith("<State name=counts")
    assert metrics.Metric.from_config(metric.get_config()).name == "own"


class Doubled(metrics.MeanSquaredError):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, 2 * y_pred, sample_weight)


def test_a_class_may_be_derived_from_a_metric_of_keras():
    metric = Doubled(name="own")
    assert metric(Y, P) == pytest.approx(((Y - 2 * P) ** 2).mean(), rel=1e-6)
    assert metric.name == "own"


ENTRIES = np.random.default_rng(4).uniform(0.5, 2, Y.shape).astype("float32")  # one weight per entry


@pytest.mark.peers
@pytest.mark.parametrize(
    ("name", "settings", "y", "p", "weights"),
    [
        ("BinaryAccuracy", {}, Y, P, ENTRIES[:, :1]),
        ("Precision", {}, Y, P, ENTRIES),
        ("Precision", {"class_id": 1}, Y, P, WEIGHTS[:, None]),
        ("Precision", {"top_k": 2}, Y[0], P[0], None),
        ("Recall", {"thresholds": [0.3, 0.7]}, Y, P, ENTRIES[:1]),
        ("TruePositives", {}, Y, P, 3.0),
        ("AUC", {}, Y, P, ENTRIES),
        ("BinaryIoU", {"threshold": 0.4}, Y, P, np.ceil(ENTRIES)),
        ("Precision", {"top_k": 2}, Y[:1], P[:1], None),
        ("MeanSquaredError", {}, Y[:30].reshape(5, 6, -1), P[:30].reshape(5, 6, -1), WEIGHTS[:30].reshape(5, 6)),
        ("CategoricalAccuracy", {}, ONE_HOT[:30].reshape(5, 6, -1), P[:30].reshape(5, 6, -1), WEIGHTS[:5]),
        ("SparseCategoricalAccuracy", {}, LABELS[:30].reshape(5, 6), P[:30].reshape(5, 6, -1), None),
        ("KLDivergence", {}, ONE_HOT, P, WEIGHTS[:, None]),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_weights_of_entries_and_rows_along_several_axes_count_as_on_keras(name, settings, y, p, weights):
    keras = peer()
    ours, theirs = (getattr(k, name)(**settings) for k in (metrics, keras.metrics))
    ours.update_state(y, p, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.update_state(y, p, weights)
        wanted = keras.ops.convert_to_numpy(theirs.result())
    np.testing.assert_allclose(ours.result(), wanted, rtol=1e-5, atol=1e-6)


def test_an_object_is_an_instance_of_its_class_and_has_a_config():
    recall = metrics.Recall([0.3, 0.7], class_id=1, name="own")
    assert isinstance(recall, metrics.Recall)
    assert not isinstance(recall, metrics.Precision)
    config = {"name": "own", "thresholds": [0.3, 0.7], "top_k": None, "class_id": 1}
    assert recall.get_config() == config
    assert metrics.Recall.from_config(config).get_config() == config


@pytest.mark.parametrize("weights", [np.ones(7), np.ones((len(Y), 2, 2)), ["a"] * len(Y)])
def test_weights_that_fit_no_rows_are_refused(weights):
    with pytest.raises(ShapeError, match=r"Recall: sample_weight has shape .* one weight per row was expected"):
        metrics.Recall().update_state(Y, P, weights)
