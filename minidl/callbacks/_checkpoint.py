"""Callbacks that save the model while it trains, and let a killed training go on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .. import validation
from ..errors import SettingError
from ._base import Callback, Logs
from ._monitored import Monitored


class Saving(Callback):
    """Calls `_save` after every epoch, or every `save_freq` batches."""

    save_freq: int | str

    runs_last = True
    writes = True

    def _check_frequency(self) -> None:
        if self.save_freq != "epoch":
            validation.check_integer(type(self).__name__, "save_freq, if not 'epoch',", self.save_freq, 1)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.batches += 1
        if self.save_freq != "epoch" and self.batches % int(self.save_freq) == 0:
            self._save(logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write _save(logs)")


@dataclass(eq=False)
class ModelCheckpoint(Saving, Monitored):
    """Saves the model after every epoch, or every `save_freq` batches.

    filepath                 may name the epoch, from 1, and figures: "weights.{epoch:02d}-{val_loss:.2f}.h5"
    save_best_only           only when `monitor` has become better; `mode` says how: "min", "max", or "auto"
    save_weights_only        `save_weights` in place of `save`
    initial_value_threshold  what the first one must be better than

    A whole model saved here knows where its training was: `load_model(path)`, then `fit(initial_epoch=model.position)`
    with the same data and callbacks ends with the same bits as a training that was never interrupted.
    """

    filepath: str | Path
    monitor: str = "val_loss"
    verbose: int = 0
    save_best_only: bool = False
    save_weights_only: bool = False
    mode: str = "auto"
    save_freq: int | str = "epoch"
    initial_value_threshold: float | None = None

    state_names = ("best", "batches")
    min_delta = 0.0

    def __post_init__(self) -> None:
        self._check()
        validation.check_boolean("ModelCheckpoint", "save_best_only", self.save_best_only)
        validation.check_boolean("ModelCheckpoint", "save_weights_only", self.save_weights_only)
        if self.initial_value_threshold is not None:
            validation.check_real("ModelCheckpoint", "initial_value_threshold", self.initial_value_threshold)
        self._check_frequency()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.best, self.epoch = self.initial_value_threshold, 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch

    def _save(self, logs: Logs) -> None:
        if self.save_best_only:
            value = self.current(logs)
            if value is None or not self.better(value, self.best):
                return
            self.best = value
        path = self._path(logs)
        self.say(f"Epoch {self.epoch + 1}: saving the model to {path}.")
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _path(self, logs: Logs) -> str:
        path = os.fspath(self.filepath)
        try:
            return path.format(epoch=self.epoch + 1, **logs)
        except (LookupError, ValueError) as error:
            figures = ", ".join(("epoch", *logs))
            raise SettingError(f"ModelCheckpoint: {error!r} in filepath {path!r}; it may name {figures}") from None


@dataclass(eq=False)
class BackupAndRestore(Saving):
    """Keeps a backup of the training, and goes on from it where one is found: call the same fit again after a crash.

    The end is, to the bit, that of a training that was never interrupted, on the same machine with the same versions,
    data and callbacks. One file holds everything, and is replaced at once or not at all.

    backup_dir         a directory for this training alone
    save_freq          "epoch", or so many batches
    delete_checkpoint  remove the backup when the training has ended
    """

    backup_dir: str | Path
    save_freq: int | str = "epoch"
    delete_checkpoint: bool = True
    verbose: int = 0

    state_names = ("batches",)

    def __post_init__(self) -> None:
        self._check_frequency()
        validation.check_boolean("BackupAndRestore", "delete_checkpoint", self.delete_checkpoint)

    @property
    def path(self) -> Path:
        """The backup."""
        return Path(self.backup_dir) / "training.h5"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.model.restore_training(self.path)
            if self.verbose:
                sys.stdout.write(f"Going on from {self.path}.\n")

    def _save(self, logs: Logs) -> None:
        self.model.save(self.path)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)
