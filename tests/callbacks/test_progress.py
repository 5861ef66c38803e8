"""Progress in a terminal, a notebook and a file: what a reader sees, with a clock that the tests move."""

import copy
import io
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minidl import Sequential
from minidl.callbacks import Callback, EarlyStopping, ModelCheckpoint, ProgressBar, _display, _progress
from minidl.callbacks._progress import round_step
from minidl.callbacks._status import Status, duration, number
from minidl.layers import Dense, Sigmoid
from minidl.optimizers import LBFGS

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


class Terminal(io.StringIO):
    """A terminal that knows the carriage return and the end of a line."""

    def take_over(self, monkeypatch):
        """Take the place of stdout and stderr; pytest replaces them after the fixtures."""
        monkeypatch.setattr(sys, "stdout", self)
        monkeypatch.setattr(sys, "stderr", self)
        monkeypatch.setenv("COLUMNS", "80")

    def isatty(self):
        return True

    @property
    def screen(self):
        rows, column = [""], 0
        for character in self.getvalue():
            if character == "\r":
                column = 0
            elif character == "\n":
                rows.append("")
                column = 0
            else:
                rows[-1] = rows[-1][:column].ljust(column) + character + rows[-1][column + 1 :]
                column += 1
        return "\n".join(row.rstrip() for row in rows)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_progress, "perf_counter", clock)
    monkeypatch.setattr(_display, "perf_counter", clock)
    return clock


@pytest.fixture
def notebook(monkeypatch):
    """A kernel's display: a list of the HTML and text of one output, at every update."""
    shown = []

    def display(data, *, raw, display_id):
        assert raw
        assert display_id
        shown.append(data)
        return SimpleNamespace(update=lambda data, *, raw: shown.append(data))

    shell = SimpleNamespace(kernel=object())
    module = SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", module)
    return shown


def training(clock, figures, *, epochs, steps, seconds, unknown=False, end="", at=lambda epoch, batch: None):
    """Drive a bar as a training does whose steps take this time; `at` is called after each step."""
    model = SimpleNamespace(stop_training=False, trainer=SimpleNamespace(figures=lambda running: figures))
    bar = ProgressBar()
    bar.set_model(model)
    bar.set_params({"epochs": epochs, "steps": None if unknown else steps})
    bar.on_train_begin()
    try:
        for epoch in range(epochs):
            bar.on_epoch_begin(epoch)
            for batch in range(steps):
                bar.on_train_batch_begin(batch)
                clock.now += seconds
                at(epoch, batch)
            bar.on_epoch_end(epoch, figures | {f"val_{name}": value for name, value in figures.items()})
    finally:
        bar.close()


EIGHT = {
    name: (place + 1) / 10
    for place, name in enumerate(("accuracy", "precision", "recall", "f1_score", "auc", "mse", "mae", "loss"))
}


class Interrupted(Exception):
    pass


def interrupt_at(*place):
    def at(*now):
        if now == place:
            raise Interrupted

    return at


# ---- a terminal


def test_a_line_for_each_epoch_and_a_bar_within_the_epoch(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(Interrupted):
        training(clock, EIGHT, epochs=20, steps=47, seconds=0.25, at=interrupt_at(1, 12))
    assert (
        terminal.screen
        == """\
Epoch  1/20 - 12s - 250ms/step - accuracy: 0.1000
            - precision: 0.2000 - recall: 0.3000
            - f1_score: 0.4000 - auc: 0.5000 - mse: 0.6000
            - mae: 0.7000 - loss: 0.8000
            - val_accuracy: 0.1000 - val_precision: 0.2000
            - val_recall: 0.3000 - val_f1_score: 0.4000
            - val_auc: 0.5000 - val_mse: 0.6000
            - val_mae: 0.7000 - val_loss: 0.8000
Epoch  2/20 12/47 [=>.......] 9s left - loss: 0.8000
"""
    )


def test_short_epochs_share_about_25_lines(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)

    def at(epoch, batch):
        if epoch == 649:
            print("Epoch 650: a message")
        if epoch == 777:
            raise Interrupted

    with pytest.raises(Interrupted):
        training(clock, {"loss": 0.5}, epochs=1500, steps=1, seconds=0.002, at=at)
    assert (
        terminal.screen
        == """\
Epoch    1/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  100/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  200/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  300/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  400/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  500/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  600/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch 650: a message
Epoch  700/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
Epoch  777/1500 - 2ms - loss: 0.5000 - val_loss: 0.5000
"""
    )
    assert "Epoch  651/1500 [====>........] 2s left - loss: 0.5000" in terminal.getvalue()


def test_a_row_is_drawn_ten_times_a_second(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    training(clock, {"loss": 0.5}, epochs=1, steps=1000, seconds=1 / 128)  # 7.8 s
    assert 70 < terminal.getvalue().count("\rEpoch 1/1 ") < 80


def test_drawing_takes_two_percent_of_the_time_at_most(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    live = Status.live

    def slow(*arguments):
        clock.now += 0.1
        return live(*arguments)

    monkeypatch.setattr(Status, "live", slow)
    training(clock, {}, epochs=1, steps=1000, seconds=0.01)
    assert terminal.getvalue().count("left") == 1  # at 5.1 s, the next would be at 10.2 s


def test_a_window_made_narrower_is_followed(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)

    def at(epoch, batch):
        if batch == 3:
            monkeypatch.setenv("COLUMNS", "40")

    training(clock, EIGHT, epochs=1, steps=9, seconds=1, at=at)
    wide, *narrow = terminal.screen.split("\n")  # the wide row takes two rows now, it cannot be removed
    assert wide == "Epoch 1/1 3/9 [===>.........] 6s left - loss: 0.8000 - accuracy: 0.1000"
    assert narrow[0] == "Epoch 1/1 - 9s - 1s/step"
    assert max(map(len, narrow)) < 40


def test_the_bar_makes_way_for_whatever_is_written(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)

    def at(epoch, batch):
        if epoch == 0 and batch == 1:
            print("a print")
            print("dots", end="")
        if epoch == 0 and batch == 3:
            print(".", end="")
        if epoch == 0 and batch == 5:
            print(" done")
            print("an error", file=sys.stderr)

    training(clock, {"loss": 0.5}, epochs=2, steps=8, seconds=1, at=at)
    assert (
        terminal.screen
        == """\
a print
dots. done
an error
Epoch 1/2 - 8s - 1s/step - loss: 0.5000 - val_loss: 0.5000
Epoch 2/2 - 8s - 1s/step - loss: 0.5000 - val_loss: 0.5000
"""
    )


def test_an_unfinished_line_of_another_is_finished_before_an_epochs_line(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    training(clock, {}, epochs=1, steps=2, seconds=1, at=lambda *_: print(".", end=""))
    assert terminal.screen == "..\nEpoch 1/1 - 2s - 1s/step\n"


def test_the_total_is_learnt_from_the_first_epoch(clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    training(clock, {"loss": 0.5}, epochs=2, steps=8, seconds=1, unknown=True)
    rows = [row.rstrip() for row in terminal.getvalue().replace("\n", "\r").split("\r")]
    assert "Epoch 1/2 4/? 4s - loss: 0.5000" in rows
    assert "Epoch 2/2 4/8 [=====>.......] 4s left - loss: 0.5000" in rows


def test_streams_are_given_back_however_the_training_ends(monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    for epoch in (0, 9):  # 9: never interrupted
        watch = type("Watch", (Callback,), {"on_epoch_end": lambda self, *_, at=epoch: interrupt_at(at)(0)})()
        try:
            network().fit(X, Y, verbose=1, callbacks=watch)
        except Interrupted:
            assert epoch == 0
        assert (sys.stdout, sys.stderr) == (terminal, terminal)


def test_a_stream_that_a_callback_has_put_in_place_stays(monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    own = io.StringIO()
    watch = type("Watch", (Callback,), {"on_epoch_end": lambda self, *_: setattr(sys, "stdout", own)})()
    network().fit(X, Y, verbose=1, callbacks=watch)
    assert sys.stdout is own
    assert sys.stderr is terminal


def test_without_stderr_there_is_a_bar_all_the_same(monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    monkeypatch.setattr(sys, "stderr", None)
    network().fit(X, Y, verbose=1)
    assert terminal.screen.startswith("Epoch 1/1 - ")


def network(optimizer="sgd"):
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(optimizer, metrics=["accuracy"])
    return model


def test_messages_of_callbacks_stand_on_lines_of_their_own(tmp_path, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)

    class Inner(Callback):
        def on_epoch_end(self, epoch, logs=None):
            print("a warning", file=sys.stderr)
            network().fit(X, Y, verbose=1)

    callbacks = [EarlyStopping("loss", min_delta=9, verbose=1), ModelCheckpoint(tmp_path / "m.h5", verbose=1), Inner()]
    network().fit(X, Y, 8, epochs=30, verbose=1, callbacks=callbacks)
    starts = [row[:8] for row in terminal.screen.splitlines()]
    epoch = ["a warnin", "Epoch 1/"]  # of the training inside
    assert starts == [*epoch, "Epoch  1", "Epoch 1:", *epoch, "Epoch  2", "Epoch 2:", "Epoch 2:"]


def test_an_epoch_of_lbfgs_has_a_line(monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)
    history = network(LBFGS()).fit(X, Y, epochs=3, verbose=1)
    assert terminal.screen.count("Epoch ") == len(history.epoch)
    assert "/step" not in terminal.screen


@pytest.mark.parametrize("use", ["evaluate", "predict"])
def test_evaluate_and_predict_have_a_bar_and_a_line(use, clock, monkeypatch):
    (terminal := Terminal()).take_over(monkeypatch)

    class Tick(Callback):
        def on_test_batch_end(self, batch, logs=None):
            clock.now += 1

        on_predict_batch_end = on_test_batch_end

    model = network()
    model.fit(X, Y, verbose=0)
    x, y = np.zeros((4096, 2)), np.zeros(4096)
    if use == "evaluate":
        loss, accuracy = model.evaluate(x, y, verbose=1, callbacks=Tick())
        figures = f" - accuracy: {accuracy:.4f} - loss: {loss:.4f}"
    else:
        model.predict(x, verbose=1, callbacks=Tick())
        figures = ""
    assert "\r2/4 [=====>.......] 2s left" in terminal.getvalue()
    assert terminal.screen == f"4/4 - 4s - 1s/step{figures}\n"


# ---- a file


def test_a_file_gets_the_lines_alone(clock, capsys):
    training(clock, EIGHT, epochs=2, steps=4, seconds=0.5)
    out, err = capsys.readouterr()
    figures = " - ".join(f"{name}: {value:.4f}" for name, value in EIGHT.items())
    validated = " - ".join(f"val_{name}: {value:.4f}" for name, value in EIGHT.items())
    assert out == "".join(f"Epoch {n}/2 - 2s - 500ms/step - {figures} - {validated}\n" for n in (1, 2))
    assert err == ""


def test_without_stdout_nothing_is_written(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # pythonw
    for verbose in ("auto", 0, 1):
        network().fit(X, Y, verbose=verbose)


def test_a_bar_can_be_copied_after_its_training(monkeypatch):
    Terminal().take_over(monkeypatch)
    bar = ProgressBar()
    network().fit(X, Y, verbose=0, callbacks=bar)
    assert type(copy.deepcopy(bar)) is ProgressBar


# ---- a notebook


def test_a_notebook_shows_one_table_with_a_row_for_each_epoch(clock, notebook, capsys):
    training(clock, {"loss": 0.5, "<a>": 1.0}, epochs=3, steps=4, seconds=0.5)
    assert capsys.readouterr() == ("", "")
    html = [data["text/html"] for data in notebook]
    assert html[0].count("<tr>") == 0
    assert '<progress value="0" max="4"></progress>' in html[0]
    live = '<div>Epoch 2/3 <progress value="2" max="4"></progress> 1s left - loss: 0.5000 - &lt;a&gt;: 1.0000</div>'
    assert any(live in one for one in html)
    assert html[-1].count("<tr>") == 4
    head = ["", "time", "per step", "loss", "&lt;a&gt;", "val_loss", "val_&lt;a&gt;"]
    assert re.findall(r"<th[^>]*>([^<]*)</th>", html[-1]) == head
    row = ["Epoch 3/3", "2s", "500ms", "0.5000", "1.0000", "0.5000", "1.0000"]
    assert "".join(f"<td>{cell}</td>" for cell in row) in html[-1]
    assert "progress" not in html[-1]
    assert notebook[-1]["text/plain"].splitlines()[2].startswith("Epoch 3/3 - 2s - 500ms/step - loss: 0.5000 - <a>: 1")


def test_a_figure_of_some_epochs_has_a_column(clock, notebook):
    class Tick(Callback):
        def on_epoch_end(self, epoch, logs=None):
            clock.now += 1
            logs["odd"] = epoch if epoch % 2 else math.nan

    network().fit(X, Y, epochs=2, verbose=1, callbacks=Tick())
    assert ">odd</th>" in notebook[-1]["text/html"]
    assert "<td></td></tr><tr>" in notebook[-1]["text/html"]


def test_a_notebook_shows_progress_by_itself_and_an_ipython_terminal_is_a_terminal(notebook, monkeypatch, capsys):
    network().fit(X, Y)
    assert "<td>Epoch 1/1</td>" in notebook[-1]["text/html"]
    sys.modules["IPython"].get_ipython = lambda: None  # IPython is loaded, but does not run this
    network().fit(X, Y)
    assert capsys.readouterr() == ("", "")


# ---- text


@pytest.mark.parametrize(
    ("value", "text"),
    # Keras 3.15.1, Progbar: four decimals above 1e-3, else an exponent; 0 and large numbers are minidl's
    [
        (0.91234, "0.9123"),
        (12.5, "12.5000"),
        (1e-3, "0.0010"),
        (1e-5, "1.0000e-05"),
        (0, "0.0000"),
        (1e9, "1.0000e+09"),
    ],
)
def test_numbers_have_four_decimals(value, text):
    assert number(value) == text
    assert number(-value) == ("-" * bool(value)) + text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (5e-5, "50us"),
        (0.025, "25ms"),
        (1.24, "1.2s"),
        (9.96, "10s"),
        (42, "42s"),
        (185, "3:05"),
        (7650, "2:07:30"),
    ],
)
def test_a_duration_is_given_in_its_unit(seconds, text):
    assert duration(seconds) == text


def test_only_numbers_are_shown():
    figures = {"a": np.float32(0.5), "b": math.nan, "c": "text", "d": np.ones(2), "e": 2}
    line = Status("t", 0, None, 1.0, 0, figures).line()
    assert line == "t - 1s - a: 0.5000 - d[0]: 1.0000 - d[1]: 1.0000 - e: 2.0000"


@pytest.mark.parametrize("width", range(1, 130))
def test_a_row_fits_and_shows_whole_figures(width):
    status = Status("Epoch  3/20", 120, 470, 3.0, 120, EIGHT)
    row = status.live(width)
    assert len(row) <= width
    _, *figures = row.split(" - ")
    assert set(figures) <= set(status.numbers())
    assert width < 53 or figures[0] == ("loss: 0.8000" if len(figures) < 8 else "accuracy: 0.1000")
    for line in (lines := status.line(width).split("\n")):
        assert len(line) <= width or line.count(" - ") <= 1  # a single figure is never cut
    assert " - ".join(" ".join(lines).split(" - ")).replace("  ", "").count(": ") == 8


def test_the_bar_fills():
    bars = [Status("", done, 4, 1.0, 0, {}).bar(10) for done in (0, 1, 2, 4, 5)]
    assert bars == ["[........]", "[=>......]", "[===>....]", "[========]", "[========]"]


@pytest.mark.parametrize(
    ("epochs", "step"), [(0, 1), (1, 1), (25, 1), (26, 2), (50, 2), (100, 5), (1000, 50), (1500, 100), (15000, 1000)]
)
def test_short_epochs_leave_a_line_at_round_numbers(epochs, step):
    assert round_step(epochs) == step
