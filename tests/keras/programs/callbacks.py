"""Callbacks of Keras, and callbacks that scripts write."""

import csv
from pathlib import Path

import numpy as np

from .tables import BENIGN, CULTIVARS, PATIENTS, PROGRESSION, TUMOURS, WINES


def stop_plateau_checkpoint(keras, weights):
    model = keras.Sequential(
        [keras.Input((30,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    )
    weights(model)
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy", metrics=["accuracy"])
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True, verbose=0),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=2, min_lr=1e-4),
        keras.callbacks.ModelCheckpoint("best_model.keras", monitor="val_loss", save_best_only=True),
    ]
    history = model.fit(
        TUMOURS[:160],
        BENIGN[:160],
        validation_data=(TUMOURS[160:], BENIGN[160:]),
        epochs=25,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    best_epoch = int(np.argmin(history.history["val_loss"]))
    best_model = keras.models.load_model("best_model.keras")
    restored = model.evaluate(TUMOURS[160:], BENIGN[160:], verbose=0)
    reloaded = best_model.evaluate(TUMOURS[160:], BENIGN[160:], verbose=0)
    rate = float(model.optimizer.learning_rate)
    return history.history, len(history.epoch), best_epoch, restored, reloaded, rate, callbacks[0].stopped_epoch


def stop_at_an_accuracy(keras, weights):
    class MyCallback(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs={}):  # noqa: B006
            if logs.get("accuracy") > 0.9:
                said.append(f"Reached 90% accuracy in epoch {epoch}, so cancelling training!")
                self.model.stop_training = True

    said = []
    model = keras.models.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, "softmax")])
    model.build((None, 13))
    weights(model)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(WINES, CULTIVARS, epochs=30, batch_size=16, callbacks=[MyCallback()], shuffle=False, verbose=0)
    return history.history, history.epoch, said, model.stop_training


def log_of_every_hook(keras, weights):
    class CustomCallback(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(("train begins", sorted(logs or {}), sorted(self.params)))

        def on_train_end(self, logs=None):
            seen.append(("train ends", sorted(logs)))

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(("epoch begins", epoch, sorted(logs or {})))

        def on_epoch_end(self, epoch, logs=None):
            seen.append(("epoch ends", epoch, sorted(logs)))

        def on_train_batch_begin(self, batch, logs=None):
            seen.append(("train batch begins", batch, sorted(logs or {})))

        def on_train_batch_end(self, batch, logs=None):
            seen.append(("train batch ends", batch, sorted(logs)))
            losses.append(logs["loss"])

        def on_test_begin(self, logs=None):
            seen.append(("test begins", sorted(logs or {})))

        def on_test_batch_end(self, batch, logs=None):
            seen.append(("test batch ends", batch, sorted(logs)))

        def on_test_end(self, logs=None):
            seen.append(("test ends", sorted(logs)))

        def on_predict_begin(self, logs=None):
            seen.append(("predict begins", sorted(logs or {})))

        def on_predict_batch_end(self, batch, logs=None):
            seen.append(("predict batch ends", batch, sorted(logs), logs["outputs"].shape))

        def on_predict_end(self, logs=None):
            seen.append(("predict ends", sorted(logs or {})))

    seen, losses = [], []
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
    weights(model)
    model.compile(keras.optimizers.RMSprop(learning_rate=0.1), loss="mean_squared_error", metrics=["mae"])
    options = {"batch_size": 80, "verbose": 0, "callbacks": [CustomCallback()]}
    model.fit(PATIENTS, PROGRESSION, epochs=2, validation_split=0.5, shuffle=False, **options)
    model.evaluate(PATIENTS, PROGRESSION, **options)
    model.predict(PATIENTS, **options)
    return seen, losses


def early_stopping_of_ones_own(keras, weights):
    class EarlyStoppingAtMinLoss(keras.callbacks.Callback):
        def __init__(self, patience=0):
            super().__init__()
            self.patience = patience
            self.best_weights = None

        def on_train_begin(self, logs=None):
            self.wait = 0
            self.stopped_epoch = 0
            self.best = np.inf

        def on_epoch_end(self, epoch, logs=None):
            current = logs.get("loss")
            if np.less(current, self.best):
                self.best, self.wait = current, 0
                self.best_weights = self.model.get_weights()
                return
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                self.model.stop_training = True
                self.model.set_weights(self.best_weights)

    class CustomLearningRateScheduler(keras.callbacks.Callback):
        def __init__(self, schedule):
            super().__init__()
            self.schedule = schedule

        def on_epoch_begin(self, epoch, logs=None):
            lr = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            scheduled = self.schedule(epoch, lr)
            self.model.optimizer.learning_rate = scheduled
            rates.append(scheduled)

    rates = []
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    weights(model)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss="mse")
    stopping = EarlyStoppingAtMinLoss(patience=2)
    scheduler = CustomLearningRateScheduler(lambda epoch, lr: lr * 3 if epoch in (3, 5) else lr)
    history = model.fit(
        PATIENTS, PROGRESSION, epochs=30, batch_size=20, callbacks=[stopping, scheduler], shuffle=False, verbose=0
    )
    final = model.evaluate(PATIENTS, PROGRESSION, verbose=0)
    return history.history, rates, stopping.stopped_epoch, stopping.best, final


def rows_of_a_csv_log(keras, weights):
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(3, "softmax")])
    weights(model)
    model.compile("adagrad", "sparse_categorical_crossentropy", metrics=["acc"])
    callbacks = [
        keras.callbacks.CSVLogger("training.log", separator=",", append=False),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.BackupAndRestore("backup"),
        keras.callbacks.ModelCheckpoint("weights.{epoch:02d}-{val_loss:.2f}.weights.h5", save_weights_only=True),
        keras.callbacks.LambdaCallback(on_train_end=lambda logs: ended.append(sorted(logs))),
    ]
    ended = []
    model.fit(
        WINES, CULTIVARS, epochs=3, validation_split=0.3, callbacks=callbacks, batch_size=32, shuffle=False, verbose=0
    )
    with Path("training.log").open() as log:
        rows = list(csv.DictReader(log))
    figures = [{name: float(value) for name, value in row.items()} for row in rows]
    checkpoints = sorted(path.name for path in Path().glob("weights.*"))
    model.load_weights(checkpoints[0])
    return figures, checkpoints, ended, model.evaluate(WINES, CULTIVARS, verbose=0)


def score_of_the_validation_rows_in_the_logs(keras, weights):
    class ValidationF1(keras.callbacks.Callback):
        def __init__(self, validation_data):
            super().__init__()
            self.x_val, self.y_val = validation_data

        def on_epoch_end(self, epoch, logs=None):
            guessed = (self.model.predict(self.x_val, verbose=0)[:, 0] > 0.5).astype(int)
            hits = np.sum((guessed == 1) & (self.y_val == 1))
            logs["val_f1"] = 2 * hits / (np.sum(guessed) + np.sum(self.y_val))

    held_out = TUMOURS[180:], BENIGN[180:]
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1, "sigmoid")])
    weights(model)
    model.compile("adam", "binary_crossentropy")
    score = ValidationF1(validation_data=held_out)
    best = keras.callbacks.ModelCheckpoint(
        "best.weights.h5", "val_f1", mode="max", save_best_only=True, save_weights_only=True
    )
    history = model.fit(
        TUMOURS[:180],
        BENIGN[:180],
        epochs=6,
        validation_data=held_out,
        callbacks=[score, best],
        shuffle=False,
        verbose=0,
    )
    model.load_weights("best.weights.h5")
    return history.history, model.predict(held_out[0], verbose=0)
