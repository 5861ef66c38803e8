"""Layers wired into a directed acyclic graph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import check_integer
from ._base import Layer, run_masked
from ._containers import build_layer, check_layers
from ._lengths import fits
from ._places import Kept, Node, Reused, build_again, places

Shape = tuple[int, ...]


@dataclass(eq=False)
class Graph(Layer):
    """y = the values of the outputs, where each layer's value is f(values of its sources).

    Graph("x", {"h": (Dense(8), "x"), "r": (ReLU(), "h"), "sum": (Add(), "r", "x")}, "sum") is a residual network.

    inputs   the name of the input; or the names of several with the shapes of their rows, {"a": (4,), "b": (3,)};
             None in a shape stands for any length
    layers   {name: (layer, name of what it takes, ...)}, each layer after those whose values it takes; the name of a
             layer that returns several values is a tuple of their names, ("y", "h", "c")
    outputs  the name of the output, or a tuple of names

    The derivative by a value that is used several times is the sum of the derivatives by its uses. So is that by the
    parameters of a layer that has several places, {"h": (layer, "a"), "g": (layer, "b")}: it has the path of the first,
    and is called once for each. A graph with several inputs takes them side by side in rows (m, numbers), or as a tuple
    of arrays; several outputs it returns side by side. `Model.fit` and `predict` take and return them by name.
    """

    inputs: str | tuple[str, ...] | Mapping[str, Shape]
    layers: Mapping[Any, tuple[Any, ...]]
    outputs: str | tuple[str, ...]

    whole = cast(Any, None)  # the graph that this one is made from, with the lengths of the inputs

    def __post_init__(self) -> None:
        super().__post_init__()
        self.input_shapes = _input_shapes(self.inputs)
        self.output_names = _output_names(self.outputs)
        self.nodes = tuple(_nodes(self.layers))
        self._check()
        self.places = places(self.nodes)  # of the layers that have several, by the name of each place
        self.line = self._line()  # the layers, if they run one after the other as in a Chain; else None
        self.several_inputs = len(self.input_shapes) > 1
        self.masking = any(node.layer.makes_mask for node in self.nodes)
        self.reached = self.nodes[::-1]  # the layers that backward must reach

    def _check(self) -> None:
        known = dict.fromkeys(self.input_shapes)
        for name, layer, sources, values in self.nodes:
            check_layers("Graph", [layer])
            if repeated := [value for place, value in enumerate(values) if value in known or value in values[:place]]:
                raise SettingError(f"Graph: two values are called {repeated[0]!r}")
            if (len(values) > 1) > layer.several_outputs:
                raise SettingError(f"Graph: {name} is a {type(layer).__name__}, which returns one value, not {values}")
            if missing := [source for source in sources if source not in known]:
                before = ", ".join(known)
                raise SettingError(f"Graph: {name} takes {missing[0]!r}, which is not among those before it, {before}")
            if len(sources) > 1 and not layer.several_inputs:
                raise SettingError(
                    f"Graph: {name} is a {type(layer).__name__}, which takes one value, got {len(sources)}"
                )
            known |= dict.fromkeys(values)
        if wrong := [name for name in known if not isinstance(name, str) or not name or "/" in name]:
            raise SettingError(f"Graph: names must be strings without '/', got {wrong[0]!r}")
        used = {source for node in self.nodes for source in node.sources} | set(self.output_names)
        if idle := [name for name in self.input_shapes if name not in used] or [
            node.name for node in self.nodes if used.isdisjoint(node.values)
        ]:
            raise SettingError(f"Graph: {idle[0]} leads to no output")
        if missing := [name for name in self.output_names if name not in known]:
            raise SettingError(f"Graph: there is no value {missing[0]!r} for the output; there are {', '.join(known)}")

    def _line(self) -> tuple[Layer, ...] | None:
        names = [*self.input_shapes, *(node.name for node in self.nodes)]
        one = len(self.input_shapes) == len(self.output_names) == 1 and self.output_names[0] == names[-1]
        chained = all(
            node.sources == (before,) and not node.layer.several_outputs
            for before, node in zip(names, self.nodes, strict=False)
        )
        return tuple(node.layer for node in self.nodes) if one and chained and not self.places else None

    @property
    def is_line(self) -> bool:
        """True if the layers run one after the other, as in a Chain."""
        return self.line is not None

    @property
    def children(self) -> dict[str, Layer]:
        return {node.name: node.layer for node in self.nodes if self.first_place(node.name) == node.name}

    @property
    def makes_mask(self) -> bool:
        return self.masking

    @property
    def vocabularies(self) -> dict[str, int | None]:
        """The `vocabulary_size` of each input: that of the layers that take it."""
        sizes = dict[str, int | None].fromkeys(self.input_shapes)
        for node in self.nodes:
            for source in node.sources:
                if source in sizes and node.layer.vocabulary_size is not None:
                    sizes[source] = min(sizes[source] or node.layer.vocabulary_size, node.layer.vocabulary_size)
        return sizes

    @property
    def vocabulary_size(self) -> int | None:
        return None if self.several_inputs else next(iter(self.vocabularies.values()))

    def first_place(self, name: str) -> str:
        """Return the first of the places of a layer: its own name, if it has one place."""
        return self.places.get(name, (name,))[0]

    # ---- shapes

    def build(self, input_shape: Any) -> Shape:
        self.shapes, rows, made = self._shapes_of_inputs(input_shape), dict[str, Any](), dict[str, Any]()
        for node in self.nodes:
            name, layer, first = node.name, node.layer, self.first_place(node.name)
            taken: Any = tuple(self.shapes[source] for source in node.sources)
            rows[name] = taken if len(taken) > 1 else taken[0]
            if first == name:
                made[name] = build_layer(layer, rows[name])
            elif rows[name] == rows[first]:
                made[name] = made[first]
            else:
                made[name] = build_again(layer, rows[name], f"Graph: {name} is the layer of {first}")
            self._check_values(node, made[name])
            self.shapes |= dict(node.by_value(made[name]))
        self.reused = {node.name: Reused(node.layer) for node in self.nodes if node.name in self.places}
        shapes = [self.shapes[name] for name in self.output_names]
        return shapes[0] if len(shapes) == 1 else (sum(map(math.prod, shapes)),)

    def _check_values(self, node: Node, shapes: Any) -> None:
        if node.layer.several_outputs and len(shapes) != len(node.values):
            names = f'a tuple of {len(shapes)} names, as in ("y", "h")'
            raise SettingError(
                f"Graph: {type(node.layer).__name__} returns {len(shapes)} values: its key must be {names}"
            )

    def _shapes_of_inputs(self, input_shape: Any) -> dict[str, Shape]:
        names = list(self.input_shapes)
        if len(names) == 1:
            wanted = self.input_shapes[names[0]]
            if wanted is not None and not fits(input_shape, wanted):
                raise ShapeError(f"Graph: {names[0]} has rows of shape {wanted}, got {input_shape}")
            return {names[0]: input_shape}
        shapes = {name: shape for name, shape in self.input_shapes.items() if shape is not None}
        if fits(input_shape, tuple(shapes.values())):
            return dict(zip(names, input_shape, strict=True))
        total = (sum(map(math.prod, shapes.values())),)
        if input_shape != total:
            raise ShapeError(f"Graph takes {shapes}, together rows of {total[0]} numbers, got {input_shape}")
        return shapes

    # ---- forward and backward

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        if self.masking:
            outputs: np.ndarray = self.masked_forward(x, None, training)[0]
            return outputs
        if self.line is not None:
            for layer in self.line:
                x = layer.forward(x, training)
            return x
        values, kept = self._values(x), dict[str, Kept]()
        for node in self.nodes:
            made = node.layer.forward(_taken(node, values), training)
            values |= node.by_value(made)
            if node.name in self.places:
                kept[node.name] = self.reused[node.name].kept()
        self.kept = kept
        return side_by_side([values[name] for name in self.output_names])

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        """Return the outputs and their mask; of several outputs a tuple of masks."""
        several = mask if isinstance(mask, tuple) else (mask,) * len(self.input_shapes)
        values, kept = self._values(x), dict[str, Kept]()
        masks = dict(zip(self.input_shapes, several, strict=True))
        for node in self.nodes:
            made, its_mask = run_masked(node.layer, _taken(node, values), _taken(node, masks), training)
            values |= node.by_value(made)
            masks |= dict.fromkeys(node.values) if its_mask is None else node.by_value(its_mask)
            if node.name in self.places:
                kept[node.name] = self.reused[node.name].kept()
        self.kept = kept
        outputs = side_by_side([values[name] for name in self.output_names])
        left = tuple(masks[name] for name in self.output_names)
        return outputs, left[0] if len(left) == 1 else None if all(one is None for one in left) else left

    def activity_penalty(self) -> Any:
        once = sum(node.layer.activity_penalty() for node in self.nodes if node.name not in self.places)
        return once + sum(self.reused[name].activity_penalty(kept) for name, kept in self.kept.items())

    def _values(self, x: Any) -> dict[str, Any]:
        """The inputs by name, from a tuple or from rows in which they stand side by side."""
        if not self.several_inputs:
            return dict.fromkeys(self.input_shapes, x)
        shapes = self.shapes if self.whole is None else self.whole.shapes
        parts = x if isinstance(x, tuple) else apart(x, [shapes[name] for name in self.input_shapes])
        self.was_tuple = isinstance(x, tuple)
        return dict(zip(self.input_shapes, parts, strict=True))

    def backward(self, dy: np.ndarray) -> Any:
        if self.line is not None and not self.is_first:
            for layer in reversed(self.line):
                dy = layer.backward(dy)
            return dy
        gradients = dict[str, Any]()
        for name, part in zip(self.output_names, self._parts_of(dy), strict=True):
            _add(gradients, name, part)
        for node in self.reached:
            dy = _made(node, gradients)
            taken = self._backward_at(node.name, dy) if node.name in self.places else node.layer.backward(dy)
            if taken is None:  # nothing needs dL/dx of the layer: it is the first one with parameters, or takes ids
                continue
            for source, part in zip(node.sources, taken if len(node.sources) > 1 else (taken,), strict=True):
                if part is not None:
                    _add(gradients, source, part)
        return None if self.is_first else self._input_gradient(gradients)

    def _backward_at(self, name: str, dy: np.ndarray) -> Any:
        """Run backward of one of several places. The last place sets the gradients, those before it add theirs."""
        return self.reused[name].backward(self.kept[name], dy, add=name != self.places[name][-1])

    def _parts_of(self, dy: np.ndarray) -> list[np.ndarray]:
        shapes = [self.shapes[name] for name in self.output_names]
        return [dy] if len(shapes) == 1 else apart(dy, shapes)

    def _input_gradient(self, gradients: dict[str, Any]) -> Any:
        parts = tuple(gradients.get(name) for name in self.input_shapes)
        if not self.several_inputs or self.was_tuple:
            return parts if self.several_inputs else parts[0]
        known = next((part for part in parts if part is not None), None)
        if known is None:
            return None
        rows, shapes = len(known), [self.shapes[name] for name in self.input_shapes]
        return side_by_side(
            [
                np.zeros((rows, *shape), known.dtype) if part is None else part  # ids have no derivative
                for part, shape in zip(parts, shapes, strict=True)
            ]
        )

    # ---- the first layers with parameters

    def mark_first(self) -> None:
        """Nothing needs dL/dx, so backward ends at the first layers that have parameters."""
        self.is_first, needed, first = True, set[str](), dict[str, Layer]()
        for name, layer, sources, values in self.nodes:
            if needed.intersection(sources):
                needed.update(values)
            elif layer.named_parameters():
                needed.update(values)
                first[name] = layer
        for name, layer in first.items():
            if first.keys() >= {*self.places.get(name, ())}:  # at every place of the layer nothing needs its dL/dx
                layer.mark_first()
        self.reached = tuple(node for node in reversed(self.nodes) if node.name in needed)

    def unmark_first(self) -> None:
        self.is_first, self.reached = False, self.nodes[::-1]

    # ---- other graphs of the same layers

    def ending_in(self, outputs: tuple[str, ...]) -> Self:
        """Return a graph of the same layer objects with other outputs, without the layers that these do not need."""
        kept = set(outputs)
        for _, _, sources, values in reversed(self.nodes):
            if kept.intersection(values):
                kept.update((*values, *sources))
        layers = {
            key: entry
            for key, entry in self.layers.items()
            if not kept.isdisjoint([key] if isinstance(key, str) else key)
        }
        graph = type(self)(self.inputs, layers, outputs)
        graph.whole = self if self.whole is None else self.whole
        graph.reused = {name: reused for name, reused in self.reused.items() if name in graph.places}
        graph.shapes = {name: shape for name, shape in self.shapes.items() if name in kept or name in self.input_shapes}
        return graph

    @property
    def output_shapes(self) -> list[Shape]:
        """The shapes of the rows of each output, once the graph is built."""
        return [self.shapes[name] for name in self.output_names]


def _input_shapes(inputs: Any) -> dict[str, Shape | None]:
    names: Any = (inputs,) if isinstance(inputs, str) else inputs
    shapes: dict[str, Shape | None]
    if isinstance(names, Mapping):
        shapes = {name: _row_shape(name, shape) for name, shape in names.items()}
    elif isinstance(names, tuple | list) and len(names) == 1:
        shapes = {names[0]: None}
    else:
        example = 'Graph({"a": (4,), "b": (3,)}, ...)'
        raise SettingError(f"Graph: inputs must be a name, or names with shapes as in {example}, got {inputs!r}")
    if not shapes:
        raise SettingError("Graph: there must be an input")
    return shapes


def _row_shape(name: str, given: Any) -> Shape:
    if not isinstance(given, tuple | list):
        raise SettingError(f"Graph: the input {name} must have the shape of a row, such as (4,), got {given!r}")
    lengths: Any = (n if n is None else check_integer("Graph", f"the shape of the input {name}", n, 1) for n in given)
    return tuple(lengths)


def _output_names(outputs: Any) -> tuple[str, ...]:
    names = (outputs,) if isinstance(outputs, str) else outputs
    if not isinstance(names, tuple | list) or not names or len(set(names)) < len(names):
        raise SettingError(
            f"Graph: outputs must be the name of a value, or a tuple of different names, got {outputs!r}"
        )
    return tuple(names)


def _nodes(layers: Any) -> Iterator[Node]:
    if not isinstance(layers, Mapping):
        raise SettingError(f'Graph: layers must be a dict such as {{"h": (Dense(8), "x")}}, got {layers!r}')
    for name, entry in layers.items():
        whole = isinstance(entry, tuple | list) and len(entry) > 1
        if not (whole and all(isinstance(source, str) for source in entry[1:])):
            raise SettingError(f'Graph: {name} must be a layer and what it takes, as in (Dense(8), "x"), got {entry!r}')
        values = name if isinstance(name, tuple) and name else (name,)
        yield Node(values[0], entry[0], tuple(entry[1:]), values)


def _taken(node: Node, by_name: Mapping[str, Any]) -> Any:
    """The entries that a layer takes: one, or a tuple of them."""
    sources = node.sources
    return by_name[sources[0]] if len(sources) == 1 else tuple(by_name[source] for source in sources)


def _made(node: Node, gradients: dict[str, Any]) -> Any:
    """Take out dL/dy of a layer's value; of several a tuple, None for those on which nothing depends."""
    if not node.layer.several_outputs:
        return gradients.pop(node.name)
    return tuple(gradients.pop(name, None) for name in node.values)


def _add(gradients: dict[str, Any], name: str, part: Any) -> None:
    gradients[name] = gradients[name] + part if name in gradients else part


def side_by_side(parts: Any) -> np.ndarray:
    """Join arrays (m, ...) to rows (m, numbers). A single array stays as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def apart(rows: np.ndarray, shapes: list[Any]) -> list[np.ndarray]:
    """Cut rows (m, numbers) into arrays (m, *shape): the inverse of `side_by_side`."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    parts = np.split(rows, ends, axis=1)
    return [part.reshape(len(rows), *shape) for part, shape in zip(parts, shapes, strict=True)]
