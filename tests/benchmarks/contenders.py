"""The same training in every library: the same widths, rows, batches, dtype, optimizer and loss.

Each function takes a Workload and returns a function that trains `steps` batches, or None if the library cannot.
Batches are taken in order, without shuffling. Preparation before the first step is not timed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Workload:
    """A dense network with ReLU between its layers, and one logistic output or a softmax over several outputs."""

    title: str
    widths: tuple[int, ...]
    rows: int
    batch: int
    steps: int
    optimizer: str = "sgd"
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(self.rows, self.widths[0])).astype(np.float32)
        classes = max(2, self.widths[-1])
        self.y = rng.integers(0, classes, self.rows)
        shapes = list(zip(self.widths[:-1], self.widths[1:], strict=True))
        self.kernels = [(rng.normal(size=s) * np.sqrt(2 / s[0])).astype(np.float32) for s in shapes]
        self.per_epoch = -(-self.rows // self.batch)
        self.epochs = max(1, self.steps // self.per_epoch)
        self.steps = self.epochs * self.per_epoch


Run = Callable[[], Any]


def minidl(w: Workload) -> Run:
    from minidl import Sequential
    from minidl.layers import Dense, ReLU, Sigmoid, Softmax
    from minidl.optimizers import SGD, Adam

    layers: list[Any] = []
    for n in w.widths[1:-1]:
        layers += [Dense(n), ReLU()]
    model = Sequential([*layers, Dense(w.widths[-1]), Sigmoid() if w.widths[-1] == 1 else Softmax()], seed=0)
    model.compile(SGD(w.learning_rate) if w.optimizer == "sgd" else Adam(w.learning_rate))
    model.build((w.widths[0],))
    _set(model, w)
    return lambda: model.fit(w.x, w.y, batch_size=w.batch, epochs=w.epochs, shuffle=False, verbose=0)


def _set(model: Any, w: Workload) -> None:
    model.set_weights([array for kernel in w.kernels for array in (kernel, np.zeros(kernel.shape[1], np.float32))])


def bare_products(w: Workload) -> Run:
    """Compute only the matrix products of a step: a lower bound of its time."""
    sizes = [min(w.batch, w.rows - start) for start in range(0, w.rows, w.batch)]
    arrays = {
        m: [
            (np.zeros((m, K.shape[0]), np.float32), np.zeros((m, K.shape[1]), np.float32), K, np.empty_like(K))
            for K in w.kernels
        ]
        for m in set(sizes)
    }

    def run() -> None:
        for _ in range(w.epochs):
            for m in sizes:
                for x, y, K, _ in arrays[m]:
                    np.dot(x, K, out=y)
                for number, (x, y, K, dK) in enumerate(reversed(arrays[m])):
                    np.dot(x.T, y, out=dK)
                    if number < len(w.kernels) - 1:
                        np.dot(y, K.T, out=x)

    return run


def torch_eager(w: Workload) -> Run:
    return _torch(w, compiled=False)


def torch_compiled(w: Workload) -> Run:
    return _torch(w, compiled=True)


def _torch(w: Workload, compiled: bool) -> Run:
    import torch
    from torch import nn

    layers: list[Any] = []
    for kernel in w.kernels:
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(kernel.T.copy()))
            linear.bias.zero_()
        layers += [linear, nn.ReLU()]
    net = nn.Sequential(*layers[:-1])
    x, one = torch.tensor(w.x), w.widths[-1] == 1
    y = torch.tensor(w.y[:, None].astype(np.float32)) if one else torch.tensor(w.y)
    loss = nn.BCEWithLogitsLoss() if one else nn.CrossEntropyLoss()
    kind = torch.optim.SGD if w.optimizer == "sgd" else torch.optim.Adam
    optimizer = kind(net.parameters(), lr=w.learning_rate)
    forward = torch.compile(lambda a, b: loss(net(a), b)) if compiled else lambda a, b: loss(net(a), b)

    def run() -> None:
        for _ in range(w.epochs):
            for start in range(0, w.rows, w.batch):
                optimizer.zero_grad(set_to_none=True)
                forward(x[start : start + w.batch], y[start : start + w.batch]).backward()
                optimizer.step()

    return run


def jax_jitted(w: Workload) -> Run:
    import jax
    import jax.numpy as jnp

    params = [(jnp.asarray(k), jnp.zeros(k.shape[1])) for k in w.kernels]
    one, lr = w.widths[-1] == 1, w.learning_rate

    def loss(params: Any, x: Any, y: Any) -> Any:
        for W, b in params[:-1]:
            x = jax.nn.relu(x @ W + b)
        z = x @ params[-1][0] + params[-1][1]
        if one:
            z = z[:, 0]
            return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))

    tree = jax.tree_util.tree_map

    @jax.jit
    def sgd(state: Any, x: Any, y: Any) -> Any:
        (params,) = state
        return (tree(lambda p, g: p - lr * g, params, jax.grad(loss)(params, x, y)),)

    @jax.jit
    def adam(state: Any, x: Any, y: Any) -> Any:
        params, m, v, t = state
        g, t = jax.grad(loss)(params, x, y), t + 1
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = lr * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), params, m, v), m, v, t

    zeros = tree(jnp.zeros_like, params)
    step, start_state = (sgd, (params,)) if w.optimizer == "sgd" else (adam, (params, zeros, zeros, 0.0))
    batches = [
        (jnp.asarray(w.x[i : i + w.batch]), jnp.asarray(w.y[i : i + w.batch])) for i in range(0, w.rows, w.batch)
    ]

    def run() -> None:
        state = start_state
        for _ in range(w.epochs):
            for x, y in batches:
                state = step(state, x, y)
        jax.block_until_ready(state)

    return run


def keras(w: Workload) -> Run:
    import keras as k

    one = w.widths[-1] == 1
    layers: list[Any] = [k.Input((w.widths[0],))]
    layers += [k.layers.Dense(n, activation="relu") for n in w.widths[1:-1]]
    model = k.Sequential([*layers, k.layers.Dense(w.widths[-1], activation="sigmoid" if one else "softmax")])
    kind = k.optimizers.SGD if w.optimizer == "sgd" else k.optimizers.Adam
    model.compile(kind(w.learning_rate), "binary_crossentropy" if one else "sparse_categorical_crossentropy")
    _set(model, w)
    return lambda: model.fit(w.x, w.y, batch_size=w.batch, epochs=w.epochs, shuffle=False, verbose=0)


def sklearn(w: Workload) -> Run:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    def run() -> None:
        model = MLPClassifier(
            w.widths[1:-1],
            solver=w.optimizer,
            momentum=0,
            alpha=0,
            batch_size=min(w.batch, w.rows),
            learning_rate_init=w.learning_rate,
            max_iter=w.epochs,
            n_iter_no_change=w.epochs + 1,
            shuffle=False,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(w.x, w.y)

    return run


def notebook_loop(w: Workload) -> Run | None:
    from tests.benchmarks.loops import notebook_loop as loop

    if w.widths[-1] > 1 or w.batch < w.rows or w.optimizer != "sgd":
        return None
    return lambda: loop(w.x, w.y, w.kernels, w.learning_rate, w.epochs)


def leanest_loop(w: Workload) -> Run | None:
    from tests.benchmarks.loops import leanest_loop as loop

    if w.widths[-1] > 1 or w.batch < w.rows or w.optimizer != "sgd":
        return None
    return lambda: loop(w.x, w.y, w.kernels, w.learning_rate, w.epochs)


CONTENDERS: dict[str, tuple[Callable[[Workload], Run | None], str]] = {
    "bare products": (bare_products, "numpy"),
    "leanest NumPy loop": (leanest_loop, "numpy"),
    "minidl": (minidl, "minidl"),
    "notebook's loop": (notebook_loop, "numpy"),
    "PyTorch eager": (torch_eager, "torch"),
    "PyTorch compiled": (torch_compiled, "torch"),
    "JAX jitted": (jax_jitted, "jax"),
    "Keras": (keras, "keras"),
    "scikit-learn": (sklearn, "sklearn"),
}


def present(w: Workload, names: list[str] | None = None) -> dict[str, Run]:
    """Return the runs of the contenders that are installed and support this workload."""
    runs = {}
    for name in names or CONTENDERS:
        make, package = CONTENDERS[name]
        if importlib.util.find_spec(package) is not None and (run := make(w)) is not None:
            runs[name] = run
    return runs
