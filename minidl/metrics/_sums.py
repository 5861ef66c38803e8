"""Figures that cannot be averaged over batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError
from ..validation import setting
from ._base import Metric, one_hot


class R2Score(Metric):
    """1 - sum (y - p)^2 / sum (y - mean y)^2 of each output, averaged over the outputs. At most 1.

    If all targets of an output are equal, its score is 1 if every prediction is exact, else 0, as in scikit-learn.
    """

    state_names = ("rows", "shift", "sums", "squares", "residuals")

    def reset(self) -> None:
        self.rows = 0
        self.shift: Any = 0.0  # the first row of y: sums of differences to it stay accurate however large y is
        self.sums: Any = 0.0
        self.squares: Any = 0.0
        self.residuals: Any = 0.0

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        y, p = one_hot(y, p).astype(np.float64), p.astype(np.float64)
        if not self.rows:
            self.shift = y[0]
        difference = y - self.shift
        self.rows += len(y)
        self.sums = self.sums + difference.sum(axis=0)
        self.squares = self.squares + (difference**2).sum(axis=0)
        self.residuals = self.residuals + ((y - p) ** 2).sum(axis=0)

    def result(self) -> float:
        if not self.rows:
            return 0.0
        total = self.squares - self.sums**2 / self.rows
        varied = total > 0
        scores = 1 - self.residuals / np.where(varied, total, 1)
        return float(np.where(varied, scores, self.residuals == 0).mean())


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
