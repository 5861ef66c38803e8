"""Keras's hooks, in Keras's order and with its arguments; what they may do; how a training shows itself."""

import math
import re
import sys

import numpy as np
import pytest

from minidl import Sequential
from minidl.callbacks import HOOKS, Callback, CallbackList, EpochLines, History, ProgressBar, progress
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.regularizers import L2

X = np.random.default_rng(0).normal(size=(10, 2))
Y = (X[:, 0] > 0).astype(int)


def classifier(loss="bce", metrics=("accuracy",)):
    model = Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.compile(loss=loss, metrics=list(metrics))
    return model


def recorder(*names):
    """A callback that overrides these hooks and writes down (hook, first argument or None, names in logs)."""

    def hook(name):
        def method(self, *arguments, **named):
            *place, logs = arguments
            assert not named
            self.calls.append((name, place[0] if place else None, sorted(logs)))

        return method

    return type("Recorder", (Callback,), {"calls": [], **{name: hook(name) for name in names}})()


KERAS = [name for name in HOOKS if name not in ("close", "on_gradients", "on_batch_begin", "on_batch_end")]


def test_the_hooks_come_in_keras_order_with_keras_arguments():
    watch = recorder(*KERAS)
    classifier().fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), callbacks=[watch], verbose=0)
    train, both = ["accuracy", "loss"], ["accuracy", "loss", "val_accuracy", "val_loss"]

    def epoch(number):  # Keras 3.15.1, printed by a callback that records every call
        return [
            ("on_epoch_begin", number, []),
            ("on_train_batch_begin", 0, []),
            ("on_train_batch_end", 0, train),
            ("on_train_batch_begin", 1, []),
            ("on_train_batch_end", 1, train),
            ("on_train_batch_begin", 2, []),
            ("on_train_batch_end", 2, train),
            ("on_test_begin", None, []),
            ("on_test_batch_begin", 0, []),
            ("on_test_batch_end", 0, train),
            ("on_test_end", None, train),
            ("on_epoch_end", number, both),
        ]

    expected = [("on_train_begin", None, []), *epoch(0), *epoch(1)]
    assert watch.calls[:-1] == expected
    assert watch.calls[-1][:2] == ("on_train_end", None)


def test_keras_gives_the_last_logs_to_on_train_end():
    watch = recorder("on_train_end")
    classifier().fit(X, Y, epochs=1, callbacks=[watch])
    assert watch.calls == [("on_train_end", None, ["accuracy", "loss"])]  # Keras 3.15.1, trainer.fit: training_logs


def test_evaluate_and_predict_call_their_hooks():
    model = classifier()
    model.fit(X, Y)
    watch = recorder(*KERAS)
    model.evaluate(X, Y, callbacks=[watch])
    assert [call[:2] for call in watch.calls] == [
        ("on_test_begin", None),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0),
        ("on_test_end", None),
    ]
    watch.calls.clear()
    model.predict(X, batch_size=6, callbacks=[watch])
    assert [call[:2] for call in watch.calls] == [
        ("on_predict_begin", None),
        ("on_predict_batch_begin", 0),
        ("on_predict_batch_end", 0),
        ("on_predict_batch_begin", 1),
        ("on_predict_batch_end", 1),
        ("on_predict_end", None),
    ]


def test_the_aliases_are_called_as_the_batch_hooks():
    watch = recorder("on_batch_begin", "on_batch_end")
    classifier().fit(X, Y, batch_size=5, callbacks=[watch])
    assert [call[:2] for call in watch.calls] == [
        ("on_batch_begin", 0),
        ("on_batch_end", 0),
        ("on_batch_begin", 1),
        ("on_batch_end", 1),
    ]


def test_on_gradients_comes_between_backward_and_update():
    class Watch(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.before = self.model.params.theta.copy()

        def on_gradients(self, batch, logs=None):
            assert np.array_equal(self.model.params.theta, self.before)
            assert len(self.model.batch) == 5
            self.gradient = self.model.params.grad.copy()
            assert self.gradient.any()

        def on_train_batch_end(self, batch, logs=None):
            step = self.before - np.float32(0.01) * self.gradient
            assert np.allclose(self.model.params.theta, step, rtol=1e-6, atol=1e-9)
            self.seen = batch

    watch, model = Watch(), classifier()
    model.fit(X, Y, batch_size=5, callbacks=[watch])
    assert watch.seen == 1
    assert model.batch is None


def test_callbacks_know_their_model_and_keras_params():
    watch, model = recorder("on_train_begin"), classifier()
    model.fit(X, Y, batch_size=4, epochs=3, callbacks=[watch], verbose=0)
    assert watch.model is model
    assert watch.params == {"verbose": 0, "epochs": 3, "steps": 3}


def test_callbacks_are_called_in_their_order_and_history_last():
    order = []

    class Tell(Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, epoch, logs=None):
            order.append((self.name, len(self.model.history.epoch)))
            logs["lr"] = 0.25

    history = classifier().fit(X, Y, callbacks=[Tell("a"), Tell("b")])
    assert order == [("a", 0), ("b", 0)]
    assert history.history["lr"] == [0.25]


def test_what_is_not_overridden_is_never_called(monkeypatch):
    def fail(*_):
        raise AssertionError("a hook of the base class was called")

    for name in HOOKS:
        monkeypatch.setattr(Callback, name, fail)

    class Idle(Callback):
        pass

    model = classifier()
    model.fit(X, Y, callbacks=[Idle()], validation_data=(X, Y))
    model.predict(X, callbacks=[Idle()])
    assert model.history.epoch == [0]


def test_who_writes_is_not_called_where_nothing_is_to_be_written():
    watch, model = recorder("on_epoch_end"), classifier()
    hooks = CallbackList([EpochLines(), watch], model, {})
    quiet = hooks.without_writing()
    assert [method.__self__ for method in quiet.on_epoch_end] == [watch]
    assert len(hooks.on_epoch_end) == len(quiet.callbacks) == 2


# ---- stopping


class Stop(Callback):
    def __init__(self, hook, place):
        self.hook, self.place, self.batches, self.ended = hook, place, 0, False

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.hook == "batch" and batch == self.place:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self.hook == "epoch" and epoch == self.place:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.ended = True


@pytest.mark.parametrize(("hook", "place", "batches", "epochs"), [("batch", 1, 2, 1), ("epoch", 1, 10, 2)])
def test_stop_training_ends_after_the_batch_or_the_epoch(hook, place, batches, epochs):
    stop, model = Stop(hook, place), classifier()
    history = model.fit(X, Y, batch_size=2, epochs=7, callbacks=[stop], validation_data=(X, Y))
    assert stop.batches == batches
    assert stop.ended
    assert len(history.epoch) == epochs
    assert len(history.history["val_loss"]) == epochs  # Keras 3.15.1 validates and ends the epoch before it stops
    model.fit(X, Y, epochs=2)
    assert model.history.epoch == [0, 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_close_is_called_however_the_training_ends(error):
    class Close(Callback):
        closed = 0

        def on_train_batch_end(self, batch, logs=None):
            if error:
                raise error

        def close(self):
            self.closed += 1

    close = Close()
    with pytest.raises(error):
        classifier().fit(X, Y, callbacks=[close])
    assert close.closed == 1


# ---- History


@pytest.mark.parametrize(
    ("loss", "metrics", "keys"),
    [
        # Keras 3.15.1: the metrics, then loss; then the same with val_
        ("bce", ["accuracy"], ["accuracy", "loss"]),
        ("bce", ["acc"], ["acc", "loss"]),
        ("mse", [], ["loss"]),
        (BinaryCrossentropy() + L2(0.1), ["accuracy"], ["accuracy", "loss", "data_loss", "penalty"]),
    ],
)
def test_history_has_keras_keys_in_keras_order(loss, metrics, keys):
    model = classifier(loss, metrics)
    assert list(model.fit(X, Y).history) == keys
    assert list(model.fit(X, Y, validation_split=0.3).history) == keys + [f"val_{key}" for key in keys]


def test_history_is_what_fit_returns_and_the_model_keeps():
    model = classifier()
    history = model.fit(X, Y, epochs=3)
    assert isinstance(history, History)
    assert model.history is history
    assert history.epoch == [0, 1, 2]
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert model.fit(X, Y).epoch == [0]
    assert repr(history).startswith("History(3 epochs: accuracy=")


def test_initial_epoch_goes_on_counting():
    watch, model = recorder("on_epoch_begin"), classifier()
    history = model.fit(X, Y, initial_epoch=3, epochs=5, callbacks=[watch])
    assert history.epoch == [3, 4]
    assert [call[1] for call in watch.calls] == [3, 4]
    assert model.fit(X, Y, initial_epoch=5, epochs=5).epoch == []


def test_the_epochs_loss_is_the_mean_over_its_rows():
    model = Sequential([Dense(1, kernel_initializer="zeros")], dtype="float64")
    model.compile(loss="mse")
    model.optimizer.learning_rate = 1e-300
    y = [1.0, 2, 3, 4, 5]  # batches of 2, 2, 1 rows with losses 2.5, 12.5, 25
    assert model.fit(np.zeros((5, 1)), y, batch_size=2, shuffle=False).history["loss"] == [11.0]


# ---- shown


@pytest.mark.parametrize(("verbose", "kinds"), [(0, []), (1, [ProgressBar]), (2, [EpochLines]), (True, [ProgressBar])])
def test_verbose_means_what_it_means_in_keras(verbose, kinds):
    assert [type(callback) for callback in progress(verbose)] == kinds


@pytest.mark.parametrize("verbose", [0, "auto"])
def test_without_a_terminal_nothing_is_shown(verbose, capsys):
    classifier().fit(X, Y, epochs=2, verbose=verbose)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_is_given_a_bar_by_auto(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert [type(callback) for callback in progress("auto")] == [ProgressBar]
    monkeypatch.setattr(sys, "stdout", None)  # pythonw
    assert progress("auto") == []


def test_verbose_1_writes_a_line_an_epoch_to_a_file(capsys):
    classifier().fit(X, Y, batch_size=5, epochs=3, verbose=1)
    out, err = capsys.readouterr()
    assert err == ""
    assert len(lines := out.splitlines()) == 3
    assert re.fullmatch(
        r"Epoch 3/3 - \d+us - \d+us/step - accuracy: \d\.\d{4} - loss: \d\.\d{4}".replace("us", ".?s"), lines[2]
    )


def test_epochs_without_a_figure_leave_its_place_to_those_that_have_one(capsys):
    class Odd(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(odd=epoch if epoch % 2 else math.nan, never=math.nan)

    history = classifier().fit(X, Y, epochs=5, verbose=1, callbacks=[Odd()])
    assert repr(history).endswith(", odd=3, never=nan)")
    cells = "<tr><td>odd</td><td>1</td><td>1</td><td>3</td><td>3</td></tr>"
    assert cells in history._repr_html_()
    assert "loss: " in (lines := capsys.readouterr().out)
    assert "odd: 3.0000" in lines
    assert "nan" not in lines


def test_a_training_that_goes_on_counts_its_epochs_from_where_it_was(capsys):
    classifier().fit(X, Y, batch_size=5, initial_epoch=2, epochs=3, verbose=1)
    assert capsys.readouterr().out.startswith("Epoch 3/3 - ")


def test_the_last_line_of_a_training_that_is_interrupted_is_written(capsys):
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 33:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classifier().fit(X, Y, epochs=100, verbose=1, callbacks=[Interrupt()])
    assert capsys.readouterr().out.splitlines()[-1].startswith("Epoch  33/100 - ")


@pytest.mark.parametrize("kind", ["train", "test", "predict"])
def test_a_bar_that_was_never_drawn_is_not_closed(kind):
    def fail(*_):
        raise ZeroDivisionError

    model, watch = classifier(), type("Fail", (Callback,), {f"on_{kind}_begin": fail})()
    model.build((2,))
    use = {"train": lambda **settings: model.fit(X, Y, **settings), "predict": lambda **s: model.predict(X, **s)}
    with pytest.raises(ZeroDivisionError):
        use.get(kind, lambda **settings: model.evaluate(X, Y, **settings))(verbose=1, callbacks=watch)


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_an_evaluation_that_is_interrupted_gives_stdout_back(kind, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    model, watch = classifier(), type("Interrupt", (Callback,), {f"on_{kind}_batch_end": interrupt})()
    model.fit(X, Y)
    stdout = sys.stdout
    monkeypatch.setattr(stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(KeyboardInterrupt):
        model.evaluate(X, Y, verbose=1, callbacks=watch) if kind == "test" else model.predict(X, 4, 1, callbacks=watch)
    assert sys.stdout is stdout


def test_verbose_2_prints_two_lines_an_epoch(capsys):
    classifier().fit(X, Y, batch_size=4, epochs=2, verbose=2, validation_data=(X, Y))
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert [lines[0], lines[2]] == ["Epoch 1/2", "Epoch 2/2"]
    # Keras 3.15.1: "2/2 - 0s - 12ms/step - accuracy: 0.2083 - loss: 0.8644 - val_accuracy: ... - val_loss: 0.7183"
    figure = r"\d[\d.e+-]*"
    for line in (lines[1], lines[3]):
        names = "".join(rf" - {name}: {figure}" for name in ("accuracy", "loss", "val_accuracy", "val_loss"))
        assert re.fullmatch(rf"3/3 - \d+s - \d+ms/step{names}", line)
    assert len(lines) == 4
