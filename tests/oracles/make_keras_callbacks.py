"""Record when Keras's callbacks stop a training or reduce its learning rate: tests/oracles/keras_callbacks.json.

KERAS_BACKEND=torch python -m tests.oracles.make_keras_callbacks        (Keras 3.15.1)
"""

import json
from pathlib import Path

import numpy as np

EPOCHS, SERIES = 40, 12
STOPPING = [
    {},
    {"patience": 3},
    {"patience": 5, "min_delta": 0.05},
    {"patience": 2, "baseline": 0.6},
    {"patience": 4, "start_from_epoch": 6},
    {"patience": 3, "mode": "max"},
    {"patience": 3, "min_delta": -0.02, "mode": "min"},
]
REDUCING = [
    {"patience": 2},
    {"patience": 3, "factor": 0.5, "cooldown": 2},
    {"patience": 1, "factor": 0.3, "min_lr": 0.01, "min_delta": 0.02},
    {"patience": 0, "factor": 0.9, "mode": "max"},
]


def series(number):
    """Return a noisy, decreasing series that levels off. With a larger number it increases again at the end."""
    rng = np.random.default_rng(number)
    t = np.arange(EPOCHS)
    values = 1 / (1 + t / 4) + 0.05 * rng.normal(size=EPOCHS) + 0.0004 * number * np.maximum(t - 15, 0) ** 2
    return [float(v) for v in values]


def run(callback, values, model):
    """Call the callback with these values; return (number of epochs, learning rate after each)."""
    callback.set_model(model)
    callback.on_train_begin()
    model.stop_training, rates = False, []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": value})
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    return len(rates), rates


if __name__ == "__main__":
    import keras

    def compiled():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        return model

    found = {"stopping": [], "reducing": []}
    for number in range(SERIES):
        for settings in STOPPING:
            callback = keras.callbacks.EarlyStopping(**settings)
            epochs, _ = run(callback, series(number), compiled())
            found["stopping"].append([epochs, callback.stopped_epoch, callback.best_epoch, float(callback.best)])
        for settings in REDUCING:
            found["reducing"].append(run(keras.callbacks.ReduceLROnPlateau(**settings), series(number), compiled())[1])
    Path(__file__).with_name("keras_callbacks.json").write_text(json.dumps(found))
