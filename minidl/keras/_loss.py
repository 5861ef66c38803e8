"""The base classes of losses with Keras's arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import losses as core
from .._traced import Traced
from ..errors import SettingError, ShapeError
from ..naming import snake_case
from . import config
from ._lookup import Configured
from ._rows import as_floats, masked_weights, reduced, rows_of, same_rank
from ._variables import mask_of

REDUCTIONS = (None, "none", "sum", "sum_over_batch_size", "mean", "mean_with_sample_weight")


def _check_reduction(who: str, reduction: Any) -> Any:
    if reduction == "auto":  # Keras 2
        return "sum_over_batch_size"
    if reduction not in REDUCTIONS:
        raise SettingError(f"{who}: reduction must be one of {REDUCTIONS}, got {reduction!r}")
    return reduction


class Loss(Configured):
    """A loss. A subclass writes call(y_true, y_pred) -> the loss of each row, with functions of keras.ops.

    core  the loss of minidl, whose derivative is found through `call`
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name, self.dtype = name or snake_case(type(self).__name__), dtype
        self.reduction = _check_reduction(type(self).__name__, reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write call(y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the rows as one number, or as `reduction` says."""
        mask = mask_of(y_pred)
        y, p = same_rank(as_floats(y_true), as_floats(y_pred))
        if not isinstance(p, Traced):
            y, p = (np.asarray(a, self.dtype or config.floatx()) for a in (y, p))
        return reduced(self.call(y, p), masked_weights(sample_weight, mask, self.reduction), self.reduction)

    @property
    def rows(self) -> core.Loss:
        """The core's loss, its mean over the rows."""
        return core.FunctionLoss(self.call)

    @property
    def core(self) -> core.Loss:
        """The core's loss, reduced as `reduction` says."""
        if self.reduction in ("sum_over_batch_size", "mean"):
            return self.rows
        if self.reduction == "sum":
            return core.FunctionLoss(self._summed)
        message = "use sum_over_batch_size, mean or sum"
        raise SettingError(f"{self.name}: a model cannot be trained with reduction={self.reduction!r}; {message}")

    def _summed(self, y: Any, p: Any) -> Any:
        """Return n times the loss of each of n rows or positions: their mean is the sum."""
        losses = core.rows_of(self.rows, y, p)
        return losses * math.prod(losses.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {"name": self.name, "reduction": self.reduction}


class LossFunctionWrapper(Loss):
    """A Python function of (y_true, y_pred) as a loss."""

    def __init__(self, fn: Callable[[Any, Any], Any], reduction: Any = "sum_over_batch_size", name: Any = None) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction)
        self.fn = fn

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred)

    @property
    def rows(self) -> core.Loss:
        return core.FunctionLoss(self.fn)


class Named(Loss):
    """A loss of the core under Keras's name, with Keras's arguments: a dataclass of them.

    kind      the core's class
    settings  the arguments that it takes
    """

    kind: ClassVar[type[core.Loss]]
    settings: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str | None] = None  # Keras's name, where it is not the class in snake case

    def __post_init__(self) -> None:
        super().__init__(self.name or self.title, self.reduction, self.dtype)
        self.rows  # noqa: B018  checks the settings

    @property
    def rows(self) -> core.Loss:
        return self.plain

    @property
    def plain(self) -> core.Loss:
        """The core's loss with these settings."""
        return self.kind(**{name: getattr(self, name) for name in self.settings})

    axis: Any = -1  # that of the outputs

    @property
    def core(self) -> core.Loss:
        if self.axis not in (-1, 1):
            who, remedy = type(self).__name__, "move the axis of the outputs to the end"
            raise SettingError(f"{who}: a model is trained with axis=-1, got {self.axis!r}; {remedy}")
        return super().core

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y, p = y_true, y_pred
        if self.axis != -1:
            p = np.moveaxis(p, self.axis, -1)
            y = np.moveaxis(y, self.axis, -1) if np.ndim(y) == np.ndim(p) else y
        loss = self.plain
        if isinstance(loss, core.BinaryCrossentropy | core.CategoricalCrossentropy) and np.shape(y) != np.shape(p):
            message = f"y_true has shape {np.shape(y)}, y_pred {np.shape(p)}; they must have the same shape"
            raise ShapeError(f"{type(self).__name__}: {message}")
        return rows_of(loss, y, _within(loss, p))

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in self.settings}
        return super().get_config() | own | ({} if self.axis == -1 else {"axis": self.axis})


def _within(loss: core.Loss, p: Any) -> Any:
    """Return probabilities at least 1e-7 away from 0 and 1, as Keras computes logarithms of them."""
    logarithmic = isinstance(loss, core.BinaryCrossentropy | core.BinaryFocalCrossentropy)
    if isinstance(p, Traced) or not logarithmic or loss.from_logits:
        return p
    array = as_floats(p)
    low = array.dtype.type(config.epsilon())
    return np.clip(array, low, 1 - low).astype(np.float64)
