"""Time the training of a mean of word vectors with vocabularies of several sizes: the update of an Embedding."""

import importlib.util

import numpy as np

from minidl import Sequential, optimizers
from minidl.layers import Dense, Embedding, GlobalAveragePooling1D, Sigmoid
from tests.benchmarks.race import race, table

VOCABULARIES, FEATURES, STEPS, BATCH, BATCHES = (1_000, 10_000, 100_000), 64, 50, 32, 20
RATES = {"SGD": 0.01, "Adagrad": 0.01, "Adam": 0.001}


def texts(vocabulary, batches):
    """Return ids (rows, steps), and classes (rows, 1)."""
    rng = np.random.default_rng(0)
    return rng.integers(0, vocabulary, (BATCH * batches, STEPS)), rng.integers(0, 2, (BATCH * batches, 1))


def minidl(name, vocabulary, batches):
    """Return a function that trains for an epoch."""
    layers = [Embedding(vocabulary, FEATURES), GlobalAveragePooling1D(), Dense(1), Sigmoid()]
    model = Sequential(layers, seed=0)
    model.compile(getattr(optimizers, name)(RATES[name]), "binary_crossentropy")
    x, y = texts(vocabulary, batches)
    return lambda: model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)


def torch(name, vocabulary, batches):
    """Return the same with PyTorch: with sparse gradients, which its Adam does not take."""
    import torch

    embedding, dense = torch.nn.Embedding(vocabulary, FEATURES, sparse=name != "Adam"), torch.nn.Linear(FEATURES, 1)
    optimizer = getattr(torch.optim, name)([*embedding.parameters(), *dense.parameters()], RATES[name])
    x, y = (torch.tensor(values) for values in texts(vocabulary, batches))

    def run():
        for rows, targets in zip(x.split(BATCH), y.float().split(BATCH), strict=True):
            optimizer.zero_grad()
            logits = dense(embedding(rows).mean(dim=1))
            torch.nn.functional.binary_cross_entropy_with_logits(logits, targets).backward()
            optimizer.step()

    return run


CONTENDERS = {"minidl": (minidl, "minidl"), "PyTorch": (torch, "torch")}


def main(rounds=5, batches=BATCHES):
    for name in RATES:
        for vocabulary in VOCABULARIES:
            runs = {
                who: make(name, vocabulary, batches)
                for who, (make, module) in CONTENDERS.items()
                if importlib.util.find_spec(module)
            }
            size = f"{vocabulary:,} words of {FEATURES} features, {STEPS} words in a row, batch {BATCH}"
            print(table(f"(s) a step: {size}, {name}", race(runs, rounds), batches), flush=True)
