"""Time predictions of one row, a thousand rows and a million rows of 50 features by 50-100-1."""

import importlib.util
import resource
import sys
import warnings

import numpy as np

from minidl import Sequential
from minidl.layers import Dense, ReLU, Sigmoid
from tests.benchmarks.race import race, table

WIDTHS = (50, 100, 1)


def contenders(x):
    """Return {name: function that predicts all rows of x}."""
    model = Sequential([Dense(WIDTHS[1]), ReLU(), Dense(WIDTHS[2]), Sigmoid()], seed=0)
    model.build((WIDTHS[0],))
    runs = {"minidl": lambda: model.predict(x)}
    kernels = [k for k in model.get_weights() if k.ndim == 2]

    def bare():
        for start in range(0, len(x), 1024):
            np.dot(np.dot(x[start : start + 1024], kernels[0]), kernels[1])

    runs["bare products"] = bare
    if importlib.util.find_spec("torch"):
        import torch

        net = torch.nn.Sequential(
            torch.nn.Linear(50, 100), torch.nn.ReLU(), torch.nn.Linear(100, 1), torch.nn.Sigmoid()
        )
        tensor = torch.tensor(x)

        def predict():
            with torch.no_grad():
                return net(tensor).numpy()

        runs["PyTorch eager"] = predict
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rng = np.random.default_rng(0)
        peer = MLPClassifier((100,), max_iter=1).fit(rng.normal(size=(20, 50)).astype(np.float32), np.arange(20) % 2)
    runs["scikit-learn"] = lambda: peer.predict_proba(x)
    return runs


def main(rounds=7):
    rng = np.random.default_rng(0)
    for rows, repeats in ((1, 2000), (1000, 100), (1_000_000, 1)):
        runs = contenders(rng.normal(size=(rows, WIDTHS[0])).astype(np.float32))

        def repeated(run, repeats=repeats):
            return lambda: [run() for _ in range(repeats)]

        times = race({name: repeated(run) for name, run in runs.items()}, rounds if rows < 10**6 else 3)
        print(table(f"(f) predict, {rows:,} rows of 50 features, 50-100-1", times, repeats), flush=True)
    print(f"Memory of predicting a million rows over input and output: {million_rows():.0f} MB\n")


def million_rows():
    """Return the peak memory in MB of predicting a million rows, without input, output and earlier memory."""
    x = np.random.default_rng(0).random((1_000_000, WIDTHS[0]), np.float32)
    model = Sequential([Dense(WIDTHS[1]), ReLU(), Dense(WIDTHS[2]), Sigmoid()], seed=0)
    model.build((WIDTHS[0],))
    model.predict(x[:1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.predict(x)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return max(0.0, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * kilobyte - 4e6) / 1e6
