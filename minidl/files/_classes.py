"""The classes that a file may name. Other classes come from the caller's `custom_objects`."""

from __future__ import annotations

from .. import initializers, losses, metrics, optimizers, regularizers, schedules
from ..registry import LAYERS

_FAMILIES: dict[str, tuple[type, ...]] = {
    "initializers": (
        initializers.Constant,
        initializers.GlorotNormal,
        initializers.GlorotUniform,
        initializers.HeNormal,
        initializers.HeUniform,
        initializers.Identity,
        initializers.LecunNormal,
        initializers.LecunUniform,
        initializers.Ones,
        initializers.Orthogonal,
        initializers.RandomNormal,
        initializers.RandomUniform,
        initializers.TruncatedNormal,
        initializers.VarianceScaling,
        initializers.Zeros,
    ),
    "layers": tuple(LAYERS),
    "losses": (
        losses.BinaryCrossentropy,
        losses.CategoricalCrossentropy,
        losses.Hinge,
        losses.Huber,
        losses.MeanAbsoluteError,
        losses.MeanSquaredError,
        losses.PenalizedLoss,
        losses.Poisson,
        losses.SparseCategoricalCrossentropy,
    ),
    "metrics": (
        metrics.AUC,
        metrics.Accuracy,
        metrics.BinaryAccuracy,
        metrics.CategoricalAccuracy,
        metrics.F1Score,
        metrics.MeanAbsoluteError,
        metrics.MeanSquaredError,
        metrics.Precision,
        metrics.R2Score,
        metrics.Recall,
        metrics.Scorer,
        metrics.SparseCategoricalAccuracy,
    ),
    "optimizers": (
        optimizers.AMSGrad,
        optimizers.Adagrad,
        optimizers.Adam,
        optimizers.AdamW,
        optimizers.Clip,
        optimizers.LBFGS,
        optimizers.MovingAverage,
        optimizers.Nadam,
        optimizers.RMSprop,
        optimizers.SGD,
    ),
    "regularizers": (regularizers.L1, regularizers.L1L2, regularizers.L2),
    "schedules": (
        schedules.CosineDecay,
        schedules.CosineDecayRestarts,
        schedules.ExponentialDecay,
        schedules.InverseTimeDecay,
        schedules.PiecewiseConstantDecay,
        schedules.PolynomialDecay,
        schedules.WarmUp,
    ),
}

CLASSES = {f"{family}.{cls.__name__}": cls for family, classes in _FAMILIES.items() for cls in classes}
NAMES = {cls: name for name, cls in CLASSES.items()}

# Names in files of earlier versions
RENAMED: dict[str, type] = {"losses.Objective": losses.PenalizedLoss}
