"""Targets, class labels or numbers, as the outputs of a network: encoding, output activation, scikit-learn's losses.

The losses are sums over the outputs, where minidl's and Keras's are means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ..errors import DataError
from ..layers import Layer, Sigmoid, Softmax
from ..losses import BinaryCrossentropy, CategoricalCrossentropy, Loss
from ..validation import Interval


@dataclass(eq=False)
class Exponential(Layer):
    """y = exp(x);   dy/dx = y. Turns the output of the last Dense into an expected count."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y: np.ndarray = np.exp(x)
        self.y = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx: np.ndarray = dy * self.y
        return dx


@dataclass(frozen=True)
class LogLoss(BinaryCrossentropy):
    """l = -sum_j y_j log p_j + (1 - y_j) log(1 - p_j).   BinaryCrossentropy, summed over the k outputs."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses, dp = super().terms(p, y)
        return losses * y.shape[1], dp * y.shape[1]


@dataclass(frozen=True)
class SquaredError(Loss):
    """l = |p - y|^2 / 2, summed over the k outputs;   dl/dp = p - y."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dp = p - y
        return np.einsum("ij,ij->i", dp, dp) / 2, dp


@dataclass(frozen=True)
class PoissonDeviance(Loss):
    """l = sum_j y_j log(y_j / p_j) - y_j + p_j, half the deviance;   dl/dp = 1 - y / p.   y counts, at least 0; p > 0.

    After an Exponential, p = exp(z), it is computed from the logits z:   dl/dz = p - y. (McCullagh & Nelder 1989, 2.3)
    """

    from_logits: bool = False

    link = Exponential
    labels = Interval("[0, inf)")
    outputs = Interval("(0, inf)")

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z, p = (p, np.exp(p)) if self.from_logits else (np.log(p), p)
        smallest = float(np.finfo(y.dtype).tiny)  # 0 log 0 is 0
        losses = (y * (np.log(np.maximum(y, smallest)) - z) - y + p).sum(axis=1)
        return losses, p - y if self.from_logits else 1 - y / p

    def on_logits(self) -> PoissonDeviance:
        return PoissonDeviance(from_logits=True)


OUTPUT_ACTIVATIONS: dict[str, type[Layer]] = {"logistic": Sigmoid, "softmax": Softmax, "exp": Exponential}
OUTPUTS: dict[str, tuple[str, Loss]] = {  # activation and loss for the types of targets that scikit-learn tells apart
    "binary": ("logistic", BinaryCrossentropy()),
    "multiclass": ("softmax", CategoricalCrossentropy()),
}


def output_layers(activation: str) -> list[Layer]:
    """Return the layer of scikit-learn's output activation in a list, which is empty for "identity"."""
    return [OUTPUT_ACTIVATIONS[activation]()] if activation in OUTPUT_ACTIVATIONS else []


class TargetEncoder:
    """Translate between an estimator's targets y and the outputs of a network: numbers are (m,) or (m, outputs).

    activation  scikit-learn's name of the output activation that fits the targets
    loss        scikit-learn's loss for them
    numeric     True: y must hold numbers
    """

    activation = "identity"
    loss: Loss = SquaredError()
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
        self.activation, self.loss = OUTPUTS.get(self.binarizer.y_type_, ("logistic", LogLoss()))

    def encode(self, y: np.ndarray, *, same_classes: bool) -> np.ndarray:
        check_classification_targets(y)
        found = unique_labels(y)
        missing = same_classes and len(found) < len(self.classes)
        if missing or np.setdiff1d(found, self.classes).size:
            rule = "warm_start can only be used where `y` has the same classes as in the previous call to fit."
            if same_classes:
                raise DataError(f"fit: {rule} Previously got {self.classes}, `y` has {found}")
            raise DataError(f"fit: y has the classes {found}, this estimator was made for {self.classes}")
        return np.asarray(self.binarizer.transform(y), float)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        scores = outputs[:, -1] if self.binarizer.y_type_ == "binary" else outputs
        return np.asarray(self.binarizer.inverse_transform(scores))

    def score(self, y: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None) -> float:
        return float(accuracy_score(self.decode(y), self.decode(outputs), sample_weight=weight))

    def strata(self, y: np.ndarray) -> np.ndarray | None:
        return self.decode(y) if y.shape[1] == 1 else None  # as scikit-learn, which stratifies two classes only

    def widen(self, y: np.ndarray, outputs: int) -> np.ndarray:
        return np.hstack([1 - y, y]) if y.shape[1] == 1 and outputs == 2 else y
