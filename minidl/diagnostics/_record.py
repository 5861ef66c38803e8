"""The record of a training, which a Monitor writes and the rules on training read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import Examples
from ..losses import Loss
from ._baselines import constant_loss

ROWS = 1000  # rows of batches kept: enough for the loss of a constant prediction


@dataclass
class Record:
    """Measurements of a training.

    paths        the tensors; `kernels` is True for those that are matrices
    steps        the numbers of the measured steps, from 0
    squares      for each of these the squared lengths (3, tensors) of weights, step and gradient
    logs         the figures of every epoch
    batches      batches of the measured steps, up to 1,000 rows; `kept` is the number of their rows
    val_targets  the targets of the validation rows, or None
    failed       the message of the NonFiniteError that ended the training, or None
    """

    paths: list[str]
    kernels: np.ndarray
    loss: Loss
    output_shape: tuple[int, ...]
    rate: float
    is_regularized: bool
    val_targets: np.ndarray | None
    steps: list[int] = field(default_factory=list)
    squares: list[np.ndarray] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    batches: list[Examples] = field(default_factory=list)
    kept: int = 0
    failed: str | None = None

    def keep(self, batch: Examples | None) -> None:
        """Keep the batch unless there are enough rows."""
        if batch is not None and self.kept < ROWS:
            self.batches.append(batch)
            self.kept += len(batch)

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of the batches kept."""
        return np.concatenate([b.x for b in self.batches]), np.concatenate([b.y for b in self.batches])

    @property
    def lengths(self) -> np.ndarray:
        """The lengths (3, steps, tensors) of weights, step and gradient."""
        lengths: np.ndarray = np.sqrt(np.array(self.squares).reshape(-1, 3, len(self.paths)).swapaxes(0, 1))
        return lengths

    @property
    def ratios(self) -> np.ndarray:
        """|step| / |w| (steps, tensors); 0 where w is 0."""
        return _ratio(self.lengths)

    @property
    def kernel_ratio(self) -> np.ndarray:
        """|step| / |w| of all kernels together, for every measured step."""
        return _ratio(np.linalg.norm(self.lengths[:, :, self.kernels], axis=2))

    def losses(self, prefix: str = "") -> np.ndarray:
        """The data loss of every epoch that has one; with "val_", that of the validation rows."""
        names = (f"{prefix}data_loss", f"{prefix}loss")
        return np.array([next(log[n] for n in names if n in log) for log in self.logs if names[1] in log])

    @property
    def constant(self) -> float:
        """The loss of a constant prediction; 0 if no batches were kept."""
        return constant_loss(self.loss, self.rows[1], self.output_shape) if self.batches else 0.0


def _ratio(lengths: np.ndarray) -> np.ndarray:
    """|step| / |w| from the lengths of weights, step and gradient."""
    weights, step, _ = lengths
    ratio: np.ndarray = step / np.where(weights > 0, weights, np.inf)
    return ratio
