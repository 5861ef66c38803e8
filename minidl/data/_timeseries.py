"""Windows of time series, gathered batch by batch while the model trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..validation import check_integer
from ._adapters import ClassWeight, DataSpec, DiskData, Inputs
from ._batches import Examples, Source
from ._validation import numbers, numeric, target_rows

WHO = "timeseries_windows"
NEXT, SHIFTED = "next", "shifted"

Shape = tuple[int, ...]


def timeseries_windows(
    data: Any,
    sequence_length: int,
    targets: Any = None,
    *,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    start_index: int | None = None,
    end_index: int | None = None,
) -> TimeseriesWindows:
    """Return the windows of a time series, which `fit`, `evaluate` and `predict` take as x.

    x[i, t] = data[start_index + i sequence_stride + t sampling_rate],  t = 0, ..., sequence_length - 1

    data         (steps, features ...), or (steps,) such as the ids of a text; or a list of such arrays, several series:
                 no window goes from one into the next. A window has the shape (sequence_length, features ...)
    targets      an array (steps, ...): y[i] = targets[start_index + i sequence_stride], the target of the window that
                 begins there, as in Keras; windows without a target are left out; for several series a list.
                 "next": the step after the window, sampling_rate steps after its last one.
                 "shifted": the window sampling_rate steps later, so that each step has a target.
                 None: windows for `predict`
    start_index  the first step to use; None: 0
    end_index    the step after the last one to use; None: the number of steps

    A batch is gathered when it is needed. In memory there is the series, never all windows. Windows that overlap have
    steps in common: split a series for training and validation with start_index and end_index. The arguments are those
    of Keras's timeseries_dataset_from_array, without batches and shuffling, which `fit` does.

    Raises DataError for data that are not series of numbers, or too short for a window; ShapeError for series with
    different features; SettingError for other settings.
    """
    steps = {"sequence_length": sequence_length, "sequence_stride": sequence_stride, "sampling_rate": sampling_rate}
    for name, value in steps.items():
        check_integer(WHO, name, value, 1)
    series = _series("data", data)
    goals = _goals(series, targets, sequence_length * sampling_rate)
    span = (sequence_length - 1) * sampling_rate + 1 + (sampling_rate if isinstance(targets, str) else 0)
    used = [_used(len(part), start_index, end_index) for part in series]
    places = [
        slice(start, max(start, min(end - span + 1, len(goal))), sequence_stride)
        for (start, end), goal in zip(used, goals, strict=True)
    ]
    firsts = np.cumsum([0, *(len(part) for part in series[:-1])])
    starts = [np.arange(place.start, place.stop, place.step) + at for place, at in zip(places, firsts, strict=True)]
    if not any(map(len, starts)):
        raise DataError(f"{WHO}: a window and its target take {span} steps, data has {_described(series, used)}")
    shifted = isinstance(targets, str) and targets == SHIFTED
    y = None
    if targets is not None and not shifted:
        y = _joined([goal[place] for goal, place in zip(goals, places, strict=True)])
    return TimeseriesWindows(_joined(series), _joined(starts), y, shifted, sequence_length, sampling_rate)


def _series(name: str, given: Any) -> list[np.ndarray]:
    """Return one series, or several that a list of arrays holds, as arrays (steps, ...)."""
    several = isinstance(given, list | tuple) and given and all(isinstance(part, np.ndarray) for part in given)
    arrays = [numeric(WHO, name, part) for part in (given if several else [given])]
    for array in arrays:
        if array.size == 0 or array.ndim == 0:
            raise DataError(f"{WHO}: {name} has shape {array.shape}; wanted a series (steps, ...)")
        if array.shape[1:] != arrays[0].shape[1:]:
            shapes = f"{arrays[0].shape[1:]} and {array.shape[1:]}"
            raise ShapeError(f"{WHO}: the series of {name} have steps of different shapes, {shapes}")
    return arrays


def _goals(series: list[np.ndarray], targets: Any, ahead: int) -> list[np.ndarray]:
    """Return arrays that hold, at the first step of each window, its target; the series themselves if it has none.

    ahead  steps from the first step of a window to the one after it
    """
    if targets is None or (isinstance(targets, str) and targets == SHIFTED):
        return series
    if isinstance(targets, str):
        if targets != NEXT:
            raise SettingError(f"{WHO}: targets must be an array, {NEXT!r}, {SHIFTED!r} or None, got {targets!r}")
        return [part[ahead:] for part in series]
    goals = _series("targets", targets)
    if len(goals) != len(series):
        raise DataError(f"{WHO}: data has {len(series)} series, targets {len(goals)}; wanted one for each")
    return goals


def _used(steps: int, start_index: int | None, end_index: int | None) -> tuple[int, int]:
    """Return the first step to use, and the one after the last. Raise SettingError if they are not in the series."""
    start = 0 if start_index is None else check_integer(WHO, "start_index", start_index, 0)
    end = steps if end_index is None else check_integer(WHO, "end_index", end_index, 1)
    if not start < end <= steps:
        raise SettingError(f"{WHO}: start_index {start} and end_index {end} must be in order, and in {steps} steps")
    return start, end


def _described(series: list[np.ndarray], used: list[tuple[int, int]]) -> str:
    """Return the numbers of steps, and those to use: "60, of which 0 to 49 are used"."""
    parts = [
        str(len(part)) if (start, end) == (0, len(part)) else f"{len(part)}, of which {start} to {end - 1} are used"
        for part, (start, end) in zip(series, used, strict=True)
    ]
    return ", ".join(parts)


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    """Return the arrays one after the other; one alone as it is."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


@dataclass(eq=False)
class TimeseriesWindows(DiskData):
    """Windows of a series, made by `timeseries_windows`: fit(windows) gathers them batch by batch.

    A slice, or an array of numbers, gives some of the windows: windows[:100].

    series           (steps, features ...)
    starts           (m,) the first step of each window
    targets          (m, ...) the target of each window, if it has one
    shifted          True if the targets are the windows sampling_rate steps later
    sequence_length  the number of steps in a window
    sampling_rate    the steps of the series from one step of a window to the next
    """

    series: np.ndarray
    starts: np.ndarray
    targets: np.ndarray | None
    shifted: bool
    sequence_length: int
    sampling_rate: int

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, part: Any) -> TimeseriesWindows:
        part = part if isinstance(part, slice) else np.atleast_1d(part)
        return replace(self, starts=self.starts[part], targets=None if self.targets is None else self.targets[part])

    @property
    def row_shape(self) -> Shape:  # type: ignore[override]
        """The shape of a window, (sequence_length, features ...)."""
        return (self.sequence_length, *self.series.shape[1:])

    def load(self) -> Any:
        """Return all windows in memory, (m, sequence_length, features ...), with their targets: (x, y), or x alone."""
        windows = self.windows_of(self.series)
        x = windows[self.starts]
        if self.shifted:
            return x, windows[self.starts + self.sampling_rate]
        return x if self.targets is None else (x, self.targets.copy())

    def windows_of(self, series: np.ndarray) -> np.ndarray:
        """Return a view of an array of all steps: the window that begins at each of them."""
        span = (self.sequence_length - 1) * self.sampling_rate + 1
        views = np.lib.stride_tricks.sliding_window_view(series, span, axis=0)
        return np.moveaxis(views, -1, 1)[:, :: self.sampling_rate]

    # ---- for fit, evaluate and predict

    def first(self, who: str) -> tuple[Any, Any, Any]:
        loaded = self[:1].load()
        if not isinstance(loaded, tuple):
            raise DataError(f"{who}: these windows have no targets; call timeseries_windows with targets")
        return (*loaded, None)

    def source(self, who: str, spec: DataSpec, class_weight: ClassWeight) -> Source:
        shape = self.fitting_shape(who, WHO, spec.row_shape)
        return WindowBatches(self, who, replace(spec, row_shape=shape), class_weight)

    def inputs(self, who: str, row_shape: Shape, dtype: np.dtype[Any], vocabulary: int | None) -> Inputs:
        shape = self.fitting_shape(who, WHO, row_shape)
        windows = self.windows_of(numbers(who, "data", self.series, dtype, vocabulary))

        def batches(size: int) -> Iterator[np.ndarray]:
            for first in range(0, len(self), size):
                rows = windows[self.starts[first : first + size]]
                yield rows.reshape(len(rows), *shape)

        return Inputs(len(self), lambda size: -(-len(self) // size), batches)


class WindowBatches(Source):
    """The batches of TimeseriesWindows, for training and evaluation. The series and its targets are checked once."""

    def __init__(self, data: TimeseriesWindows, who: str, spec: DataSpec, class_weight: ClassWeight) -> None:
        self.data, self.spec = data, spec
        series = numbers(who, "data", data.series, spec.dtype, spec.vocabulary)
        self.windows = data.windows_of(series)
        if data.shifted:
            self._check_shifted(who, class_weight)
        else:
            y = target_rows(who, data.targets, data.starts)
            self.checked = spec.join(who, np.empty((len(data), 0), spec.dtype), y, (), None, class_weight)

    def _check_shifted(self, who: str, class_weight: ClassWeight) -> None:
        """Check the targets of one window, then each step of the series as a target: all windows are made of these."""
        data, spec = self.data, self.spec
        x, y, _ = data.first(who)
        spec.join(who, x.astype(spec.dtype), target_rows(who, y, x), (), None, class_weight)
        of_step = replace(spec, output_shape=spec.output_shape[1:], target_shape=spec.target_shape[1:])
        steps = target_rows(who, data.series, data.series)
        checked = of_step.join(who, np.empty((len(steps), 0), spec.dtype), steps, (), None, class_weight)
        self.y = data.windows_of(checked.y)
        self.weight = None if checked.weight is None else data.windows_of(checked.weight)

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return rng.permutation(len(self.data)) if size < len(self.data) else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        for first in range(start * size, len(self.data), size):
            part = slice(first, first + size)
            yield self._batch(part if order is None else order[part])

    def _batch(self, part: Any) -> Examples:
        starts = self.data.starts[part]
        x = self.windows[starts].reshape(len(starts), *self.row_shape)
        if not self.data.shifted:
            rows = self.checked[part]
            return Examples(x, rows.y, rows.weight)
        later = starts + self.data.sampling_rate
        return Examples(x, self.y[later], None if self.weight is None else self.weight[later])

    def steps(self, size: int) -> int:
        return -(-len(self.data) // size)

    @property
    def rows(self) -> float:
        return len(self.data)

    def batch_rows(self, size: int) -> int:
        return min(size, len(self.data))

    @property
    def row_shape(self) -> Shape:
        return self.spec.row_shape
