"""Time `fit` of one layer of sequences, with SGD and a mean squared error at every step, beside Keras's, in float32."""

import importlib.util

from minidl import Sequential
from minidl.layers import GRU, LSTM, MultiHeadAttention
from minidl.optimizers import SGD
from tests.benchmarks import recurrent
from tests.benchmarks.race import race, table

BATCHES = 10
CASES = [(kind.__name__, *case) for kind in (LSTM, GRU) for case in recurrent.CASES]
CASES += [("attention", 16, 64, 64, 4)]  # the last number: units, or heads


def data(kind, m, steps, features, size, batches):
    """Return x and y of all batches."""
    width = features if kind == "attention" else size
    return recurrent.arrays(m * batches, steps, features, width)


def minidl(kind, m, steps, features, size, batches):
    """Return a function that trains for an epoch."""
    layers = {
        "LSTM": lambda: LSTM(size, return_sequences=True),
        "GRU": lambda: GRU(size, return_sequences=True),
        "attention": lambda: MultiHeadAttention(size, features // size),
    }
    model = Sequential([layers[kind]()], seed=0)
    model.compile(SGD(0.01), "mse")
    x, y = data(kind, m, steps, features, size, batches)
    return lambda: model.fit(x, y, batch_size=m, shuffle=False, verbose=0)


def keras(kind, m, steps, features, size, batches):
    """Return the same with Keras."""
    import keras as k

    x = k.Input((steps, features))
    if kind == "attention":
        y = k.layers.MultiHeadAttention(size, features // size)(x, x)
    else:
        y = getattr(k.layers, kind)(size, return_sequences=True)(x)
    model = k.Model(x, y)
    model.compile(k.optimizers.SGD(0.01), "mse")
    inputs, targets = data(kind, m, steps, features, size, batches)
    return lambda: model.fit(inputs, targets, batch_size=m, shuffle=False, verbose=0)


CONTENDERS = {"minidl": (minidl, "minidl"), "Keras": (keras, "keras")}


def main(rounds=5, batches=BATCHES, cases=CASES):
    for kind, *sizes in cases:
        runs = {
            name: make(kind, *sizes, batches)
            for name, (make, module) in CONTENDERS.items()
            if importlib.util.find_spec(module)
        }
        m, steps, features, size = sizes
        title = f"{kind}, {m} x {steps} x {features}, {size} {'heads' if kind == 'attention' else 'units'}"
        print(table(f"(t) a step of fit: {title}", race(runs, rounds), batches), flush=True)
