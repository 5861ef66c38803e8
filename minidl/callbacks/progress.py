"""How a training shows itself while it runs."""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

from .base import Callback, Logs

INTERVAL = 0.1  # seconds between two redraws: the eye sees no more, and the training pays for no more


def bar_wanted() -> bool:
    """Whether there is a terminal or a notebook to draw a bar in."""
    in_notebook = "ipykernel" in sys.modules
    return in_notebook or (sys.stderr is not None and sys.stderr.isatty())


def progress(verbose: Any) -> list[Callback]:
    """The callback that Keras's `verbose` asks for: 0 none, 1 a bar, 2 lines, "auto" a bar where one can be seen."""
    if verbose == "auto":
        verbose = int(bar_wanted())
    shown: dict[int, list[Callback]] = {0: [], 1: [ProgressBar()], 2: [EpochLines()]}
    return shown[int(verbose)]


def _figures(logs: Logs) -> str:
    return " - ".join(f"{name}: {value:.4g}" for name, value in logs.items())


class ProgressBar(Callback):
    """One tqdm bar over the whole of `fit`, a step a batch, with the newest figures behind it."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tqdm warns in a notebook without widgets, and draws text there
            from tqdm.auto import tqdm

            steps = self.params["epochs"] * self.params["steps"]
            self.bar = tqdm(total=steps, unit="step", mininterval=0, leave=True)
        self.done, self.next_redraw = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if not self.done:  # initial_epoch may be later than 0
            self.done = self.bar.n = self.bar.initial = epoch * self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.done += 1
        if time.perf_counter() >= self.next_redraw:
            self._redraw(logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.last = logs or {}

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._redraw(self.last if hasattr(self, "last") else {})

    def _redraw(self, logs: Logs) -> None:
        self.bar.set_postfix_str(_figures(logs), refresh=False)
        self.bar.update(self.done - self.bar.n)
        self.next_redraw = time.perf_counter() + INTERVAL

    def close(self) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class EpochLines(Callback):
    """Two lines an epoch, as Keras prints them with verbose=2."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        seconds, steps = time.perf_counter() - self.began, self.params["steps"]
        sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']}\n")
        speed = f"{seconds:.0f}s - {1000 * seconds / steps:.0f}ms/step"
        sys.stdout.write(f"{steps}/{steps} - {speed} - {_figures(logs or {})}\n")
