"""What a layer promises besides its derivative: see `Layer`. Each broken promise is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

from ..layers import Layer
from ..parameters import Parameters
from .functions import OFTEN, Snapshot


def broken_promises(layer: Layer, shape: tuple[int, ...], seed: int) -> tuple[list[str], list[str]]:
    """What a fresh clone of the layer breaks on random rows, and advice on what is only unsafe in threads."""
    rng = np.random.default_rng(seed)
    clone = layer.clone()
    promised = clone.build(shape)
    params = Parameters(clone.named_parameters(), np.dtype(np.float32))
    params.initialize(rng)
    for _, inner in clone.walk():
        inner.rng = rng
    trial = Trial(clone, params, rng.standard_normal((6, *shape)).astype(np.float32))
    found = [*trial.shapes(promised)] or [*trial.writes(), *trial.repeats(), *trial.dtypes(), *trial.layouts()]
    return found, [*trial.reads_back(), *trial.untrained()]


class Trial:
    """A built layer, rows x, and the state it starts every pass from."""

    def __init__(self, layer: Layer, params: Parameters, x: np.ndarray) -> None:
        self.layer, self.params, self.x = layer, params, x
        self.state = Snapshot([inner for _, inner in layer.walk()])
        self.y = self.forward(x)
        self.dy = np.random.default_rng(5).standard_normal(self.y.shape).astype(np.float32)
        self.dx, self.grad = self.backward(self.dy)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.state.restore()
        return self.layer.forward(x.copy(), training=True)

    def backward(self, dy: np.ndarray) -> tuple[Any, np.ndarray]:
        dx = self.layer.backward(dy.copy())
        return dx, self.params.grad.copy()

    def shapes(self, promised: tuple[int, ...]) -> Iterator[str]:
        if self.y.shape != (len(self.x), *promised):
            yield f"build promises rows of shape {promised}, forward returns {self.y.shape[1:]}"
        if not isinstance(self.dx, np.ndarray):
            got = "nothing" if self.dx is None else f"a {type(self.dx).__name__}"
            yield f"backward returns {got}; it must return an array, dL/dx"
        elif self.dx.shape != self.x.shape:
            yield f"backward returns dL/dx of shape {self.dx.shape} for x of shape {self.x.shape}"

    def writes(self) -> Iterator[str]:
        x, dy, theta = self.x.copy(), self.dy.copy(), self.params.theta.copy()
        self.state.restore()
        y = self.layer.forward(x, training=True)
        kept = y.copy()
        dx = self.layer.backward(dy)
        if not np.array_equal(x, self.x):
            yield "it writes into its input x"
        if not np.array_equal(dy, self.dy):
            yield "backward writes into its argument dy"
        if not np.array_equal(theta, self.params.theta):
            yield "a pass changes its parameters"
        dx_kept = np.array(dx)
        self.layer.forward(2 * self.x, training=True)  # from where the last pass ended: a buffer would be used again
        self.layer.backward(2 * self.dy)
        if not (np.array_equal(y, kept, equal_nan=True) and np.array_equal(dx, dx_kept, equal_nan=True)):
            yield "a later pass writes into an array that was returned earlier"

    def repeats(self) -> Iterator[str]:
        if not all(np.array_equal(self.forward(self.x), self.y, equal_nan=True) for _ in range(OFTEN)):
            yield "forward is not the same twice from one state: does it draw from another generator than self.rng?"
        dx, grad = self.backward(self.dy)
        again_dx, again = self.backward(self.dy)
        if not (np.array_equal(grad, again, equal_nan=True) and np.array_equal(dx, again_dx, equal_nan=True)):
            yield "backward is not the same twice: it must set gradients (p.grad = ...), not add to them"

    def dtypes(self) -> Iterator[str]:
        for name, array in (("forward", self.y), ("backward", self.dx)):
            if np.asarray(array).dtype != np.float32:
                yield f"{name} turns float32 into {np.asarray(array).dtype}; use Python floats as scalars"

    def layouts(self) -> Iterator[str]:
        strided = np.asfortranarray(np.repeat(self.x, 2, axis=0))[::2]
        strided.flags.writeable = False
        try:
            self.state.restore()
            y = self.layer.forward(strided, training=True)
            self.backward(self.dy)
        except (ValueError, AttributeError) as error:  # what NumPy raises for a write, and for a change of shape
            yield f"it cannot take a read-only or non-contiguous input ({error})"
            return
        if not np.allclose(y, self.y, rtol=1e-4, atol=1e-5, equal_nan=True):
            yield "it computes something else from a non-contiguous input"

    def reads_back(self) -> Iterator[str]:
        for training in (True, False):
            self.state.restore()
            with _watched(self.layer) as read:
                self.layer.forward(self.x, training)
            for name in read:
                yield f"forward reads self.{name} back after storing it, so predict is not safe in threads: use a local"
            if read:
                return

    def untrained(self) -> Iterator[str]:
        self.state.restore()
        layers = [inner for _, inner in self.layer.walk()]
        made = [(layer, name, array.copy()) for layer in layers for name, array in _constants(layer)]
        self.layer.forward(self.x, training=True)
        for layer, name, array in made:
            if np.array_equal(vars(layer)[name], array, equal_nan=True):
                yield f"self.{name} is an array and no Parameter: nothing trains it"


def _constants(layer: Layer) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of numbers on the layer that are neither settings nor state."""
    known = {*(setting.name for setting in fields(layer)), *layer.state_names}
    for name, value in vars(layer).items():
        if name not in known and isinstance(value, np.ndarray) and value.dtype.kind == "f":
            yield name, value


@contextmanager
def _watched(layer: Layer) -> Iterator[list[str]]:
    """The names of the attributes that the layer reads after writing them, inside the with block."""
    written: set[str] = set()
    read: list[str] = []
    kind = type(layer)

    class Watched(kind):  # type: ignore[valid-type, misc]  # a class made at run time
        def __setattr__(self, name: str, value: Any) -> None:
            written.add(name)
            object.__setattr__(self, name, value)

        def __getattribute__(self, name: str) -> Any:
            if name in written and name not in read:
                read.append(name)
            return object.__getattribute__(self, name)

    layer.__class__ = Watched
    try:
        yield read
    finally:
        layer.__class__ = kind
