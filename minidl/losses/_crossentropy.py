"""Losses of probabilities, which are computed from logits where the model knows them."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..errors import DataError, ShapeError
from ..layers import Sigmoid, Softmax
from ..ops import log_softmax, relu, row_sums, sigmoid, softmax
from ..validation import Interval, boolean, real
from ._base import Loss, divide_by_outputs, mean


@dataclass(frozen=True)
class Crossentropy(Loss):
    """Base class of the losses of probabilities, which know a second formula for logits."""

    from_logits: bool = boolean(default=False)

    outputs = Interval("[0, 1]")

    def on_logits(self) -> Self:
        return replace(self, from_logits=True)


@dataclass(frozen=True)
class BinaryCrossentropy(Crossentropy):
    """l = -y log p - (1 - y) log(1 - p), the mean over the k outputs.   y in [0, 1].

    p is a probability, clipped to [eps, 1 - eps], eps the rounding unit of its dtype. After a Sigmoid, or with
    from_logits=True, l is computed from the logit z instead, without a clip and without overflow:

    l = max(z, 0) - y z + log(1 + exp(-|z|)),   dl/dz = sigmoid(z) - y

    label_smoothing  s in [0, 1]: y is replaced by (1 - s) y + s / 2 (Szegedy et al. 2016)
    """

    label_smoothing: float = real("[0, 1]", default=0.0)

    link = Sigmoid
    labels = Interval("[0, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = _smoothed(y, self.label_smoothing, 2)
        return self._of_logits(p, y) if self.from_logits else self._of_probabilities(p, y)

    def _of_logits(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = relu(z)
        below = z - r
        e = np.exp(below - r)  # exp(-|z|), also for complex z
        p = np.exp(below) / (1 + e)
        # the brackets keep small losses accurate: for y = 1 and large z, r - y z is exactly 0
        return mean(np.log1p(e) + (r - y * z)), divide_by_outputs(p - y)

    def _of_probabilities(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        q = _clipped(p)
        # outside the clip the loss is constant, so its derivative is 0
        derivatives = (q - y) / (q * (1 - q)) * (q == p)
        return mean(-y * np.log(q) - (1 - y) * np.log(1 - q)), divide_by_outputs(derivatives)


@dataclass(frozen=True)
class CategoricalCrossentropy(Crossentropy):
    """l = -sum_j y_j log p_j.   Classes of which one is right: y (m, k) one-hot, or probabilities of the classes.

    p is divided by its sum, as in Keras, and clipped to [eps, 1 - eps], eps the rounding unit of its dtype. After a
    Softmax, or with from_logits=True, l is computed from the logits z instead, without a clip:

    l = -sum_j y_j log softmax(z)_j,   dl/dz = softmax(z) sum_j y_j - y

    label_smoothing  s in [0, 1]: y is replaced by (1 - s) y + s / k (Szegedy et al. 2016)
    """

    label_smoothing: float = real("[0, 1]", default=0.0)

    link = Softmax
    labels = Interval("[0, 1]")
    exclusive = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = _smoothed(y, self.label_smoothing, y.shape[1])
        return self._of_logits(p, y) if self.from_logits else self._of_probabilities(p, y)

    def _of_logits(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_p = log_softmax(z)
        return -row_sums(y * log_p)[:, 0], np.exp(log_p) * row_sums(y) - y

    def _of_probabilities(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = p.sum(axis=1, keepdims=True)
        n = p / total
        q = _clipped(n)
        dn = -y / q * (q == n)
        return -(y * np.log(q)).sum(axis=1), (dn - (dn * n).sum(axis=1, keepdims=True)) / total


class SparseCategoricalCrossentropy(Crossentropy):
    """l = -log p_y: CategoricalCrossentropy for targets that are class labels, y (m, 1) in 0, ..., k - 1."""

    link = Softmax
    sparse = True
    exclusive = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.from_logits:
            one_hot = (y == np.arange(p.shape[1])).astype(y.dtype)
            return CategoricalCrossentropy().terms(p, one_hot)
        log_p = log_softmax(p)
        derivatives, right = np.exp(log_p), (np.arange(len(y)), y[:, 0].astype(int))
        derivatives[right] -= 1
        return -log_p[right], derivatives

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return L as a float. Called as in Keras: y_true (m, ...) or (m, ..., 1), y_pred (m, ..., k)."""
        one_hot = _one_hot(type(self).__name__, np.asarray(y_true), np.asarray(y_pred))
        return CategoricalCrossentropy(self.from_logits)(one_hot, y_pred, sample_weight)


@dataclass(frozen=True)
class CategoricalGeneralizedCrossEntropy(Loss):
    """l = (1 - p_y^q) / q,   dl/dp_y = -p_y^(q - 1), for targets that are class labels, y (m, 1) in 0, ..., k - 1.

    Between SparseCategoricalCrossentropy, q near 0, and 1 - p_y, q near 1, which wrong labels disturb less. p_y below
    1e-7 counts as 1e-7 and has derivative 0; that of Keras is infinite at 0. (Zhang & Sabuncu 2018)

    q  in (0, 1)
    """

    q: float = real("(0, 1)", default=0.5)

    outputs = Interval("[0, 1]")
    sparse = True
    exclusive = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        of_class = y == np.arange(p.shape[1])
        p_y = np.maximum((p * of_class).sum(axis=1, keepdims=True), 1e-7)
        derivatives = -(p_y ** (self.q - 1)) * (of_class & (p >= 1e-7))
        return (1 - p_y[:, 0] ** self.q) / self.q, derivatives

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return L as a float. Called as in Keras: y_true (m, ...) or (m, ..., 1), y_pred (m, ..., k)."""
        p = np.asarray(y_pred)
        one_hot = _one_hot(type(self).__name__, np.asarray(y_true), p)
        # of one class, whose probability is p_y
        p_y = np.where(one_hot, p, 0).sum(axis=-1, keepdims=True)
        return super().__call__(np.zeros_like(p_y), p_y, sample_weight)


def _one_hot(who: str, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return labels y (m, ...) or (m, ..., 1) as booleans. Raise an error if they are not those of p (m, ..., k)."""
    if p.ndim < 2 or y.shape not in (p.shape[:-1], (*p.shape[:-1], 1)):
        shapes = f"y_true has shape {y.shape}, y_pred {p.shape}"
        raise ShapeError(f"{who}: {shapes}; y_true must hold one class label per row of y_pred")
    one_hot: np.ndarray = y.reshape(*p.shape[:-1], 1) == np.arange(p.shape[-1])
    if not one_hot.any(axis=-1).all():
        raise DataError(f"{who}: y_true must hold class labels, 0 to {p.shape[-1] - 1} for this y_pred")
    return one_hot


@dataclass(frozen=True)
class KLDivergence(Loss):
    """l = sum_j y_j log(y_j / p_j);   dl/dp_j = -y_j / p_j.   y and p probabilities of the k classes.

    Both are clipped to [eps, 1], eps = 1e-7 as in Keras; p is not divided by its sum. (Kullback & Leibler 1951)
    """

    labels = Interval("[0, 1]")
    outputs = Interval("[0, 1]")
    exclusive = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, q = (np.minimum(np.maximum(a, 1e-7), 1) for a in (y, p))
        return (y * np.log(y / q)).sum(axis=1), -y / q * (q == p)


@dataclass(frozen=True)
class BinaryFocalCrossentropy(Loss):
    """l = a (1 - p_t)^gamma BinaryCrossentropy(p, y),   p_t = y p + (1 - y)(1 - p); the mean over the k outputs.

    Entries that are already right count less. (Lin et al. 2017)

    gamma                  at least 0; 0: BinaryCrossentropy
    apply_class_balancing  False: a = 1; True: a = y alpha + (1 - y)(1 - alpha)
    from_logits            p are logits, of which the sigmoid is taken
    label_smoothing        s in [0, 1]: y is replaced by (1 - s) y + s / 2
    """

    apply_class_balancing: bool = boolean(default=False)
    alpha: float = real("[0, 1]", default=0.25)
    gamma: float = real("[0, inf)", default=2.0)
    from_logits: bool = boolean(default=False)
    label_smoothing: float = real("[0, 1]", default=0.0)

    labels = Interval("[0, 1]")
    outputs = Interval("[0, 1]")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = _smoothed(y, self.label_smoothing, 2)
        p = sigmoid(p) if self.from_logits else p
        q = _clipped(p)
        entropy = -y * np.log(q) - (1 - y) * np.log(1 - q)
        slope = (q - y) / (q * (1 - q)) * (q == p)
        wrong = y + p - 2 * y * p  # 1 - p_t
        focus = wrong**self.gamma
        slope = focus * slope + self._focus_slope(wrong, y) * entropy
        balance = y * self.alpha + (1 - y) * (1 - self.alpha) if self.apply_class_balancing else 1.0
        slope = slope * p * (1 - p) if self.from_logits else slope
        return mean(balance * focus * entropy), divide_by_outputs(balance * slope)

    def _focus_slope(self, wrong: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The derivative of (1 - p_t)^gamma along p; entries that are exactly right have none."""
        base = np.where(wrong == 0, 1, wrong)
        return self.gamma * base ** (self.gamma - 1) * (1 - 2 * y) * (wrong != 0)


@dataclass(frozen=True)
class CategoricalFocalCrossentropy(Loss):
    """l = -alpha sum_j (1 - p_j)^gamma y_j log p_j.   Classes that are already right count less. (Lin et al. 2017)

    p is divided by its sum and clipped, as in CategoricalCrossentropy.

    alpha            the weight of all classes, at least 0
    gamma            at least 0; 0: alpha times CategoricalCrossentropy
    from_logits      p are logits, of which the softmax is taken
    label_smoothing  s in [0, 1]: y is replaced by (1 - s) y + s / k
    """

    alpha: float = real("[0, inf)", default=0.25)
    gamma: float = real("[0, inf)", default=2.0)
    from_logits: bool = boolean(default=False)
    label_smoothing: float = real("[0, 1]", default=0.0)

    labels = Interval("[0, 1]")
    outputs = Interval("[0, 1]")
    exclusive = True

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = self.alpha * _smoothed(y, self.label_smoothing, y.shape[1])
        n = softmax(p) if self.from_logits else p / row_sums(p)
        q = _clipped(n)
        focus, log_q = (1 - q) ** self.gamma, np.log(q)
        slope = y * (self.gamma * focus / (1 - q) * log_q - focus / q) * (q == n)
        scale = n if self.from_logits else 1 / row_sums(p)
        return -row_sums(focus * y * log_q)[:, 0], (slope - row_sums(slope * n)) * scale


def _smoothed(y: np.ndarray, smoothing: float, classes: int) -> np.ndarray:
    """Label smoothing: spread a part of the target equally over all classes."""
    return (1 - smoothing) * y + smoothing / classes if smoothing else y


def _clipped(p: np.ndarray) -> np.ndarray:
    """Clip probabilities so that the logarithms of p and of 1 - p are finite."""
    eps = float(np.finfo(p.dtype).eps)
    return np.minimum(np.maximum(p, eps), 1 - eps)
