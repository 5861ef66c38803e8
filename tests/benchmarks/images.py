"""Train one small convolutional network on 28 x 28 pixels in every library: the time of a step, and of an epoch.

32 and 64 filters 3 x 3, each with ReLU and pooling, then 10 classes: 34,826 parameters. A step takes batches of 32 from
floats in order, an epoch shuffled batches of 128 from 60,000 images of bytes, which each library divides by 255 itself.
Preparation before the first step is not timed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.benchmarks.race import race, table

LEARNING_RATE = 0.01


@dataclass
class ImageWorkload:
    """Random images and labels; `bytes` are uint8, shuffled and to be divided by 255."""

    title: str
    rows: int
    batch: int
    bytes: bool = False

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 256, (self.rows, 28, 28, 1), np.uint8)
        self.x = x if self.bytes else x.astype(np.float32) / 255
        self.y = rng.integers(0, 10, self.rows)
        self.steps = -(-self.rows // self.batch)


Run = Callable[[], Any]  # trains an epoch and returns the number of parameters


def minidl(w: ImageWorkload) -> Run:
    from minidl import Sequential
    from minidl.layers import Conv2D, Dense, Flatten, MaxPooling2D, ReLU, Rescaling, Softmax
    from minidl.optimizers import SGD

    layers: list[Any] = [Rescaling(1 / 255)] if w.bytes else []
    for filters in (32, 64):
        layers += [Conv2D(filters, 3), ReLU(), MaxPooling2D()]
    model = Sequential([*layers, Flatten(), Dense(10), Softmax()], seed=0)
    model.compile(SGD(LEARNING_RATE))

    def run() -> int:
        model.fit(w.x, w.y, batch_size=w.batch, shuffle=w.bytes)
        return model.params.theta.size

    return run


def torch(w: ImageWorkload, channels_last: bool = False) -> Run:
    """Return a run of PyTorch's eager mode, with batches cut from tensors in memory, which is faster than a loader."""
    import torch
    from torch import nn

    order = torch.channels_last if channels_last else torch.contiguous_format
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(1600, 10)).to(memory_format=order)
    x, y = torch.tensor(w.x.transpose(0, 3, 1, 2)).contiguous(memory_format=order), torch.tensor(w.y)
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=LEARNING_RATE)

    def run() -> int:
        rows = torch.randperm(w.rows) if w.bytes else None
        for start in range(0, w.rows, w.batch):
            part = slice(start, start + w.batch) if rows is None else rows[start : start + w.batch]
            batch = x[part].float().div_(255) if w.bytes else x[part]
            optimizer.zero_grad(set_to_none=True)
            loss(net(batch), y[part]).backward()
            optimizer.step()
        return sum(parameter.numel() for parameter in net.parameters())

    return run


def keras(w: ImageWorkload) -> Run:
    import keras as k

    layers: list[Any] = [k.Input((28, 28, 1)), *([k.layers.Rescaling(1 / 255)] if w.bytes else [])]
    for filters in (32, 64):
        layers += [k.layers.Conv2D(filters, 3, activation="relu"), k.layers.MaxPooling2D()]
    model = k.Sequential([*layers, k.layers.Flatten(), k.layers.Dense(10, activation="softmax")])
    model.compile(k.optimizers.SGD(LEARNING_RATE), "sparse_categorical_crossentropy")

    def run() -> int:
        model.fit(w.x, w.y, batch_size=w.batch, shuffle=w.bytes, verbose=0)
        return model.count_params()

    return run


CONTENDERS: dict[str, tuple[Callable[[ImageWorkload], Run], str]] = {
    "minidl": (minidl, "minidl"),
    "PyTorch eager": (torch, "torch"),
    "PyTorch eager, channels last": (partial(torch, channels_last=True), "torch"),
    "Keras": (keras, "keras"),
}


def present(w: ImageWorkload) -> dict[str, Run]:
    """Return the runs of the libraries that are installed."""
    return {name: make(w) for name, (make, package) in CONTENDERS.items() if importlib.util.find_spec(package)}


def steps(rounds: int = 7, rows: int = 640) -> None:
    workload = ImageWorkload("(m) a step of a small convolutional network, 28 x 28 pixels, batch 32", rows, 32)
    print(table(workload.title, race(present(workload), rounds), workload.steps), flush=True)


def epoch(rounds: int = 7, rows: int = 60_000) -> None:
    workload = ImageWorkload(f"(n) an epoch of {rows:,} images of bytes, batch 128", rows, 128, bytes=True)
    print(table(workload.title, race(present(workload), min(rounds, 3)), 1).replace("a step", "an epoch"), flush=True)
