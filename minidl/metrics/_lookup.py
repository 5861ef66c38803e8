"""Metrics by their Keras strings, and the names that metrics have in History."""

from collections.abc import Callable
from typing import Any

from .. import validation
from ..errors import SettingError
from ..naming import snake_case, unique
from ._base import Metric
from ._counts import AUC, F1Score, Precision, Recall
from ._means import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalAccuracy,
)
from ._sums import R2Score, Scorer

METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1_score": F1Score,
    "auc": AUC,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "r2_score": R2Score,
}


def named(what: str, given: object) -> dict[str, Metric]:
    """Return metrics by the names they have in History: a string as typed, an object as its class in snake case.

    A function becomes a Scorer and keeps its name. Names that repeat are numbered: precision, precision_1.
    """
    found: dict[str, Metric] = {}
    for item in [] if given is None else list(given) if isinstance(given, list | tuple) else [given]:
        name = _name(item)
        if name in ("loss", "data_loss", "penalty"):
            raise SettingError(f"{what}: History already has an entry {name}; rename the metric")
        found[unique(name, found)] = _metric(what, item)
    return found


def _name(item: Any) -> str:
    if isinstance(item, str):
        return item
    function = item.function if isinstance(item, Scorer) else item
    return str(getattr(function, "__name__", snake_case(type(function).__name__)))


def _metric(what: str, item: Any) -> Metric:
    is_function = callable(item) and not isinstance(item, type | Metric)
    return Scorer(item) if is_function else validation.resolve(what, item, Metric, METRICS)
