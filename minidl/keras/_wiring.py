"""From symbolic tensors to a model of the core: a Sequential if the layers follow one another, else a Graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..layers import Chain, Graph
from ..layers import Layer as CoreLayer
from ..model import Model as CoreModel
from ..naming import unique
from ..sequential import Input
from ..sequential import Sequential as CoreSequential
from ._tensors import NO_MASK, KerasTensor, Node, Shape, by_depth, search


@dataclass(eq=False)
class WithMask(CoreLayer):
    """y = x, with the mask m != 0.   x (m, steps, ...), m (m, steps)."""

    several_inputs = True
    makes_mask = True

    def build(self, input_shape: Any) -> Any:
        return input_shape[0]

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return x[1] != 0

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        y: np.ndarray = x[0]
        return y

    def backward(self, dy: np.ndarray) -> Any:
        return dy, None


class WithMaskOf(WithMask):
    """y = x, with the mask that another value has."""

    makes_mask = False

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return None if mask is None else mask[1]


@dataclass(eq=False)
class WithoutMask(CoreLayer):
    """y = x without its mask."""

    def build(self, input_shape: Any) -> Any:
        return input_shape

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return None

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        y: np.ndarray = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


@dataclass
class Place:
    """A layer of the core in a model: the names of the values that it takes, and of those that it makes."""

    layer: CoreLayer
    sources: list[str]
    values: list[str]


@dataclass
class Plan:
    """The core's layers of a model, in their order, and the names of its inputs.

    prefix  of the names, within a model inside another
    """

    places: list[Place] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    prefix: str = ""

    @property
    def names(self) -> list[str]:
        """The names of all values."""
        return [*self.inputs, *(value for place in self.places for value in place.values)]

    def add(self, name: str, layer: CoreLayer, sources: list[str], count: int = 1) -> list[str]:
        """Let the layer take the values. Return the names of the values that it makes."""
        taken = self.names
        for _ in range(count):
            taken.append(unique(self.prefix + name, taken))
        self.places.append(Place(layer, sources, taken[-count:]))
        return taken[-count:]

    def run(self, inputs: Sequence[KerasTensor], sources: list[str], outputs: Sequence[KerasTensor]) -> list[str]:
        """Add what lies between the tensors, given the names of the inputs. Return the names of the outputs."""
        values = {id(tensor): name for tensor, name in zip(inputs, sources, strict=True)}
        for node in by_depth(search(inputs, outputs)):
            if node.inputs:
                values |= self._run_node(node, values)
        return [values[id(tensor)] for tensor in outputs]

    def _run_node(self, node: Node, values: dict[int, str]) -> dict[int, str]:
        """Add a call, and return the names of its outputs."""
        taken = own = [values[id(x)] for x in node.taken]
        for number, mask in enumerate(node.masks):
            if mask is NO_MASK:
                masked = self.add("unmasked", WithoutMask(), [own[number]])
            elif mask is not None:
                masked = self.add("masked", WithMask(), [own[number], values[id(mask)]])
            else:
                continue
            taken = [*taken[:number], *masked, *taken[number + 1 :]]
        made = node.operation.place(self, taken)
        for number in range(node.kept):
            [made[number]] = self.add("masked", WithMaskOf(), [made[number], own[0]])
        return {id(tensor): name for tensor, name in zip(node.outputs, made, strict=True)}

    def rename(self, value: str, name: str) -> dict[str, str]:
        """Give a value the name; a value that had it gets another one. Return the new names by the old ones."""
        new = {value: name}
        if value != name and name in self.names:
            new[name] = unique(name, self.names)
        self.inputs = [new.get(old, old) for old in self.inputs]
        for place in self.places:
            place.sources = [new.get(old, old) for old in place.sources]
            place.values = [new.get(old, old) for old in place.values]
        return new

    @property
    def is_line(self) -> bool:
        """True if each layer takes what the one before it makes, and nothing else, and none is called twice."""
        taken = [place.sources for place in self.places]
        once = len({id(place.layer) for place in self.places}) == len(self.places)
        return once and len(self.inputs) == 1 and taken == [[name] for name in self.names[:-1]]


def plan_of(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> tuple[Plan, list[str]]:
    """Return the core's layers between the tensors, and the names of the values that are the outputs."""
    plan = Plan(inputs=[x.name for x in inputs])
    return plan, plan.run(inputs, plan.inputs, outputs)


def core_model(
    name: str, dtype: str, inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], output_names: Sequence[str]
) -> CoreModel:
    """Make the core's model of what lies between the tensors. It is built, with the weights that the layers have."""
    plan, made = plan_of(inputs, outputs)
    if plan.is_line and len(made) == 1 and made[0] == plan.names[-1]:
        return _sequential(name, dtype, inputs[0].shape[1:], plan)
    rows = [x.shape[1:] for x in inputs]
    return model_of_graph(plan, rows, _named_outputs(plan, made, output_names), dtype=dtype, name=name)


def _sequential(name: str, dtype: str, shape: Shape, plan: Plan) -> CoreSequential:
    given: Any = shape
    return CoreSequential([Input(given), *(place.layer for place in plan.places)], dtype=dtype, name=name)


def _named_outputs(plan: Plan, made: list[str], names: Sequence[str]) -> list[str]:
    """Give the outputs the names of their layers, through layers that change nothing where a value has two uses."""
    for number, name in enumerate(names):
        if made[number] in (*plan.inputs, *made[:number]):
            [made[number]] = plan.add(name, Chain(), [made[number]])
        new = plan.rename(made[number], name)
        made = [new.get(value, value) for value in made]
    return made


def model_of_graph(
    plan: Plan, rows: Sequence[Shape], outputs: Sequence[str], *, dtype: str, name: str = "graph"
) -> CoreModel:
    """Make the core's model of a graph, for inputs with these rows. It is built."""
    shapes: dict[str, Any] = dict(zip(plan.inputs, rows, strict=True))
    wires: dict[Any, Any] = {
        place.values[0] if len(place.values) == 1 else tuple(place.values): (place.layer, *place.sources)
        for place in plan.places
    }
    ends = tuple(outputs) if len(outputs) > 1 else outputs[0]
    if len(shapes) > 1:
        return CoreModel(Graph(shapes, wires, ends), dtype=dtype, name=name)  # built, since it knows its shapes
    model = CoreModel(Graph(plan.inputs[0], wires, ends), dtype=dtype, name=name)
    model.build((None, *rows[0]))
    return model
