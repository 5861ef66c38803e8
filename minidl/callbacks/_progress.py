"""The progress of trainings and evaluations: which lines stay, and when they are drawn."""

from __future__ import annotations

import itertools
import math
import sys
from time import perf_counter
from typing import Any, Self

from ..errors import SettingError
from ._base import Callback, Logs
from ._display import display_here, in_notebook, in_terminal
from ._status import Status

SHORT = 0.1  # seconds; of the epochs that are shorter, about LINES leave a line
LINES = 25


def bar_wanted() -> bool:
    """Return True in a terminal or a notebook, where a bar can be drawn."""
    return in_notebook() or in_terminal()


def progress(verbose: Any) -> list[Callback]:
    """Return the callback for Keras's `verbose`: 0 none, 1 a bar, 2 lines, "auto" a bar if one can be drawn."""
    if verbose == "auto":
        verbose = int(bar_wanted())
    shown: dict[int, list[Callback]] = {0: [], 1: [ProgressBar()], 2: [EpochLines()]}
    return shown[int(verbose)]


def check_verbose(who: str, verbose: Any) -> None:
    """Raise SettingError unless verbose is one of Keras's values."""
    if verbose not in ("auto", 0, 1, 2):
        raise SettingError(f"{who}: verbose must be 0, 1, 2 or 'auto', got {verbose!r}")


def evaluation_progress(verbose: Any) -> list[Callback]:
    """Return the callback for evaluate and predict: 1 a bar over the batches, 2 a line at the end, else none."""
    shown: dict[Any, list[Callback]] = {1: [EvaluationBar()], 2: [EvaluationLine()]}
    return shown.get(verbose, [])


Ended = tuple[int, int, float, Logs]  # the number, the batches, the seconds and the figures of an epoch


class ProgressBar(Callback):
    """A line for each epoch, and below them a bar that moves within the epoch.

    In a terminal the bar makes way for whatever is written to stdout and stderr meanwhile; a notebook shows a table; a
    file gets the lines alone. Of more than 25 epochs, those shorter than 0.1 s leave no line, except the first, the
    last and every n-th, n = 2, 5, 10, 20, 50, ... so that about 25 lines stay; the bar then goes over all epochs.
    """

    writes = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.display = display_here()
        self.epochs, self.batches = self.params["epochs"], self.params["steps"]
        self.first: int | None = None
        self.ended: Ended = -1, 0, math.inf, {}
        self.kept = -1  # the epoch of the last line

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch, self.batch, self.began = epoch, 0, perf_counter()
        if self.first is None:
            self.first, self.train_began = epoch, self.began
            self.every = round_step(self.epochs - epoch)
            self.next = epoch + 1  # the number of the next epoch that leaves a line

    # on_train_batch_end would receive figures that cost more than all of this
    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.batch = batch
        if perf_counter() >= self.display.due:
            self.display.show(self._all_epochs() if self.ended[2] < SHORT else self._one_epoch())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        seconds = perf_counter() - self.began
        self.ended = epoch, self.batch + 1, seconds, logs or {}
        if epoch + 1 >= self.next or seconds >= SHORT or self.model.stop_training:
            self._keep()

    def close(self) -> None:
        if hasattr(self, "display"):
            if self.kept != self.ended[0]:
                self._keep()
            self.display.close()
            del self.display  # a callback is copied for another fit, a stream cannot be

    def _keep(self) -> None:
        epoch, batches, seconds, figures = self.ended
        self.display.keep(Status(self._title(epoch), 0, None, seconds, batches, figures))
        self.kept, self.batches = epoch, self.batches or batches
        self.next = min((epoch + 1) // self.every * self.every + self.every, self.epochs)

    def _one_epoch(self) -> Status:
        trainer, seconds = self.model.trainer, perf_counter() - self.began
        figures = trainer.figures(running=True) if trainer and self.batch else {}
        return Status(self._title(self.epoch), self.batch, self.batches, seconds, self.batch, figures)

    def _all_epochs(self) -> Status:
        first, seconds = self.first or 0, perf_counter() - self.train_began
        done, total = self.epoch - first, self.epochs - first
        return Status(self._title(self.epoch), done, total, seconds, 0, self.ended[3], counted=False)

    def _title(self, epoch: int) -> str:
        return f"Epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"


def round_step(epochs: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... with at most LINES multiples among so many epochs."""
    steps = (scale * n for scale in map((10).__pow__, itertools.count()) for n in (1, 2, 5))
    return next(step for step in steps if step * LINES >= epochs)


class EpochLines(Callback):
    """Two lines per epoch, or one if there is only one epoch, as Keras prints them with verbose=2."""

    writes = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.began, self.steps = perf_counter(), 0

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.steps = batch + 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.params["epochs"] > 1:
            sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']}\n")
        sys.stdout.write(_line(self.steps, perf_counter() - self.began, logs))


def _line(steps: int, seconds: float, figures: Logs | None) -> str:
    """Return "63/63 - 0s - 2ms/step - accuracy: 0.9700 - loss: 0.1000", by name, those of the validation last."""
    ordered = sorted((figures or {}).items(), key=lambda item: (item[0].startswith("val_"), item[0]))
    status = Status("", steps, steps, seconds, steps, dict(ordered))
    each = 1000 * seconds / max(steps, 1)
    return " - ".join([status.parts, f"{seconds:.0f}s", f"{each:.0f}ms/step", *status.numbers()]) + "\n"


class EvaluationLine(Callback):
    """A line at the end of `evaluate` or `predict`, as Keras prints it with verbose=2."""

    writes = True

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self.began, self.steps = perf_counter(), 0

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.steps = batch + 1

    def on_test_end(self, logs: Logs | None = None) -> None:
        sys.stdout.write(_line(self.steps, perf_counter() - self.began, logs))

    on_predict_begin, on_predict_batch_begin, on_predict_end = on_test_begin, on_test_batch_begin, on_test_end


class Bar:
    """A bar over a number of parts; at the end a line stays.

    with Bar(3) as bar:
        bar.update()
    """

    def __init__(self, total: int | None, unit: str = "step") -> None:
        self.display, self.total, self.unit, self.done = display_here(), total, unit, 0
        self.began, self.figures = perf_counter(), Logs()

    def update(self, figures: Logs | None = None) -> None:
        """Count a part."""
        self.done += 1
        if figures:
            self.figures = figures
        if perf_counter() >= self.display.due:
            self.display.show(self._status())

    def end(self, figures: Logs | None = None) -> None:
        """Write the line that stays."""
        self.figures, self.total = figures or {}, self.total or self.done
        self.display.keep(self._status())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.end()
        self.display.close()

    def _status(self) -> Status:
        seconds = perf_counter() - self.began
        return Status("", self.done, self.total, seconds, self.done, self.figures, unit=self.unit)


class EvaluationBar(Callback):
    """A bar over the batches of `evaluate` or `predict`, and a line at the end."""

    writes = True

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self.bar = Bar(self.params["steps"])

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.bar.update(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self.bar.end(logs)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.bar.update({})

    def close(self) -> None:
        if hasattr(self, "bar"):
            self.bar.display.close()
            del self.bar
