"""The time of a gradient check, compared with the notebook's loop and PyTorch's checker.

OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.gradcheck

Ratios of medians in one interleaved run, each side on one thread; torch from the extra `peers`.
"""

import statistics
import time

import numpy as np

from minidl import GradientChecker, Sequential, check_model
from minidl.datasets import circles
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD
from tests.benchmarks.circles import network

CIRCLES_EPOCHS = 15_000


def notebook_check(x, y, weights, biases, epsilon=1e-7):
    """The notebook's gradient check: two passes through the whole network for every parameter."""
    shapes = [array.shape for pair in zip(weights, biases, strict=True) for array in pair]
    ends = np.cumsum([0] + [int(np.prod(shape)) for shape in shapes])
    theta = np.concatenate([array.ravel() for pair in zip(weights, biases, strict=True) for array in pair])

    def cost(theta):
        arrays = [theta[a:b].reshape(s) for a, b, s in zip(ends, ends[1:], shapes, strict=False)]
        a = x.T
        for i in range(0, len(arrays), 2):
            z = np.dot(arrays[i].T, a) + arrays[i + 1][:, None]
            a = np.maximum(0, z) if i < len(arrays) - 2 else 1 / (1 + np.exp(-z))
        return float(-(y.T * np.log(a) + (1 - y.T) * np.log(1 - a)).sum() / len(x))

    gradient = np.empty(theta.size)
    for i in range(theta.size):
        plus, minus = theta.copy(), theta.copy()
        plus[i] += epsilon
        minus[i] -= epsilon
        gradient[i] = (cost(plus) - cost(minus)) / (2 * epsilon)
    return gradient


def torch_check(x, y, weights, biases, fast_mode):
    """torch.autograd.gradcheck of the same loss with respect to the same parameters."""
    import torch

    torch.set_num_threads(1)
    inputs = [torch.tensor(array, requires_grad=True) for pair in zip(weights, biases, strict=True) for array in pair]
    a0, target = torch.tensor(x), torch.tensor(y)

    def loss(*arrays):
        a = a0
        for i in range(0, len(arrays), 2):
            a = a @ arrays[i] + arrays[i + 1]
            a = torch.relu(a) if i < len(arrays) - 2 else a
        return torch.nn.functional.binary_cross_entropy_with_logits(a, target)

    return torch.autograd.gradcheck(loss, inputs, fast_mode=fast_mode, atol=1e-4)


def built(widths, outputs, dtype):
    layers = [layer for n in widths[1:] for layer in (Dense(n), ReLU())]
    model = Sequential([*layers, Dense(outputs), Sigmoid()], seed=0, dtype=dtype)
    model.compile(SGD(0.01))
    model.build((widths[0],))
    return model


def medians(runs, rounds):
    """Median seconds of each run, taken in turns."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def print_ratios(title, found, bounds):
    print(title)
    for name, seconds in found.items():
        print(f"  {name:38s} {seconds * 1e3:9.2f} ms")
    for name, base, most in bounds:
        if base in found:
            print(f"  {name} / {base} = {found[name] / found[base]:.3f}, at most {most}")


def check_of_4097():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32, 30)), rng.integers(0, 2, (32, 1)).astype(float)
    model = built((30, 64, 32), 1, "float64")
    arrays = model.get_weights()
    weights, biases = arrays[::2], arrays[1::2]
    runs = {
        "minidl, all entries": lambda: check_model(model, x, y, depth="all"),
        "minidl, auto": lambda: check_model(model, x, y),
        "notebook's loop": lambda: notebook_check(x, y, weights, biases),
    }
    try:
        import torch  # noqa: F401
    except ImportError:
        print("no torch here: its checker is left out")
    else:
        runs["torch, fast mode"] = lambda: torch_check(x, y, weights, biases, fast_mode=True)
        runs["torch, slow mode"] = lambda: torch_check(x, y, weights, biases, fast_mode=False)
    bounds = [
        ("minidl, all entries", "notebook's loop", 0.3),
        ("minidl, all entries", "torch, slow mode", 0.05),
        ("minidl, auto", "torch, fast mode", 2),
    ]
    print_ratios("[30, 64, 32, 1], 32 rows, 4,097 parameters, float64", medians(runs, 5), bounds)


def check_of_a_larger_one():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((128, 784)), rng.integers(0, 2, (128, 10)).astype(float)
    model = built((784, 256, 128), 10, "float32")
    model.fit(x, y, batch_size=128)
    runs = {
        "auto": lambda: check_model(model, x, y),
        "60 training steps": lambda: model.fit(x, y, batch_size=128, epochs=60),
    }
    print_ratios("784-256-128-10, batch 128, float32", medians(runs, 7), [("auto", "60 training steps", 1)])


def check_while_training():
    x, y = circles(300, noise=0.05, seed=0)

    def fit(*callbacks):
        network().fit(x, y, batch_size=300, epochs=CIRCLES_EPOCHS, verbose=0, callbacks=callbacks)

    runs = {"every 100 epochs": lambda: fit(GradientChecker(every=100)), "without": fit}
    print_ratios(
        f"circles, {CIRCLES_EPOCHS} epochs, full batch", medians(runs, 7), [("every 100 epochs", "without", 1.15)]
    )


if __name__ == "__main__":
    check_of_4097()
    check_of_a_larger_one()
    check_while_training()
