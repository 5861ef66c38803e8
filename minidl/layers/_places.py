"""A layer that is used at several places of a graph: what it keeps at each of them, and the sum of its gradients.

`forward` keeps on the layer what `backward` needs, so its next forward overwrites it. The graph therefore sets the
layer's attributes aside after every forward, and puts them back before the backward of the same place. The layer stays
one object: it has one path, one set of parameters, one state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import ShapeError
from ..naming import join_path
from ..parameters import Parameter
from ._base import Layer

Kept = list[tuple[Layer, dict[str, Any]]]

# while passes are recorded, these stand on the object
WATCHED = ("forward", "masked_forward", "compute_mask", "backward")


class Node(NamedTuple):
    """A layer in a graph, and the names of the values that it takes and makes.

    name  its path in the graph: the name of its value, or of the first of several
    """

    name: str
    layer: Layer
    sources: tuple[str, ...]
    values: tuple[str, ...]

    def by_value(self, made: Any) -> Iterator[tuple[str, Any]]:
        """Yield what the layer returned, each part with its name."""
        yield from zip(self.values, made, strict=True) if self.layer.several_outputs else [(self.name, made)]


def places(nodes: Iterable[Node]) -> dict[str, tuple[str, ...]]:
    """Return the names of all places of its layer, by the name of a place, for layers that have several."""
    names: dict[int, tuple[str, ...]] = {}
    for node in nodes:
        names[id(node.layer)] = (*names.get(id(node.layer), ()), node.name)
    return {name: several for several in names.values() if len(several) > 1 for name in several}


class Reused:
    """A built layer that has several places, with the layers inside and all their parameters."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.inside = tuple(inner for _, inner in layer.walk())

    @property
    def parameters(self) -> list[Parameter]:
        """Their parameters, those that they have now: to build a layer again makes others for a moment."""
        return [parameter for inner in self.inside for parameter in inner.parameters.values()]

    def kept(self) -> Kept:
        """Return what the layers have on them after a forward, without their state."""
        kept = [(inner, dict(vars(inner))) for inner in self.inside]
        for inner, attributes in kept:
            for name in (*WATCHED, *inner.state_names, *inner.carried_names):
                attributes.pop(name, None)
        return kept

    def put_back(self, kept: Kept) -> None:
        """Put what a forward kept on the layers again."""
        for inner, attributes in kept:
            vars(inner).update(attributes)

    def activity_penalty(self, kept: Kept) -> Any:
        """Return what the layer adds to the objective for the rows of the forward that kept this."""
        self.put_back(kept)
        return self.layer.activity_penalty()

    def backward(self, kept: Kept, dy: np.ndarray, *, add: bool) -> Any:
        """Run backward with what a forward kept. If `add`, its gradients are added to those that stand there."""
        self.put_back(kept)
        before = [parameter.grad.copy() for parameter in self.parameters] if add else []
        dx = self.layer.backward(dy)
        for parameter, grad in zip(self.parameters, before, strict=False):
            np.add(parameter.grad, grad, out=parameter.grad)
        return dx


def build_again(layer: Layer, input_shape: Any, who: str) -> tuple[int, ...]:
    """Return the shape of the layer's output for rows of another shape, and leave the layer as it was built.

    Raises ShapeError if `build` would make other parameters for them, or would keep other settings.
    """
    before = [(inner, dict(vars(inner))) for _, inner in layer.walk()]
    has = _made(layer)
    try:
        shape = layer.build(input_shape)
        needs = _made(layer)
    finally:
        for inner, attributes in before:
            vars(inner).clear()
            vars(inner).update(attributes)
    if needs != has:
        path = next(path for path in {**has, **needs} if needs.get(path) != has.get(path))
        sizes = f"its {path} is {has.get(path)}, and would be {needs.get(path)} for rows of shape {input_shape}"
        raise ShapeError(f"{who}: {sizes}; give it rows of one shape, or use clone(), which has weights of its own")
    return shape


BUILT_FOR = ("row_shape", "first_shape", "shapes")


def _made(layer: Layer) -> dict[str, Any]:
    """Return what the layer and those inside hold: shapes of arrays and parameters, values of numbers and the like.

    The shapes that they were built for say nothing of what they compute.
    """
    return {
        join_path(path, name): value.shape if isinstance(value, Parameter | np.ndarray) else value
        for path, inner in layer.walk()
        for name, value in vars(inner).items()
        if name not in ("row_shape", "first_shape", "shapes")
        and (isinstance(value, Parameter | np.ndarray) or _is_plain(value))
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, int | float | str)
