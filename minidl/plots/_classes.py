"""Models and estimators as classifiers: the class of each row, and the surfaces between the classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data import numeric
from ..errors import DataError
from ..model import Model
from ..objective import Objective
from ..ops import log_softmax
from ..registry import entry_of
from ._drawing import refusal

WANTED = "a trained model or a fitted classifier"


class Cut(NamedTuple):
    """The value of a single output that separates two classes, and the distance from it at which the model is sure."""

    level: float
    sure: float


@dataclass(frozen=True)
class Outputs:
    """Outputs (m, k) of a classifier: k scores, the largest of which wins, or one, which `cut` separates."""

    values: np.ndarray
    cut: Cut | None

    @property
    def classes(self) -> np.ndarray:
        """The number of the predicted class of each row."""
        winners: np.ndarray = self.values.argmax(axis=1) if self.cut is None else self.values[:, 0] > self.cut.level
        return winners.astype(int)

    @property
    def certainty(self) -> np.ndarray:
        """A number in [0, 1] for each row: 0 on a boundary. Of k scores, the difference of the two largest."""
        if self.cut is not None:
            return np.minimum(np.abs(self.values[:, 0] - self.cut.level) / self.cut.sure, 1)
        inside = self.values.min() >= 0 and self.values.max() <= 1
        second, first = np.sort(self.values if inside else np.exp(log_softmax(self.values)), axis=1)[:, -2:].T
        return first - second

    def surfaces(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yield (values (m,), level): where they cross the level, one class begins."""
        if self.cut is not None:
            yield self.values[:, 0], self.cut.level
            return
        for number, scores in enumerate(self.values.T):
            yield scores - np.delete(self.values, number, axis=1).max(axis=1), 0.0


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier.

    labels   the names of the classes
    rows     the number of the class of each row of y
    predict  x -> Outputs
    """

    labels: list[str]
    rows: np.ndarray
    predict: Callable[[Any], Outputs]


def read_classifier(who: str, given: Any, y: Any) -> Classifier:
    """Return the model or estimator as a Classifier, and the classes that y holds."""
    if isinstance(given, Model):
        return _of_model(who, given, y)
    classes: Any = getattr(given, "classes_", None)
    if np.ndim(classes) != 1:
        raise refusal(who, WANTED, given)
    return _of_estimator(who, given, y)


# ---- estimators


def _of_estimator(who: str, estimator: Any, y: Any) -> Classifier:
    classes = np.asarray(estimator.classes_)

    def predict(x: Any) -> Outputs:
        if not hasattr(estimator, "predict_proba"):
            return Outputs((estimator.predict(x)[:, None] == classes).astype(float), None)
        p = np.asarray(estimator.predict_proba(x))
        return Outputs(p[:, 1:], Cut(0.5, 0.5)) if len(classes) == 2 else Outputs(p, None)

    return Classifier(list(map(str, classes.tolist())), class_numbers(who, y, classes), predict)


def class_numbers(who: str, y: Any, classes: np.ndarray) -> np.ndarray:
    """Return the number of the class of each row of y: labels (m,) or (m, 1), or one-hot rows (m, classes)."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        return _of_one_hot(who, labels, len(classes))
    matches = labels.reshape(-1, 1) == classes
    if not matches.any(axis=1).all():
        strange = labels.ravel()[~matches.any(axis=1)][0]
        names = ", ".join(map(str, classes.tolist()))
        raise DataError(f"{who}: y holds {strange!s}, the classes are {names}")
    return matches.argmax(axis=1)


def _of_one_hot(who: str, y: np.ndarray, count: int) -> np.ndarray:
    one_hot = y.shape[1] == count and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())
    if not one_hot:
        wanted = f"class labels (m,) or one-hot rows (m, {count}); of several labels at once a plot shows no classes"
        raise DataError(f"{who}: y must be {wanted}, got {y.shape}")
    return y.argmax(axis=1)


# ---- models


def _of_model(who: str, model: Model, y: Any) -> Classifier:
    model.params  # noqa: B018  raises NotBuiltError
    if len(model.output_shape) != 1:
        raise DataError(f"{who}: the model returns rows of shape {model.output_shape}; classes are rows of scores")
    outputs, column = model.output_shape[0], numeric(who, "y", y)
    if outputs == 1:
        classes, cut = _two_classes(who, model.objective, column)
    else:
        classes, cut = np.arange(outputs), None
    numbers = class_numbers(who, column, classes)
    return Classifier([f"{label:g}" for label in classes], numbers, lambda x: Outputs(model.predict(x), cut))


def _two_classes(who: str, objective: Objective, y: np.ndarray) -> tuple[np.ndarray, Cut]:
    """Return the labels of the two classes, and the cut of the single output between them.

    The cut is 0 for logits. It is the middle of the interval of the loss's labels, as 1/2 of [0, 1] and 0 of [-1, 1];
    if that is infinite, as with MeanSquaredError, the middle of the labels.
    """
    loss, found = objective.terms.loss, np.unique(y)
    one_hot = y.ndim == 2 and y.shape[1] == 2
    bounds = (loss.labels.low, loss.labels.high)
    bounded = all(map(math.isfinite, bounds))
    choices = [(0.0, 1.0), bounds if bounded else (-1.0, 1.0), *([tuple(found)] if len(found) == 2 else [])]
    labels = next((choice for choice in choices if one_hot or set(found) <= set(choice)), None)
    if labels is None:
        raise DataError(
            f"{who}: y holds {len(found)} different numbers, but one output separates two classes;"
            " for a regression, draw model.predict(x) against y"
        )
    if loss.from_logits:
        cut = Cut(0.0, 4.0)  # sigmoid(4) is 0.98
    else:
        low, high = bounds if bounded else labels
        cut = Cut((low + high) / 2, (high - low) / 2)
    return np.array(labels), _inside(objective, cut)


def _inside(objective: Objective, cut: Cut) -> Cut:
    """Return the cut; the middle of what the last activation returns if it never crosses the cut, as Sigmoid with 0."""
    last = objective.activation or (objective.network, *objective.layers.layers)[-1]
    reached = entry_of(last).output_range
    if reached is None or reached.low < cut.level < reached.high or not math.isfinite(reached.high):
        return cut
    return Cut((reached.low + reached.high) / 2, (reached.high - reached.low) / 2)
