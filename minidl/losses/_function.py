"""Losses made of Python functions, without a derivative by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._traced import Traced, backpropagate
from ..errors import SettingError, ShapeError
from ..ops import mean_weights
from ..validation import setting
from ._base import Loss


def _check_function(who: str, name: str, value: Any) -> Any:
    if not callable(value) or isinstance(value, type):
        raise SettingError(f"{who}: {name} must be a function of (y_true, y_pred), got {value!r}")
    return value


@dataclass(frozen=True)
class FunctionLoss(Loss):
    """l = function(y, p), as in Keras: one number per row, or an array whose rows are averaged, or one number for all.

    Outputs (m, ..., k) reach the function whole, so that it can compare images; it returns one number per row (m,), or
    per position (m, ...), or one per entry, which are averaged over the k outputs.

    The derivative is found by reverse mode through the functions of NumPy that `function` calls: + - * / **, mean, sum,
    max, square, abs, exp, log, sqrt, tanh, maximum, minimum, clip, where, shapes, matrix products. Others raise
    SettingError. The rows may depend on each other, as in a loss of pairs: then `terms` returns the derivative of the
    sum of all l.

    The targets y are (m, ...) of any shape: a loss of class labels gets them in one column.

    FunctionLoss(lambda y, p: np.mean(np.square(p - y), axis=-1))
    """

    function: Callable[[Any, Any], Any] = setting(_check_function)

    any_width = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return l, (m,) or of positions (m, ...), and the derivative of the sum of all l."""
        source, losses = self._trace(p, y)
        return losses.value, backpropagate(losses, source, np.ones(losses.shape, p.dtype))

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        source, losses = self._trace(p, y)
        size, flat = losses.value.size, losses.value.reshape(-1)
        share = mean_weights(size, p.real.dtype) if weights is None else self._by_loss(weights, losses.shape) / size
        along = share.reshape(losses.shape).astype(p.dtype, copy=False)
        return flat.dot(share), backpropagate(losses, source, along)

    def by_position(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return all as they are: the function gets whole images or sequences."""
        return p, y, weights

    def weighted_terms(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        losses = self.terms(p, y)[0]
        return losses if weights is None else losses * self._by_loss(weights, losses.shape).reshape(losses.shape)

    def _by_loss(self, weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return the weights of rows (m,) or of positions (m, ...), one for each of the losses, in one long row."""
        if weights.shape != shape[: weights.ndim]:
            name = getattr(self.function, "__name__", "the function")
            remedy = "let it return one loss for each position, or pass one weight for each row and no mask"
            raise ShapeError(f"FunctionLoss: {name} returns the shape {shape}, weights are {weights.shape}; {remedy}")
        return np.repeat(weights.reshape(-1), math.prod(shape[weights.ndim :]))

    def _trace(self, p: np.ndarray, y: np.ndarray) -> tuple[Traced, Traced]:
        """Return p, and the value of each row or of each position, as Traced arrays."""
        source, m, name = Traced(p), len(p), getattr(self.function, "__name__", "the function")
        found: Any = self.function(y, source)
        if not isinstance(found, Traced):
            raise SettingError(f"FunctionLoss: {name} must compute the loss from y_pred, got {found!r}")
        if found.ndim >= p.ndim and len(found) == m:
            found = found.reshape(*found.shape[: p.ndim - 1], -1).mean(axis=-1)
        if found.shape[:1] not in ((), (m,)):
            wanted = f"one number per row was expected, ({m},), or one number"
            raise ShapeError(f"FunctionLoss: {name} returns the shape {found.shape}; {wanted}")
        return source, found if found.ndim else found + np.zeros(m, p.real.dtype)


def rows_of(loss: Loss, y: Any, p: Any) -> Any:
    """Return l of each row (m,), or of each position (m, ...): an array, or for Traced outputs p a Traced array."""
    if isinstance(y, Traced):
        raise SettingError(f"{type(loss).__name__} has no derivative along the targets: pass (y_true, y_pred)")
    outputs = p.value if isinstance(p, Traced) else p
    rows, targets, _ = loss.by_position(outputs, y)
    values, slopes = loss.terms(rows, targets)
    if rows.ndim < outputs.ndim:
        values, slopes = values.reshape(outputs.shape[:-1]), slopes.reshape(outputs.shape)
    if not isinstance(p, Traced):
        return values
    by_row = values.shape + (1,) * (slopes.ndim - values.ndim)
    return Traced(values, [(p, lambda g: g.reshape(by_row) * slopes)])
