"""Compute losses, metrics, schedules and batch normalization with Keras on random numbers.

KERAS_BACKEND=torch python -m tests.oracles.make_keras_numbers      writes tests/oracles/keras_numbers.npz
"""

import os
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("keras_numbers.npz")
ROWS, OUTPUTS, BATCH = 50, 4, 20

# class, settings, names of targets and outputs among `drawn()`
LOSSES = [
    ("BinaryCrossentropy", {}, "bits", "probabilities"),
    ("BinaryCrossentropy", {}, "soft", "probabilities"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "bits", "probabilities"),
    ("BinaryCrossentropy", {"from_logits": True}, "bits", "logits"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.3}, "soft", "logits"),
    ("CategoricalCrossentropy", {}, "one_hot", "shares"),
    ("CategoricalCrossentropy", {}, "one_hot", "probabilities"),
    ("CategoricalCrossentropy", {}, "soft", "shares"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot", "shares"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one_hot", "logits"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.3}, "soft", "logits"),
    ("SparseCategoricalCrossentropy", {}, "labels", "shares"),
    ("SparseCategoricalCrossentropy", {}, "labels", "probabilities"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "labels", "logits"),
    ("MeanSquaredError", {}, "numbers", "logits"),
    ("MeanAbsoluteError", {}, "numbers", "logits"),
    ("Huber", {}, "numbers", "logits"),
    ("Huber", {"delta": 0.3}, "numbers", "logits"),
    ("Hinge", {}, "bits", "logits"),
    ("Hinge", {}, "signs", "logits"),
    ("Poisson", {}, "counts", "rates"),
]

METRICS = [
    ("BinaryAccuracy", {}, "bits", "probabilities"),
    ("BinaryAccuracy", {"threshold": 0.3}, "bits", "probabilities"),
    ("CategoricalAccuracy", {}, "one_hot", "shares"),
    ("SparseCategoricalAccuracy", {}, "labels", "shares"),
    ("Precision", {}, "bits", "probabilities"),
    ("Precision", {"thresholds": 0.3}, "one_hot", "shares"),
    ("Recall", {}, "bits", "probabilities"),
    ("Recall", {"thresholds": 0.3}, "one_hot", "shares"),
    ("AUC", {}, "bits", "probabilities"),
    ("AUC", {}, "one_hot", "shares"),
    ("AUC", {"num_thresholds": 7}, "bits", "probabilities"),
    ("F1Score", {"average": "macro"}, "one_hot", "shares"),
    ("F1Score", {"average": "weighted"}, "one_hot", "shares"),
    ("F1Score", {"average": "micro"}, "one_hot", "shares"),
    ("F1Score", {"average": "macro", "threshold": 0.3}, "bits", "probabilities"),
    ("F1Score", {"average": "micro", "threshold": 0.3}, "bits", "probabilities"),
    ("F1Score", {"average": "weighted", "threshold": 0.3}, "bits", "probabilities"),
    ("MeanSquaredError", {}, "numbers", "logits"),
    ("MeanAbsoluteError", {}, "numbers", "logits"),
    ("R2Score", {}, "numbers", "guesses"),
]

STEPS = [*range(130), 999, 1000, 1001, 12345]
SCHEDULES = [
    ("ExponentialDecay", (0.1, 10, 0.9), {}),
    ("ExponentialDecay", (0.1, 10, 0.5), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {}),
    ("InverseTimeDecay", (0.1, 7, 0.5), {"staircase": True}),
    ("PolynomialDecay", (0.1, 50), {}),
    ("PolynomialDecay", (0.1, 50, 0.01), {"power": 2.0}),
    ("PolynomialDecay", (0.1, 20, 0.01), {"power": 0.5, "cycle": True}),
    ("PiecewiseConstantDecay", ([10, 20, 100], [0.1, 0.05, 0.01, 0.001]), {}),
    ("CosineDecay", (0.1, 50), {}),
    ("CosineDecay", (0.1, 50), {"alpha": 0.1}),
    ("CosineDecay", (0.0, 50), {"warmup_target": 0.1, "warmup_steps": 20}),
    ("CosineDecay", (0.02, 50), {"alpha": 0.1, "warmup_target": 0.1, "warmup_steps": 20}),
    ("CosineDecayRestarts", (0.1, 10), {}),
    ("CosineDecayRestarts", (0.1, 10), {"t_mul": 1.0, "m_mul": 0.9, "alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 8), {"t_mul": 1.5, "m_mul": 0.5}),
]


def drawn():
    """Return targets and outputs of every kind, and weights, in float32."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (ROWS, OUTPUTS))
    shares, labels = np.exp(logits), rng.integers(0, OUTPUTS, (ROWS, 1))
    numbers = rng.normal(0, 2, (ROWS, OUTPUTS))
    arrays = {
        "logits": logits,
        "probabilities": 1 / (1 + np.exp(-logits)),
        "shares": shares / shares.sum(axis=1, keepdims=True),
        "rates": rng.uniform(0, 5, (ROWS, OUTPUTS)),
        "guesses": numbers + rng.normal(size=(ROWS, OUTPUTS)),
        "bits": rng.integers(0, 2, (ROWS, OUTPUTS)),
        "soft": rng.dirichlet(np.ones(OUTPUTS), ROWS),
        "labels": labels,
        "one_hot": labels == np.arange(OUTPUTS),
        "numbers": numbers,
        "signs": rng.choice([-1, 1], (ROWS, OUTPUTS)),
        "counts": rng.poisson(3, (ROWS, OUTPUTS)),
        "weights": rng.uniform(0, 3, ROWS),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def losses(keras, data):
    for name, settings, y, p in LOSSES:
        loss = getattr(keras.losses, name)(**settings)
        yield [float(loss(data[y], data[p])), float(loss(data[y], data[p], sample_weight=data["weights"]))]


def metrics(keras, data):
    for name, settings, y, p in METRICS:
        metric = getattr(keras.metrics, name)(**settings)
        for start in range(0, ROWS, BATCH):
            metric.update_state(data[y][start : start + BATCH], data[p][start : start + BATCH])
        yield float(metric.result())


def schedules(keras):
    keras.config.set_floatx("float64")
    for name, arguments, settings in SCHEDULES:
        schedule = getattr(keras.optimizers.schedules, name)(*arguments, **settings)
        yield [float(schedule(step)) for step in STEPS]


def normalized(keras, data):
    """Apply batch normalization to three training batches and then one other; return outputs and moving statistics."""
    layer = keras.layers.BatchNormalization(momentum=0.8, dtype="float32")
    layer.build((None, OUTPUTS))
    layer.gamma.assign([0.5, 1, 2, -1])
    layer.beta.assign([0, 1, -1, 3])
    batches = data["numbers"][:40].reshape(4, 10, OUTPUTS)
    outputs = [keras.ops.convert_to_numpy(layer(x, training=number < 3)) for number, x in enumerate(batches)]
    state = [keras.ops.convert_to_numpy(array) for array in (layer.moving_mean, layer.moving_variance)]
    return {"normalized": np.array(outputs), "moving": np.array(state)}


def main(path=PATH):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    torch.set_grad_enabled(False)
    data = drawn()
    stored = {"losses": list(losses(keras, data)), "metrics": list(metrics(keras, data))}
    stored |= {"schedules": list(schedules(keras)), **normalized(keras, data)}
    np.savez_compressed(path, keras_version=keras.__version__, **data, **stored)


if __name__ == "__main__":
    main()
