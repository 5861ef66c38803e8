"""Are probabilities as large as the share of right answers? The error, and the temperature that reduces it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import validation
from ..data import numeric
from ..errors import DataError, ShapeError
from ..losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, SparseCategoricalCrossentropy

WIDEST = 5.0  # log of the largest temperature


def expected_calibration_error(y: Any, p: Any, bins: int = 15) -> float:
    """ECE = sum_b (n_b / m) |accuracy_b - confidence_b| over bins of equal width of the confidence. 0 is best.

    The confidence is the largest probability of a row. (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017)

    y     class labels (m,) or (m, 1), or one-hot rows (m, k)
    p     probabilities (m, k); one column (m,) or (m, 1): of class 1 of two
    bins  at least 1
    """
    who = "expected_calibration_error"
    bins = validation.check_integer(who, "bins", bins, 1)
    labels, probabilities = _labels_and_probabilities(who, y, p)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins (a, b]
    gaps = np.bincount(place, right - confidence, bins)
    return float(np.abs(gaps).sum() / len(labels))


def _labels_and_probabilities(who: str, y: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    y, p = numeric(who, "y", y), np.asarray(numeric(who, "p", p), np.float64)
    p = p[:, None] if p.ndim == 1 else p
    if p.ndim != 2 or len(y) != len(p) or not len(p):
        raise ShapeError(f"{who}: y has shape {y.shape}, p {p.shape}; p must be (rows, classes), y one for each row")
    if not (np.isfinite(p).all() and p.min() >= 0 and p.max() <= 1 + 1e-6):
        raise DataError(f"{who}: p must hold probabilities in [0, 1]")
    p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
    if y.ndim == 2 and y.shape[1] == p.shape[1]:
        return y.argmax(axis=1), p
    if y.shape not in ((len(p),), (len(p), 1)):
        raise ShapeError(f"{who}: y has shape {y.shape}; labels ({len(p)},) or one-hot rows {p.shape} were expected")
    return y.reshape(-1), p


def temperature(y: Any, z: Any, binary: bool = False) -> float:
    """Return T > 0 with the smallest cross-entropy of softmax(z / T) on held-out rows. (Guo et al. 2017)

    T above 1 makes probabilities less certain; the most probable class stays the same. T is in [1/148, 148].

    y       class labels (m,) or (m, 1), or one-hot rows (m, k)
    z       logits (m, k)
    binary  True: sigmoid(z / T) of each column, y (m, k) of 0 and 1
    """
    from scipy.optimize import minimize_scalar

    validation.check_boolean("temperature", "binary", binary)
    y, z = numeric("temperature", "y", y), np.asarray(numeric("temperature", "z", z), np.float64)
    z = z[:, None] if z.ndim == 1 else z
    y = y.reshape(len(y), -1)
    if z.ndim != 2 or len(y) != len(z) or y.shape[1] not in ((z.shape[1],) if binary else (1, z.shape[1])):
        raise ShapeError(
            f"temperature: y has shape {y.shape}, z {z.shape}; z must be (rows, classes), y as it or labels"
        )
    loss: Loss = CategoricalCrossentropy(from_logits=True)
    if binary:
        loss = BinaryCrossentropy(from_logits=True)
    elif y.shape[1] == 1:
        loss = SparseCategoricalCrossentropy(from_logits=True)
    found = minimize_scalar(
        lambda log_t: loss.value(z / math.exp(log_t), y), bounds=(-WIDEST, WIDEST), method="bounded"
    )
    return math.exp(float(found.x))
