"""Callbacks that save the model during training, and continue a training after a crash."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._lazy import extension
from ..errors import SettingError
from ..validation import boolean, check_integer, real, setting
from ._base import Callback, Logs
from ._monitored import Monitored, missing_figure


def _check_frequency(who: str, name: str, value: Any) -> Any:
    return value if value == "epoch" else check_integer(who, f"{name}, if not 'epoch',", value, 1)


def _check_directory(who: str, name: str, value: Any) -> Any:
    if not isinstance(value, str | Path) or not str(value):
        raise SettingError(f"{who}: {name} must be the path of a directory, got {value!r}")
    return value


class Saving(Callback):
    """Calls `_save` after every epoch, or after every `save_freq` batches."""

    save_freq: int | str

    runs_last = True
    writes = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.batches += 1
        if self.save_freq != "epoch" and self.batches % int(self.save_freq) == 0:
            self._save(logs or {}, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs, batch: int | None = None) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write _save(logs, batch)")


@dataclass(eq=False)
class ModelCheckpoint(Saving, Monitored):
    """Saves the model after every epoch, or every `save_freq` batches.

    filepath                 may contain the epoch, from 1, and figures: "model.{epoch:02d}-{val_loss:.2f}.h5"; with a
                             number as `save_freq` also the batch of the epoch, from 1; with save_weights_only it ends
                             in .weights.h5 or .safetensors
    save_best_only           only when `monitor` has improved, also on the fits before with this callback; `mode` is
                             "min", "max", or "auto"
    save_weights_only        call `save_weights`, not `save`
    initial_value_threshold  the first saved value must be better than this

    The file of a whole model has the place in its training: `load_model(path)`, then
    `fit(initial_epoch=model.position)` with the same data and callbacks ends with the same bits as a training without
    interruption.
    """

    filepath: str | Path
    monitor: str = "val_loss"
    verbose: int = 0
    save_best_only: bool = boolean(default=False)
    save_weights_only: bool = boolean(default=False)
    mode: str = "auto"
    save_freq: int | str = setting(_check_frequency, default="epoch")
    initial_value_threshold: float | None = real(default=None, optional=True)

    state_names = ("best", "batches")
    min_delta = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        who = "ModelCheckpoint: filepath"
        extension("model files").check_name(who, self.filepath, weights=self.save_weights_only)
        self.best = self.initial_value_threshold

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch

    def _save(self, logs: Logs, batch: int | None = None) -> None:
        if self.save_best_only:
            value = self.current(logs, within_epoch=batch is not None)
            if value is None or not self.better(value, self.best):
                return
            self.best = value
        path = self._path(logs, batch)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.say(f"Epoch {self.epoch + 1}: saving the model to {path}.")
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _path(self, logs: Logs, batch: int | None) -> str:
        path = os.fspath(self.filepath)
        names = {"epoch": self.epoch + 1} | ({} if batch is None else {"batch": batch + 1}) | logs
        try:
            return path.format(**names)
        except (LookupError, ValueError) as error:
            wrong, given = f"{error!r} in filepath {path!r}", ", ".join(names)
            hint = self._missing(error.args[0], logs, batch) if isinstance(error, KeyError) else ""
            raise SettingError(f"ModelCheckpoint: {wrong}; it may name {given}{hint}") from None

    def _missing(self, name: str, logs: Logs, batch: int | None) -> str:
        if name == "batch":
            return "; batch is known if save_freq is a number of batches"
        return missing_figure(self.model, name, logs, within_epoch=batch is not None)


@dataclass(eq=False)
class BackupAndRestore(Saving):
    """Backs the training up, and continues from the backup if there is one: call the same fit again after a crash.

    The result is, to the bit, that of a training without interruption, on the same machine with the same versions, data
    and callbacks. One file holds everything; it is replaced at once or not at all.

    backup_dir         a directory for this training only
    save_freq          "epoch", or a number of batches
    delete_checkpoint  remove the backup at the end of the training
    """

    backup_dir: str | Path = setting(_check_directory)
    save_freq: int | str = setting(_check_frequency, default="epoch")
    delete_checkpoint: bool = boolean(default=True)
    verbose: int = 0

    state_names = ("batches",)

    @property
    def path(self) -> Path:
        """The path of the backup."""
        return Path(self.backup_dir) / "training.h5"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        if self.path.parent.is_file():
            raise SettingError(f"BackupAndRestore: backup_dir must be a directory, and {self.path.parent} is a file")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.model.restore_training(self.path)
            if self.verbose:
                sys.stdout.write(f"Continuing from {self.path}.\n")

    def _save(self, logs: Logs, batch: int | None = None) -> None:
        self.model.save(self.path)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)
