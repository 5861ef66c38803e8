"""Compute metrics with Keras on random numbers, without and with weights of the rows.

KERAS_BACKEND=torch python -m tests.oracles.make_keras_metrics      writes tests/oracles/keras_metrics.npz
"""

import os
from itertools import product
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("keras_metrics.npz")
ROWS, OUTPUTS, BATCH = 60, 4, 17
TARGETS = ("bits", "none", "all")  # of the curves: also one class only
AT = {
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
}

# class, settings, names of targets and outputs among `drawn()`
METRICS = [
    *[
        (name, {"thresholds": thresholds}, "bits", "probabilities")
        for name in ("Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")
        for thresholds in (None, 0.3, [0.2, 0.5, 0.9], [0.0, 0.5, 1.0])
    ],
    *[
        (name, settings, "one_hot", "shares")
        for name in ("Precision", "Recall")
        for settings in (
            {"top_k": 2},
            {"class_id": 3},
            {"class_id": 1, "thresholds": 0.3},
            {"top_k": 1, "class_id": 2},
            {"top_k": 3, "thresholds": [0.1, 0.3]},
        )
    ],
    *[
        (
            "AUC",
            {"curve": curve, "summation_method": method, "num_thresholds": number, "multi_label": several},
            y,
            "probabilities",
        )
        for curve, method, number, several, y in product(
            ("ROC", "PR"), ("interpolation", "minoring", "majoring"), (200, 7), (False, True), TARGETS
        )
    ],
    ("AUC", {"thresholds": [0.1, 0.6, 0.3]}, "bits", "probabilities"),
    ("AUC", {"from_logits": True}, "bits", "logits"),
    ("AUC", {"from_logits": True, "curve": "PR"}, "bits", "logits"),
    *[
        (name, {AT[name]: value, "num_thresholds": number}, y, "probabilities")
        for name, value, number, y in product(AT, (0.0, 0.3, 0.8, 1.0), (200, 6), TARGETS)
    ],
    *[(name, {AT[name]: 0.4, "class_id": 2}, "one_hot", "shares") for name in AT],
    *[("TopKCategoricalAccuracy", {"k": k}, "one_hot", p) for k in (1, 2, 3) for p in ("shares", "probabilities")],
    *[("SparseTopKCategoricalAccuracy", {"k": k}, "labels", "probabilities") for k in (1, 2, 3)],
    *[
        (name, {}, "numbers", "guesses")
        for name in (
            *("RootMeanSquaredError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "LogCoshError"),
            *("CosineSimilarity", "R2Score"),
        )
    ],
    ("MeanSquaredLogarithmicError", {}, "positive", "rates"),
    ("LogCoshError", {}, "large", "guesses"),
    ("CosineSimilarity", {}, "none", "guesses"),
    ("R2Score", {"class_aggregation": None}, "numbers", "guesses"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "numbers", "guesses"),
    *[
        ("FBetaScore", {"average": average, "beta": beta, "threshold": threshold}, y, p)
        for average, beta, (threshold, y, p) in product(
            (None, "micro", "macro", "weighted"),
            (0.5, 2.0),
            ((None, "one_hot", "shares"), (0.3, "bits", "probabilities")),
        )
    ],
    ("F1Score", {"average": None}, "one_hot", "shares"),
]

# Keras casts the weights of these to integers, so they are computed without
UNWEIGHTED = [
    ("R2Score", {"num_regressors": 3}, "number", "guess"),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, "labels", "other_labels"),
    ("MeanIoU", {"num_classes": 4}, "labels", "other_labels"),
    ("MeanIoU", {"num_classes": 4, "ignore_class": 1}, "labels", "other_labels"),
    ("MeanIoU", {"num_classes": 3}, "labels", "other_labels"),
    ("MeanIoU", {"num_classes": 6, "sparse_y_pred": False}, "labels", "shares"),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1]}, "one_hot", "shares"),
    ("OneHotMeanIoU", {"num_classes": 4}, "one_hot", "shares"),
    ("BinaryIoU", {}, "bits", "probabilities"),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, "bits", "probabilities"),
    ("BinaryIoU", {}, "none", "none"),
]


def drawn():
    """Return targets and outputs of every kind, and weights, in float32. Some probabilities are equal, or thresholds.

    The shares of a row differ, so that their order is defined.
    """
    rng = np.random.default_rng(3)
    shape = (ROWS, OUTPUTS)
    logits, probabilities = rng.normal(0, 2, shape), rng.random(shape)
    probabilities[::5] = probabilities[::5].round(1)
    shares, labels = rng.dirichlet(np.ones(OUTPUTS), ROWS), rng.integers(0, OUTPUTS, (ROWS, 1))
    numbers, guesses = rng.normal(0, 2, shape), rng.normal(0, 1, shape)
    arrays = {
        "logits": logits,
        "probabilities": probabilities,
        "shares": shares,
        "bits": rng.random(shape) < 0.4,
        "none": np.zeros(shape),
        "all": np.ones(shape),
        "labels": labels,
        "other_labels": np.where(rng.random((ROWS, 1)) < 0.5, labels, rng.integers(0, OUTPUTS, (ROWS, 1))),
        "one_hot": labels == np.arange(OUTPUTS),
        "numbers": numbers,
        "guesses": numbers + guesses,
        "number": numbers[:, :1],
        "guess": (numbers + guesses)[:, :1],
        "large": 30 * numbers,
        "positive": np.exp(numbers),
        "rates": rng.uniform(0, 5, shape),
        "weights": rng.uniform(0, 3, ROWS),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def computed(keras, data, cases, weights=None):
    for name, settings, y, p in cases:
        metric = getattr(keras.metrics, name)(**settings)
        for start in range(0, ROWS, BATCH):
            rows = slice(start, start + BATCH)
            shares = None if weights is None else weights[rows]
            metric.update_state(data[y][rows], data[p][rows], sample_weight=shares)
        yield np.asarray(keras.ops.convert_to_numpy(metric.result()), np.float64)


def main(path=PATH):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    torch.set_grad_enabled(False)
    data = drawn()
    plain, weighted = computed(keras, data, METRICS + UNWEIGHTED), computed(keras, data, METRICS, data["weights"])
    stored = {"plain": table(list(plain)), "weighted": table(list(weighted))}
    np.savez_compressed(path, keras_version=keras.__version__, **data, **stored)


def table(values):
    """Return a row per value: its number of entries, 0 if it is no array, and the entries, filled up with 0."""
    rows = [(value.size if value.ndim else 0, *value.ravel()) for value in values]
    width = max(map(len, rows))
    return np.array([row + (0.0,) * (width - len(row)) for row in rows])


def entry(row):
    """Return the value in a row of the table."""
    size = int(row[0])
    return row[1 : 1 + size] if size else row[1]


if __name__ == "__main__":
    main()
