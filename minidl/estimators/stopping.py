"""What scikit-learn's MLP records of a training, and when it ends one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..callbacks import Callback, Logs


class Record(Callback):
    """The curve of the loss, on the estimator, under scikit-learn's names.

    outputs  the data loss is reported as its mean over so many outputs
    """

    def __init__(self, estimator: Any, rows: int, outputs: int) -> None:
        self.estimator, self.rows, self.outputs = estimator, rows, outputs

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.estimator.n_iter_ = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        estimator, figures = self.estimator, {"penalty": 0.0} | (logs or {})
        data_loss = figures.get("data_loss", figures["loss"])  # without a penalty they are the same
        estimator.loss_ = data_loss / self.outputs + figures["penalty"]
        estimator.n_iter_ = epoch + 1
        estimator.t_ += self.rows
        estimator.loss_curve_.append(estimator.loss_)
        self.say(f"Iteration {epoch + 1}, loss = {estimator.loss_:.8f}")

    def say(self, words: str) -> None:
        """Print, if the estimator is verbose."""
        if self.estimator.verbose:
            sys.stdout.write(words + "\n")


class StoppingRule(Record):
    """Stop after more than `n_iter_no_change` epochs in a row without an improvement of `tol`, or slow down.

    An improvement of the training loss; with `validate`, which scores the model on rows held out, of that score, and
    the weights end where it was best. With learning_rate="adaptive" the rate is divided by 5 instead, down to 1e-6;
    with "invscaling" it is learning_rate_init / (t + 1)^power_t, t the rows seen so far. All this as scikit-learn does.
    """

    def __init__(self, estimator: Any, rows: int, outputs: int, validate: Callable[[], float] | None) -> None:
        super().__init__(estimator, rows, outputs)
        self.validate = validate
        chosen = estimator.solver == "sgd" and estimator.optimizer is None
        self.rate_rule = estimator.learning_rate if chosen else "constant"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        if self.validate is not None:
            self.best_weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        estimator = self.estimator
        improved = self._loss_improved() if self.validate is None else self._score_improved(self.validate())
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1
        if self.rate_rule == "invscaling":
            self.model.optimizer.learning_rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            self._stop_or_slow_down()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.validate is not None:
            self.model.set_weights(self.best_weights)

    def _loss_improved(self) -> bool:
        estimator, loss = self.estimator, self.estimator.loss_
        improved = loss <= estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = min(loss, estimator.best_loss_)
        return improved

    def _score_improved(self, score: float) -> bool:
        estimator = self.estimator
        estimator.validation_scores_.append(score)
        self.say(f"Validation score: {score:f}")
        improved = score >= estimator.best_validation_score_ + estimator.tol
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            self.best_weights = self.model.get_weights()
        return improved

    def _stop_or_slow_down(self) -> None:
        estimator, optimizer = self.estimator, self.model.optimizer
        watched = "Training loss" if self.validate is None else "Validation score"
        why = f"{watched} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} epochs."
        if self.rate_rule == "adaptive" and optimizer.rate > 1e-6:
            optimizer.learning_rate = optimizer.rate / 5
            estimator._no_improvement_count = 0
            self.say(f"{why} Setting the learning rate to {optimizer.rate:f}")
        else:
            self.model.stop_training = True
            self.say(f"{why} Stopping.")
