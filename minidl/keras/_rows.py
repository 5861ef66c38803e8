"""Targets and outputs as scripts pass them to losses and metrics: lists, arrays of any rank, arrays that are traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import losses as core
from .._traced import Traced, value_of
from ..errors import ShapeError


@dataclass
class Labels:
    """The form of class labels in functions and metrics of scripts: that in which `fit` received them.

    flat  True if they came as (m, ...), so that `ops.one_hot(y_true, k)` is (m, ..., k); batches of an iterable count
          as such
    """

    flat: bool = True

    def of(self, y: Any, p: Any) -> Any:
        """Return labels y (m, ..., 1) of outputs (m, ..., k), k > 1, as (m, ...) if `flat`; others as they are."""
        labels = np.ndim(y) == np.ndim(p) >= 2 and np.shape(y)[-1] == 1 < np.shape(p)[-1]
        return y[..., 0] if self.flat and labels else y


def as_floats(given: Any) -> Any:
    """Return a list, an array or a number as an array of real numbers; a traced array as it is."""
    if isinstance(given, Traced):
        return given
    array = np.asarray(given)
    return array if array.dtype.kind == "f" and hasattr(given, "dtype") else array.astype(np.float32)


def same_rank(y: Any, p: Any) -> tuple[Any, Any]:
    """Return both with one rank, as Keras does: a last axis of length 1 is added or taken away."""
    if np.ndim(y) == np.ndim(p) + 1 and np.shape(y)[-1] == 1:
        return (y, np.expand_dims(p, -1)) if np.ndim(p) == 1 else (np.squeeze(y, -1), p)
    if np.ndim(p) == np.ndim(y) + 1 and np.shape(p)[-1] == 1:
        return (np.expand_dims(y, -1), p) if np.ndim(y) == 1 else (y, np.squeeze(p, -1))
    return y, p


def rows_of(loss: core.Loss, y: Any, p: Any) -> Any:
    """Return the loss of each row: y and p (..., k) -> (...)."""
    y, p = value_of(as_floats(y)), as_floats(p)
    shape = np.shape(p)
    if not shape:
        raise ShapeError(f"{type(loss).__name__}: y_pred is a number; pass rows (..., outputs)")
    outputs = np.reshape(p, (-1, shape[-1]))
    targets = _labels(loss, y, shape) if loss.sparse else np.broadcast_to(y, shape).reshape(outputs.shape)
    return np.reshape(core.rows_of(loss, targets, outputs), shape[:-1])


def _labels(loss: core.Loss, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return class labels (..., 1) or (...) as one column."""
    if y.shape not in (shape[:-1], (*shape[:-1], 1)):
        who, wanted = type(loss).__name__, f"one class label per row was expected: {shape[:-1]}"
        raise ShapeError(f"{who}: y_true has shape {y.shape}, y_pred {shape}; {wanted}")
    return y.reshape(-1, 1)


def masked_weights(sample_weight: Any, mask: Any, reduction: str | None) -> Any:
    """Return the weights, 0 where the mask is False; a mean is one over the others alone."""
    if mask is None:
        return sample_weight
    counts = as_floats(mask)
    if reduction in ("mean", "sum_over_batch_size"):
        counts = counts * (counts.size / max(counts.sum(), 1))
    if sample_weight is None:
        return counts
    counts, given = same_rank(counts, as_floats(sample_weight))
    return counts * given


def reduced(rows: Any, sample_weight: Any, reduction: str | None) -> Any:
    """Return the sum or mean of the rows' losses, weighted; for reduction None the losses."""
    total: Any = None
    if sample_weight is not None:
        rows, weights = same_rank(rows, as_floats(sample_weight).astype(rows.dtype))
        rows, total = rows * weights, np.sum(weights)
    if reduction in (None, "none") or not np.ndim(rows):
        return rows
    if reduction == "sum":
        return np.sum(rows)
    if reduction == "mean_with_sample_weight" and total is not None:
        return np.sum(rows) / total
    return np.sum(rows) / max(np.size(rows), 1)
