"""Losses as metrics, weighted_metrics, and metrics with several figures, in trainings, files and callbacks."""

import csv

import numpy as np
import pytest
import sklearn.metrics

from minidl import DataError, Sequential, SettingError, ShapeError, load_model, losses, metrics
from minidl.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping
from minidl.layers import Dense, Sigmoid, Softmax
from minidl.metrics import F1Score, Precision, Recall, Weighted, named

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(60, 3)), np.arange(60) % 2, RNG.uniform(0, 3, 60)


def compiled(metrics=None, weighted_metrics=None, classes=None):
    model = Sequential([Dense(4), *([Dense(1), Sigmoid()] if classes is None else [Dense(classes), Softmax()])], seed=0)
    model.compile("adam", metrics=metrics, weighted_metrics=weighted_metrics)
    return model


# ---- losses


def test_a_loss_as_a_metric_is_that_loss():
    given = [losses.BinaryCrossentropy(), "bce", losses.Huber(0.3), "hinge", losses.MeanSquaredError(), "mse"]
    model = compiled(given)
    model.fit(X, Y, epochs=2)
    # Keras 3.15.1: a Loss is recorded under its name, the string as typed
    assert model.metrics_names[1:] == ["binary_crossentropy", "bce", "huber_loss", "hinge", "mean_squared_error", "mse"]
    figures, p = model.evaluate(X, Y, return_dict=True), model.predict(X)[:, 0]
    assert figures["binary_crossentropy"] == figures["bce"] == pytest.approx(figures["loss"], rel=1e-5)
    assert figures["bce"] == pytest.approx(sklearn.metrics.log_loss(Y, p), rel=1e-5)
    assert figures["huber_loss"] == pytest.approx(losses.Huber(0.3)(Y.astype(float), p), rel=1e-6)
    assert figures["mse"] == figures["mean_squared_error"] == pytest.approx(np.mean((Y - p) ** 2), rel=1e-6)


def test_losses_of_classes_as_metrics():
    y = np.arange(60) % 4
    model = compiled(["sparse_categorical_crossentropy", "categorical_crossentropy"], classes=4)
    model.fit(X, y)
    loss, *measured = model.evaluate(X, y)
    assert measured == pytest.approx([loss, loss], rel=1e-5)
    with pytest.raises(ShapeError, match=r"SparseCategoricalCrossentropy: y has shape \(2, 2\), class labels \(m, 1\)"):
        named("compile", "sparse_categorical_crossentropy")["sparse_categorical_crossentropy"](np.eye(2), np.eye(2))


def test_keras_class_names_are_strings_too():
    # Keras 3.15.1: the string is the key in History as it was typed
    typed = ["AUC", "Precision", "BinaryAccuracy", "mape", "msle", "cosine_similarity", "TruePositives", "recall"]
    assert [type(metric).__name__ for metric in named("compile", typed).values()] == [
        *("AUC", "Precision", "BinaryAccuracy", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"),
        *("CosineSimilarity", "TruePositives", "Recall"),
    ]
    assert list(named("compile", typed)) == typed
    with pytest.raises(SettingError, match="compile: unknown metric 'acuracy'; choose from accuracy, binary_accuracy"):
        named("compile", "acuracy")


# ---- weights


def test_weighted_metrics_use_the_weights_and_metrics_do_not():
    model = compiled(["acc", "AUC"], ["acc", "acc", "bce", Precision(name="p")])
    history = model.fit(X, Y, epochs=2, sample_weight=W, validation_data=(X, Y, W)).history
    # Keras 3.15.1: CompileMetrics.result
    names = ["acc", "AUC", "weighted_acc", "weighted_acc_1", "bce", "p", "loss"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    figures, p = model.evaluate(X, Y, sample_weight=W, return_dict=True), model.predict(X)[:, 0]
    assert figures["acc"] == pytest.approx(sklearn.metrics.accuracy_score(Y, p > 0.5))
    weighted = sklearn.metrics.accuracy_score(Y, p > 0.5, sample_weight=W)
    assert figures["weighted_acc"] == figures["weighted_acc_1"] == pytest.approx(weighted, rel=1e-6)
    assert figures["p"] == pytest.approx(sklearn.metrics.precision_score(Y, p > 0.5, sample_weight=W), rel=1e-6)
    assert figures["bce"] == pytest.approx(sklearn.metrics.log_loss(Y, p, sample_weight=W), rel=1e-5)
    assert {name: history[f"val_{name}"][-1] for name in names} == pytest.approx(figures, rel=1e-6)
    assert abs(figures["acc"] - figures["weighted_acc"]) > 1e-3


def test_without_weights_a_weighted_metric_counts_rows():
    model = compiled(["auc"], ["auc"])
    model.fit(X, Y)
    _, plain, weighted = model.evaluate(X, Y)
    assert plain == weighted


def test_class_weights_count_in_weighted_metrics():
    model = compiled(None, ["acc"])
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, class_weight={0: 0.0, 1: 1.0}).history
    right = model.predict(X)[:, 0] > 0.5
    assert history["acc"][0] == pytest.approx(right[Y == 1].mean())


def test_a_metric_that_takes_no_weights_raises_an_error():
    with pytest.raises(SettingError, match=r"compile: weighted_metrics: Scorer.update\(y, p\) takes no weights"):
        compiled(None, [sklearn.metrics.roc_auc_score])


def test_a_weighted_metric_keeps_the_direction_of_its_metric():
    assert [Weighted(metrics.AUC()).direction, Weighted(metrics.RootMeanSquaredError()).direction] == ["up", "down"]


# ---- several figures

SEVERAL = {
    "metrics": [Precision([0.2, 0.5, 0.8]), F1Score(None, name="f"), metrics.AUC(curve="PR")],
    "weighted_metrics": [Recall([0.4, 0.6]), "mse"],
}


def test_a_list_of_thresholds_gives_an_array_per_epoch(capsys):
    model = compiled(**SEVERAL)
    history = model.fit(X, Y, epochs=2, verbose=2)
    assert [array.shape for array in history.history["precision"]] == [(3,), (3,)]
    assert repr(history).startswith(f"History(2 epochs: precision[0]={history.history['precision'][1][0]:.4g}, ")
    assert "<td>recall[1]</td>" in history._repr_html_()
    assert "precision[2]: " in capsys.readouterr().out
    _, found, *_ = model.evaluate(X, Y)
    p = model.predict(X)[:, 0]
    expected = [sklearn.metrics.precision_score(Y, p > level, zero_division=0) for level in (0.2, 0.5, 0.8)]
    assert found == pytest.approx(expected)


def test_callbacks_watch_and_write_the_numbers_of_an_array(tmp_path):
    model, path = compiled(**SEVERAL), tmp_path / "log.csv"
    stopping = EarlyStopping("val_precision[1]", patience=1, min_delta=2)
    model.fit(X, Y, epochs=9, validation_data=(X, Y), callbacks=[CSVLogger(path), stopping])
    assert len(model.history.epoch) == 2
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    written = [float(row["val_precision[2]"]) for row in rows]
    assert written == pytest.approx([array[2] for array in model.history.history["val_precision"]])
    with pytest.warns(
        UserWarning, match=r"EarlyStopping: there is no 'precision' in the logs.*did you mean 'precision"
    ):
        model.fit(X, Y, callbacks=[EarlyStopping("precision", mode="max")])


# ---- files


class StopAt(Callback):
    def __init__(self, batch):
        self.stop_at = batch

    def on_train_batch_end(self, batch, logs=None):
        if self.model.history.epoch and batch == self.stop_at:
            raise KeyboardInterrupt


def test_a_training_resumed_in_the_middle_of_an_epoch_has_the_same_figures(tmp_path):
    def fit(callbacks, directory=tmp_path):
        model = compiled(
            [*SEVERAL["metrics"], "auc", metrics.PrecisionAtRecall(0.5), metrics.OneHotMeanIoU(2), "TrueNegatives"],
            [*SEVERAL["weighted_metrics"], "bce", "r2_score"],
        )
        backup = BackupAndRestore(directory, save_freq=1)
        model.fit(X, Y, batch_size=8, epochs=3, sample_weight=W, callbacks=[backup, *callbacks])
        return model.history.history

    with pytest.raises(KeyboardInterrupt):
        fit([StopAt(4)])
    resumed, whole = fit([]), fit([], tmp_path / "other")
    assert list(resumed) == list(whole)
    for name, values in whole.items():
        assert np.array_equal(resumed[name], values), name


def test_metrics_are_saved_with_their_settings_and_names(tmp_path):
    model = compiled([*SEVERAL["metrics"], losses.Huber(0.3), metrics.IoU(2, [1])], SEVERAL["weighted_metrics"])
    model.fit(X, Y)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert loaded.metrics_names == model.metrics_names
    for ours, theirs in zip(loaded.evaluate(X, Y, sample_weight=W), model.evaluate(X, Y, sample_weight=W), strict=True):
        assert np.array_equal(ours, theirs)


def test_data_errors_name_the_metric():
    with pytest.raises(DataError, match="Recall: y_true has dtype"):
        Recall().update_state(["x"], [1.0])
