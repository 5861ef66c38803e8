"""Measure the peak memory of training 784-512-512-10 with Adam, relative to what it must store."""

import tracemalloc

import numpy as np

from minidl import Sequential
from minidl.layers import Dense, ReLU, Softmax
from minidl.optimizers import Adam

WIDTHS, BATCH, ROWS = (784, 512, 512, 10), 128, 2560


def main(rounds=1):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, WIDTHS[0])).astype(np.float32)
    y = rng.integers(0, WIDTHS[-1], ROWS)
    layers = [layer for n in WIDTHS[1:-1] for layer in (Dense(n), ReLU())]
    tracemalloc.start()
    model = Sequential([*layers, Dense(WIDTHS[-1]), Softmax()], seed=0)
    model.compile(Adam())
    model.fit(x, y, batch_size=BATCH, epochs=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # parameters, gradients, two moments; for a batch its rows of x, and the outputs of each Dense and ReLU
    values = 4 * model.params.theta.size + BATCH * (WIDTHS[0] + 2 * sum(WIDTHS[1:]))
    converted = 4 * ROWS  # y as class numbers in the model's dtype counts as data
    share = (peak - converted) / (4 * values)
    print(f"(i) training 784-512-512-10 with Adam takes {share:.2f} times what it must store ({peak / 1e6:.1f} MB)\n")
