"""Progress bars and lines."""

from __future__ import annotations

import math
import sys
import time
import warnings
from typing import Any

from ..errors import SettingError
from ._base import Callback, Logs, split_arrays

INTERVAL = 0.1  # seconds between two redraws: more of them would slow the training and look the same


def bar_wanted() -> bool:
    """Return True in a terminal or a notebook, where a bar can be drawn."""
    in_notebook = "ipykernel" in sys.modules
    return in_notebook or (sys.stderr is not None and sys.stderr.isatty())


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
    """Return the callback for evaluate and predict: 1 a bar over the batches, else none."""
    return [EvaluationBar()] if verbose == 1 else []


def _figures(logs: Logs) -> str:
    return " - ".join(f"{name}: {value:.4g}" for name, value in split_arrays(logs).items() if not math.isnan(value))


def progress_bar(total: int | None, mininterval: float = INTERVAL) -> Any:
    """Return a tqdm bar; in a notebook it is a widget."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without widgets tqdm warns and draws text
        from tqdm.auto import tqdm

        return tqdm(total=total, unit="step", mininterval=mininterval)


class ProgressBar(Callback):
    """One tqdm bar over the whole of `fit`, one step per batch, followed by the newest figures."""

    writes = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        steps = self.params["steps"]
        self.bar = progress_bar(None if steps is None else self.params["epochs"] * steps, mininterval=0)
        self.epoch, self.done, self.next_redraw, self.last = 0, 0, 0.0, Logs()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch
        if not self.done:  # initial_epoch may be later than 0
            self.done = self.bar.n = self.bar.initial = epoch * (self.params["steps"] or 0)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.done += 1
        if time.perf_counter() >= self.next_redraw:
            self._redraw(logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.last = logs or {}

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._redraw(self.last)

    def _redraw(self, logs: Logs) -> None:
        self.bar.set_description(f"epoch {self.epoch + 1}/{self.params['epochs']}", refresh=False)
        self.bar.set_postfix_str(_figures(logs), refresh=False)
        self.bar.update(self.done - self.bar.n)
        self.next_redraw = time.perf_counter() + INTERVAL

    def close(self) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class EpochLines(Callback):
    """Two lines per epoch, as Keras prints them with verbose=2."""

    writes = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.began, self.steps = time.perf_counter(), 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.steps = batch + 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        seconds, steps = time.perf_counter() - self.began, max(self.steps, 1)
        sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']}\n")
        speed = f"{seconds:.0f}s - {1000 * seconds / steps:.0f}ms/step"
        sys.stdout.write(f"{steps}/{steps} - {speed} - {_figures(logs or {})}\n")


class EvaluationBar(Callback):
    """A tqdm bar over the batches of `evaluate` or `predict`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self.bar = progress_bar(self.params["steps"])

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.bar.update()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self.bar.set_postfix_str(_figures(logs or {}))

    on_predict_begin, on_predict_batch_end = on_test_begin, on_test_batch_end

    def close(self) -> None:
        if hasattr(self, "bar"):
            self.bar.close()
