"""What a model is trained to make small: a loss of outputs and targets, plus penalties on the kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from . import settings
from .errors import SettingError, ShapeError
from .layers.activations import Sigmoid, sigmoid
from .layers.base import Layer


class Loss:
    """L = (1/m) sum_i w_i l(p_i, y_i).   Outputs p (m, k), targets y (m, k), weights w (m,), ones if not given.

    A subclass writes two equations, each row by row:

    losses(p, y)  l, (m,)
    slopes(p, y)  dl/dp, (m, k)

    The gradient checker runs `losses` with complex p: see `Layer`. `labels` is the interval that targets must lie in,
    `link` the output activation the loss belongs to: after that one the model works from the logits.
    Losses add to penalties: BinaryCrossentropy() + L2(0.7).
    """

    link: ClassVar[type[Layer] | None] = None
    labels: ClassVar[str] = "(-inf, inf)"

    def losses(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write losses(p, y)")

    def slopes(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write slopes(p, y)")

    def on_logits(self) -> Loss:
        """The same loss as a function of what goes into its link."""
        raise NotImplementedError(f"{type(self).__name__} names a link, so it must write on_logits()")

    def value(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Any:
        """L, a number (complex for complex p)."""
        losses = self.losses(p, y)
        return (losses.sum() if weights is None else losses @ weights) / len(p)

    def gradient(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """dL/dp, (m, k)."""
        slopes = self.slopes(p, y)
        return slopes * (1 / len(p)) if weights is None else slopes * (weights[:, None] / len(p))

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

    def losses(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.from_logits:
            a = np.maximum(p, -p)  # |z|, also for complex z
            return _mean(np.log1p(np.exp(-a)) + (a + p) / 2 - y * p)
        p = _inside(p)
        return _mean(-y * np.log(p) - (1 - y) * np.log(1 - p))

    def slopes(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.from_logits:
            return (sigmoid(p) - y) / p.shape[1]
        q = _inside(p)
        # outside the clip the loss is constant, so its slope is 0
        return (q - y) / (q * (1 - q)) * (q == p) / p.shape[1]

    def on_logits(self) -> Self:
        return replace(self, from_logits=True)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """l = (p - y)^2, the mean over the k outputs;   dl/dp = 2 (p - y) / k."""

    def losses(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _mean((p - y) ** 2)

    def slopes(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 2 / p.shape[1] * (p - y)


def _mean(terms: np.ndarray) -> np.ndarray:
    # over the outputs of each row; a single column needs no arithmetic
    return terms[:, 0] if terms.shape[1] == 1 else terms.mean(axis=1)


def _inside(p: np.ndarray) -> np.ndarray:
    eps = float(np.finfo(p.dtype).eps)
    return np.minimum(np.maximum(p, eps), 1 - eps)


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
