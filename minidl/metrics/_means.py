"""Means of one value per row or per entry."""

from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError
from ..losses import CategoricalCrossentropy, Loss
from ..naming import snake_case
from ..ops import row_sums
from ..validation import boolean, instance, integer, real
from ._base import MeanMetric, one_hot

EPSILON = 1e-7  # as in Keras


@dataclass(eq=False)
class BinaryAccuracy(MeanMetric):
    """The fraction of entries with (p > threshold) == y."""

    threshold: float = real(default=0.5)

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p > self.threshold) == y


class CategoricalAccuracy(MeanMetric):
    """The fraction of rows with argmax p == argmax y."""

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return p.argmax(axis=1) == y.argmax(axis=1)


class SparseCategoricalAccuracy(CategoricalAccuracy):
    """The fraction of rows with argmax p == argmax y.   y (m, 1), labels 0 to k - 1."""


class Accuracy(MeanMetric):
    """Keras's "accuracy": BinaryAccuracy for one output, CategoricalAccuracy for several.

    Several outputs are taken as classes that exclude each other. If they do not, as after Sigmoid, use
    BinaryAccuracy().
    """

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p > 0.5) == y if p.shape[1] == 1 else p.argmax(axis=1) == y.argmax(axis=1)


# ---- losses


@dataclass(eq=False)
class LossMetric(MeanMetric):
    """The mean of a loss over the rows, without penalties: what `metrics=[Huber()]` and `metrics=["huber"]` measure.

    p are the predictions of the model, after its last activation.
    """

    loss: Loss = instance(Loss)

    direction = "down"

    def default_name(self) -> str:
        name = snake_case(type(self.loss).__name__)
        return "huber_loss" if name == "huber" else name  # Keras's

    def by_position(
        self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        p, y, weights = self.loss.by_position(p, y, weights)
        return y, p, weights

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.add(self.loss.terms(p, self._labels(y) if self.loss.sparse else one_hot(y, p))[0], weights)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        if y.shape[1] > 1:
            who, remedy = type(self.loss).__name__, "use CategoricalCrossentropy for one-hot rows"
            raise ShapeError(f"{who}: y has shape {y.shape}, class labels (m, 1) were expected; {remedy}")
        return y


@dataclass(eq=False)
class Perplexity(MeanMetric):
    """exp of the mean of -log p_y:   1 if each right class has probability 1, k if all k classes always have 1 / k.

    The mean is over all rows since the last reset, or over all steps that count of outputs (m, steps, k). KerasHub's
    Perplexity takes the mean of the means of the batches. y are class labels or one-hot rows. (Jelinek et al. 1977)

    from_logits    True: p are logits
    mask_token_id  rows with this label are left out, such as the id of padding; None: all rows count
    """

    from_logits: bool = boolean(default=False)
    mask_token_id: int | None = integer(0, default=None, optional=True)

    direction = "down"

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        if p.shape[1] == 1:
            remedy = "use BinaryCrossentropy() for one output"
            raise ShapeError(f"Perplexity: y_pred has one column; there must be one for each class; {remedy}")
        if self.mask_token_id is not None:
            labels = y.argmax(axis=1) if y.shape == p.shape else y[:, 0]
            counts = labels != self.mask_token_id
            y, p, weights = y[counts], p[counts], None if weights is None else weights[counts]
        self.add(CategoricalCrossentropy(self.from_logits).terms(p, one_hot(y, p))[0], weights)

    def result(self) -> float:
        if not self.count:
            return 0.0
        with np.errstate(over="ignore"):
            return float(np.exp(super().result()))


# ---- distances of numbers


class MeanSquaredError(MeanMetric):
    """The mean of (p - y)^2 over all entries."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p - y) ** 2


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (p - y)^2 over all entries."""

    def result(self) -> float:
        return float(np.sqrt(super().result()))


class MeanAbsoluteError(MeanMetric):
    """The mean of |p - y| over all entries."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.abs(p - y)


class MeanAbsolutePercentageError(MeanMetric):
    """The mean of 100 |p - y| / max(|y|, eps) over all entries.   eps = 1e-7 as in Keras."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return 100 * np.abs(p - y) / np.maximum(np.abs(y), EPSILON)


class MeanSquaredLogarithmicError(MeanMetric):
    """The mean of (log(1 + p) - log(1 + y))^2 over all entries.   y and p below eps = 1e-7 count as eps."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (np.log1p(np.maximum(p, EPSILON)) - np.log1p(np.maximum(y, EPSILON))) ** 2


class LogCoshError(MeanMetric):
    """The mean of log(cosh(p - y)) over all entries, computed without overflow."""

    direction = "down"

    def default_name(self) -> str:
        return "logcosh"  # Keras's

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        distance = np.abs(p - y)
        return distance + np.log1p(np.exp(-2 * distance)) - np.log(2)


class CosineSimilarity(MeanMetric):
    """The mean over the rows of y . p / (|y| |p|), 0 if one of them is 0.   In [-1, 1]."""

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        lengths = np.sqrt(row_sums(y * y) * row_sums(p * p))
        return row_sums(y * p)[:, 0] / np.where(lengths == 0, 1, lengths)[:, 0]
