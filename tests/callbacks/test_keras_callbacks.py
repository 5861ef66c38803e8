"""The callbacks that stop, slow down and write down a training."""

import copy
import csv
import json
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from minidl import NonFiniteError, Sequential, SettingError, load_model
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from minidl.initializers import Zeros
from minidl.layers import Add, Dense, Graph, Layer, Parameter, ReLU, Sigmoid
from minidl.metrics import Scorer
from minidl.optimizers import SGD, Adam
from minidl.schedules import ExponentialDecay
from tests.oracles.make_keras_callbacks import REDUCING, SERIES, STOPPING, run, series

KERAS = json.loads((Path(__file__).parents[1] / "oracles" / "keras_callbacks.json").read_text())  # Keras 3.15.1
X = np.random.default_rng(0).normal(size=(60, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def classifier(optimizer=None, **settings):
    model = Sequential([Dense(6), ReLU(), Dense(1), Sigmoid()], seed=0, **settings)
    model.compile(optimizer or SGD(0.1), metrics="accuracy")
    return model


def ready():
    model = classifier(SGD(0.1))
    model.build((2,))
    return model


def test_early_stopping_stops_where_keras_stops():
    ours = []
    for number, settings in product(range(SERIES), STOPPING):
        callback = EarlyStopping(**settings)
        epochs, _ = run(callback, series(number), ready())
        ours.append([epochs, callback.stopped_epoch, callback.best_epoch, callback.best])
    assert ours == KERAS["stopping"]
    assert len({epochs for epochs, *_ in ours}) > 10  # the series do stop at different places


def test_the_learning_rate_is_reduced_where_keras_reduces_it():
    ours = [run(ReduceLROnPlateau(**s), series(n), ready())[1] for n, s in product(range(SERIES), REDUCING)]
    assert np.allclose(ours, KERAS["reducing"], rtol=1e-6)  # Keras keeps the rate in float32


def test_early_stopping_goes_back_to_the_best_weights():
    kept = []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    stopping = EarlyStopping("loss", patience=3, mode="max", restore_best_weights=True)
    model = classifier(SGD(0.5))
    history = model.fit(X, Y, batch_size=60, epochs=50, callbacks=[keep, stopping])
    assert len(history.epoch) == 4  # a loss that falls is never better where more is better
    assert stopping.best_epoch == int(np.argmax(history.history["loss"]))
    assert all(map(np.array_equal, model.get_weights(), kept[stopping.best_epoch]))


@pytest.mark.parametrize("monitor", ["accuracy", "val_accuracy"])
def test_mode_auto_knows_the_metrics(monitor):
    stopping = EarlyStopping(monitor, patience=100)
    history = classifier(Adam(0.05)).fit(X, Y, epochs=20, validation_split=0.3, callbacks=[stopping])
    assert stopping.best == max(history.history[monitor])


def test_a_figure_that_nobody_knows_needs_a_mode():
    class Own(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["own"] = 1.0

    with pytest.raises(SettingError, match="is more 'own' better or worse"):
        classifier().fit(X, Y, epochs=2, callbacks=[Own(), EarlyStopping("own")])


@pytest.mark.parametrize(
    ("monitor", "split", "words"),
    [
        ("val_loss", 0, "only accuracy, loss; give fit validation_split or validation_data$"),
        ("val_acc", 0.2, "only accuracy, loss, val_accuracy, val_loss; did you mean 'val_accuracy'[?]$"),
        ("acc", 0, "only accuracy, loss; did you mean 'accuracy'[?]$"),
        ("f1", 0, "only accuracy, loss$"),
    ],
)
def test_a_figure_that_is_not_there_is_told_with_what_may_be_meant(monitor, split, words):
    with pytest.warns(UserWarning, match=f"EarlyStopping: there is no '{monitor}' in the logs, {words}"):
        classifier().fit(X, Y, validation_split=split, callbacks=EarlyStopping(monitor))


def test_a_figure_of_the_validation_is_known_at_the_end_of_an_epoch_only(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "m.h5", "val_loss", save_freq=2, save_best_only=True)
    message = "ModelCheckpoint: there is no 'val_loss' in the logs, only accuracy, loss; "
    with pytest.warns(UserWarning, match=message + "val_loss is known at the end of an epoch: use save_freq='epoch'$"):
        classifier().fit(X, Y, validation_split=0.2, callbacks=checkpoint)
    with pytest.warns(UserWarning, match=message + "give fit validation_split or validation_data$"):
        classifier().fit(X, Y, callbacks=checkpoint)


def area(y, p):
    return 0.5


def test_a_metric_of_all_rows_is_known_at_the_end_of_an_epoch_only(tmp_path):
    model = classifier()
    model.compile(metrics=[Scorer(area)])
    checkpoint = ModelCheckpoint(tmp_path / "m.h5", "area", mode="max", save_freq=2, save_best_only=True)
    with pytest.warns(UserWarning, match="only loss; area is known at the end of an epoch: use save_freq='epoch'$"):
        model.fit(X, Y, callbacks=checkpoint)


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_an_epoch_that_validation_freq_skips_has_no_figure(kind):
    words = "only .*loss.*; this epoch has no validation, because fit has validation_freq > 1$"
    with pytest.warns(UserWarning, match=f"{kind.__name__}: there is no 'val_loss' in the logs, {words}"):
        classifier().fit(X, Y, epochs=2, validation_split=0.2, validation_freq=2, callbacks=kind())


@pytest.mark.parametrize("monitor", ["accuracy", "val_accuracy"])
def test_a_metric_that_is_not_compiled_is_told(monitor):
    model = classifier()
    model.compile(metrics=[])
    words = "; compile the model with metrics=\\['accuracy'\\]$"
    with pytest.warns(UserWarning, match=f"EarlyStopping: there is no '{monitor}' in the logs, only .*loss{words}"):
        model.fit(X, Y, validation_split=0.2, callbacks=EarlyStopping(monitor))


def test_file_names_may_contain_the_batch(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch:02d}.h5", save_freq=2)
    classifier().fit(X, Y, 10, epochs=2, callbacks=checkpoint)
    # Keras 3.15.1, ModelCheckpoint._get_file_path: both from 1
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{epoch}-0{batch}.h5" for epoch in (1, 2) for batch in (2, 4, 6)
    }


@pytest.mark.parametrize(
    ("name", "save_freq", "words"),
    [
        (
            "val_loss",
            2,
            "it may name epoch, batch, accuracy, loss; val_loss is known at the end of an epoch: use save_f",
        ),
        ("val_loss", "epoch", "it may name epoch, accuracy, loss; this epoch has no validation, because fit has valid"),
        ("batch", "epoch", "it may name epoch, accuracy, loss; batch is known if save_freq is a number of batches$"),
        ("acc", "epoch", "it may name epoch, accuracy, loss; did you mean 'accuracy'[?]$"),
    ],
)
def test_a_file_name_with_an_unknown_figure_is_told_why(name, save_freq, words, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / f"{{{name}}}.h5", save_freq=save_freq)
    with pytest.raises(SettingError, match=f"^ModelCheckpoint: KeyError\\('{name}'\\) in filepath .*; {words}"):
        classifier().fit(X, Y, epochs=2, validation_split=0.2, validation_freq=2, callbacks=checkpoint)


@pytest.mark.parametrize("kind", [ModelCheckpoint, BackupAndRestore])
@pytest.mark.parametrize("save_freq", ["batch", 0, 1.5, None])
def test_save_freq_is_epoch_or_a_number_of_batches(kind, save_freq):
    message = f"{kind.__name__}: save_freq, if not 'epoch', must be an integer of at least 1, got {save_freq!r}"
    with pytest.raises(SettingError, match=message):
        kind("here", save_freq=save_freq)


def test_a_scheduler_sets_the_rate_of_every_epoch():
    seen = []
    halving = LearningRateScheduler(lambda epoch, rate: rate if epoch < 2 else rate / 2)
    watch = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(model.optimizer.learning_rate))
    model = classifier(SGD(0.8))
    history = model.fit(X, Y, batch_size=60, epochs=5, callbacks=[halving, watch])
    assert seen == history.history["learning_rate"] == [0.8, 0.8, 0.4, 0.2, 0.1]
    model.fit(X, Y, callbacks=[LearningRateScheduler(lambda epoch: 0.3)])
    assert model.optimizer.learning_rate == 0.3
    model.fit(X, Y, callbacks=[LearningRateScheduler(lambda epoch, *, half=0.2: half / 2)])
    assert model.optimizer.learning_rate == 0.1
    with pytest.raises(SettingError, match="the result of the schedule must be in"):
        model.fit(X, Y, callbacks=[LearningRateScheduler(lambda epoch: math.nan)])


def test_a_scheduler_says_what_it_sets_when_asked(capsys):
    classifier().fit(X, Y, callbacks=LearningRateScheduler(lambda epoch: 0.25, verbose=1))
    assert capsys.readouterr().out == "Epoch 1: setting the learning rate to 0.25.\n"


def test_nan_is_never_better():
    figures = iter([math.nan, 2.0, math.nan, 1.0, math.nan])
    log = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(own=next(figures)))
    stopping = EarlyStopping("own", mode="min", patience=9)
    classifier().fit(X, Y, epochs=5, callbacks=[log, stopping])
    assert (stopping.best, stopping.best_epoch, stopping.wait) == (1.0, 3, 1)


def test_who_sets_the_rate_may_be_called_without_logs():
    model = classifier(SGD(0.8))
    for callback in (LearningRateScheduler(lambda epoch, rate: rate / 2), ReduceLROnPlateau()):
        callback.set_model(model)
        callback.on_train_begin()
        callback.on_epoch_begin(0)
    callback.on_train_end()
    LearningRateScheduler(lambda epoch: 0.1).on_epoch_end(0)
    with pytest.warns(UserWarning, match="ReduceLROnPlateau: there is no 'val_loss' in the logs"):
        callback.on_epoch_end(0)
    assert model.optimizer.learning_rate == 0.4


@pytest.mark.parametrize("callback", [LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau("loss")])
def test_two_cannot_set_the_rate(callback):
    model = classifier(SGD(ExponentialDecay(0.1, 10, 0.5)))
    with pytest.raises(SettingError, match=r"sets the learning rate, but so does the optimizer's ExponentialDecay\("):
        model.fit(X, Y, callbacks=[callback])


def test_csv_logger_writes_a_row_an_epoch_and_goes_on(tmp_path):
    path = tmp_path / "log.csv"
    model = classifier()
    first = model.fit(X, Y, epochs=2, callbacks=[CSVLogger(path)])
    second = model.fit(X, Y, epochs=3, initial_epoch=2, callbacks=[CSVLogger(path, append=True)])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "accuracy", "loss"]
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert [float(row["loss"]) for row in rows] == first.history["loss"] + second.history["loss"]


def test_csv_logger_goes_on_with_the_columns_that_are_there(tmp_path):
    path = tmp_path / "log.csv"
    classifier().fit(X, Y, validation_split=0.2, callbacks=[CSVLogger(path, separator=";")])
    history = classifier().fit(X, Y, callbacks=[CSVLogger(path, separator=";", append=True)]).history
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [row["val_loss"] == "NA" for row in rows] == [False, True]
    assert float(rows[1]["loss"]) == history["loss"][0]


def test_csv_logger_leaves_room_for_figures_of_later_epochs(tmp_path):
    path = tmp_path / "log.csv"
    classifier().fit(X, Y, epochs=2, validation_split=0.2, validation_freq=2, callbacks=[CSVLogger(path)])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["val_loss"] == "NA" for row in rows] == [True, False]


@pytest.mark.parametrize("logger", [CSVLogger, TensorBoard])
def test_a_logger_that_could_not_begin_hides_no_error(logger, tmp_path):
    def fail(logs):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        classifier().fit(X, Y, callbacks=[LambdaCallback(on_train_begin=fail), logger(tmp_path / "log")])


def test_a_log_begun_anew_by_a_training_that_goes_on_has_a_header(tmp_path):
    path = tmp_path / "log.csv"
    watch = [CSVLogger(path), ModelCheckpoint(tmp_path / "model.h5")]
    classifier().fit(X, Y, callbacks=watch)
    model = load_model(tmp_path / "model.h5")
    model.fit(X, Y, epochs=2, initial_epoch=model.position, callbacks=watch)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "1"]


def test_terminate_on_nan_says_what_was_not_finite_first(capsys):
    model = classifier(SGD(1e30))
    history = model.fit(100 * X, Y, batch_size=60, epochs=50, callbacks=[TerminateOnNaN()])
    assert len(history.epoch) < 50
    assert "TerminateOnNaN: fit: the " in (words := capsys.readouterr().out)
    assert "The first output that is not finite is that of dense" in words
    assert np.isfinite(model.params.theta).all()
    with pytest.raises(NonFiniteError, match="The first output that is not finite is that of dense"):
        classifier(SGD(1e30)).fit(100 * X, Y, batch_size=60, epochs=50, callbacks=[TerminateOnNaN(raise_error=True)])


@dataclass(eq=False)
class Spoilt(Layer):
    """y = x + w, with a gradient of `part` that is NaN."""

    part: str

    def build(self, input_shape):
        self.w = Parameter(input_shape, Zeros())
        return input_shape

    def forward(self, x, training=False):
        return x + self.w.value

    def backward(self, dy):
        self.w.grad = dy.sum(axis=0) * (math.nan if self.part == "w" else 1)
        return dy * (math.nan if self.part == "x" else 1)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("x", "All outputs are finite; the first gradient that is not finite is the dL/dx that spoilt returns."),
        ("w", "All outputs of layers are finite, and all gradients between them."),
    ],
)
def test_terminate_on_nan_finds_a_gradient_that_is_not_finite(part, words, capsys):
    model = Sequential([Dense(3), Spoilt(part), Dense(1)])
    model.fit(X, Y, callbacks=TerminateOnNaN())
    assert capsys.readouterr().out.endswith(f"(now 0.01). {words}\n")


def test_terminate_on_nan_names_a_graph_whose_activation_belongs_to_the_loss(capsys):
    layers = {"t": (Spoilt("x"), "x"), "s": (Add(), "t", "x"), "o": (Dense(1), "s"), "y": (Sigmoid(), "o")}
    model = Sequential([Dense(3), Graph("x", layers, "y")])
    model.compile(loss="binary_crossentropy")
    model.fit(X, Y > 0, callbacks=TerminateOnNaN())
    assert "the first gradient that is not finite is the dL/dx that the graph returns." in capsys.readouterr().out


def test_terminate_on_nan_says_where_only_the_loss_overflowed(capsys):
    model = Sequential([Dense(1)])
    model.compile(loss="mean_squared_error")
    with np.errstate(over="ignore"):
        model.fit(1e25 * X, Y, callbacks=TerminateOnNaN())
    assert capsys.readouterr().out.endswith("all gradients between them; only the loss overflows.\n")


@pytest.mark.parametrize("logger", [CSVLogger, pytest.param(TensorBoard, marks=pytest.mark.peers)])
def test_a_logger_at_work_can_be_copied(logger, tmp_path):
    if logger is TensorBoard:
        pytest.importorskip("tensorboard")
    copies, callback = [], logger(tmp_path / "log")
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: copies.append(copy.deepcopy(callback)))
    classifier().fit(X, Y, callbacks=[callback, look])
    classifier().fit(X, Y, callbacks=copies)
    assert repr(copies[0]) == repr(callback)


@pytest.mark.peers
def test_tensorboard_reads_what_was_written(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    make_ndarray = pytest.importorskip("tensorboard.util.tensor_util").make_ndarray
    history = classifier().fit(X, Y, epochs=3, validation_split=0.2, callbacks=[TensorBoard(tmp_path)])
    for kind, key in (("train", "loss"), ("validation", "val_loss")):
        events = accumulator.EventAccumulator(str(tmp_path / kind)).Reload()
        values = [float(make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_loss")]
        assert np.allclose(values, history.history[key])


def test_a_callback_written_for_keras_runs():
    # the custom early stopping of Keras's own guide "Writing your own callbacks", shortened
    class EarlyStoppingAtMinLoss(Callback):
        def __init__(self, patience=0):
            super().__init__()
            self.patience = patience
            self.best_weights = None

        def on_train_begin(self, logs=None):
            self.wait = 0
            self.stopped_epoch = 0
            self.best = np.inf

        def on_epoch_end(self, epoch, logs=None):
            current = logs.get("loss")
            if np.less(current, self.best):
                self.best = current
                self.wait = 0
                self.best_weights = self.model.get_weights()
            else:
                self.wait += 1
                if self.wait >= self.patience:
                    self.stopped_epoch = epoch
                    self.model.stop_training = True
                    self.model.set_weights(self.best_weights)

    watch = EarlyStoppingAtMinLoss(patience=2)
    classifier(SGD(3.0, momentum=0.9)).fit(X, Y, batch_size=5, epochs=300, callbacks=[watch])
    assert 0 < watch.stopped_epoch < 299


BAD = {
    "patience": lambda: EarlyStopping(patience=-1),
    "mode": lambda: EarlyStopping(mode="best"),
    "monitor": lambda: EarlyStopping(3),
    "min_delta": lambda: EarlyStopping(min_delta=math.nan),
    "baseline": lambda: EarlyStopping(baseline="low"),
    "initial_value_threshold": lambda: ModelCheckpoint("model.h5", initial_value_threshold="low"),
    "factor": lambda: ReduceLROnPlateau(factor=1.0),
    "cooldown": lambda: ReduceLROnPlateau(cooldown=-1),
    "min_lr": lambda: ReduceLROnPlateau(min_lr=-1),
    "schedule": lambda: LearningRateScheduler(0.1),
    "append": lambda: CSVLogger("log.csv", append=1),
}


@pytest.mark.parametrize("setting", BAD)
def test_a_setting_outside_its_range_is_refused_by_name(setting):
    with pytest.raises(SettingError, match=f": {setting} must be "):
        BAD[setting]()


@pytest.mark.parametrize("path", ["", None, 3])
def test_a_backup_needs_a_directory(path):
    with pytest.raises(SettingError, match="BackupAndRestore: backup_dir must be the path of a directory, got"):
        BackupAndRestore(path)


def test_a_checkpoint_makes_its_directory(tmp_path):
    model = Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    path = tmp_path / "of" / "weights" / "{epoch}.weights.h5"
    model.fit(np.ones((4, 2)), np.ones(4), epochs=2, callbacks=[ModelCheckpoint(path, save_weights_only=True)])
    assert sorted(file.name for file in path.parent.iterdir()) == ["1.weights.h5", "2.weights.h5"]
