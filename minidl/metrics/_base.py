"""The base classes of metrics, and what their formulas share."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .. import validation
from ..errors import DataError, SettingError, ShapeError
from ..naming import snake_case
from ..ops import over_positions, position_rows

Figure: TypeAlias = float | np.ndarray  # an array holds one figure per threshold or per output


def _check_name(who: str, name: str, value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and value):
        raise SettingError(f"{who}: {name} must be a string, got {value!r}")
    return value


@dataclass(eq=False)
class Metric(validation.Configured, validation.Validated):
    """A figure of targets y and outputs p, both (m, k), over all rows since its last reset.

    A subclass writes reset(), update(y, p) for the rows of one batch, and result() -> float, or an array. With settings
    it is a dataclass of them. For class labels y (m, 1) and k > 1 outputs, the metrics here take the one-hot rows of y:
    nothing broadcasts. Of outputs (m, ..., k), such as images, every position is a row. To be used in
    `weighted_metrics` it writes update(y, p, weights=None), weights (m,).

    Keras's names work too: a subclass may write reset_state() and update_state(y_true, y_pred, sample_weight=None), and
    every metric can be used outside of a model: `m.update_state(y, p); m.result()`, or `m(y, p)`.

    name         the metric's name in History; None: the class in snake case
    state_names  the attributes that reset() makes; training resumes in the middle of an epoch with them
    direction    "up" if larger is better, else "down"
    runs         False if result() is useless or slow in the middle of an epoch
    """

    name: str | None = field(default=None, kw_only=True, repr=False, metadata={"check": _check_name})

    state_names: ClassVar[tuple[str, ...]] = ()
    direction: ClassVar[str] = "up"
    runs: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a class that writes Keras's methods have them under the names that are called here."""
        super().__init_subclass__(**options)
        own = vars(cls)
        for name, keras_name in (("reset", "reset_state"), ("update", "update_state")):
            if keras_name in own and name not in own:
                setattr(cls, name, own[keras_name])

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = self.name or self.default_name()
        self.reset()

    def default_name(self) -> str:
        """Return the name of a metric that was given none."""
        return snake_case(type(self).__name__)

    def reset(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write reset()")

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update(y, p)")

    def result(self) -> Figure:
        raise NotImplementedError(f"{type(self).__name__} must write result()")

    def measure(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None, mask: np.ndarray | None = None) -> None:
        """Update with a batch of a model. The weights of its rows are not used; `Weighted` uses them.

        mask  (m, steps), False at steps that do not count; None: all count
        """
        y, p, _ = self.counting_rows(y, p, None, mask)
        self.update(y, p)

    def counting_rows(
        self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return the rows of `by_position` that count. A metric of whole images or sequences gets all of them."""
        positions = p.shape[:-1]
        y, p, weights = self.by_position(y, p, weights)
        if mask is None or len(p) != math.prod(positions):
            return y, p, weights
        counts = np.broadcast_to(over_positions(positions, mask), positions).reshape(-1)
        return y[counts], p[counts], None if weights is None else weights[counts]

    def by_position(
        self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return targets, outputs (m, ..., k) and weights of a model as `update` takes them: a row per position."""
        p, y, weights = position_rows(p, y, weights)
        return y, p, weights

    # ---- as in Keras, outside of a model

    def reset_state(self) -> None:
        """Do the same as reset()."""
        self.reset()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update with rows: y_true (..., k) or class labels (...), y_pred (..., k), or (m,) for one output.

        sample_weight: a number, one weight per row (...), or, for figures of entries, what broadcasts to y_pred.
        """
        y, p, weights = self.as_rows(y_true, y_pred, sample_weight)
        if weights is None:
            self.update(y, p)
        else:
            weighted_update(type(self).__name__, self)(y, p, weights)

    def as_rows(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Check what `update_state` takes. Return it as y and p (rows, k), and weights (rows,) or (rows, k)."""
        who, outputs = type(self).__name__, np.asarray(y_pred)
        y, p = _rows(who, np.asarray(y_true), outputs)
        return y, p, None if sample_weight is None else _checked_weights(who, sample_weight, outputs.shape, p.shape)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Figure:
        """Update with these rows. Return the result over all rows so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class MeanMetric(Metric):
    """The mean of an array per batch. A subclass writes values(y, p) -> (m,) or (m, k), for y of the shape of p."""

    state_names = ("total", "count")

    def reset(self) -> None:
        self.total, self.count = 0.0, 0.0

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write values(y, p)")

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.add(self.values(one_hot(y, p), p), weights)

    def add(self, values: np.ndarray, weights: np.ndarray | None) -> None:
        """Add the values of a batch, weighted by row or by entry."""
        if weights is not None:
            shares = np.broadcast_to(weights.reshape(*weights.shape, *[1] * (values.ndim - weights.ndim)), values.shape)
            self.total += float((values * shares).sum(dtype=np.float64))
            self.count += float(shares.sum(dtype=np.float64))
        else:
            self.total += float(values.sum(dtype=np.float64))
            self.count += values.size

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0


def one_hot(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return y (..., k) as it is, and class labels y (..., 1) as rows (..., k) with a 1 at the class."""
    return y if y.shape == p.shape else (y == np.arange(p.shape[-1])).astype(p.dtype)


def ratio(part: Any, whole: Any) -> Figure:
    """part / whole, or 0 if whole is 0: a float for numbers, an array for arrays."""
    if isinstance(whole, np.ndarray):
        return np.asarray(np.where(whole == 0, 0.0, part / np.where(whole == 0, 1, whole)))
    if isinstance(part, np.ndarray):
        return part / whole if whole else np.zeros(part.shape)
    return float(part / whole) if whole else 0.0


def count(cases: np.ndarray, weights: np.ndarray | None, axis: Any) -> Any:
    """Count the cases (..., m, k) that are True along the axes; with weights (m,) or (m, k), add their weights."""
    if weights is None:
        return np.count_nonzero(cases, axis=axis)
    return (cases * by_entry(weights)).sum(axis=axis, dtype=np.float64)


def by_entry(weights: np.ndarray) -> np.ndarray:
    """Return weights of rows (m,) as one column, and weights of entries (m, k) as they are."""
    return weights[:, None] if weights.ndim == 1 else weights


def figure(value: Any) -> Figure:
    """Return an array as it is, and a number as a float."""
    return value if isinstance(value, np.ndarray) else float(value)


# ---- input validation


def weighted_update(who: str, metric: Metric) -> Any:
    """Return the metric's update(y, p, weights). Raise SettingError if it takes no weights."""
    try:
        inspect.signature(metric.update).bind(None, None, None)
    except TypeError:
        remedy = "write update(y, p, weights=None), or use it unweighted"
        raise SettingError(f"{who}: {type(metric).__name__}.update(y, p) takes no weights; {remedy}") from None
    return metric.update


def _rows(who: str, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    columns = p.shape[-1] if p.ndim > 1 else 1
    rows, along = p.reshape(-1, columns), p.shape[: max(p.ndim - 1, 1)]
    fits = y.size in (rows.size, len(rows)) and y.shape[: len(along)] == along
    if not p.ndim or not (fits or (y.size == len(rows) and y.shape[-1:] == along[-1:])):
        wanted = "both must have the shape (rows, outputs), or y_true one class label per row"
        raise ShapeError(f"{who}: y_true has shape {y.shape}, y_pred {p.shape}; {wanted}")
    if not {y.dtype.kind, p.dtype.kind} <= set("biuf"):
        raise DataError(f"{who}: y_true has dtype {y.dtype}, y_pred {p.dtype}; they must hold real numbers")
    y = y.reshape(len(rows), -1)
    return y.astype(np.result_type(y, np.float32), copy=False), rows.astype(np.result_type(p, np.float32), copy=False)


def _checked_weights(who: str, given: Any, shape: tuple[int, ...], rows: tuple[int, ...]) -> np.ndarray:
    """Return weights for outputs of this shape as (rows,), or as (rows, k) if they are one per entry."""
    weights = np.asarray(given)
    fitting = _fitting(weights, shape, rows) if weights.dtype.kind in "biuf" else None
    if fitting is None:
        found = f"sample_weight has shape {weights.shape} and dtype {weights.dtype}"
        raise ShapeError(f"{who}: {found}; one weight per row was expected, {rows[:1]}, or one per entry, {rows}")
    return fitting.astype(np.result_type(weights, np.float32), copy=False)


def _fitting(weights: np.ndarray, shape: tuple[int, ...], rows: tuple[int, ...]) -> np.ndarray | None:
    """Return the weights by row or by entry, None if they fit neither."""
    along = shape[:-1] if len(shape) > 1 else shape
    if not weights.ndim:
        return np.full(rows[:1], weights)
    if weights.shape in (along, (*along, 1)):
        return weights.reshape(-1)
    if weights.shape == along[: weights.ndim]:  # of the first axes of the rows
        return np.broadcast_to(weights.reshape(*weights.shape, *[1] * (len(along) - weights.ndim)), along).reshape(-1)
    try:
        return np.broadcast_to(weights, shape).reshape(rows)
    except ValueError:
        return None
