"""Encode targets, class labels or numbers, as the outputs of a network; decode predictions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ..errors import DataError
from ..layers import Layer, Sigmoid, Softmax
from ._losses import Exponential

OUTPUT_ACTIVATIONS: dict[str, type[Layer]] = {"logistic": Sigmoid, "softmax": Softmax, "exp": Exponential}


def output_layers(activation: str) -> list[Layer]:
    """Return the layer of scikit-learn's output activation in a list, which is empty for "identity"."""
    return [OUTPUT_ACTIVATIONS[activation]()] if activation in OUTPUT_ACTIVATIONS else []


class TargetEncoder:
    """Translate between an estimator's targets y and the outputs of a network: numbers are (m,) or (m, outputs).

    activation  scikit-learn's name of the output activation that fits the targets
    numeric     True: y must hold numbers
    """

    activation = "identity"
    numeric: ClassVar[bool] = True

    def __init__(self, y: np.ndarray, classes: Any = None) -> None:
        pass

    def encode(self, y: np.ndarray, *, same_classes: bool) -> np.ndarray:
        """Return y as (m, outputs). same_classes: raise DataError if a class is missing in y."""
        return y.reshape(len(y), -1)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predictions in the form of y."""
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def score(self, y: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None) -> float:
        """Return scikit-learn's validation score of the outputs for the encoded y."""
        return float(r2_score(y, outputs, sample_weight=weight)) if np.isfinite(outputs).all() else math.nan

    def strata(self, y: np.ndarray) -> np.ndarray | None:
        """Return the classes by which a validation split of the encoded y is stratified, or None."""
        return None

    def widen(self, y: np.ndarray, outputs: int) -> np.ndarray:
        """Return the encoded y, two classes in two columns if the network has two outputs."""
        return y


class ClassEncoder(TargetEncoder):
    """Class labels of any type: two classes, several, or several labels at once (y an indicator matrix of 0 and 1).

    classes  the class labels in the order of the outputs
    """

    numeric = False

    def __init__(self, y: np.ndarray, classes: Any = None) -> None:
        check_classification_targets(y)
        several_labels = type_of_target(y).startswith("multilabel")
        self.binarizer = LabelBinarizer().fit(y if classes is None or several_labels else classes)
        self.classes: np.ndarray = self.binarizer.classes_
        self.activation = "softmax" if self.binarizer.y_type_ == "multiclass" else "logistic"

    def encode(self, y: np.ndarray, *, same_classes: bool) -> np.ndarray:
        check_classification_targets(y)
        found = unique_labels(y)
        missing = same_classes and len(found) < len(self.classes)
        if missing or np.setdiff1d(found, self.classes).size:
            rule = "warm_start continues with the same classes; " if same_classes else ""
            raise DataError(f"fit: {rule}y has the classes {found}, this estimator was made for {self.classes}")
        return np.asarray(self.binarizer.transform(y), float)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        scores = outputs[:, -1] if self.binarizer.y_type_ == "binary" else outputs
        return np.asarray(self.binarizer.inverse_transform(scores))

    def score(self, y: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None) -> float:
        return float(accuracy_score(self.decode(y), self.decode(outputs), sample_weight=weight))

    def strata(self, y: np.ndarray) -> np.ndarray | None:
        return y[:, 0] if y.shape[1] == 1 else None  # as scikit-learn, which stratifies two classes only

    def widen(self, y: np.ndarray, outputs: int) -> np.ndarray:
        return np.hstack([1 - y, y]) if y.shape[1] == 1 and outputs == 2 else y
