"""Time the training of a model of characters: Embedding, LSTM or GRU, Dense, softmax at each step, Adam, in float32."""

import importlib.util

import numpy as np

from minidl import Sequential
from minidl.layers import GRU, LSTM, Dense, Embedding, Softmax
from minidl.optimizers import Adam
from tests.benchmarks.race import race, table

VOCABULARY, EMBEDDING, UNITS, STEPS, BATCH, BATCHES = 64, 32, 128, 50, 32, 10
KINDS = {"LSTM": LSTM, "GRU": GRU}


def texts(batches):
    """Return ids (rows, steps), and the ids that follow them."""
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH * batches, STEPS + 1))
    return ids[:, :-1], ids[:, 1:]


def minidl(kind, batches):
    """Return a function that trains for an epoch."""
    model = Sequential(
        [
            Embedding(VOCABULARY, EMBEDDING),
            KINDS[kind](UNITS, return_sequences=True),
            Dense(VOCABULARY),
            Softmax(),
        ],
        seed=0,
    )
    model.compile(Adam(1e-3), "sparse_categorical_crossentropy")
    x, y = texts(batches)
    return lambda: model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)


def torch(kind, batches):
    """Return the same with PyTorch."""
    import torch

    embedding = torch.nn.Embedding(VOCABULARY, EMBEDDING)
    layer = getattr(torch.nn, kind)(EMBEDDING, UNITS, batch_first=True)
    dense = torch.nn.Linear(UNITS, VOCABULARY)
    parameters = [*embedding.parameters(), *layer.parameters(), *dense.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    x, y = map(torch.tensor, texts(batches))

    def run():
        for rows, targets in zip(x.split(BATCH), y.split(BATCH), strict=True):
            optimizer.zero_grad()
            logits = dense(layer(embedding(rows))[0])
            torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1)).backward()
            optimizer.step()

    return run


def keras(kind, batches):
    """Return the same with Keras."""
    import keras as k

    recurrent = getattr(k.layers, kind)(UNITS, return_sequences=True)
    last = k.layers.Dense(VOCABULARY, "softmax")
    model = k.Sequential([k.Input((STEPS,)), k.layers.Embedding(VOCABULARY, EMBEDDING), recurrent, last])
    model.compile(k.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    x, y = texts(batches)
    return lambda: model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)


CONTENDERS = {"minidl": (minidl, "minidl"), "PyTorch": (torch, "torch"), "Keras": (keras, "keras")}


def main(rounds=5, batches=BATCHES):
    for kind in KINDS:
        runs = {
            name: make(kind, batches) for name, (make, module) in CONTENDERS.items() if importlib.util.find_spec(module)
        }
        size = f"vocabulary {VOCABULARY}, embedding {EMBEDDING}, {UNITS} units, {STEPS} steps, batch {BATCH}"
        print(table(f"(r) a step of fit: characters, {kind}, {size}", race(runs, rounds), batches), flush=True)
