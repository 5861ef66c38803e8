"""What a model is trained to make small: a loss of outputs and targets, plus penalties on the kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from . import settings
from .errors import SettingError, ShapeError
from .layers.activations import Sigmoid
from .layers.base import Layer


class Loss:
    """L = (1/m) sum_i w_i l(p_i, y_i).   Outputs p (m, k), targets y (m, k), weights w (m,), ones if not given.

    A subclass writes one method, the equation and its derivative, row by row:

    terms(p, y) -> l (m,), dl/dp (m, k)

    The gradient checker runs it with complex p, where only l matters: see `Layer`. `labels` is the interval that
    targets must lie in, `link` the output activation the loss belongs to: after that one the model works from logits.
    Losses add to penalties: BinaryCrossentropy() + L2(0.7).
    """

    link: ClassVar[type[Layer] | None] = None
    labels: ClassVar[str] = "(-inf, inf)"

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
        if weights is None:
            return np.add.reduce(losses) / m, slopes * (1 / m)
        return losses.dot(weights) / m, slopes * (weights[:, None] / m)

    def value(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Any:
        """L alone."""
        return self.value_and_gradient(p, y, weights)[0]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """L as a float, called as in Keras, on arrays of one shape."""
        y, p = np.asarray(y_true), np.asarray(y_pred)
        if y.shape != p.shape:
            raise ShapeError(f"{type(self).__name__}: y_true has shape {y.shape}, y_pred {p.shape}")
        y, p = (np.atleast_1d(a.astype(np.result_type(a, np.float32), copy=False)) for a in (y, p))
        y, p = (a[:, None] if a.ndim == 1 else a for a in (y, p))
        return float(self.value(p, y, None if sample_weight is None else np.asarray(sample_weight)))

    def __add__(self, term: Penalty | Objective) -> Objective:
        return Objective(self) + term

    __radd__ = __add__


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """l = -y log p - (1 - y) log(1 - p), the mean over the k outputs.   y in [0, 1].

    p is a probability, kept inside [eps, 1 - eps] with eps the rounding unit of its dtype. After a Sigmoid, or with
    from_logits=True, it is computed from the logit z instead, with no clip and no overflow:

    l = max(z, 0) - y z + log(1 + exp(-|z|)),   dl/dz = sigmoid(z) - y
    """

    from_logits: bool = False

    link = Sigmoid
    labels = "[0, 1]"

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._of_logits(p, y) if self.from_logits else self._of_probabilities(p, y)

    def _of_logits(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = np.maximum(z, 0)
        e = np.exp(z - r - r)  # exp(-|z|), also for complex z; 2 r would overflow
        p = np.exp(z - r) / (1 + e)
        # the brackets keep the tail: for y = 1 and large z, r - y z is exactly 0
        return _mean(np.log1p(e) + (r - y * z)), _share(p - y)

    def _of_probabilities(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        eps = float(np.finfo(p.dtype).eps)
        q = np.minimum(np.maximum(p, eps), 1 - eps)
        # outside the clip the loss is constant, so its slope is 0
        return _mean(-y * np.log(q) - (1 - y) * np.log(1 - q)), _share((q - y) / (q * (1 - q)) * (q == p))

    def on_logits(self) -> Self:
        return replace(self, from_logits=True)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """l = (p - y)^2, the mean over the k outputs;   dl/dp = 2 (p - y) / k."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        difference = p - y
        return _mean(difference**2), _share(2 * difference)


def _mean(terms: np.ndarray) -> np.ndarray:
    # over the outputs of each row; a single column needs no arithmetic
    return terms[:, 0] if terms.shape[1] == 1 else terms.mean(axis=1)


def _share(slopes: np.ndarray) -> np.ndarray:
    # what the mean makes of the slopes
    return slopes if slopes.shape[1] == 1 else slopes / slopes.shape[1]


class Penalty:
    """A term of the objective that sees only the kernels w, in one vector, and the number m of rows in the batch.

    A subclass writes value(w, m) -> number (complex for complex w) and gradient(w, m) -> array like w.
    """

    def value(self, w: np.ndarray, m: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write value(w, m)")

    def gradient(self, w: np.ndarray, m: int) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write gradient(w, m)")


@dataclass(frozen=True)
class Objective:
    """loss + penalty + penalty + ...   What `compile(loss=...)` takes; made by adding."""

    loss: Loss
    penalties: tuple[Penalty, ...] = ()

    def __add__(self, term: Penalty | Objective) -> Objective:
        if isinstance(term, Penalty):
            return replace(self, penalties=(*self.penalties, term))
        if isinstance(term, Loss | Objective):
            raise SettingError("a model has one loss; add penalties to it: BinaryCrossentropy() + L2(0.7)")
        return NotImplemented

    __radd__ = __add__

    def penalty(self, w: np.ndarray, m: int) -> Any:
        """The penalties' sum."""
        return sum(penalty.value(w, m) for penalty in self.penalties)


LOSSES: dict[str, Callable[[], Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
}


def get(what: str, given: Objective | Loss | str) -> Objective:
    """The objective that a loss, a sum of terms or a Keras string stands for."""
    return given if isinstance(given, Objective) else Objective(settings.resolve(what, given, Loss, LOSSES))


def belonging_to(layer: Layer) -> Loss:
    """The loss whose link the layer is, else MeanSquaredError."""
    linked = (loss for loss in (BinaryCrossentropy,) if isinstance(layer, loss.link))
    return next(linked, MeanSquaredError)()
