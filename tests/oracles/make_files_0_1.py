"""Files written by minidl 0.1.0, and what 0.1.0 computes from them: tests/oracles/files_0_1.

PYTHONPATH=<a checkout of minidl 0.1.0, commit b4f3282> python tests/oracles/make_files_0_1.py

Every model is trained for four epochs of three batches and saved by ModelCheckpoint after the seventh batch, in the
middle of the third epoch. expected.npz holds the predictions of every file, the weights and the history at the end of a
training that was resumed from it, and a probe: where it has other bits, NumPy computes in another way than it did here.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from minidl import (
    Model,
    Sequential,
    initializers,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from minidl.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau

FOLDER = Path(__file__).parent / "files_0_1"
EPOCHS, BATCH, SAVED_AFTER = 4, 8, 7

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 3))
TARGETS = {
    "binary": (X[:, :1] * X[:, 1:2] > 0).astype(float),
    "classes": rng.integers(0, 3, size=(24, 1)),
    "one-hot": np.eye(3)[rng.integers(0, 3, size=24)],
    "signs": np.sign(X[:, :1]),
    "counts": rng.poisson(2.0, size=(24, 2)).astype(float),
    "numbers": X @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(24, 2)),
}


def probe():
    """The last bits of matrix products and functions differ from one processor to another."""
    found = []
    for dtype in (np.float32, np.float64):
        x = X.astype(dtype)
        for rows in (x, x[:8]):
            z = rows @ x[:5].T
            found += [z, z.T @ rows, np.exp(z), np.tanh(z), np.log(np.abs(z)), np.sqrt(np.abs(z)), z.sum(axis=0)]
    return np.concatenate([array.astype(float).reshape(-1) for array in found])


def half(y, p):
    """A metric that is a function, saved by its name."""
    return 0.5


def every_layer():
    network = [
        layers.Dense(4, kernel_initializer=initializers.HeNormal(), kernel_regularizer=regularizers.L1L2(0.01, 0.1)),
        layers.BatchNormalization(momentum=0.9, epsilon=0.01),
        layers.ReLU(),
        layers.GaussianNoise(0.1),
        layers.Residual(layers.Dense(4), layers.LeakyReLU(0.1), layers.Dropout(0.3), name="a block"),
        layers.Chain(layers.Dense(3, use_bias=False), layers.LayerNormalization(), layers.ELU(0.7)),
        layers.Dense(3, bias_regularizer=regularizers.L2(0.2)),
        layers.GELU(),
        layers.Dense(3),
        layers.GELU(approximate=True),
        layers.Dense(3),
        layers.SiLU(),
        layers.Dense(3),
        layers.Softplus(),
        layers.Dense(3),
        layers.Tanh(),
        layers.Flatten(),
        layers.Dense(3),
        layers.Softmax(),
        layers.Dense(1, name="head"),
        layers.Sigmoid(),
    ]
    model = Sequential(network, seed=1, name="every layer")
    rate = schedules.WarmUp(schedules.ExponentialDecay(0.1, 10, 0.5), 5)
    optimizer = optimizers.Clip(optimizers.MovingAverage(optimizers.Adam(rate)), norm=1.0)
    loss = losses.BinaryCrossentropy(label_smoothing=0.05) + regularizers.L2(0.7) + regularizers.L1(0.1)
    measured = [
        "accuracy",
        metrics.AUC(50),
        metrics.F1Score(),
        "precision",
        "recall",
        metrics.BinaryAccuracy(0.6),
        half,
    ]
    model.compile(optimizer, loss, measured)
    return model, "binary"


def one_layer_float64():
    model = Model(layers.Residual(layers.Dense(3), layers.Tanh(), layers.Dense(3)), seed=2, dtype="float64")
    model.compile(optimizers.SGD(0.1, momentum=0.9, nesterov=True), losses.MeanSquaredError(), ["mae"])
    return model, "one-hot"


def small(optimizer, loss, last, targets, measured=(), dtype="float32", kernel="glorot_uniform"):
    network = [layers.Dense(4, kernel_initializer=kernel), layers.Tanh(), *last]
    model = Sequential(network, seed=3, dtype=dtype)
    model.compile(optimizer, loss, list(measured))
    return model, targets


def heads(units, *last):
    return [layers.Dense(units), *last]


MODELS = {
    "every_layer": every_layer,
    "one_layer_float64": one_layer_float64,
    "rmsprop": lambda: small(
        optimizers.RMSprop(schedules.PiecewiseConstantDecay((3, 8), (0.01, 0.005, 0.002)), momentum=0.5, centered=True),
        losses.CategoricalCrossentropy(label_smoothing=0.1) + regularizers.L2(0.3),
        heads(3, layers.Softmax()),
        "one-hot",
        ["accuracy", "categorical_accuracy"],
        "float64",
        initializers.Orthogonal(),
    ),
    "adagrad": lambda: small(
        optimizers.Adagrad(0.1),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        heads(3),
        "classes",
        ["sparse_categorical_accuracy"],
        kernel=initializers.VarianceScaling(2.0, "fan_avg", "uniform"),
    ),
    "adamw": lambda: small(
        optimizers.AdamW(schedules.CosineDecay(0.05, 10), weight_decay=0.1),
        losses.Huber(0.7) + regularizers.L1(0.2),
        heads(2),
        "numbers",
        [metrics.R2Score(), "mse"],
        kernel=initializers.TruncatedNormal(stddev=0.3),
    ),
    "amsgrad": lambda: small(
        optimizers.AMSGrad(schedules.InverseTimeDecay(0.05, 4, 0.5, staircase=True)),
        losses.Hinge(),
        heads(1),
        "signs",
        kernel=initializers.GlorotNormal(),
    ),
    "nadam": lambda: small(
        optimizers.Clip(optimizers.Nadam(schedules.PolynomialDecay(0.05, 10)), global_norm=1.0),
        losses.Poisson() + regularizers.L1L2(0.1, 0.2),
        heads(2, layers.Softplus()),
        "counts",
        ["mae"],
        kernel=initializers.RandomNormal(stddev=0.5),
    ),
    "lbfgs": lambda: small(
        optimizers.LBFGS(),
        losses.MeanAbsoluteError() + regularizers.L2(0.1),
        heads(2),
        "numbers",
        kernel=initializers.LecunUniform(),
    ),
}


def callbacks(name, path):
    """The callbacks of the training of a file, which is saved at the path."""
    watching = [EarlyStopping("loss", patience=3, restore_best_weights=True)]
    if name in ("one_layer_float64", "adagrad"):
        watching.append(ReduceLROnPlateau("loss", patience=1, factor=0.5))
    saving = ModelCheckpoint(path, save_freq="epoch" if name == "lbfgs" else SAVED_AFTER)
    return [*watching, saving]


def resume(name, path, scratch):
    """Load the file and train to the end, as its training would have gone on. Return (model, history)."""
    model = load_model(path, {"half": half})
    history = model.fit(
        X,
        TARGETS[MODELS[name]()[1]],
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
        initial_epoch=model.position,
        callbacks=callbacks(name, scratch / "again.h5"),
    )
    return model, history


def untrained():
    """Models that are not trained: one compiled and not built, one built and not compiled, one neither."""
    kernels = [
        initializers.Constant(0.5),
        initializers.HeUniform(),
        initializers.Identity(2.0),
        initializers.LecunNormal(),
        initializers.Ones(),
        initializers.RandomUniform(-1, 1),
        initializers.Zeros(),
    ]
    compiled = Sequential([layers.Dense(3, kernel_initializer=kernel) for kernel in kernels], seed=4)
    rate = schedules.CosineDecayRestarts(0.1, 5)
    compiled.compile(optimizers.Clip(optimizers.SGD(rate), value=0.1), "mse", [metrics.CategoricalAccuracy()])
    built = Sequential([layers.Dense(2, name="first"), layers.ReLU(), layers.Dense(1, name="second")], seed=5)
    built.build((3,))
    return {
        "unbuilt": compiled,
        "uncompiled": built,
        "neither": Sequential([layers.Dense(2), layers.Dropout(0.1)], seed=6),
    }


def main():
    if not hasattr(losses, "Objective"):
        raise SystemExit("these files must be written by minidl 0.1.0 itself")
    FOLDER.mkdir(exist_ok=True)
    expected = {"probe": probe()}
    for name, make in MODELS.items():
        model, targets = make()
        path = FOLDER / f"{name}.h5"
        with tempfile.TemporaryDirectory() as scratch:
            saved = Path(scratch) / "m.h5"
            epochs = 2 if name == "lbfgs" else EPOCHS
            model.fit(X, TARGETS[targets], batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks(name, saved))
            shutil.copy(saved, path)
            expected[f"{name} predictions"] = load_model(path, {"half": half}).predict(X)
            end, history = resume(name, path, Path(scratch))
        if name != "lbfgs" and not np.array_equal(end.params.theta, model.params.theta):
            raise SystemExit(f"{name}: the resumed training does not end as the one that was not interrupted")
        for number, weight in enumerate(end.get_weights()):
            expected[f"{name} weight {number}"] = weight
        expected[f"{name} history"] = np.array(json.dumps(history.history))
    for name, model in untrained().items():
        model.save(FOLDER / f"{name}.h5")
        loaded = load_model(FOLDER / f"{name}.h5")
        loaded.build((3,))
        expected[f"{name} predictions"] = loaded.predict(X)
    last = load_model(FOLDER / "adamw.h5")
    last.save_weights(FOLDER / "adamw.weights.h5")
    last.save_weights(FOLDER / "adamw.safetensors")
    last.save(FOLDER / "adamw.keras")
    np.savez_compressed(FOLDER / "expected.npz", **expected)


if __name__ == "__main__":
    main()
