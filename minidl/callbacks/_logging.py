"""Callbacks that write a training down, and small ones made of functions."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from .. import validation
from ..data import Examples
from ..errors import NonFiniteError
from ._base import Callback, Logs

Hook = Callable[..., Any] | None


@dataclass(eq=False)
class CSVLogger(Callback):
    """A row of figures for every epoch in a file: the epoch, then the logs in the order of their names.

    append  go on in a file that is there, with the columns of its header; else it is begun anew
    """

    filename: str | Path
    separator: str = ","
    append: bool = False

    writes = True

    def __post_init__(self) -> None:
        validation.check_boolean("CSVLogger", "append", self.append)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        path = Path(self.filename)
        self.file = path.open("a+" if self.append else "w+", newline="", encoding="utf-8")
        self.file.seek(0)
        self.names = next(csv.reader(self.file, delimiter=self.separator), [])[1:]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if not self.names:
            self.names = sorted(logs)
            training = self.model.training
            if training and training.validation and not any(name.startswith("val_") for name in logs):
                self.names += [f"val_{name}" for name in self.names]  # they come in later epochs
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

    Written by the tensorboard package (pip install 'minidl[tensorboard]'), which also shows them.
    """

    log_dir: str | Path = "logs"

    writes = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from tensorboard.summary import Writer

        self.writers = {name: Writer(str(Path(self.log_dir) / name)) for name in ("train", "validation")}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            kind = "validation" if name.startswith("val_") else "train"
            self.writers[kind].add_scalar(f"epoch_{name.removeprefix('val_')}", float(value), epoch)

    def close(self) -> None:
        for writer in getattr(self, "writers", {}).values():
            writer.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "writers"}


@dataclass(eq=False)
class TerminateOnNaN(Callback):
    """Ends the training, quietly, where it would raise NonFiniteError, and says what was not finite first.

    The weights are those of the step before.   raise_error: raise all the same, with these words.
    """

    raise_error: bool = False

    def on_not_finite(self, error: NonFiniteError) -> None:
        message = f"{error}. {self._first()}"
        if self.raise_error:
            raise NonFiniteError(message) from None
        sys.stdout.write(f"TerminateOnNaN: {message}\n")
        self.model.stop_training = True

    def _first(self) -> str:
        """The first layer that puts out what is not finite, or else hands such a thing back."""
        model = self.model.twin()
        names = {id(layer): path for path, layer in model.layer.walk()}
        batch, layers = cast(Examples, self.model.batch), model.body.layers
        x = batch.x
        for layer in layers:
            x = layer.forward(x, training=True)
            if not np.isfinite(x).all():
                return f"The first output that is not finite is that of {names[id(layer)]}."
        loss, dy = model.body_loss.value_and_gradient(x, batch.y, batch.weight)
        for layer in reversed(layers):
            dy = layer.backward(dy)
            if dy is not None and not np.isfinite(dy).all():
                return f"All outputs are finite; the first gradient that is not is what {names[id(layer)]} hands back."
        overflow = "" if np.isfinite(loss) else ": only the loss overflowed"
        return f"All outputs are finite, and all gradients that layers hand to each other{overflow}."


class LambdaCallback(Callback):
    """Functions as a callback: LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))."""

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        on_gradients: Hook = None,
    ) -> None:
        for name, function in list(locals().items()):
            if name.startswith("on_") and function is not None:
                setattr(self, name, function)
