"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from typing import Any

from ..errors import SettingError
from ..validation import check_real, integer, real, setting
from ._base import Callback, Logs
from ._monitored import Monitored


@dataclass(eq=False)
class ReduceLROnPlateau(Monitored):
    """lr <- max(factor lr, min_lr) when `monitor` has not improved for `patience` epochs.

    factor    in (0, 1)
    cooldown  epochs after a reduction that do not count

    The optimizer's learning rate must be a number, not a schedule. History gets `learning_rate`.
    """

    monitor: str = "val_loss"
    factor: float = real("(0, 1)", default=0.1)
    patience: int = integer(0, default=10)
    verbose: int = 0
    mode: str = "auto"
    min_delta: float = 1e-4
    cooldown: int = integer(0, default=0)
    min_lr: float = real("[0, inf)", default=0.0)

    state_names = ("wait", "best", "cooldown_counter")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None
        current_rate(self)

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
        rate = current_rate(self)
        if rate <= self.min_lr:
            return False
        self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
        self.say(f"Epoch {epoch + 1}: reducing the learning rate to {self.model.optimizer.learning_rate}.")
        return True


def _check_schedule(who: str, name: str, value: Any) -> Any:
    if not callable(value):
        raise SettingError(f"{who}: {name} must be a function of (epoch, lr), got {value!r}")
    return value


@dataclass(eq=False)
class LearningRateScheduler(Callback):
    """lr <- schedule(epoch, lr) at the beginning of every epoch.

    schedule  a function of (epoch, learning rate) -> learning rate, or of the epoch alone

    The optimizer's learning rate must be a number, not a schedule. History gets `learning_rate`.
    """

    schedule: Any = setting(_check_schedule)
    verbose: int = 0

    state_names = ("scheduled",)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.scheduled: int | None = None  # the epoch whose rate is set

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch == self.scheduled:
            return  # the epoch is resumed and has its rate
        arguments: tuple[Any, ...] = (epoch, current_rate(self))
        try:
            inspect.signature(self.schedule).bind(*arguments)
        except TypeError:
            arguments = (epoch,)
        who, rate = "LearningRateScheduler", self.schedule(*arguments)
        self.model.optimizer.learning_rate = check_real(who, "the result of the schedule", rate, "[0, inf)")
        self.scheduled = epoch
        if self.verbose:
            sys.stdout.write(f"Epoch {epoch + 1}: setting the learning rate to {rate}.\n")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.rate


def current_rate(callback: Callback) -> float:
    """Return the optimizer's learning rate. Raise SettingError if it is a schedule: a callback cannot change it."""
    rate = callback.model.optimizer.learning_rate
    if callable(rate):
        who = type(callback).__name__
        raise SettingError(f"{who} sets the learning rate, but so does the optimizer's {rate!r}: use one of them")
    return float(rate)
