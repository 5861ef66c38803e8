"""Models and estimators as networks: the arrays that pass through their layers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._recording import LayerPass, record_passes
from ..data import inputs, numeric
from ..diagnostics import collect_signals
from ..errors import DataError, ShapeError
from ..layers import fit_to
from ..model import Model
from ._classes import class_numbers
from ._drawing import refusal

ROWS = 300  # the most rows to measure on, as in diagnose


class Measurement(NamedTuple):
    """The pass through each layer, and {path: {"activation": root mean square, "gradient": ...}} of kernel layers."""

    passes: list[LayerPass]
    sizes: dict[str, dict[str, float]]


def is_network(given: Any) -> bool:
    """True for a model, and for a fitted estimator, whose model is `model_`."""
    return isinstance(getattr(given, "model_", given), Model)


def network_of(who: str, given: Any) -> Model:
    """Return the model, or that of the estimator."""
    if not is_network(given):
        raise refusal(who, "a Diagnosis, or a model or a fitted estimator with rows x and targets y", given)
    model: Model = getattr(given, "model_", given)
    return model


def measure(who: str, given: Any, x: Any, y: Any) -> Measurement:
    """Measure a copy of the model on at most 300 rows, dropout switched off. Without y it predicts: no gradients."""
    model = network_of(who, given)
    if x is None:
        raise DataError(f"{who}: a model is measured on rows; pass x, and y for gradients")
    if y is not None:
        signals = collect_signals(model, x, targets(who, given, model, y))
        return Measurement(signals.layers, signals.sizes)
    passes = record(who, model, x)
    sizes = {one.path: {"activation": _rms(one.y)} for one in passes if _has_kernel(one)}
    return Measurement(passes, sizes)


def tensors(who: str, given: Any, x: Any, y: Any, what: str) -> dict[str, np.ndarray]:
    """Return the weights by path, or the activations or gradients of every layer on the rows."""
    if what == "weight":
        return {path: parameter.value for path, parameter in network_of(who, given).params.items()}
    passes = measure(who, given, x, y).passes
    if what == "activation":
        return {one.path: one.y for one in passes}
    if y is None:
        raise DataError(f"{who}: the gradient needs the targets; pass y")
    return {one.path: one.dy for one in passes if one.dy is not None}


def record(who: str, model: Model, x: Any) -> list[LayerPass]:
    """Run a copy of the model on rows at even distances. Return the passes through its layers."""
    model = model.copy()
    rows = inputs(who, x, model.dtype, model.input_shape)
    rows = rows[np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).astype(int)]
    model.build(rows.shape[1:])
    if model.layer.flexible:
        fit_to(model.layer, rows.shape[1:])
    with record_passes([(path, layer) for path, layer in model.layer.walk() if not layer.children]) as passes:
        model.layer.forward(rows)
    return passes


def one_row(who: str, model: Model, x: Any) -> np.ndarray:
    """Return the row as an array of one row."""
    array = numeric(who, "x", np.asarray(x))
    row = model.input_shape
    if (row is not None and array.shape == tuple(row)) or (row is None and array.shape[0] != 1):
        return array[None]
    if len(array) != 1:
        raise ShapeError(f"{who} draws one row, got x of shape {array.shape}; pass one of them, x[0]")
    return array


def targets(who: str, given: Any, model: Model, y: Any) -> Any:
    """Return y as the model takes it: an estimator's class labels as their numbers, or one-hot."""
    classes = getattr(given, "classes_", None)
    if classes is None:
        return y
    numbers = class_numbers(who, y, classes)
    one_column = model.output_shape == (1,) or model.objective.terms.loss.sparse
    return numbers if one_column else np.eye(len(classes))[numbers]


def _has_kernel(one: LayerPass) -> bool:
    return any(p.penalized and len(p.shape) > 1 for p in one.layer.parameters.values())


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
