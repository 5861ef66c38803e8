"""Losses by their Keras strings, and the default loss of a model."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import validation
from ..layers import Layer, Sigmoid, Softmax, fits
from ._base import Loss, PenalizedLoss
from ._crossentropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from ._regression import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Pinball,
    Poisson,
    SquaredHinge,
)

LOSSES: dict[str, Callable[[], Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "logcosh": LogCosh,
    "cosine_similarity": CosineSimilarity,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
    "pinball": Pinball,
    "poisson": Poisson,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "categorical_generalized_cross_entropy": CategoricalGeneralizedCrossEntropy,
}


def get(what: str, given: PenalizedLoss | Loss | str) -> PenalizedLoss:
    """Return the given sum of terms, or make one of a loss or of a Keras string."""
    return given if isinstance(given, PenalizedLoss) else PenalizedLoss(validation.resolve(what, given, Loss, LOSSES))


def default_for(layer: Layer, y: Any = None, output_shape: tuple[int, ...] = ()) -> Loss:
    """Return the loss that has the layer as its link, else MeanSquaredError.

    After Softmax, targets y with one number for each row, or for each position of output_shape, are class labels.
    """
    if isinstance(layer, Softmax):
        positions = output_shape[:-1]
        in_one_column = y is not None and any(fits(np.shape(y)[1:], form) for form in (positions, (*positions, 1)))
        return SparseCategoricalCrossentropy() if in_one_column else CategoricalCrossentropy()
    return BinaryCrossentropy() if isinstance(layer, Sigmoid) else MeanSquaredError()
