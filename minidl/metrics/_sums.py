"""Figures that cannot be averaged over batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError
from ..naming import snake_case
from ..validation import choice, integer, setting
from ._base import Figure, Metric, one_hot


@dataclass(eq=False)
class R2Score(Metric):
    """1 - sum (y - p)^2 / sum (y - mean y)^2 of each output, averaged over the outputs. At most 1.

    If all targets of an output are equal, its score is 1 if every prediction is exact, else 0, as in scikit-learn.

    class_aggregation  "uniform_average": the plain mean; "variance_weighted_average": weighted by the variance of the
                       targets; None: an array of the score of each output
    num_regressors     n above 0: the adjusted score, 1 - (1 - R2) (m - 1) / (m - n - 1), where m - n - 1 is above 0
    """

    class_aggregation: str | None = choice(
        "uniform_average", "variance_weighted_average", default="uniform_average", optional=True
    )
    num_regressors: int = integer(0, default=0)

    state_names = ("rows", "shift", "sums", "squares", "residuals")

    def reset(self) -> None:
        self.rows: Any = 0  # or the sum of their weights
        self.shift: Any = 0.0  # the first row of y: sums of differences to it stay accurate however large y is
        self.sums: Any = 0.0
        self.squares: Any = 0.0
        self.residuals: Any = 0.0

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        y, p = one_hot(y, p).astype(np.float64), p.astype(np.float64)
        if not self.rows:
            self.shift = y[0]
        difference = y - self.shift
        self.rows += len(y) if weights is None else float(weights.sum(dtype=np.float64))
        self.sums = self.sums + _total(difference, weights)
        self.squares = self.squares + _total(difference**2, weights)
        self.residuals = self.residuals + _total((y - p) ** 2, weights)

    def result(self) -> Figure:
        if not self.rows:
            return 0.0
        total = self.squares - self.sums**2 / self.rows
        varied = total > 0
        scores = np.where(varied, 1 - self.residuals / np.where(varied, total, 1), self.residuals == 0)
        score: Any = scores
        if self.class_aggregation == "uniform_average":
            score = float(scores.mean())
        elif self.class_aggregation == "variance_weighted_average":
            score = float(np.average(scores, weights=total if total.any() else None))
        freedom = self.rows - self.num_regressors - 1
        return 1 - (1 - score) * (self.rows - 1) / freedom if self.num_regressors and freedom > 0 else score


def _total(values: np.ndarray, weights: np.ndarray | None) -> Any:
    """The sum over the rows, weighted."""
    return values.sum(axis=0) if weights is None else weights.astype(np.float64) @ values


def _check_function(who: str, name: str, value: Any) -> Any:
    if not callable(value):
        raise SettingError(f"{who}: {name} must be callable as function(y, p), got {value!r}")
    return value


@dataclass(eq=False)
class Scorer(Metric):
    """function(y, p) of all rows together, such as sklearn.metrics.roc_auc_score. One column is passed as a vector.

    Computed once per epoch: on few rows it may be undefined, and repeating it would be slow.
    """

    function: Callable[[Any, Any], Any] = setting(_check_function)

    state_names = ("targets", "outputs")
    runs = False

    def default_name(self) -> str:
        return str(getattr(self.function, "__name__", snake_case(type(self.function).__name__)))

    def reset(self) -> None:
        self.targets: list[np.ndarray] = []
        self.outputs: list[np.ndarray] = []

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self.targets.append(y)
        self.outputs.append(p)

    def result(self) -> float:
        if not self.targets:
            return 0.0
        arrays = (np.concatenate(parts) for parts in (self.targets, self.outputs))
        y, p = (array[:, 0] if array.shape[1] == 1 else array for array in arrays)
        return float(self.function(y, p))
