"""The classes that a file may name. What is not in here comes from the `custom_objects` of whoever loads it."""

from __future__ import annotations

from .. import initializers, losses, metrics, optimizers, regularizers, schedules
from ..registry import LAYERS

CLASSES: dict[str, type] = {
    **{f"layers.{cls.__name__}": cls for cls in LAYERS},
    "initializers.Constant": initializers.Constant,
    "initializers.GlorotNormal": initializers.GlorotNormal,
    "initializers.GlorotUniform": initializers.GlorotUniform,
    "initializers.HeNormal": initializers.HeNormal,
    "initializers.HeUniform": initializers.HeUniform,
    "initializers.Identity": initializers.Identity,
    "initializers.LecunNormal": initializers.LecunNormal,
    "initializers.LecunUniform": initializers.LecunUniform,
    "initializers.Ones": initializers.Ones,
    "initializers.Orthogonal": initializers.Orthogonal,
    "initializers.RandomNormal": initializers.RandomNormal,
    "initializers.RandomUniform": initializers.RandomUniform,
    "initializers.TruncatedNormal": initializers.TruncatedNormal,
    "initializers.VarianceScaling": initializers.VarianceScaling,
    "initializers.Zeros": initializers.Zeros,
    "losses.BinaryCrossentropy": losses.BinaryCrossentropy,
    "losses.CategoricalCrossentropy": losses.CategoricalCrossentropy,
    "losses.Hinge": losses.Hinge,
    "losses.Huber": losses.Huber,
    "losses.MeanAbsoluteError": losses.MeanAbsoluteError,
    "losses.MeanSquaredError": losses.MeanSquaredError,
    "losses.PenalizedLoss": losses.PenalizedLoss,
    "losses.Poisson": losses.Poisson,
    "losses.SparseCategoricalCrossentropy": losses.SparseCategoricalCrossentropy,
    "metrics.AUC": metrics.AUC,
    "metrics.Accuracy": metrics.Accuracy,
    "metrics.BinaryAccuracy": metrics.BinaryAccuracy,
    "metrics.CategoricalAccuracy": metrics.CategoricalAccuracy,
    "metrics.F1Score": metrics.F1Score,
    "metrics.MeanAbsoluteError": metrics.MeanAbsoluteError,
    "metrics.MeanSquaredError": metrics.MeanSquaredError,
    "metrics.Precision": metrics.Precision,
    "metrics.R2Score": metrics.R2Score,
    "metrics.Recall": metrics.Recall,
    "metrics.Scorer": metrics.Scorer,
    "metrics.SparseCategoricalAccuracy": metrics.SparseCategoricalAccuracy,
    "optimizers.AMSGrad": optimizers.AMSGrad,
    "optimizers.Adagrad": optimizers.Adagrad,
    "optimizers.Adam": optimizers.Adam,
    "optimizers.AdamW": optimizers.AdamW,
    "optimizers.Clip": optimizers.Clip,
    "optimizers.LBFGS": optimizers.LBFGS,
    "optimizers.MovingAverage": optimizers.MovingAverage,
    "optimizers.Nadam": optimizers.Nadam,
    "optimizers.RMSprop": optimizers.RMSprop,
    "optimizers.SGD": optimizers.SGD,
    "regularizers.L1": regularizers.L1,
    "regularizers.L1L2": regularizers.L1L2,
    "regularizers.L2": regularizers.L2,
    "schedules.CosineDecay": schedules.CosineDecay,
    "schedules.CosineDecayRestarts": schedules.CosineDecayRestarts,
    "schedules.ExponentialDecay": schedules.ExponentialDecay,
    "schedules.InverseTimeDecay": schedules.InverseTimeDecay,
    "schedules.PiecewiseConstantDecay": schedules.PiecewiseConstantDecay,
    "schedules.PolynomialDecay": schedules.PolynomialDecay,
    "schedules.WarmUp": schedules.WarmUp,
}

NAMES = {cls: name for name, cls in CLASSES.items()}

# Names in files of earlier versions
RENAMED: dict[str, type] = {"losses.Objective": losses.PenalizedLoss}
