"""The classes that a file may name. Other classes come from the caller's `custom_objects`."""

from __future__ import annotations

from .. import constraints, initializers, losses, metrics, optimizers, regularizers, schedules
from ..registry import LAYERS

_INITIALIZERS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform Seeded TruncatedNormal VarianceScaling Zeros
"""
_LOSSES = """
    BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge
    CategoricalGeneralizedCrossEntropy CosineSimilarity FunctionLoss
    Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
    MeanSquaredLogarithmicError NoLoss OnlyMeasured OutputLosses PenalizedLoss Pinball Poisson
    SparseCategoricalCrossentropy SquaredHinge
"""
_METRICS = """
    AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy CosineSimilarity F1Score FBetaScore FalseNegatives
    FalsePositives IoU LogCoshError LossMetric MeanAbsoluteError MeanAbsolutePercentageError MeanIoU
    MeanSquaredError MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU OutputLoss OutputMetric Perplexity
    Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError Scorer SensitivityAtSpecificity
    SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity TopKCategoricalAccuracy
    TrueNegatives TruePositives Weighted
"""
_OPTIMIZERS = """
    AMSGrad Accumulate Adadelta Adagrad Adam AdamW Adamax Clip LBFGS Lion MovingAverage Nadam RMSprop SGD WeightDecay
"""
_REGULARIZERS = "BatchL2 FunctionPenalty L1 L1L2 L2 OrthogonalRegularizer"
_CONSTRAINTS = "MaxNorm MinMaxNorm NonNeg UnitNorm"
_SCHEDULES = """
    CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay WarmUp
"""

CLASSES: dict[str, type] = {
    **{f"layers.{cls.__name__}": cls for cls in LAYERS},
    **{f"constraints.{name}": getattr(constraints, name) for name in _CONSTRAINTS.split()},
    **{f"initializers.{name}": getattr(initializers, name) for name in _INITIALIZERS.split()},
    **{f"losses.{name}": getattr(losses, name) for name in _LOSSES.split()},
    **{f"metrics.{name}": getattr(metrics, name) for name in _METRICS.split()},
    **{f"optimizers.{name}": getattr(optimizers, name) for name in _OPTIMIZERS.split()},
    **{f"regularizers.{name}": getattr(regularizers, name) for name in _REGULARIZERS.split()},
    **{f"schedules.{name}": getattr(schedules, name) for name in _SCHEDULES.split()},
}
NAMES = {cls: name for name, cls in CLASSES.items()}

# Names in files of earlier versions
RENAMED: dict[str, type] = {"losses.Objective": losses.PenalizedLoss}
