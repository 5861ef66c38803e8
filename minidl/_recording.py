"""Record the arrays that pass through layers, and keep the layers' state so that a pass can be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .layers import Layer


@dataclass
class LayerPass:
    """One pass through a layer: y = forward(x), dx = backward(dy).   dy, dx: None until backward has run.

    mask  that of x, None if all steps count
    """

    path: str
    layer: Layer
    x: np.ndarray
    y: np.ndarray
    mask: Any = None
    dy: np.ndarray | None = None
    dx: np.ndarray | None = None

    @property
    def masked(self) -> bool:
        """True if x, or one of several inputs, has a mask."""
        return any(mask is not None for mask in (self.mask if isinstance(self.mask, tuple) else (self.mask,)))


@contextmanager
def record_passes(layers: Iterable[tuple[str, Layer]]) -> Iterator[list[LayerPass]]:
    """Record every pass through these layers inside the with block, in the order in which their forwards return.

    layers  (path, layer) as `walk` yields them. Nested layers may be among them: a layer's forward and backward are
    watched on the object itself, so that it does not matter which container calls them.
    """
    passes: list[LayerPass] = []
    watched = list(layers)
    try:
        for path, layer in watched:
            _watch(path, layer, passes)
        yield passes
    finally:
        for _, layer in watched:
            for name in ("forward", "masked_forward", "compute_mask", "backward"):
                vars(layer).pop(name, None)


def _watch(path: str, layer: Layer, passes: list[LayerPass]) -> None:
    forward, masked_forward = layer.forward, layer.masked_forward
    compute_mask, backward = layer.compute_mask, layer.backward
    inside = [False]  # True while one of the two forwards runs: it may call the other one

    def watched_forward(x: np.ndarray, training: bool = False) -> np.ndarray:
        if inside[0]:
            return forward(x, training)
        with _entered(inside):
            y = forward(x, training)
        passes.append(LayerPass(path, layer, x, y))
        return y

    def watched_masked_forward(x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        if inside[0]:
            return masked_forward(x, mask, training)
        with _entered(inside):
            y, its_mask = masked_forward(x, mask, training)
        passes.append(LayerPass(path, layer, x, y, mask))
        return y, its_mask

    def watched_compute_mask(x: Any, mask: Any) -> Any:
        if not inside[0]:  # after forward of a layer that does not see masks
            next(record for record in reversed(passes) if record.layer is layer).mask = mask
        return compute_mask(x, mask)

    def watched_backward(dy: np.ndarray) -> Any:
        # a layer with several places runs backward for the last of its forwards first
        latest = next((record for record in reversed(passes) if record.layer is layer and record.dy is None), None)
        dx = backward(dy)
        if latest is not None:
            latest.dy, latest.dx = dy, dx
        return dx

    vars(layer).update(forward=watched_forward, masked_forward=watched_masked_forward)
    vars(layer).update(compute_mask=watched_compute_mask, backward=watched_backward)


@contextmanager
def _entered(inside: list[bool]) -> Iterator[None]:
    inside[0] = True
    try:
        yield
    finally:
        inside[0] = False


class Snapshot:
    """The state of layers that a pass may change: their attributes and the generators they draw from."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = [(layer, _copied(vars(layer))) for layer in layers]
        generators = {id(layer.rng): layer.rng for layer, _ in self.layers if layer.has_rng}
        self.generators = [(rng, rng.bit_generator.state) for rng in generators.values()]

    @property
    def drawn(self) -> bool:
        """True if a generator was drawn from since the snapshot."""
        return any(repr(rng.bit_generator.state) != repr(state) for rng, state in self.generators)

    def restore(self) -> None:
        """Set attributes and generators back, so that the next pass sees the same masks and statistics."""
        for layer, attributes in self.layers:
            vars(layer).clear()
            vars(layer).update(_copied(attributes))
        self.restore_generators()

    def restore_generators(self) -> None:
        """Set the generators back and leave the attributes as they are."""
        for rng, state in self.generators:
            rng.bit_generator.state = state


def _copied(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes; arrays and dicts are copied, because a layer may change its own in place."""
    return {name: value.copy() if type(value) in (np.ndarray, dict) else value for name, value in attributes.items()}
