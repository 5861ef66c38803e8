"""What a model is trained to make small: a loss of outputs and targets, plus penalties on the kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from . import validation
from .errors import DataError, SettingError, ShapeError
from .layers import Layer, Sigmoid, Softmax
from .ops import log_softmax, mean_weights, relu, row_sums
from .parameters import Penalty
from .validation import Interval


class Loss:
    """L = (1/m) sum_i w_i l(p_i, y_i).   Outputs p (m, k), targets y (m, k), weights w (m,), ones if not given.

    A subclass writes one method, the equation and its derivative, row by row:

    terms(p, y) -> l (m,), dl/dp (m, k)

    The gradient checker runs it with complex p, where only l matters: see `Layer`. `labels` and `outputs` are the
    intervals that y and p must lie in; where `sparse`, y (m, 1) is the place of the right one among the k outputs.
    `link` is the output activation the loss belongs to: after that one the model works from logits.
    Losses add to penalties: BinaryCrossentropy() + L2(0.7).
    """

    link: ClassVar[type[Layer] | None] = None
    labels: ClassVar[Interval] = Interval("(-inf, inf)")
    outputs: ClassVar[Interval] = Interval("(-inf, inf)")
    sparse: ClassVar[bool] = False
    from_logits: bool = False

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError(f"{type(self).__name__} must write terms(p, y)")

    def on_logits(self) -> Loss:
        """The same loss as a function of what goes into its link."""
        raise NotImplementedError(f"{type(self).__name__} names a link, so it must write on_logits()")

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        """L, a number (complex for complex p), and dL/dp (m, k)."""
        losses, slopes = self.terms(p, y)
        m = len(p)
        share = mean_weights(m, p.real.dtype) if weights is None else weights / m
        return losses.dot(share), slopes * share[:, None]

    def value(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Any:
        """L alone."""
        return self.value_and_gradient(p, y, weights)[0]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """L as a float, called as in Keras: y_true and y_pred of one shape, (m, k) or (m,); sample_weight (m,)."""
        who, y, p = type(self).__name__, np.asarray(y_true), np.asarray(y_pred)
        if y.shape != p.shape or y.ndim > 2 or not y.size:
            raise ShapeError(f"{who}: y_true has shape {y.shape}, y_pred {p.shape}; wanted one shape, (rows, outputs)")
        if not {y.dtype.kind, p.dtype.kind} <= set("biuf"):
            raise DataError(f"{who}: y_true has dtype {y.dtype}, y_pred {p.dtype}; they must hold real numbers")
        y, p = (np.atleast_1d(a.astype(np.result_type(a, np.float32), copy=False)) for a in (y, p))
        row = self.link is Softmax  # a vector is one row of classes, for other losses a column
        y, p = (np.atleast_2d(a) if row else a[:, None] if a.ndim == 1 else a for a in (y, p))
        weights = None if sample_weight is None else np.asarray(sample_weight)
        if weights is not None and weights.shape != (len(p),):
            raise ShapeError(f"{who}: sample_weight has shape {weights.shape}, wanted one weight a row: ({len(p)},)")
        return float(self.value(p, y, weights))

    def __add__(self, term: Penalty | PenalizedLoss) -> PenalizedLoss:
        return PenalizedLoss(self) + term

    __radd__ = __add__


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """l = -y log p - (1 - y) log(1 - p), the mean over the k outputs.   y in [0, 1].

    p is a probability, kept inside [eps, 1 - eps] with eps the rounding unit of its dtype. After a Sigmoid, or with
    from_logits=True, it is computed from the logit z instead, with no clip and no overflow:

    l = max(z, 0) - y z + log(1 + exp(-|z|)),   dl/dz = sigmoid(z) - y

    label_smoothing  s in [0, 1]: y is replaced by (1 - s) y + s / 2 (Szegedy et al. 2016)
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    link = Sigmoid
    labels = Interval("[0, 1]")
    outputs = Interval("[0, 1]")

    def __post_init__(self) -> None:
        validation.check_boolean("BinaryCrossentropy", "from_logits", self.from_logits)
        validation.keep_number(self, "label_smoothing", "[0, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = _smoothed(y, self.label_smoothing, 2)
        return self._of_logits(p, y) if self.from_logits else self._of_probabilities(p, y)

    def _of_logits(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = relu(z)
        below = z - r
        e = np.exp(below - r)  # exp(-|z|), also for complex z
        p = np.exp(below) / (1 + e)
        # the brackets keep the tail: for y = 1 and large z, r - y z is exactly 0
        return _mean(np.log1p(e) + (r - y * z)), _share(p - y)

    def _of_probabilities(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        q = _clipped(p)
        # outside the clip the loss is constant, so its slope is 0
        return _mean(-y * np.log(q) - (1 - y) * np.log(1 - q)), _share((q - y) / (q * (1 - q)) * (q == p))

    def on_logits(self) -> Self:
        return replace(self, from_logits=True)


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """l = -sum_j y_j log p_j.   Classes that exclude each other: y one-hot, or their probabilities, (m, k).

    p, divided by its sum as in Keras, is kept inside [eps, 1 - eps], eps the rounding unit of its dtype. After a
    Softmax, or with from_logits=True, it is computed from the logits z instead, without a clip:

    l = -sum_j y_j log softmax(z)_j,   dl/dz = softmax(z) sum_j y_j - y

    label_smoothing  s in [0, 1]: y is replaced by (1 - s) y + s / k (Szegedy et al. 2016)
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    link = Softmax
    labels = Interval("[0, 1]")
    outputs = Interval("[0, 1]")

    def __post_init__(self) -> None:
        validation.check_boolean("CategoricalCrossentropy", "from_logits", self.from_logits)
        validation.keep_number(self, "label_smoothing", "[0, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = _smoothed(y, self.label_smoothing, y.shape[1])
        return self._of_logits(p, y) if self.from_logits else self._of_probabilities(p, y)

    def _of_logits(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_p = log_softmax(z)
        return -row_sums(y * log_p)[:, 0], np.exp(log_p) * row_sums(y) - y

    def _of_probabilities(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = p.sum(axis=1, keepdims=True)
        n = p / whole
        q = _clipped(n)
        dn = -y / q * (q == n)
        return -(y * np.log(q)).sum(axis=1), (dn - (dn * n).sum(axis=1, keepdims=True)) / whole

    def on_logits(self) -> Self:
        return replace(self, from_logits=True)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """l = -log p_y: CategoricalCrossentropy for targets that are class labels, y (m, 1) in 0, ..., k - 1."""

    from_logits: bool = False

    link = Softmax
    outputs = Interval("[0, 1]")
    sparse = True

    def __post_init__(self) -> None:
        validation.check_boolean("SparseCategoricalCrossentropy", "from_logits", self.from_logits)

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.from_logits:
            one_hot = (y == np.arange(p.shape[1])).astype(y.dtype)
            return CategoricalCrossentropy().terms(p, one_hot)
        log_p = log_softmax(p)
        slopes, right = np.exp(log_p), (np.arange(len(y)), y[:, 0].astype(int))
        slopes[right] -= 1
        return -log_p[right], slopes

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """L as a float, called as in Keras: y_true (m,) or (m, 1), y_pred (m, k)."""
        y, p = np.asarray(y_true), np.asarray(y_pred)
        if p.ndim != 2 or y.shape not in ((len(p),), (len(p), 1)):
            raise ShapeError(f"SparseCategoricalCrossentropy: y_true has shape {y.shape}, y_pred {p.shape}")
        one_hot = y.reshape(-1, 1) == np.arange(p.shape[1])
        if not one_hot.any(axis=1).all():
            last = p.shape[1] - 1
            raise DataError(
                f"SparseCategoricalCrossentropy: y_true must hold class labels, 0 to {last} for this y_pred"
            )
        return CategoricalCrossentropy(self.from_logits)(one_hot, p, sample_weight)

    def on_logits(self) -> Self:
        return replace(self, from_logits=True)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """l = (p - y)^2, the mean over the k outputs;   dl/dp = 2 (p - y) / k."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        return _mean(difference**2), _share(2 * difference)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """l = |p - y|, the mean over the k outputs;   dl/dp = sign(p - y) / k, 0 at 0."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        return _mean(np.maximum(difference, -difference)), _share(np.sign(difference))


@dataclass(frozen=True)
class Huber(Loss):
    """l = d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2,   d = p - y; the mean over the k outputs.

    dl/dp = min(max(d, -delta), delta) / k. delta above 0, in units of y: larger errors pull no harder. (Huber 1964)
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        validation.keep_number(self, "delta", "(0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        pull = np.minimum(np.maximum(difference, -self.delta), self.delta)
        return _mean(pull * (difference - pull / 2)), _share(pull)


@dataclass(frozen=True)
class Hinge(Loss):
    """l = max(1 - y p, 0), the mean over the k outputs;   dl/dp = -y / k where y p < 1, else 0.   y -1 or 1.

    A label 0 counts as -1. The outputs p are margins, without an activation. (Cortes & Vapnik 1995)
    """

    labels = Interval("[-1, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = np.where(y == 0, -1, y)
        margin = 1 - y * p
        return _mean(np.maximum(margin, 0)), _share(-y * (margin > 0))


@dataclass(frozen=True)
class Poisson(Loss):
    """l = p - y log(p + eps), the mean over the k outputs;   dl/dp = (1 - y / (p + eps)) / k.   eps = 1e-7 as in Keras.

    y counts, at least 0; p their expected values, at least 0, as after Softplus. -log of Poisson's probability, but for
    what does not depend on p.
    """

    labels = Interval("[0, inf)")
    outputs = Interval("[0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate = p + 1e-7
        return _mean(p - y * np.log(rate)), _share(1 - y / rate)


def _mean(terms: np.ndarray) -> np.ndarray:
    """The mean over the outputs of each row; a single column needs no arithmetic."""
    return terms[:, 0] if terms.shape[1] == 1 else terms.mean(axis=1)


def _share(slopes: np.ndarray) -> np.ndarray:
    """What the mean makes of the slopes."""
    return slopes if slopes.shape[1] == 1 else slopes / slopes.shape[1]


def _smoothed(y: np.ndarray, smoothing: float, classes: int) -> np.ndarray:
    """Some of what is known of the class goes to all of them alike."""
    return (1 - smoothing) * y + smoothing / classes if smoothing else y


def _clipped(p: np.ndarray) -> np.ndarray:
    """Probabilities p whose logarithms, and those of 1 - p, are finite."""
    eps = float(np.finfo(p.dtype).eps)
    return np.minimum(np.maximum(p, eps), 1 - eps)


@dataclass(frozen=True)
class PenalizedLoss:
    """loss + penalty + penalty + ...   What `compile(loss=...)` takes; made by adding."""

    loss: Loss
    penalties: tuple[Penalty, ...] = ()

    def __add__(self, term: Penalty | PenalizedLoss) -> PenalizedLoss:
        if isinstance(term, Penalty):
            return replace(self, penalties=(*self.penalties, term))
        if isinstance(term, Loss | PenalizedLoss):
            raise SettingError("a model has one loss; add penalties to it: BinaryCrossentropy() + L2(0.7)")
        return NotImplemented

    __radd__ = __add__


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
    "huber": Huber,
    "hinge": Hinge,
    "poisson": Poisson,
}


def get(what: str, given: PenalizedLoss | Loss | str) -> PenalizedLoss:
    """The objective that a loss, a sum of terms or a Keras string stands for."""
    return given if isinstance(given, PenalizedLoss) else PenalizedLoss(validation.resolve(what, given, Loss, LOSSES))


def default_for(layer: Layer, y: Any = None) -> Loss:
    """The loss whose link the layer is, else MeanSquaredError. After Softmax, y in one column are class labels."""
    if isinstance(layer, Softmax):
        in_one_column = y is not None and np.shape(y)[1:] in ((), (1,))
        return SparseCategoricalCrossentropy() if in_one_column else CategoricalCrossentropy()
    return BinaryCrossentropy() if isinstance(layer, Sigmoid) else MeanSquaredError()
