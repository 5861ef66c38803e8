"""Keras's method names, names of metrics, and the checks of rows that are passed outside of a model."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import DataError, Sequential, SettingError, ShapeError
from minidl.layers import Dense, Sigmoid
from minidl.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    FBetaScore,
    LogCoshError,
    MeanAbsoluteError,
    MeanMetric,
    Metric,
    Precision,
    Recall,
    Scorer,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    named,
)

# ---- outside of a model, as in Keras


def test_a_metric_is_used_as_in_keras():
    # the example in the docstring of keras.metrics.Precision, Keras 3.15.1
    metric = Precision()
    metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
    assert metric.result() == pytest.approx(2 / 3)
    metric.reset_state()
    metric.update_state([0, 1, 1, 1], [1, 0, 1, 1], sample_weight=[0, 0, 1, 0])
    assert metric.result() == 1


def test_a_call_updates_and_returns_the_result_so_far():
    # the example in the docstring of keras.metrics.Recall, Keras 3.15.1, in two calls
    metric = Recall()
    assert metric([0, 1], [1, 0]) == 0
    assert metric([1, 1], [1, 1]) == pytest.approx(2 / 3)


def test_vectors_are_columns_and_labels_belong_to_rows():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    assert SparseCategoricalAccuracy()([0, 2, 0], p) == pytest.approx(2 / 3)
    assert TopKCategoricalAccuracy(2)([0, 2, 0], p) == 1
    assert MeanAbsoluteError()([1, 2, 3], [1, 2, 6]) == 1


def test_integers_are_measured_as_numbers():
    assert MeanAbsoluteError()(np.array([0], np.uint8), np.array([255], np.uint8)) == 255


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (([0, 1], [0.1]), ShapeError, r"AUC: y_true has shape \(2,\), y_pred \(1,\); both must have the shape"),
        (([[0, 1]], [[0.1, 0.2, 0.3]]), ShapeError, r"y_true has shape \(1, 2\), y_pred \(1, 3\)"),
        ((0, 1), ShapeError, r"y_true has shape \(\), y_pred \(\)"),
        ((["a"], [0.1]), DataError, "AUC: y_true has dtype <U1, y_pred float64; they must hold real numbers"),
        (([0], [0.1], [1, 2]), ShapeError, r"AUC: sample_weight has shape \(2,\) and dtype int64; one weight per row"),
        (([0], [0.1], ["a"]), ShapeError, r"AUC: sample_weight has shape \(1,\) and dtype <U1"),
    ],
)
def test_rows_that_do_not_fit_raise_an_error(rows, kind, message):
    with pytest.raises(kind, match=message):
        AUC().update_state(*rows)


# ---- metrics of the user's, with Keras's names


class Largest(Metric):
    """The largest output, written for Keras."""

    state_names = ("largest",)

    def __init__(self, name="largest_output"):
        super().__init__(name=name)

    def reset_state(self):
        self.largest = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        shares = 1 if sample_weight is None else sample_weight[:, None]
        self.largest = max(self.largest, float((y_pred * shares).max()))

    def result(self):
        return self.largest


def test_a_metric_with_keras_names_works_in_a_model_and_outside():
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(metrics=[Largest(), "mae"], weighted_metrics=[Largest("weighted")])
    half = np.full(40, 0.5)
    history = model.fit(x, y, epochs=2, sample_weight=half, validation_data=(x, y, half)).history
    assert list(history)[:3] == ["largest_output", "mae", "weighted"]
    p = model.predict(x)
    assert history["val_largest_output"][-1] == pytest.approx(float(p.max()))
    assert history["val_weighted"][-1] == pytest.approx(float(p.max()) / 2)
    assert Largest()(y[:, None], p) == float(p.max())


def test_a_metric_with_minidls_names_has_keras_names_too():
    class Rows(Metric):
        def reset(self):
            self.rows = 0

        def update(self, y, p):
            self.rows += len(p)

        def result(self):
            return self.rows

    metric = Rows()
    assert metric([1, 2], [3, 4]) == 2
    metric.reset_state()
    assert metric([1], [3]) == 1
    with pytest.raises(SettingError, match=r"Rows: Rows.update\(y, p\) takes no weights; write update\(y, p, weights="):
        metric.update_state([1], [3], [1])


def test_values_of_a_mean_metric_are_weighted_by_row():
    class Distance(MeanMetric):
        def values(self, y, p):
            return np.abs(y - p)

    # by hand: (1 * 1 + 3 * 5 + 1 * 1 + 3 * 1) / (2 * 4)
    assert Distance()([[0, 0], [0, 0]], [[1, 1], [5, 1]], [1, 3]) == 20 / 8


# ---- names


def test_names_as_in_keras():
    # Keras 3.15.1, the names of new objects
    assert [metric.name for metric in (Precision(), AUC(), FBetaScore(), LogCoshError(), BinaryAccuracy(name="b"))] == [
        *("precision", "auc", "fbeta_score", "logcosh", "b")
    ]
    assert Scorer(max).name == "max"


def test_a_name_is_the_key_in_history_and_repeats_are_numbered():
    given = [Precision(0.3, name="p"), Precision(0.6, name="p"), "acc", Accuracy(name="acc"), Scorer(max, name="best")]
    assert list(named("compile", given)) == ["p", "p_1", "acc", "acc_1", "best"]
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(metrics=[Precision(name="p"), "AUC"])
    assert list(model.fit(x, y).history) == ["p", "AUC", "loss"]
    assert model.metrics_names == ["loss", "p", "AUC"]


def test_a_name_that_history_uses_itself_raises_an_error():
    with pytest.raises(SettingError, match="compile: History already has an entry loss; rename the metric"):
        named("compile", Precision(name="loss"))


def test_a_user_metric_with_settings_takes_a_name():
    @dataclass(eq=False)
    class Above(MeanMetric):
        level: float

        def values(self, y, p):
            return p > self.level

    metric = Above(0.5, name="high")
    assert (metric.name, metric.level, Above(0.5).name) == ("high", 0.5, "above")
    assert metric([0, 0], [0.4, 0.6]) == 0.5
