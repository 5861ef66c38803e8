"""Losses made of Python functions, without a derivative by hand."""

from __future__ import annotations

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

    The derivative is found by reverse mode through the functions of NumPy that `function` calls: + - * / **, mean, sum,
    max, square, abs, exp, log, sqrt, tanh, maximum, minimum, clip, where, shapes, matrix products. Others raise
    SettingError. The rows may depend on each other, as in a loss of pairs: then `terms` returns the derivative of the
    sum of all l.

    The targets y are (m, k) of any k: a loss of class labels gets them in one column.

    FunctionLoss(lambda y, p: np.mean(np.square(p - y), axis=-1))
    """

    function: Callable[[Any, Any], Any] = setting(_check_function)

    any_width = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        source, rows = self._trace(p, y)
        return rows.value, backpropagate(rows, source, np.ones(len(p), p.real.dtype))

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        source, rows = self._trace(p, y)
        share = mean_weights(len(p), p.real.dtype) if weights is None else weights / len(p)
        return rows.value.dot(share), backpropagate(rows, source, share)

    def _trace(self, p: np.ndarray, y: np.ndarray) -> tuple[Traced, Traced]:
        """Return p, and the value of each row, as Traced arrays."""
        source, m, name = Traced(p), len(p), getattr(self.function, "__name__", "the function")
        found: Any = self.function(y, source)
        if not isinstance(found, Traced):
            raise SettingError(f"FunctionLoss: {name} must compute the loss from y_pred, got {found!r}")
        if found.ndim > 1 and len(found) == m:
            found = found.reshape(m, -1).mean(axis=1)
        if found.shape not in ((), (m,)):
            wanted = f"one number per row was expected, ({m},), or one number"
            raise ShapeError(f"FunctionLoss: {name} returns the shape {found.shape}; {wanted}")
        return source, found if found.ndim else found + np.zeros(m, p.real.dtype)


def rows_of(loss: Loss, y: Any, p: Any) -> Any:
    """Return l of each row (m,): an array, or for Traced outputs p a Traced array."""
    if isinstance(y, Traced):
        raise SettingError(f"{type(loss).__name__} has no derivative along the targets: pass (y_true, y_pred)")
    if not isinstance(p, Traced):
        return loss.terms(p, y)[0]
    values, slopes = loss.terms(p.value, y)
    return Traced(values, [(p, lambda g: g[:, None] * slopes)])
