"""Callbacks that write the figures of a training to files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..validation import boolean
from ._base import Callback, Logs, split_arrays


@dataclass(eq=False)
class CSVLogger(Callback):
    """A row of figures for every epoch in a file: the epoch, then the logs in the order of their names.

    append  continue an existing file, with the columns of its header; else the file is overwritten
    """

    filename: str | Path
    separator: str = ","
    append: bool = boolean(default=False)

    writes = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        path = Path(self.filename)
        self.file = path.open("a+" if self.append else "w+", newline="", encoding="utf-8")
        self.file.seek(0)
        self.names = next(csv.reader(self.file, delimiter=self.separator), [])[1:]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = split_arrays(logs or {})
        if not self.names:
            self.names = sorted(logs)
            trainer = self.model.trainer
            if trainer and trainer.validation and not any(name.startswith("val_") for name in logs):
                self.names += [f"val_{name}" for name in self.names]  # these figures appear in later epochs
            self._write(["epoch", *self.names])
        self._write([epoch, *(logs.get(name, "NA") for name in self.names)])

    def _write(self, row: list[Any]) -> None:
        csv.writer(self.file, delimiter=self.separator).writerow(row)
        self.file.flush()

    def close(self) -> None:
        if hasattr(self, "file"):
            self.file.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "file"}


@dataclass(eq=False)
class TensorBoard(Callback):
    """The figures of every epoch as TensorBoard's scalars, in its directories `train` and `validation`.

    The tensorboard package writes and shows them (pip install 'minidl[tensorboard]').
    """

    log_dir: str | Path = "logs"

    writes = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from tensorboard.summary import Writer

        self.writers = {name: Writer(str(Path(self.log_dir) / name)) for name in ("train", "validation")}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in split_arrays(logs or {}).items():
            kind = "validation" if name.startswith("val_") else "train"
            self.writers[kind].add_scalar(f"epoch_{name.removeprefix('val_')}", float(value), epoch)

    def close(self) -> None:
        for writer in getattr(self, "writers", {}).values():
            writer.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "writers"}
