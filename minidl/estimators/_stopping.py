"""scikit-learn's record of a training, and its rule for when to stop."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from ..callbacks import Callback, Logs
from ..errors import NonFiniteError


@dataclass
class TrainingRecord:
    """The progress of a training in scikit-learn's terms. partial_fit and warm starts continue it.

    epochs   of the last call of fit or partial_fit; the other figures are of all calls
    rows     the number of rows trained on, each counted once per epoch
    stalled  the number of epochs in a row without an improvement
    overflow says in which epoch of the last call loss or gradient overflowed, else ""
    """

    epochs: int = 0
    rows: int = 0
    loss: float = math.nan
    loss_curve: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    validation_scores: list[float] = field(default_factory=list)
    best_validation_score: float = -math.inf
    stalled: int = 0
    overflow: str = ""


@dataclass(eq=False)
class StoppingRule(Callback):
    """Add each epoch to the record, and stop when scikit-learn stops.

    That is after more than `patience` epochs in a row in which the loss did not improve by `tol`. L-BFGS stops itself.

    rows           the number of rows of an epoch
    outputs        the data loss is divided by this number
    verbose        True: print a line for each epoch
    learning_rate  "constant"; "adaptive": divide the rate by 5 instead of stopping, until it is 1e-6;
                   "invscaling": set it to learning_rate_init / (t + 1)^power_t, t the number of rows so far
    validate       returns the score of the validation rows; if given, the score counts instead of the training loss,
                   and the model ends with the weights of the best score
    """

    record: TrainingRecord
    _: KW_ONLY
    rows: int
    outputs: int
    verbose: bool
    tol: float
    patience: float
    learning_rate: str
    learning_rate_init: float
    power_t: float
    validate: Callable[[], float] | None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.record.epochs, self.record.overflow = 0, ""
        if self.validate is not None:
            self.best_weights = self.model.get_weights()

    def on_not_finite(self, error: NonFiniteError) -> None:
        """End the training if there are the weights of a validation score to return to."""
        if self.record.best_validation_score > -math.inf:
            self.record.overflow = f"the training overflowed in epoch {self.record.epochs + 1}"
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        record, figures = self.record, logs or {}
        data_loss = figures["data_loss" if "data_loss" in figures else "loss"]  # without a penalty they are the same
        record.loss = math.nan if record.overflow else data_loss / self.outputs + figures.get("penalty", 0.0)
        record.loss_curve.append(record.loss)
        record.epochs = epoch + 1
        record.rows += self.rows
        self._print(f"Iteration {record.epochs}, loss = {record.loss:.8f}")
        if not self.model.optimizer.takes_steps:
            return
        record.stalled = 0 if self._improved() else record.stalled + 1
        if self.learning_rate == "invscaling":
            self.model.optimizer.learning_rate = self.learning_rate_init / (record.rows + 1) ** self.power_t
        if record.stalled > self.patience:
            self._stop_or_slow_down()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.validate is not None:
            self.model.set_weights(self.best_weights)

    def _print(self, line: str) -> None:
        if self.verbose:
            sys.stdout.write(line + "\n")

    def _improved(self) -> bool:
        """Update the best loss or score. Return True if it is better by at least `tol`."""
        record = self.record
        if self.validate is None:
            improved = record.loss <= record.best_loss - self.tol
            record.best_loss = min(record.loss, record.best_loss)
            return improved
        score = math.nan if record.overflow else self.validate()
        record.validation_scores.append(score)
        self._print(f"Validation score: {score:f}")
        improved = score >= record.best_validation_score + self.tol
        if score > record.best_validation_score:
            record.best_validation_score = score
            self.best_weights = self.model.get_weights()
        return improved

    def _stop_or_slow_down(self) -> None:
        optimizer = self.model.optimizer
        watched = "Training loss" if self.validate is None else "Validation score"
        reason = f"{watched} did not improve more than tol={self.tol:f} for {self.patience} epochs."
        if self.learning_rate == "adaptive" and optimizer.rate > 1e-6:
            optimizer.learning_rate = optimizer.rate / 5
            self.record.stalled = 0
            self._print(f"{reason} Setting the learning rate to {optimizer.rate:f}")
        else:
            self.model.stop_training = True
            self._print(f"{reason} Stopping.")
