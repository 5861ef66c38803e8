"""Overlaps of the entries that have a class and the entries that are predicted to have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import SettingError
from ..validation import boolean, check_integer, integer, real, setting
from ._base import Metric, one_hot


class Overlap(Metric):
    """The mean of TP / (TP + FP + FN), intersection over union, of the target classes that occur; 0 if none does.

    An entry does not count if its class or predicted class is outside 0, ..., num_classes - 1, or if ignore_class is
    its class.
    """

    num_classes: int
    target_class_ids: list[int] | None = None  # None: all
    ignore_class: int | None = None
    sparse_y_true: bool = False
    sparse_y_pred: bool = False

    state_names = ("confusion",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target_class_ids is not None and max(self.target_class_ids) >= self.num_classes:
            classes = f"the classes are 0 to {self.num_classes - 1}"
            raise SettingError(f"{type(self).__name__}: target_class_ids is {self.target_class_ids}, but {classes}")

    def reset(self) -> None:
        self.confusion = np.zeros((self.num_classes, self.num_classes), np.int64)  # by class and predicted class

    def labels(self, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the class and the predicted class of each entry."""
        return _labels(y, self.sparse_y_true), _labels(p, self.sparse_y_pred)

    def update(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> None:
        truth, predicted = (labels.astype(np.int64) for labels in self.labels(y, p))
        counted = (np.minimum(truth, predicted) >= 0) & (np.maximum(truth, predicted) < self.num_classes)
        if self.ignore_class is not None:
            counted &= truth != self.ignore_class
        shares = None if weights is None else np.repeat(weights.ravel(), len(truth) // weights.size)[counted]
        places = (truth * self.num_classes + predicted)[counted]
        counts = np.bincount(places, shares, minlength=self.num_classes**2)
        self.confusion = self.confusion + counts.reshape(self.confusion.shape)

    def result(self) -> float:
        together = self.confusion.diagonal()
        union = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - together
        chosen = union > 0
        if self.target_class_ids is not None:
            chosen &= np.isin(np.arange(self.num_classes), self.target_class_ids)
        return float((together[chosen] / union[chosen]).mean()) if chosen.any() else 0.0


def _labels(array: np.ndarray, sparse: bool) -> np.ndarray:
    """Return the entries as class labels, or of several columns the places of the largest entries of the rows."""
    return array.ravel() if sparse or array.shape[1] == 1 else array.argmax(axis=1)


def _check_classes(who: str, name: str, value: Any) -> list[int]:
    if not isinstance(value, list | tuple) or not value:
        raise SettingError(f"{who}: {name} must be a list of classes, got {value!r}")
    return [check_integer(who, name, number, 0) for number in value]


@dataclass(eq=False)
class IoU(Overlap):
    """The mean of TP / (TP + FP + FN), intersection over union, of the target classes that occur; 0 if none does.

    num_classes       the classes are 0, ..., num_classes - 1; entries outside do not count
    target_class_ids  the classes to average over
    ignore_class      a class whose entries do not count
    sparse_y_true     True: the entries of y are class labels; False: the largest entry of a row is its class
    sparse_y_pred     the same of p: False for the outputs of a Softmax
    """

    num_classes: int = integer(1)
    target_class_ids: list[int] | None = setting(_check_classes)
    ignore_class: int | None = integer(-1, default=None, optional=True)
    sparse_y_true: bool = boolean(default=True)
    sparse_y_pred: bool = boolean(default=True)


@dataclass(eq=False)
class MeanIoU(Overlap):
    """IoU averaged over all classes that occur."""

    num_classes: int = integer(1)
    ignore_class: int | None = integer(-1, default=None, optional=True)
    sparse_y_true: bool = boolean(default=True)
    sparse_y_pred: bool = boolean(default=True)


@dataclass(eq=False)
class OneHotIoU(Overlap):
    """IoU for rows y (m, k) with a 1 at the class, and outputs p (m, k): the largest entry is the class."""

    num_classes: int = integer(1)
    target_class_ids: list[int] | None = setting(_check_classes)
    ignore_class: int | None = integer(-1, default=None, optional=True)
    sparse_y_pred: bool = boolean(default=False)


@dataclass(eq=False)
class OneHotMeanIoU(Overlap):
    """OneHotIoU averaged over all classes that occur."""

    num_classes: int = integer(1)
    ignore_class: int | None = integer(-1, default=None, optional=True)
    sparse_y_pred: bool = boolean(default=False)


@dataclass(eq=False)
class BinaryIoU(Overlap):
    """IoU of the classes 0 and 1: an entry is predicted to be of class 1 if p >= threshold."""

    target_class_ids: list[int] | None = setting(_check_classes, default=(0, 1))
    threshold: float = real(default=0.5)

    num_classes: int = field(default=2, init=False, repr=False)

    def labels(self, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return one_hot(y, p).ravel(), (p >= self.threshold).ravel()
