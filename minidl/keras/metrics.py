"""Keras's `keras.metrics`: classes, functions and strings. Objects of Keras's classes are metrics of minidl."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import losses as core_losses
from .. import metrics as core
from ._absent import absent
from ._lookup import Lookup, serialize
from ._metric import Mean, MeanMetricWrapper, Metric, Sum
from ._named_metrics import named, of_loss
from ._rows import as_floats, same_rank
from .losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)

# ---- classes, with the order of Keras's arguments

MeanSquaredError = named(core.MeanSquaredError, "name dtype")
RootMeanSquaredError = named(core.RootMeanSquaredError, "name dtype")
MeanAbsoluteError = named(core.MeanAbsoluteError, "name dtype")
MeanAbsolutePercentageError = named(core.MeanAbsolutePercentageError, "name dtype")
MeanSquaredLogarithmicError = named(core.MeanSquaredLogarithmicError, "name dtype")
LogCoshError = named(core.LogCoshError, "name dtype")
CosineSimilarity = named(core.CosineSimilarity, "name dtype axis", axis=-1)
R2Score = named(core.R2Score, "class_aggregation num_regressors name dtype")

BinaryAccuracy = named(core.BinaryAccuracy, "name dtype threshold")
CategoricalAccuracy = named(core.CategoricalAccuracy, "name dtype")
SparseCategoricalAccuracy = named(core.SparseCategoricalAccuracy, "name dtype")
TopKCategoricalAccuracy = named(core.TopKCategoricalAccuracy, "k name dtype")
SparseTopKCategoricalAccuracy = named(
    core.SparseTopKCategoricalAccuracy, "k name dtype from_sorted_ids", from_sorted_ids=False
)

_COUNTED = "thresholds top_k class_id name dtype"
Precision, Recall = named(core.Precision, _COUNTED), named(core.Recall, _COUNTED)
TruePositives = named(core.TruePositives, "thresholds name dtype")
TrueNegatives = named(core.TrueNegatives, "thresholds name dtype")
FalsePositives = named(core.FalsePositives, "thresholds name dtype")
FalseNegatives = named(core.FalseNegatives, "thresholds name dtype")
F1Score = named(core.F1Score, "average threshold name dtype", changed={"average": None})
FBetaScore = named(core.FBetaScore, "average beta threshold name dtype", changed={"average": None})
AUC = named(
    core.AUC,
    "num_thresholds curve summation_method name dtype thresholds multi_label num_labels label_weights from_logits",
    label_weights=None,
)
PrecisionAtRecall = named(core.PrecisionAtRecall, "recall num_thresholds class_id name dtype")
RecallAtPrecision = named(core.RecallAtPrecision, "precision num_thresholds class_id name dtype")
SensitivityAtSpecificity = named(core.SensitivityAtSpecificity, "specificity num_thresholds class_id name dtype")
SpecificityAtSensitivity = named(core.SpecificityAtSensitivity, "sensitivity num_thresholds class_id name dtype")

BinaryIoU = named(core.BinaryIoU, "target_class_ids threshold name dtype")
_CLASSES = "name dtype ignore_class"
IoU = named(core.IoU, f"num_classes target_class_ids {_CLASSES} sparse_y_true sparse_y_pred axis", axis=-1)
MeanIoU = named(core.MeanIoU, f"num_classes {_CLASSES} sparse_y_true sparse_y_pred axis", axis=-1)
OneHotIoU = named(core.OneHotIoU, f"num_classes target_class_ids {_CLASSES} sparse_y_pred axis", axis=-1)
OneHotMeanIoU = named(core.OneHotMeanIoU, f"num_classes {_CLASSES} sparse_y_pred axis", axis=-1)

BinaryCrossentropy = of_loss(core_losses.BinaryCrossentropy, "name dtype from_logits label_smoothing")
CategoricalCrossentropy = of_loss(
    core_losses.CategoricalCrossentropy, "name dtype from_logits label_smoothing axis", axis=-1
)
SparseCategoricalCrossentropy = of_loss(
    core_losses.SparseCategoricalCrossentropy, "name dtype from_logits ignore_class axis", ignore_class=None, axis=-1
)
KLDivergence = of_loss(core_losses.KLDivergence, "name dtype")
Poisson = of_loss(core_losses.Poisson, "name dtype")
Hinge = of_loss(core_losses.Hinge, "name dtype")
SquaredHinge = of_loss(core_losses.SquaredHinge, "name dtype")
CategoricalHinge = of_loss(core_losses.CategoricalHinge, "name dtype")


class Accuracy(MeanMetricWrapper):
    """The fraction of entries with y == p. The string "accuracy" chooses by the outputs of the model instead."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(np.equal, name, dtype)


# ---- functions: the value of each row, or of each entry


def _values(metric: core.MeanMetric, y_true: Any, y_pred: Any) -> np.ndarray:
    y, p = same_rank(as_floats(y_true), as_floats(y_pred))
    return np.asarray(metric.values(y, p), np.float32)


def _labels(metric: core.MeanMetric, y_true: Any, y_pred: Any) -> np.ndarray:
    p = as_floats(y_pred)
    y = as_floats(y_true).reshape(-1, 1) == np.arange(p.shape[-1])
    return np.asarray(metric.values(y, p), np.float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """Return 1 for each entry with (p > threshold) == y, else 0."""
    return _values(core.BinaryAccuracy(threshold), y_true, y_pred)


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return 1 for each row with argmax p == argmax y, else 0."""
    return _values(core.CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return 1 for each row with argmax p == y, else 0."""
    return _labels(core.CategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """Return 1 for each row whose right class has one of the k largest outputs, else 0."""
    return _values(core.TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """Return 1 for each row whose class y has one of the k largest outputs, else 0."""
    return _labels(core.TopKCategoricalAccuracy(k), y_true, y_pred)


# ---- names

_OBJECTS: tuple[Any, ...] = (
    *(AUC, Accuracy, BinaryAccuracy, BinaryCrossentropy, BinaryIoU, CategoricalAccuracy, CategoricalCrossentropy),
    *(CategoricalHinge, CosineSimilarity, F1Score, FBetaScore, FalseNegatives, FalsePositives, Hinge, IoU),
    *(KLDivergence, LogCoshError, Mean, MeanAbsoluteError, MeanAbsolutePercentageError, MeanIoU, MeanSquaredError),
    *(MeanSquaredLogarithmicError, OneHotIoU, OneHotMeanIoU, Poisson, Precision, PrecisionAtRecall, R2Score, Recall),
    *(RecallAtPrecision, RootMeanSquaredError, SensitivityAtSpecificity, SparseCategoricalAccuracy),
    *(SparseCategoricalCrossentropy, SparseTopKCategoricalAccuracy, SpecificityAtSensitivity, SquaredHinge, Sum),
    *(TopKCategoricalAccuracy, TrueNegatives, TruePositives),
)
_FUNCTIONS: tuple[Any, ...] = (
    *(binary_accuracy, binary_crossentropy, binary_focal_crossentropy, categorical_accuracy, categorical_crossentropy),
    *(
        categorical_focal_crossentropy,
        categorical_hinge,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
    ),
    *(mean_squared_error, mean_squared_logarithmic_error, poisson, sparse_categorical_accuracy),
    *(sparse_categorical_crossentropy, sparse_top_k_categorical_accuracy, squared_hinge, top_k_categorical_accuracy),
)
_lookup = Lookup("metric", _OBJECTS, **core.METRICS)
deserialize = _lookup.deserialize

__all__ = sorted(
    [part.__name__ for part in (*_OBJECTS, *_FUNCTIONS, Metric, MeanMetricWrapper, serialize)] + ["deserialize", "get"]
)


def get(identifier: Any) -> Any:
    """Return the metric of a string, a config or a function of (y_true, y_pred); metrics and losses as they are."""
    found = _lookup.get(identifier)
    known = found is None or isinstance(found, core.Metric | core_losses.Loss) or hasattr(found, "core")
    return found if known or not callable(found) else MeanMetricWrapper(found)


_ALL_ROWS = "pass scipy.stats.pearsonr of all rows as minidl.metrics.Scorer(function)"
_CORRELATIONS = "ConcordanceCorrelation PearsonCorrelation concordance_correlation pearson_correlation"
_ABSENT = dict.fromkeys(_CORRELATIONS.split(), _ALL_ROWS)
__getattr__ = absent(__name__, _ABSENT)
