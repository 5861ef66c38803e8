"""Gradient checking while a model trains."""

from __future__ import annotations

import math
import warnings

from .. import validation
from ..callbacks import Callback, Logs
from ..data import Examples
from ..errors import GradientError
from .check import check_function, spread
from .compare import TOLERANCE, refuse_bad_settings
from .report import Report
from .walk import ModelFunction


class GradientChecker(Callback):
    """Checks the gradients of the first batch of every `every`-th epoch, the first one included, as `check_model` does.

    On a private copy in float64, with the dropout masks replayed: the training goes on as if nothing had been checked.
    The reports are in `.reports`, each with its `.epoch`; History gets `gradient_difference`, NaN where none was made.

    rows        of the batch to use: a check needs few
    on_failure  "raise" GradientError, "warn", or "record" only
    """

    def __init__(
        self,
        every: int = 1,
        *,
        depth: str | int = "auto",
        method: str = "auto",
        tolerance: float = TOLERANCE,
        rows: int = 8,
        on_failure: str = "raise",
    ) -> None:
        self.every = validation.check_integer("GradientChecker", "every", every, 1)
        refuse_bad_settings("GradientChecker", depth, method, tolerance)
        self.depth, self.method, self.tolerance = depth, method, tolerance
        self.rows = validation.check_integer("GradientChecker", "rows", rows, 1)
        self.on_failure = validation.check_choice(
            "GradientChecker", "on_failure", on_failure, ("raise", "warn", "record")
        )
        self.reports: list[Report] = []
        self.function: ModelFunction | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.function = None

    def close(self) -> None:
        self.function = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch, self.difference = epoch, math.nan

    def on_gradients(self, batch: int, logs: Logs | None = None) -> None:
        examples = self.model.batch
        if batch or self.epoch % self.every or examples is None:
            return
        report = self.check(examples)
        report.epoch, self.difference = self.epoch, report.difference
        self.reports.append(report)
        if not report.passed and self.on_failure == "raise":
            raise GradientError(report)
        if not report.passed and self.on_failure == "warn":
            warnings.warn(f"epoch {self.epoch + 1}: {report}", stacklevel=2)

    def check(self, examples: Examples) -> Report:
        """The report on some of these examples."""
        chosen = examples[spread(len(examples), self.rows)]
        if self.function is None:
            self.function = ModelFunction(self.model, chosen)
        else:
            self.function.renew(self.model, chosen)
        return check_function(self.function, self.depth, self.method, self.tolerance, seed=self.epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["gradient_difference"] = self.difference
