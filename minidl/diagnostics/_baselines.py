"""Losses of predictions that need no network, and the classes of targets."""

from __future__ import annotations

import numpy as np

from ..layers import Sigmoid
from ..losses import Loss


def class_labels(y: np.ndarray) -> np.ndarray | None:
    """Return the class of each row, or None if the targets are not classes.

    Classes are one-hot rows, or one column of the whole numbers 0, 1, ..., all of them present and at most 20.
    """
    if y.ndim != 2:
        return None
    if y.shape[1] > 1:
        one_hot = ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()
        return y.argmax(axis=1) if one_hot else None
    column = y[:, 0]
    if not (column == np.floor(column)).all() or column.min() != 0 or not 1 <= column.max() < 20:
        return None
    return column.astype(int) if len(np.unique(column)) == column.max() + 1 else None


def chance_loss(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss of even odds (ln 2, ln C) if the loss takes probabilities, else `constant_loss`."""
    if loss.link is None:
        return constant_loss(loss, y, shape)
    return float(loss.on_logits().value(np.zeros((len(y), *shape), y.dtype), y))


def constant_loss(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss if every prediction is the mean target, or the shares of the classes.   shape: that of one output."""
    one_hot = y if y.shape[1:] == shape else (y == np.arange(shape[0])).astype(y.dtype)  # labels in one column
    constant = one_hot.mean(axis=0, dtype=np.float64)
    if loss.link is not None:
        p = np.clip(constant, 1e-6, 1 - 1e-6)
        constant = np.log(p / (1 - p)) if issubclass(loss.link, Sigmoid) else np.log(p)
        loss = loss.on_logits()
    return float(loss.value(np.broadcast_to(constant, (len(y), *shape)).astype(y.dtype), y))
