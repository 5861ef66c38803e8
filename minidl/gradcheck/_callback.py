"""Check gradients while a model trains."""

from __future__ import annotations

import math
import warnings

from .. import validation
from ..callbacks import Callback, Logs
from ..data import Examples
from ..errors import GradientError
from ._chain_subject import DataLoss
from ._check import compare_objective, every_kth
from ._compare import TOLERANCE, Settings
from ._report import Report


class GradientChecker(Callback):
    """Check the gradients of the first batch of every `every`-th epoch, the first included, as `check_model` does.

    It works on a private float64 copy with the same dropout masks, so that the training is as without it. The reports
    are in `.reports`, each with its `.epoch`; History gets `gradient_difference`, NaN for epochs without a check.

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
        Settings(depth, method, tolerance).check("GradientChecker")
        self.depth, self.method, self.tolerance = depth, method, tolerance
        self.rows = validation.check_integer("GradientChecker", "rows", rows, 1)
        self.on_failure = validation.check_choice(
            "GradientChecker", "on_failure", on_failure, ("raise", "warn", "record")
        )
        self.reports: list[Report] = []
        self.subject: DataLoss | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.subject = None

    def close(self) -> None:
        self.subject = None

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
        """Return the report on some of these examples."""
        rows = examples[every_kth(len(examples), self.rows)]
        objective, known = self.model.objective, self.subject
        self.subject = DataLoss(objective, rows) if known is None else known.follow(objective, rows)
        settings = Settings(self.depth, self.method, self.tolerance, self.epoch)
        return compare_objective(self.model.name, self.subject, settings)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["gradient_difference"] = self.difference
