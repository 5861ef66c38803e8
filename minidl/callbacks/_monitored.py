"""Callbacks that watch one figure of the logs: is it still getting better?"""

from __future__ import annotations

import difflib
import inspect
import math
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import validation
from ..errors import SettingError
from ._base import Callback, Logs


class Monitored(Callback):
    """What watches `self.monitor`, better by at least `self.min_delta` in the direction that `self.mode` says."""

    monitor: str
    mode: str
    min_delta: float
    verbose: int

    def _check(self) -> None:
        """Check the settings that all of them share."""
        who = type(self).__name__
        if not isinstance(self.monitor, str):
            raise SettingError(f"{who}: monitor must be a name in the logs, as 'val_loss', got {self.monitor!r}")
        validation.check_choice(who, "mode", self.mode, ("auto", "min", "max"))
        self.min_delta = abs(validation.check_real(who, "min_delta", self.min_delta))

    def current(self, logs: Logs | None) -> float | None:
        """The figure in these logs; a warning that lists the others, and None, if it is not there."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            who, others = type(self).__name__, ", ".join(logs)
            message = f"{who}: there is no {self.monitor!r} in the logs, only {others}{self._hint(logs)}"
            warnings.warn(message, stacklevel=3)
        return value

    def _hint(self, logs: Logs) -> str:
        if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
            return "; give fit validation_split or validation_data"
        nearly = difflib.get_close_matches(self.monitor, logs, n=1, cutoff=0.5)
        return f"; did you mean {nearly[0]!r}?" if nearly else ""

    def better(self, value: float, than: float | None) -> bool:
        """Whether the value is better than the other by min_delta; NaN never is."""
        rises = self.mode == "max" or (self.mode == "auto" and self._direction() == "up")
        if math.isnan(value):
            return False
        if than is None:
            return True
        return value - self.min_delta > than if rises else value + self.min_delta < than

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        if name in ("loss", "data_loss", "penalty"):
            return "down"
        if name in self.model.metrics:
            return self.model.metrics[name].direction
        raise SettingError(f"{type(self).__name__}: is more {self.monitor!r} better or worse? Pass mode='max' or 'min'")

    def say(self, words: str) -> None:
        """Print, if `verbose` asks for it."""
        if self.verbose:
            sys.stdout.write(words + "\n")


@dataclass(eq=False)
class EarlyStopping(Monitored):
    """Stops the training when `monitor` has not become better for `patience` epochs. (Prechelt 1998)

    min_delta             what counts as better
    mode                  "min", "max", or "auto": by the figure's name
    baseline              patience is refilled only by what is better than this, too
    restore_best_weights  at the end go back to the weights of the best epoch
    start_from_epoch      epochs before are not looked at

    Afterwards: `best`, `best_epoch`, `wait` (epochs since), `stopped_epoch` (0 if it did not stop).
    """

    monitor: str = "val_loss"
    min_delta: float = 0
    patience: int = 0
    verbose: int = 0
    mode: str = "auto"
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = 0

    state_names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __post_init__(self) -> None:
        self._check()
        validation.check_integer("EarlyStopping", "patience", self.patience, 0)
        validation.check_integer("EarlyStopping", "start_from_epoch", self.start_from_epoch, 0)
        if self.baseline is not None:
            validation.check_real("EarlyStopping", "baseline", self.baseline)
        validation.check_boolean("EarlyStopping", "restore_best_weights", self.restore_best_weights)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch:
            self.say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            self.say(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


@dataclass(eq=False)
class ReduceLROnPlateau(Monitored):
    """lr <- max(factor lr, min_lr) when `monitor` has not become better for `patience` epochs.

    factor    in (0, 1)
    cooldown  epochs after a reduction in which nothing is counted

    The optimiser's learning rate must be a number, not a schedule. History gets `learning_rate`.
    """

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    verbose: int = 0
    mode: str = "auto"
    min_delta: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0

    state_names = ("wait", "best", "cooldown_counter")

    def __post_init__(self) -> None:
        self._check()
        validation.check_real("ReduceLROnPlateau", "factor", self.factor, "(0, 1)")
        validation.check_integer("ReduceLROnPlateau", "patience", self.patience, 0)
        validation.check_integer("ReduceLROnPlateau", "cooldown", self.cooldown, 0)
        validation.check_real("ReduceLROnPlateau", "min_lr", self.min_lr, "[0, inf)")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None
        settled_rate(self)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = self.model.optimizer.rate
        value = self.current(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        rate = settled_rate(self)
        if rate <= self.min_lr:
            return False
        self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
        self.say(f"Epoch {epoch + 1}: reducing the learning rate to {self.model.optimizer.learning_rate}.")
        return True


@dataclass(eq=False)
class LearningRateScheduler(Callback):
    """lr <- schedule(epoch, lr) at the beginning of every epoch.

    schedule  a function of (epoch, learning rate) -> learning rate, or of the epoch alone

    The optimiser's learning rate must be a number, not a schedule. History gets `learning_rate`.
    """

    schedule: Any
    verbose: int = 0

    state_names = ("scheduled",)

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            message = f"LearningRateScheduler: schedule must be a function of (epoch, lr), got {self.schedule!r}"
            raise SettingError(message)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.scheduled: int | None = None  # the epoch that has its rate

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch == self.scheduled:
            return  # resumed in the middle of it
        arguments: tuple[Any, ...] = (epoch, settled_rate(self))
        try:
            inspect.signature(self.schedule).bind(*arguments)
        except TypeError:
            arguments = (epoch,)
        who, rate = "LearningRateScheduler", self.schedule(*arguments)
        self.model.optimizer.learning_rate = validation.check_real(who, "what the schedule returns", rate, "[0, inf)")
        self.scheduled = epoch
        if self.verbose:
            sys.stdout.write(f"Epoch {epoch + 1}: setting the learning rate to {rate}.\n")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.rate


def settled_rate(callback: Callback) -> float:
    """The optimiser's learning rate, which must be a number for a callback to change it."""
    rate = callback.model.optimizer.learning_rate
    if callable(rate):
        who = type(callback).__name__
        raise SettingError(f"{who} sets the learning rate, but the optimiser has {rate!r} do that: use one of them")
    return float(rate)
