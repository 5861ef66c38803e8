"""Metrics that scripts write themselves, with Keras's methods, and means and sums of values."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .. import metrics as core
from ..naming import snake_case
from . import initializers
from ._rows import Labels, same_rank
from ._variables import Assignable


class State(Assignable):
    """An array of a metric that its methods change."""

    def __init__(self, value: np.ndarray, name: str) -> None:
        self.value, self.name = value, name

    def assign(self, value: Any) -> None:
        """Set the array."""
        self.value = np.broadcast_to(np.asarray(value, self.value.dtype), self.value.shape).copy()

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"<State name={self.name}, value={self.value}>"


class Metric(core.Metric):
    """A figure. A subclass writes update_state(y_true, y_pred, sample_weight=None) and result(), and perhaps
    reset_state(), and makes its numbers with add_weight; reset_state sets them to where they began.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name, self.dtype = name or snake_case(type(self).__name__), dtype or "float32"
        self.labels = Labels()
        self.variables: list[State] = []
        self._first: list[np.ndarray] = []

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "update_state" in vars(cls):
            cls.update = _labelled(vars(cls)["update_state"])  # type: ignore[method-assign]
        if "result" in vars(cls):
            cls.result = _figure(vars(cls)["result"])  # type: ignore[method-assign]

    def add_weight(self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None) -> State:
        """Return a new array of the metric, zeros unless the initializer says otherwise."""
        if isinstance(shape, str):  # Keras 2: add_weight(name, shape)
            shape, name = (), shape
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        first = initializers.get(initializer or "zeros")(shape, dtype=dtype or self.dtype)
        state = State(np.array(first), name or "variable")
        self.variables.append(state)
        self._first.append(state.numpy())
        return state

    def add_variable(self, shape: Any, initializer: Any, dtype: Any = None, name: str | None = None) -> State:
        """Return a new array of the metric."""
        return self.add_weight(shape, initializer, dtype, name)

    def reset(self) -> None:
        for state, first in zip(self.variables, self._first, strict=True):
            state.assign(first)

    def update_state(self, *arguments: Any, **settings: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update_state(y_true, y_pred, sample_weight=None)")

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Update with these values. Return the result over all values so far."""
        self.update_state(*arguments, **settings)
        return self.result()

    def by_position(
        self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return targets, outputs and weights of a model as they are: update_state gets whole images or sequences."""
        return y, p, weights

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return a metric with these settings."""
        return cls(**config)


def _labelled(update_state: Callable[..., None]) -> Callable[..., None]:
    """Return what a model calls in place of the method: it gives the targets the form that `fit` received."""

    @wraps(update_state)
    def update(self: Any, y: Any, p: Any, *weights: Any) -> None:
        update_state(self, self.labels.of(y, p), p, *weights)

    return update


def _figure(result: Callable[..., Any]) -> Callable[..., Any]:
    """Let a result be a number or an array, also if the method returns an array of the metric."""

    @wraps(result)
    def figure(self: Any) -> Any:
        found = np.asarray(result(self))
        return found if found.ndim else float(found)

    return figure


class Sum(Metric):
    """The sum of all values, weighted."""

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_weight(name="total", dtype="float64")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        values, weights = _weighted(values, sample_weight)
        self.total.assign_add(np.sum(values * weights))

    def result(self) -> Any:
        return self.total


class Mean(Metric):
    """The mean of all values, weighted; 0 without values."""

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_weight(name="total", dtype="float64")
        self.count = self.add_weight(name="count", dtype="float64")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        if sample_weight is None and np.ndim(values) > 1:  # each row counts once, as in Keras
            values = np.asarray(values, np.float64).mean(axis=tuple(range(1, np.ndim(values))))
        values, weights = _weighted(values, sample_weight)
        self.total.assign_add(np.sum(values * weights))
        self.count.assign_add(np.sum(weights))

    def result(self) -> Any:
        return self.total / self.count if float(self.count) else 0.0


def _weighted(values: Any, weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the values, and a weight for each."""
    array = np.asarray(values, np.float64)
    if weights is None:
        return array, np.ones(array.shape)
    array, given = same_rank(array, np.asarray(weights, np.float64))
    given = given.reshape(given.shape + (1,) * (array.ndim - given.ndim))
    return array, np.broadcast_to(given, np.broadcast_shapes(array.shape, given.shape))


class MeanMetricWrapper(Mean):
    """The mean of function(y_true, y_pred) over all rows, or over the batches if it returns one number."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **settings: Any) -> None:
        super().__init__(str(name or getattr(fn, "__name__", "metric")), dtype)
        self.function, self.settings = fn, settings

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        values = self.function(np.asarray(y_true), np.asarray(y_pred), **self.settings)
        super().update_state(values, None if np.ndim(values) == 0 else sample_weight)
