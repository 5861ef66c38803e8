"""Time an epoch on the notebook's circles: [2, 10, 5, 1], 300 rows, full batch.

python -m tests.benchmarks.circles        ratios of medians in one interleaved run
"""

import contextlib
import io
import statistics
import time

import numpy as np

from minidl import Sequential
from minidl.callbacks import Callback
from minidl.datasets import circles
from minidl.initializers import HeNormal
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD
from tests.benchmarks.loops import leanest_loop, notebook_loop

EPOCHS, ROUNDS, WIDTHS = 2000, 9, (10, 5, 1)


def network():
    """Return the notebook's network, built and compiled."""
    layers = [layer for n in WIDTHS[:-1] for layer in (Dense(n, kernel_initializer=HeNormal()), ReLU())]
    model = Sequential([*layers, Dense(1, kernel_initializer=HeNormal()), Sigmoid()], seed=0)
    model.compile(SGD(0.01))
    model.build((2,))
    return model


def main():
    x, y = circles(300, noise=0.05, seed=0)
    model = network()
    kernels = [parameter.value for path, parameter in model.params.items() if path.endswith("kernel")]

    def fit(verbose=0, callbacks=()):
        with contextlib.redirect_stdout(io.StringIO()):
            network().fit(x, y, batch_size=300, epochs=EPOCHS, verbose=verbose, callbacks=callbacks)

    class Plain(Callback):
        """A callback that overrides no hook."""

    runs = {
        "leanest loop": lambda: leanest_loop(x, y, kernels, 0.01, EPOCHS),
        "notebook loop": lambda: notebook_loop(x, y, kernels, 0.01, EPOCHS),
        "minidl fit": fit,
        "minidl fit, progress bar": lambda: fit(verbose=1),
        "minidl fit, idle callback": lambda: fit(callbacks=[Plain()]),
    }
    times = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / EPOCHS * 1e6)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        ratios = "  ".join(
            f"{statistics.median(np.divide(times[name], times[base])):5.2f} x {base}" for base in list(runs)[:3]
        )
        print(f"{name:26s} {median:7.1f} us an epoch   {ratios}")


if __name__ == "__main__":
    main()
