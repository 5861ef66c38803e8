"""Time recurrent layers alone, forward and backward with all gradients, in float32."""

import importlib.util

import numpy as np

from minidl.layers import GRU, LSTM, SimpleRNN
from minidl.parameters import Parameters
from tests.benchmarks.race import race, table

CASES = [(32, 20, 8, 32), (32, 50, 16, 64), (1, 50, 16, 64), (64, 100, 32, 128)]  # rows, steps, features, units
KINDS = [LSTM, GRU, SimpleRNN]


def minidl(kind, m, steps, features, units):
    """Return (function that computes y of all steps and all gradients, the layer)."""
    x, dy = arrays(m, steps, features, units)
    layer = kind(units, return_sequences=True)
    layer.build((steps, features))
    Parameters(layer.named_parameters(), np.dtype("float32")).initialize(np.random.default_rng(0))

    def run():
        y, dx = layer.forward(x, training=True), layer.backward(dy)
        return np.ascontiguousarray(y), np.ascontiguousarray(dx)

    return run, layer


def arrays(m, steps, features, units):
    """Return x (m, steps, features) and dy (m, steps, units)."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((m, steps, n), np.float32) for n in (features, units)]


def torch(layer, m, steps, features, units):
    """Return the same function of PyTorch's layer with the weights of the layer."""
    import torch

    from tests.helpers.recurrent_peers import torch_layer

    x, dy = map(torch.tensor, arrays(m, steps, features, units))
    theirs = torch_layer(layer, features)
    leaves = [x.requires_grad_(), *theirs.parameters()]

    def run():
        y, _ = theirs(x)
        return y, *torch.autograd.grad(y, leaves, dy)

    return run


def contenders(kind, case):
    """Return {name: function that computes y and all gradients}."""
    run, layer = minidl(kind, *case)
    runs = {"minidl": run}
    if importlib.util.find_spec("torch"):
        runs["PyTorch"] = torch(layer, *case)
    return runs


def main(rounds=7, repeats=10, cases=CASES, kinds=KINDS):
    for kind in kinds:
        for case in cases:
            m, steps, features, units = case
            title = f"(q) {kind.__name__} forward and backward, {m} x {steps} x {features}, {units} units"
            runs = contenders(kind, case)
            timed = {name: lambda run=run: [run() for _ in range(repeats)] for name, run in runs.items()}
            print(table(title, race(timed, rounds), repeats), flush=True)
