"""Layers that contain layers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import layers
from ..errors import SettingError, ShapeError
from ..validation import hint
from ._base import Layer, run_masked


def build_layer(layer: Layer, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Build the layer and return its output shape. Raise ShapeError if `build` returned no shape.

    If the layer or one inside is built already, its parameters stay; ShapeError is raised if they do not fit the shape.
    """
    known = {id(inner) for _, inner in layer.walk()}
    with _keeping_built(layer, input_shape):
        shape = layer.build(input_shape)
    if layer.built:
        return shape
    if not all(map(_is_shape, shape if layer.several_outputs and isinstance(shape, tuple) else [shape])):
        who = type(layer).__name__
        raise ShapeError(f"{who}: build must return the shape of an output row, such as (3,), got {shape!r}")
    for inner in () if layer.trainable else [inner for _, inner in layer.walk() if id(inner) not in known]:
        inner.trainable = False  # `build` made it inside a frozen layer
    layer.row_shape = input_shape
    return shape


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(isinstance(n, int | np.integer) and n > 0 for n in shape)


@contextmanager
def _keeping_built(layer: Layer, input_shape: tuple[int, ...]) -> Iterator[None]:
    """Restore the built layers after a with block that calls `build`.

    Raises ShapeError if parameters or state of another shape were made for one of them.
    """
    before = [(inner, _shapes(inner), dict(vars(inner))) for _, inner in layer.walk() if inner.built]
    try:
        yield
        after = [_shapes(inner) for inner, _, _ in before]
    finally:
        for inner, _, attributes in before:
            vars(inner).clear()
            vars(inner).update(attributes)
    for (inner, kept, _), wanted in zip(before, after, strict=True):
        if wanted != kept:
            path = next(path for path in kept if wanted.get(path) != kept[path])
            sizes = f"its {path} has shape {kept[path]}, rows of shape {input_shape} would need {wanted.get(path)}"
            raise ShapeError(f"{type(inner).__name__} is built for rows of shape {inner.row_shape}: {sizes}")


def _shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters and of the state, by path."""
    shapes = {path: parameter.shape for path, parameter in layer.named_parameters().items()}
    return shapes | {path: state.shape for path, state in layer.named_state().items()}


def check_layers(who: str, given: Iterable[Any]) -> None:
    """Raise SettingError if one of the objects is not a layer."""
    for layer in given:
        if not isinstance(layer, Layer):
            raise SettingError(f"{who} takes layers, got {layer!r}{_hint(layer)}")


def _hint(given: Any) -> str:
    """A remedy for a class, for an activation by its name or as a function, and for other functions."""
    if isinstance(given, type):
        return f"; write {given.__name__}(...)"
    name = str(given if isinstance(given, str) else getattr(given, "__name__", "")).replace("_", "").lower()
    found = [public for public in dir(layers) if public[0].isupper() and public.lower() == name]
    return f"; write {found[0]}()" if found else hint(given, Layer)


@dataclass(eq=False, init=False)
class Chain(Layer):
    """y = f_k(... f_2(f_1(x))):   Chain(f_1, f_2, ..., f_k)."""

    layers: tuple[Layer, ...]

    start = 0  # the layer at which backward ends

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        check_layers(type(self).__name__, layers)
        self.layers = layers
        self.name = name
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.masking = any(layer.makes_mask for layer in self.layers)

    @property
    def makes_mask(self) -> bool:
        return self.masking

    @property
    def vocabulary_size(self) -> int | None:
        return self.layers[0].vocabulary_size if self.layers else None

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        several = [type(layer).__name__ for layer in self.layers if layer.several_outputs]
        if several:
            raise ShapeError(
                f"{type(self).__name__}: {several[0]} returns several values, which only a Graph passes on"
            )
        shape = input_shape
        self.shapes = [shape := build_layer(layer, shape) for layer in self.layers]
        return shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if self.masking:
            return self.masked_forward(x, None, training)[0]
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        for layer in self.layers:
            x, mask = run_masked(layer, x, mask, training)
        return x, mask

    def backward(self, dy: np.ndarray) -> Any:
        for layer in reversed(self.layers[self.start :]):
            dy = layer.backward(dy)
        return None if self.is_first else dy

    def mark_first(self) -> None:
        """Nothing needs dL/dx, so backward ends at the first layer that has parameters."""
        self.is_first = True
        self.start = next((i for i, layer in enumerate(self.layers) if layer.named_parameters()), 0)
        if self.layers:
            self.layers[self.start].mark_first()

    def unmark_first(self) -> None:
        self.is_first, self.start = False, 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(layer) for layer in self.layers)})"


@dataclass(eq=False, init=False, repr=False)
class Residual(Chain):
    """y = x + f(x),   f = Chain(f_1, ..., f_k), which keeps the shape:   Residual(f_1, ..., f_k). (He et al. 2016)"""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        output_shape = super().build(input_shape)
        if output_shape != input_shape:
            raise ShapeError(f"Residual adds f(x) to x, but f maps {input_shape} to {output_shape}")
        return output_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        y, inner = super().masked_forward(x, mask, training)
        return x + y, inner

    def backward(self, dy: np.ndarray) -> Any:
        dx = super().backward(dy)
        return None if self.is_first else dy + dx
