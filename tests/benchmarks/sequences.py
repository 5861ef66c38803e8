"""Three tasks on sequences, learned by an LSTM, a GRU and a small transformer: python -m tests.benchmarks.sequences

copy    Ten symbols of eight are shown, then a sign, and are to be repeated after it.
adding  Of 50 random numbers in [0, 1], two are marked; their sum is wanted. (Hochreiter & Schmidhuber 1997)
sine    A sum of two sines with noise, forecast one step ahead from a window of 40.

Every batch of the first two has new rows; tests are on 2,000 more. Five seeds, of the data and of the networks.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl import Sequential, timeseries_windows
from minidl.layers import (
    GRU,
    LSTM,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
    ReLU,
    Residual,
    Softmax,
)
from minidl.optimizers import Adam, Clip
from minidl.schedules import CosineDecay

SEEDS, BATCH, NEW = range(5), 32, 2000
SYMBOLS, LENGTH = 8, 10
STEPS = 50
WINDOW, PERIODS, NOISE = 40, (25.0, 7.0), 0.1
RECURRENT = {"LSTM": LSTM, "GRU": GRU}


class Task(NamedTuple):
    """What is learned.

    batches      yields the training batches of a seed, without end
    layers       returns the layers of "LSTM", "GRU" or "transformer"
    measure      returns the figures of a model that predicts, for a seed
    figures      their names
    loss, steps  of the training
    """

    batches: Callable[[int], Iterator[tuple[Any, ...]]]
    layers: Callable[[str], list[Any]]
    measure: Callable[[Callable[[np.ndarray], np.ndarray], int], tuple[float, ...]]
    figures: tuple[str, ...]
    loss: str
    steps: int


def blocks(n, count):
    """Return transformer blocks for rows (steps, n)."""
    block = [
        lambda: Residual(LayerNormalization(), MultiHeadAttention(4, n // 4)),
        lambda: Residual(LayerNormalization(), Dense(2 * n), ReLU(), Dense(n)),
    ]
    return [make() for _ in range(count) for make in block]


# ---- copy


def copies(rng, rows):
    """Return x (rows, 21): ten symbols 1 to 8, the sign 9, ten blanks 0; y with the symbols again; weights of y."""
    symbols = rng.integers(1, SYMBOLS + 1, (rows, LENGTH))
    x, y, weight = (np.zeros((rows, 2 * LENGTH + 1), int) for _ in range(3))
    x[:, :LENGTH], x[:, LENGTH] = symbols, SYMBOLS + 1
    y[:, LENGTH + 1 :], weight[:, LENGTH + 1 :] = symbols, 1
    return x, y, weight


def copy_batches(seed):
    rng = np.random.default_rng(seed)
    while True:
        yield copies(rng, BATCH)


def copy_layers(kind):
    end = [Dense(SYMBOLS + 2), Softmax()]
    if kind == "transformer":
        return [Embedding(SYMBOLS + 2, 32), Residual(PositionEmbedding(2 * LENGTH + 1)), *blocks(32, 2), *end]
    return [Embedding(SYMBOLS + 2, 16), RECURRENT[kind](96, return_sequences=True), *end]


def measure_copies(predict, seed):
    x, y, _ = copies(np.random.default_rng([1, seed]), NEW)
    right = (predict(x).argmax(axis=-1) == y)[:, LENGTH + 1 :]
    return right.mean(), right.all(axis=1).mean()


# ---- adding


def sums(rng, rows):
    """Return x (rows, 50, 2): numbers, and a 1 at one of each half; y (rows,), the sum of the two numbers."""
    x, row = np.zeros((rows, STEPS, 2)), np.arange(rows)
    x[:, :, 0] = rng.random((rows, STEPS))
    first, second = rng.integers(0, STEPS // 2, rows), rng.integers(STEPS // 2, STEPS, rows)
    x[row, first, 1] = x[row, second, 1] = 1
    return x, x[row, first, 0] + x[row, second, 0]


def sum_batches(seed):
    rng = np.random.default_rng(seed)
    while True:
        yield sums(rng, BATCH)


def sum_layers(kind):
    if kind == "transformer":
        return [Dense(32), Residual(PositionEmbedding(STEPS)), *blocks(32, 1), GlobalAveragePooling1D(), Dense(1)]
    return [RECURRENT[kind](32), Dense(1)]


def measure_sums(predict, seed):
    x, y = sums(np.random.default_rng([1, seed]), NEW)
    error = predict(x)[:, 0] - y
    return (error**2).mean(), (np.abs(error) < 0.04).mean()


# ---- sine


def windows(seed, **part):
    """Return windows of a series of 3,000 steps, each with the step after it."""
    rng, t = np.random.default_rng(seed), np.arange(3000)
    first, second = (2 * np.pi * (t / period + rng.random()) for period in PERIODS)
    series = np.sin(first) + 0.5 * np.sin(second) + NOISE * rng.normal(size=t.size)
    return timeseries_windows(series[:, None], WINDOW, "next", **part)


def wave_batches(seed):
    x, y = windows(seed, end_index=2000).load()
    rng = np.random.default_rng(seed)
    while True:
        rows = rng.integers(0, len(x), BATCH)
        yield x[rows], y[rows]


def wave_layers(kind):
    if kind == "transformer":
        return [Dense(32), Residual(PositionEmbedding(WINDOW)), *blocks(32, 1), Flatten(), Dense(1)]
    return [RECURRENT[kind](32), Dense(1)]


def measure_waves(predict, seed):
    x, y = windows(seed, start_index=2000).load()
    return (((predict(x) - y) ** 2).mean(),)


def linear_forecast(seed):
    """Return the forecast by least squares on the steps of the window."""
    x, y = windows(seed, end_index=2000).load()
    weights = np.linalg.lstsq(x[:, :, 0], y, rcond=None)[0]
    return lambda x: x[:, :, 0] @ weights


# ---- all of them

TASKS = {
    "copy": Task(
        copy_batches,
        copy_layers,
        measure_copies,
        ("symbols right", "rows right"),
        "sparse_categorical_crossentropy",
        4000,
    ),
    "adding": Task(sum_batches, sum_layers, measure_sums, ("squared error", "within 0.04"), "mse", 2000),
    "sine": Task(wave_batches, wave_layers, measure_waves, ("squared error",), "mse", 1500),
}
BASELINES = {
    "copy": {"one symbol": lambda seed: lambda x: np.eye(SYMBOLS + 2)[np.ones_like(x)]},
    "adding": {"always 1": lambda seed: lambda x: np.ones((len(x), 1))},
    "sine": {"the last step": lambda seed: lambda x: x[:, -1], "least squares": linear_forecast},
}


def trained(task, kind, seed, steps):
    """Return a trained model."""
    model = Sequential(task.layers(kind), seed=seed)
    model.compile(Clip(Adam(CosineDecay(0.01 if kind in RECURRENT else 0.003, steps)), norm=1.0), task.loss)
    model.fit(task.batches(seed), steps_per_epoch=steps)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=", ".join(TASKS))
    parser.add_argument("--quick", action="store_true", help="one seed, a tenth of the steps")
    arguments = parser.parse_args()
    for name in arguments.tasks:
        task, seeds = TASKS[name], SEEDS[:1] if arguments.quick else SEEDS
        steps = task.steps // 10 if arguments.quick else task.steps
        print(f"| {name} | {' | '.join(task.figures)} | parameters | seconds a seed |")
        print(f"|---|{'---:|' * (len(task.figures) + 2)}")
        for rival, make in BASELINES[name].items():
            show(rival, [task.measure(make(seed), seed) for seed in seeds], "", "")
        for kind in (*RECURRENT, "transformer"):
            start = time.process_time()
            models = [trained(task, kind, seed, steps) for seed in seeds]
            seconds = (time.process_time() - start) / len(seeds)
            found = [task.measure(model.predict, seed) for model, seed in zip(models, seeds, strict=True)]
            show(kind, found, f"{models[0].count_params():,}", f"{seconds:.0f}")
        print(flush=True)


def show(name, found, *others):
    """Print a row: the mean of each figure, and its range over the seeds."""
    cells = [f"{np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})" for values in zip(*found, strict=True)]
    print(f"| {' | '.join([name, *cells, *others])} |", flush=True)


if __name__ == "__main__":
    main()
