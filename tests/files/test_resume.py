"""Trainings that are killed and resumed end with the same bytes as uninterrupted ones."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from minidl import ModelFileError, Sequential, SettingError, load_model
from minidl.callbacks import BackupAndRestore, Callback, EarlyStopping, LearningRateScheduler, ModelCheckpoint
from minidl.layers import GRU, LSTM, Bidirectional, Dense, Dropout, Masking, ReLU, Sigmoid
from minidl.optimizers import SGD, Adam, Clip
from minidl.schedules import ExponentialDecay
from tests.helpers import interrupted

X = np.random.default_rng(0).normal(size=(50, 3))
Y = (X[:, 0] > 0).astype(float)
posix = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")


def model(seed=0, optimizer=None):
    made = Sequential([Dense(6), ReLU(), Dropout(0.4), Dense(1), Sigmoid()], seed=seed)
    made.compile(optimizer or Adam(0.05), metrics=["auc"])
    return made


# ---- in new processes


def run_in_process(directory, seed, kill):
    command = [sys.executable, "-m", "tests.helpers.interrupted", str(directory), str(seed), str(kill)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def killed_and_resumed(tmp_path, seed):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    for directory in (whole, pieces):
        directory.mkdir()
    interrupted.main(whole, seed, 0)
    rng, kills = np.random.default_rng(seed), 0
    while not (pieces / "end.h5").exists():
        run = run_in_process(pieces, seed, rng.integers(6, 13))
        assert run.returncode in (0, -signal.SIGKILL), run.stderr
        kills += run.returncode != 0
    assert kills
    for name in ("end.h5", "history.json", "best.h5"):
        assert (pieces / name).read_bytes() == (whole / name).read_bytes()
    assert list((pieces / "backup").iterdir()) == []


@posix
@pytest.mark.parametrize("seed", range(3))
def test_three_killed_trainings_end_with_the_same_bytes(tmp_path, seed):
    killed_and_resumed(tmp_path, seed)


@pytest.mark.slow
@posix
@pytest.mark.parametrize("seed", range(3, 33))
def test_thirty_killed_trainings_end_with_the_same_bytes(tmp_path, seed):
    killed_and_resumed(tmp_path, seed)


# ---- every batch


class Stop(Exception):
    pass


class StopAfter(Callback):
    def __init__(self, batches):
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Stop


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_training_resumes_from_every_batch(tmp_path, shuffle):
    arguments = {"batch_size": 16, "epochs": 3, "validation_split": 0.2, "shuffle": shuffle}
    whole = model()
    expected = whole.fit(X, Y, **arguments).history
    for batches in range(1, 9):
        with pytest.raises(Stop):  # the checkpoint of this very batch is not made any more
            model().fit(
                X, Y, callbacks=[ModelCheckpoint(tmp_path / "m.h5", save_freq=1), StopAfter(batches + 1)], **arguments
            )
        loaded = load_model(tmp_path / "m.h5")
        assert (loaded.position.epoch, loaded.position.batch) in {divmod(batches, 3), (batches // 3 - 1, 3)}
        history = loaded.fit(
            X, Y, callbacks=ModelCheckpoint(tmp_path / "n.h5", save_freq=1), initial_epoch=loaded.position, **arguments
        ).history
        assert history == expected
        assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), whole.get_weights(), strict=True))
        assert loaded.streams.states == whole.streams.states


def recurrent_model():
    """A model with everything that a recurrent layer may draw, and states that go from batch to batch."""
    layers = [
        Masking(),
        LSTM(4, return_sequences=True, dropout=0.2, recurrent_dropout=0.3, stateful=True),
        Bidirectional(GRU(3, stateful=True, recurrent_dropout=0.2)),
    ]
    made = Sequential([*layers, Dense(1)], seed=0)
    made.build((None, None, 2))
    made.compile(Adam(0.05), "mse")
    return made


@pytest.mark.parametrize("batches", [1, 4, 6, 7])
def test_a_training_with_states_resumes_from_every_batch(tmp_path, batches):
    x = np.random.default_rng(0).normal(size=(12, 5, 2))
    x[::2, 3:] = 0
    arguments = {"batch_size": 4, "epochs": 3, "shuffle": False}
    whole = recurrent_model()
    whole.fit(x, x[:, 0, 0], **arguments)
    with pytest.raises(Stop):
        backup = BackupAndRestore(tmp_path, save_freq=1)
        recurrent_model().fit(x, x[:, 0, 0], callbacks=[backup, StopAfter(batches)], **arguments)
    resumed = recurrent_model()
    resumed.fit(x, x[:, 0, 0], callbacks=BackupAndRestore(tmp_path, save_freq=1), **arguments)
    assert np.array_equal(resumed.params.theta, whole.params.theta)
    assert all(map(np.array_equal, resumed.layers[1].states, whole.layers[1].states))


def test_a_scheduler_does_not_set_the_rate_of_an_epoch_twice(tmp_path):
    def halving():
        return [LearningRateScheduler(lambda epoch, rate: rate / 2), ModelCheckpoint(tmp_path / "m.h5", save_freq=1)]

    expected = model(optimizer=SGD(0.8)).fit(X, Y, batch_size=16, epochs=3, callbacks=halving()).history
    with pytest.raises(Stop):
        model(optimizer=SGD(0.8)).fit(X, Y, batch_size=16, epochs=3, callbacks=[*halving(), StopAfter(7)])
    loaded = load_model(tmp_path / "m.h5")
    assert (loaded.position.epoch, loaded.position.batch) == (1, 2)
    assert loaded.fit(X, Y, 16, 3, callbacks=halving(), initial_epoch=loaded.position).history == expected


def test_progress_bars_do_not_matter(tmp_path, capsys):
    model().fit(X, Y, epochs=2, verbose=2, callbacks=ModelCheckpoint(tmp_path / "m.h5"))
    loaded = load_model(tmp_path / "m.h5")
    history = loaded.fit(X, Y, epochs=4, callbacks=ModelCheckpoint(tmp_path / "m.h5"), initial_epoch=loaded.position)
    assert history.epoch == [0, 1, 2, 3]
    assert capsys.readouterr().out.count("Epoch") == 2


def test_other_callbacks_than_before_raise_an_error(tmp_path):
    model().fit(X, Y, callbacks=[EarlyStopping("loss"), ModelCheckpoint(tmp_path / "m.h5")])
    loaded = load_model(tmp_path / "m.h5")
    with pytest.raises(SettingError, match=r"^fit: the saved training has a callback 0 EarlyStopping, this one does"):
        loaded.fit(X, Y, initial_epoch=loaded.position)


def test_an_unknown_state_of_a_callback_raises_an_error(tmp_path):
    model().fit(X, Y, callbacks=ModelCheckpoint(tmp_path / "m.h5"))
    loaded = load_model(tmp_path / "m.h5")
    loaded.position.states["callback 0 History"] = {"__class__": 3}
    with pytest.raises(SettingError, match="callback 0 History of the saved training has the state __class__, not"):
        loaded.fit(X, Y, initial_epoch=loaded.position, callbacks=ModelCheckpoint(tmp_path / "m.h5"))


def test_the_position_is_gone_when_the_training_is_over(tmp_path):
    model().fit(X, Y, epochs=2, callbacks=ModelCheckpoint(tmp_path / "m.h5"))
    loaded = load_model(tmp_path / "m.h5")
    assert loaded.position.epoch == 2
    loaded.fit(X, Y, epochs=1)
    assert loaded.position is None


# ---- ModelCheckpoint


def test_checkpoints_are_named_by_epoch_and_figures(tmp_path):
    checkpoint = ModelCheckpoint(str(tmp_path / "{epoch:02d}-{loss:.2f}.h5"))
    history = model().fit(X, Y, epochs=2, callbacks=checkpoint).history
    names = {f"{epoch:02d}-{loss:.2f}.h5" for epoch, loss in enumerate(history["loss"], 1)}
    assert {path.name for path in tmp_path.iterdir()} == names


NO_VALIDATION = "; give fit validation_split or validation_data"


@pytest.mark.parametrize(
    ("name", "hint"), [("{val_loss}.h5", NO_VALIDATION), ("{}.h5", ""), ("{loss:d}.h5", ""), ("{figure}.h5", "")]
)
def test_an_unknown_figure_in_the_file_name_raises_an_error(tmp_path, name, hint):
    message = rf"^ModelCheckpoint: .* in filepath .*; it may name epoch, auc, loss{hint}$"
    with pytest.raises(SettingError, match=message):
        model().fit(X, Y, callbacks=ModelCheckpoint(tmp_path / name))


class Figures(Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["figure"] = [3.0, 1.0, 2.0, 0.5][epoch]


@pytest.mark.parametrize(
    ("mode", "threshold", "saved"),
    [("min", None, {1, 2, 4}), ("max", None, {1}), ("min", 0.9, {4}), ("max", 5.0, set())],
)
def test_only_the_best_is_saved(tmp_path, mode, threshold, saved):
    checkpoint = ModelCheckpoint(
        str(tmp_path / "{epoch}.h5"), "figure", save_best_only=True, mode=mode, initial_value_threshold=threshold
    )
    model().fit(X, Y, epochs=4, callbacks=[checkpoint, Figures()])  # it runs after the others all the same
    assert {path.name for path in tmp_path.iterdir()} == {f"{epoch}.h5" for epoch in saved}


def test_weights_alone_are_saved_and_reported(tmp_path, capsys):
    checkpoint = ModelCheckpoint(tmp_path / "m.weights.h5", save_weights_only=True, verbose=1)
    first, other = model(), model(1)
    first.fit(X, Y, callbacks=checkpoint)
    other.build((3,))
    other.load_weights(tmp_path / "m.weights.h5")
    assert np.array_equal(first.params.theta, other.params.theta)
    assert capsys.readouterr().out == f"Epoch 1: saving the model to {tmp_path / 'm.weights.h5'}.\n"


@pytest.mark.parametrize("callback", [ModelCheckpoint, BackupAndRestore])
@pytest.mark.parametrize("frequency", [0, -1, 1.5, True, "batch", None])
def test_save_freq_must_be_epoch_or_a_number_of_batches(tmp_path, callback, frequency):
    with pytest.raises(SettingError, match=rf"^{callback.__name__}: save_freq, if not 'epoch', must be an integer"):
        callback(tmp_path, save_freq=frequency)


# ---- BackupAndRestore


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_kept_backup_of_a_finished_training_does_not_repeat_it(tmp_path, capsys, verbose):
    first = model()
    history = first.fit(X, Y, epochs=3, callbacks=BackupAndRestore(tmp_path / "new", delete_checkpoint=False))
    second = model(7, Adam(0.5))
    again = BackupAndRestore(tmp_path / "new", delete_checkpoint=False, verbose=verbose)
    assert second.fit(X, Y, epochs=3, callbacks=again).history == history.history
    assert np.array_equal(first.params.theta, second.params.theta)
    assert second.optimizer.learning_rate == first.optimizer.learning_rate == 0.05
    assert capsys.readouterr().out == verbose * f"Continuing from {tmp_path / 'new' / 'training.h5'}.\n"


def test_a_training_with_custom_classes_and_functions_resumes(tmp_path):
    class Mine(ReLU):
        pass

    def half(y, p):
        return 0.5

    def fitted(epochs):
        made = Sequential([Dense(6), Mine(), Dense(1), Sigmoid()], seed=0)
        made.compile(metrics=[half])
        made.fit(X, Y, epochs=epochs, callbacks=BackupAndRestore(tmp_path, delete_checkpoint=False))
        return made.history

    fitted(2)
    assert fitted(4).epoch == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (Sequential([Dense(5), ReLU(), Dropout(0.4), Dense(1), Sigmoid()]), "layer"),
        (Sequential([Dense(6), ReLU(), Dropout(0.4), Dense(1), Sigmoid()], dtype="float64"), "dtype"),
        (model(optimizer=SGD(0.1)), "optimizer"),
        (model(optimizer=Adam(0.05, beta_1=0.8)), "optimizer"),
    ],
)
def test_the_backup_of_another_training_is_rejected(tmp_path, other, part):
    model().fit(X, Y, callbacks=BackupAndRestore(tmp_path, delete_checkpoint=False))
    if other.loss is None and not other.metrics:
        other.compile(Adam(0.05), metrics=["auc"])
    with pytest.raises(SettingError, match=f"belongs to another training: its {part} differs; remove the file"):
        other.fit(X, Y, callbacks=BackupAndRestore(tmp_path))


def test_a_model_file_without_a_position_is_not_a_backup(tmp_path):
    first = model()
    first.fit(X, Y)
    first.save(tmp_path / "training.h5")
    with pytest.raises(ModelFileError, match="it was saved outside a fit; there is no training to resume"):
        model().fit(X, Y, callbacks=BackupAndRestore(tmp_path))


@pytest.mark.parametrize("idle", [model(), Sequential([Dense(1)])], ids=["compiled", "not compiled"])
def test_restore_training_outside_a_fit_raises_an_error(tmp_path, idle):
    with pytest.raises(SettingError, match="restore_training: sequential is not being trained; use model = load_model"):
        idle.restore_training(tmp_path / "training.h5")


def test_a_training_with_a_wrapped_optimizer_and_a_schedule_resumes(tmp_path):
    def scheduled(rate=0.1):
        return model(optimizer=Clip(Adam(ExponentialDecay(rate, 4, 0.5)), norm=1.0))

    straight, second = scheduled(), scheduled()
    scheduled().fit(X, Y, epochs=2, callbacks=BackupAndRestore(tmp_path, delete_checkpoint=False))
    with pytest.raises(SettingError, match="its optimizer differs"):
        scheduled(0.2).fit(X, Y, callbacks=BackupAndRestore(tmp_path))
    straight.fit(X, Y, epochs=4)
    second.fit(X, Y, epochs=4, callbacks=BackupAndRestore(tmp_path))
    assert np.array_equal(second.params.theta, straight.params.theta)


def test_a_model_whose_learning_rate_became_zero_is_loaded(tmp_path):
    model = Sequential([Dense(1)], seed=0)
    model.compile(SGD(0.1, momentum=0.9), "mse")
    model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.0)])
    before = model.params.theta.copy()
    model.save(tmp_path / "m.h5")
    read = load_model(tmp_path / "m.h5")
    assert read.optimizer.learning_rate == 0
    read.fit(X, Y, verbose=0)
    assert np.array_equal(read.params.theta, before)
