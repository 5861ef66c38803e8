"""Early stopping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..validation import boolean, integer, real
from ._base import Logs
from ._monitored import Monitored


@dataclass(eq=False)
class EarlyStopping(Monitored):
    """Stops the training when `monitor` has not improved for `patience` epochs. (Prechelt 1998)

    min_delta             the smallest change that counts as an improvement
    mode                  "min", "max", or "auto": by the name of the figure
    baseline              only figures better than this one reset the count of epochs
    restore_best_weights  end with the weights of the best epoch
    start_from_epoch      earlier epochs do not count

    Afterwards: `best`, `best_epoch`, `wait` (epochs since), `stopped_epoch` (0 if it did not stop).
    """

    monitor: str = "val_loss"
    min_delta: float = 0
    patience: int = integer(0, default=0)
    verbose: int = 0
    mode: str = "auto"
    baseline: float | None = real(default=None, optional=True)
    restore_best_weights: bool = boolean(default=False)
    start_from_epoch: int = integer(0, default=0)

    state_names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

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
