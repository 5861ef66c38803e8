"""From symbolic tensors to a model of the core: a Sequential if the layers follow one another, else a Graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..layers import Chain, Graph
from ..layers import Layer as CoreLayer
from ..model import Model as CoreModel
from ..naming import unique
from ..sequential import Sequential as CoreSequential
from ._layer import row_shape
from ._tensors import KerasTensor, by_depth, search


@dataclass
class Plan:
    """The core's layers of a model, and the values that they take: {name of the value: (layer, name of what it takes)}.

    prefix  of the names, within a model inside another
    """

    layers: dict[str, tuple[CoreLayer, list[str]]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    prefix: str = ""

    def add(self, name: str, layer: CoreLayer, sources: list[str]) -> str:
        """Let the layer take the values. Return the name of what it makes."""
        value = unique(self.prefix + name, [*self.inputs, *self.layers])
        self.layers[value] = (layer, sources)
        return value

    def run(self, inputs: Sequence[KerasTensor], sources: list[str], outputs: Sequence[KerasTensor]) -> list[str]:
        """Add what lies between the tensors, given the names of the inputs. Return the names of the outputs."""
        values = {id(tensor): name for tensor, name in zip(inputs, sources, strict=True)}
        for node in by_depth(search(inputs, outputs)):
            if node.inputs:
                made = node.operation.place(self, [values[id(x)] for x in node.inputs])
                values |= {id(tensor): name for tensor, name in zip(node.outputs, made, strict=True)}
        return [values[id(tensor)] for tensor in outputs]

    def rename(self, value: str, name: str) -> dict[str, str]:
        """Give a value the name; a value that had it gets another one. Return the new names by the old ones."""
        new = {value: name}
        if value != name and name in [*self.inputs, *self.layers]:
            new[name] = unique(name, [*self.inputs, *self.layers])
        self.inputs = [new.get(old, old) for old in self.inputs]
        self.layers = {
            new.get(old, old): (layer, [new.get(source, source) for source in sources])
            for old, (layer, sources) in self.layers.items()
        }
        return new

    @property
    def is_line(self) -> bool:
        """True if each layer takes what the one before it makes, and nothing else, and none is called twice."""
        names = [*self.inputs, *self.layers]
        taken = [sources for _, sources in self.layers.values()]
        once = len({id(layer) for layer, _ in self.layers.values()}) == len(self.layers)
        return once and len(self.inputs) == 1 and taken == [[name] for name in names[:-1]]


def plan_of(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> tuple[Plan, list[str]]:
    """Return the core's layers between the tensors, and the names of the values that are the outputs."""
    plan = Plan(inputs=[x.name for x in inputs])
    return plan, plan.run(inputs, plan.inputs, outputs)


def core_model(
    name: str, dtype: str, inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], output_names: Sequence[str]
) -> CoreModel:
    """Make the core's model of what lies between the tensors. It is built, with the weights that the layers have."""
    plan, made = plan_of(inputs, outputs)
    if plan.is_line and len(made) == 1 and made[0] == [*plan.inputs, *plan.layers][-1]:
        return _sequential(name, dtype, row_shape(name, inputs[0].shape), plan)
    return _graph(name, dtype, inputs, plan, _named_outputs(plan, made, output_names))


def _sequential(name: str, dtype: str, shape: tuple[int, ...], plan: Plan) -> CoreSequential:
    model = CoreSequential([layer for layer, _ in plan.layers.values()], dtype=dtype, name=name)
    model.build(shape)
    return model


def _named_outputs(plan: Plan, made: list[str], names: Sequence[str]) -> list[str]:
    """Give the outputs the names of their layers, through layers that change nothing where a value has two uses."""
    for number, name in enumerate(names):
        if made[number] in (*plan.inputs, *made[:number]):
            made[number] = plan.add(name, Chain(), [made[number]])
        new = plan.rename(made[number], name)
        made = [new.get(value, value) for value in made]
    return made


def _graph(name: str, dtype: str, inputs: Sequence[KerasTensor], plan: Plan, outputs: list[str]) -> CoreModel:
    shapes = {value: row_shape(value, x.shape) for value, x in zip(plan.inputs, inputs, strict=True)}
    wires = {value: (layer, *sources) for value, (layer, sources) in plan.layers.items()}
    ends = tuple(outputs) if len(outputs) > 1 else outputs[0]
    if len(shapes) > 1:
        return CoreModel(Graph(shapes, wires, ends), dtype=dtype, name=name)  # built, since it knows its shapes
    model = CoreModel(Graph(plan.inputs[0], wires, ends), dtype=dtype, name=name)
    model.build(shapes[plan.inputs[0]])
    return model
