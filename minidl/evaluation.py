"""Evaluation and prediction: batches go through the layers, nothing is learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .callbacks import NO_CALLBACKS, CallbackList, call
from .data import Examples, Inputs, Source
from .errors import DataError, ShapeError
from .layers import Layer, fit_to, fits
from .metrics import Metric
from .objective import Objective, Outputs

PREDICT_ROWS = 1024  # rows in a batch without a gradient: enough for the matrix product, few enough for the cache
PREDICT_NUMBERS = 2**20  # numbers in such a batch, if its rows are images: 1,024 photographs would fill the memory
FEWEST_ROWS = 32
Figures = dict[str, Any]
Metrics = dict[str, Metric]


def rows_at_once(row_shape: tuple[int, ...]) -> int:
    """Return the number of rows in a batch without a gradient: 1,024, fewer if a row has more than 1,024 numbers."""
    return max(FEWEST_ROWS, min(PREDICT_ROWS, PREDICT_NUMBERS // math.prod(row_shape)))


def evaluate(
    objective: Objective,
    metrics: Metrics,
    source: Source,
    callbacks: CallbackList = NO_CALLBACKS,
    size: int = PREDICT_ROWS,
) -> Figures:
    """The figures over all of the source in inference mode, in batches of `size` rows."""
    call(callbacks.on_test_begin, {})
    for metric in metrics.values():
        metric.reset()
    rows, data_sum = 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for number, batch in enumerate(source.batches(size)):
            for hook in callbacks.on_test_batch_begin:
                hook(number, {})
            outputs = objective.forward(batch.x)
            rows += batch.total_weight
            data_sum += batch.total_weight * objective.data_loss(outputs, batch)
            update_metrics(metrics, objective, batch, outputs)
            for hook in callbacks.on_test_batch_end:
                hook(number, figures(objective, metrics, data_sum / rows, objective.penalty(rows), running=True))
    logs = figures(objective, metrics, data_sum / rows, objective.penalty(rows))
    call(callbacks.on_test_end, logs)
    return logs


def update_metrics(metrics: Metrics, objective: Objective, batch: Examples, outputs: Outputs) -> None:
    """Feed the metrics with a batch and the predictions for it; outputs is what the loss was computed from."""
    predictions = objective.predictions(outputs.values)
    for metric in metrics.values():
        metric.measure(batch.y, predictions, batch.weight, outputs.mask)


def figures(
    objective: Objective, metrics: Metrics, data_loss: float, penalty: float, *, running: bool = False
) -> Figures:
    """Metrics, then the loss, in Keras's order; with penalties also the two parts of the loss.

    running: within an epoch, where metrics that need all its rows are left out.
    """
    logs: Figures = {name: metric.result() for name, metric in metrics.items() if metric.runs or not running}
    logs["loss"] = data_loss + penalty
    if objective.penalties:
        logs["data_loss"], logs["penalty"] = data_loss, penalty
    return logs


def predict(
    layer: Layer,
    inputs: Inputs,
    size: int,
    out: Any,
    callbacks: CallbackList = NO_CALLBACKS,
    unpack: Callable[[np.ndarray], Any] = np.asarray,
) -> Any:
    """Run the layer on all batches. Return `out` filled with the outputs, or without it the outputs joined.

    unpack  gives callbacks the outputs of a batch as `Model.predict` returns them
    """
    call(callbacks.on_predict_begin, {})
    done, blocks = 0, list[np.ndarray]()
    with np.errstate(over="ignore", invalid="ignore"):
        for number, batch in enumerate(inputs.batches(size)):
            for hook in callbacks.on_predict_batch_begin:
                hook(number, {})
            if layer.flexible:
                fit_to(layer, batch.shape[1:])
            block = layer.forward(batch)
            start, done = done, done + len(block)
            if out is None:
                blocks.append(block)
            elif done > len(out):
                break
            else:
                out[start:done] = block
            for hook in callbacks.on_predict_batch_end:
                hook(number, {"outputs": unpack(block)})
    if not done or (out is not None and done != len(out)):
        raise DataError(f"predict: x yielded {done} rows{'' if out is None else f', out has {len(out)}'}")
    call(callbacks.on_predict_end, {})
    return np.concatenate(blocks) if out is None else out


def check_out(out: Any, rows: int | None, output_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless `out` has the shape of the outputs and a dtype that holds them."""
    if not (hasattr(out, "shape") and hasattr(out, "dtype")):
        raise DataError(f"predict: out must be an array or an HDF5 dataset, got {type(out).__name__}")
    if not fits(out.shape[1:], output_shape) or (rows is not None and out.shape[:1] != (rows,)):
        wanted = ", ".join(str(n) for n in ("rows" if rows is None else rows, *output_shape))
        raise ShapeError(f"predict: out has shape {out.shape}, wanted ({wanted})")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise DataError(f"predict: out has dtype {out.dtype}, which cannot hold the outputs, {dtype}")
