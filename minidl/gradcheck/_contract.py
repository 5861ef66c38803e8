"""Check what a layer must do besides computing its derivative: see `Layer`. Each broken rule is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

from .._recording import Snapshot
from ..layers import Layer
from ..parameters import Parameters
from ._causes import NOT_REPEATABLE
from ._chain_subject import holds_integers, ids_among
from ._layer_subject import build_clone, random_rows
from ._subjects import REPEATS, equal

Rule = Iterator[tuple[str, Any]]


def check_contract(layer: Layer, shape: tuple[int, ...], seed: int) -> tuple[list[str], list[str]]:
    """The rules that a new clone breaks on random rows, and advice."""
    rng = np.random.default_rng(seed)
    clone, params, output_shape = build_clone(layer, shape, np.float32, rng)
    x = random_rows(clone, 6, shape, rng)
    check = ContractCheck(clone, params, x if holds_integers(x) else x.astype(np.float32))
    broken = _holding(check.shapes(output_shape))
    broken = broken or _holding(
        check.writes(), check.repeats(), check.dtypes(), _narrows(layer, shape, seed), check.layouts()
    )
    return broken, _holding(check.reads_back(), check.untrained())


def _narrows(layer: Layer, shape: tuple[int, ...], seed: int) -> Rule:
    """Forward turns float64 into something coarser."""
    rng = np.random.default_rng(seed)
    clone, _, _ = build_clone(layer, shape, np.float64, rng)
    dtype = np.asarray(clone.forward(random_rows(clone, 6, shape, rng), training=True)).dtype
    yield f"forward turns float64 into {dtype}; keep the dtype of x", dtype.kind == "f" and dtype.itemsize < 8


def _holding(*rules: Rule) -> list[str]:
    return [sentence for rule in rules for sentence, holds in rule if holds]


class ContractCheck:
    """A built layer, rows x, and the state from which every pass starts. A rule yields (sentence, True if broken)."""

    def __init__(self, layer: Layer, params: Parameters, x: np.ndarray) -> None:
        self.layer, self.params, self.x = layer, params, x
        self.state = Snapshot([inner for _, inner in layer.walk()])
        self.y = self.forward(x.copy())
        self.dy = np.random.default_rng(5).standard_normal(self.y.shape).astype(np.float32)
        self.dx, self.grad = self.backward()

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.state.restore()
        return self.layer.forward(x, training=True)

    def backward(self) -> tuple[Any, np.ndarray]:
        dx = self.layer.backward(self.dy.copy())
        return dx, self.params.grad.copy()

    def shapes(self, output_shape: tuple[int, ...]) -> Rule:
        y, dx, is_array = self.y, self.dx, isinstance(self.dx, np.ndarray)
        row = f"build returns the row shape {output_shape}, forward returns rows of shape {y.shape[1:]}"
        yield row, y.shape != (len(self.x), *output_shape)
        got = "nothing" if dx is None else f"a {type(dx).__name__}"
        is_wanted = not holds_integers(self.x)
        yield f"backward returns {got}; it must return an array, dL/dx", is_wanted and not is_array
        shapes = f"dL/dx of shape {np.shape(dx)} for x of shape {self.x.shape}"
        yield f"backward returns {shapes}", is_array and dx.shape != self.x.shape

    def writes(self) -> Rule:
        x, dy, theta = self.x.copy(), self.dy.copy(), self.params.theta.copy()
        y = self.forward(x)
        y_before = y.copy()
        dx = self.layer.backward(dy)
        yield "it writes into its input x", not np.array_equal(x, self.x)
        yield "backward writes into its argument dy", not np.array_equal(dy, self.dy)
        yield "a pass changes its parameters", not np.array_equal(theta, self.params.theta)
        dx_before = np.array(dx)
        ids = ids_among(self.layer)
        other = self.x[::-1] if holds_integers(self.x) or ids.any() else 2 * self.x
        self.layer.forward(other, training=True)  # without restoring, so that a buffer is used again
        self.layer.backward(2 * self.dy)
        same = equal(y, y_before) and equal(dx, dx_before)
        yield "a later pass writes into an array that was returned earlier", not same

    def repeats(self) -> Rule:
        yield NOT_REPEATABLE, not all(equal(self.forward(self.x.copy()), self.y) for _ in range(REPEATS))
        (dx, grad), (dx_again, grad_again) = self.backward(), self.backward()
        same = equal(grad, grad_again) and equal(dx, dx_again)
        yield "backward is not the same twice: it must set gradients (p.grad = ...), not add to them", not same

    def dtypes(self) -> Rule:
        for name, array in (("forward", self.y), ("backward", self.dx)):
            if array is not None:  # ids have no derivative
                dtype = np.asarray(array).dtype
                yield f"{name} turns float32 into {dtype}; use Python floats as scalars", dtype != np.float32

    def layouts(self) -> Rule:
        strided = np.asfortranarray(np.repeat(self.x, 2, axis=0))[::2]
        strided.flags.writeable = False
        try:
            y = self.forward(strided)
            self.backward()
        except (ValueError, AttributeError) as error:  # NumPy raises these for a write and for a change of shape
            yield f"it does not accept a read-only or non-contiguous input ({error})", True
        else:
            same = np.allclose(y, self.y, rtol=1e-4, atol=1e-5, equal_nan=True)
            yield "it returns different numbers for a non-contiguous input", not same

    def reads_back(self) -> Rule:
        names = dict[str, None]()  # in order, each once
        for training in (True, False):
            self.state.restore()
            with _attributes_read_back(self.layer) as read:
                self.layer.forward(self.x, training)
            names |= dict.fromkeys(read)
        for name in names:
            problem = f"forward reads self.{name} back after storing it"
            yield f"{problem}, so predict is not safe in threads: use a local variable", True

    def untrained(self) -> Rule:
        self.state.restore()
        layers = [inner for _, inner in self.layer.walk()]
        before = [(layer, name, array.copy()) for layer in layers for name, array in _constants(layer)]
        self.layer.forward(self.x, training=True)
        for layer, name, array in before:
            same = equal(vars(layer)[name], array)
            yield f"self.{name} is an array but not a Parameter: training does not change it", same


def _constants(layer: Layer) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of floats on the layer that are neither settings nor state."""
    known = {*(setting.name for setting in fields(layer)), *layer.state_names}
    for name, value in vars(layer).items():
        if name not in known and isinstance(value, np.ndarray) and value.dtype.kind == "f":
            yield name, value


@contextmanager
def _attributes_read_back(layer: Layer) -> Iterator[list[str]]:
    """The names of the attributes that the layer reads after it has written them, inside the with block."""
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
