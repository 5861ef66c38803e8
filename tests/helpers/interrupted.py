"""A training for tests/files/test_resume.py to kill:   python -m tests.helpers.interrupted directory seed kill

It has every kind of state. It kills its process after `kill` batches (0: never), as a power cut would; the next run
resumes. At the end it writes the model and the history into the directory.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from minidl import Sequential
from minidl.callbacks import BackupAndRestore, Callback, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from minidl.layers import BatchNormalization, Dense, Dropout, GaussianNoise, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adam, Clip, MovingAverage
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay

EPOCHS, ROWS, BATCH = 7, 90, 16


class Kill(Callback):
    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def training(seed):
    """(model, callbacks) for the seed."""
    model = Sequential(
        [
            Dense(8),
            BatchNormalization(),
            ReLU(),
            Dropout(0.3),
            Residual(Dense(8), GaussianNoise(0.1)),
            Dense(1),
            Sigmoid(),
        ],
        seed=seed,
        dtype=("float32", "float64")[seed % 2],
    )
    stopping = EarlyStopping(patience=2 + seed % 3, restore_best_weights=True)
    if seed % 3 == 0:
        optimizer, callbacks = SGD(0.5, momentum=0.9), [stopping, ReduceLROnPlateau(patience=1, monitor="loss")]
    else:
        rate = ExponentialDecay(0.1, decay_steps=5, decay_rate=0.9)
        optimizer, callbacks = Clip(MovingAverage(Adam(rate)), norm=1.0), [stopping]
    model.compile(optimizer, BinaryCrossentropy() + L2(0.1), ["accuracy", "auc"])
    return model, callbacks


def main(directory, seed, kill):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, 4))
    y = (x[:, 0] * x[:, 1] + 0.5 * rng.normal(size=ROWS) > 0).astype(float)
    model, callbacks = training(seed)
    frequency = ("epoch", 1, 3, 4)[seed % 4]
    best = ModelCheckpoint(directory / "best.h5", save_best_only=True, save_freq="epoch")
    watching = [*callbacks, best, BackupAndRestore(directory / "backup", frequency), Kill(kill)]
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_split=0.2, callbacks=watching)
    model.save(directory / "end.h5")
    (directory / "history.json").write_text(json.dumps(history.history), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
