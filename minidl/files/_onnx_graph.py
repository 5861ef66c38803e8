"""The graph of an ONNX file while it is built: nodes, constants, and the masks of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..errors import SettingError
from ..layers import Add, Average, Concatenate, Graph, Layer, Maximum, Minimum, Multiply, Subtract
from ..registry import Operator, entry_of, reason

Builder = Callable[..., Any]  # (graph, layer, names of its inputs ...) -> the name of its output, or a tuple of names

# The layers of several inputs whose output counts where one of the inputs does
UNITING = (Add, Average, Maximum, Minimum, Multiply, Subtract)


class Mask(NamedTuple):
    """A mask, True at steps that count: the name of a tensor of booleans, and the number of its axes."""

    name: str
    axes: int


class OnnxGraph:
    """The nodes and constants of an ONNX graph. Most methods return the name of their result.

    dtype     that of the model
    builders  {key in the registry: function that adds a layer}
    masks     {name of a value: its mask}: ONNX has no masks, so they are values beside those that they belong to
    ids       the names of inputs that hold integers
    owners    of each node, the layer that it belongs to
    """

    def __init__(self, dtype: np.dtype[Any], builders: Mapping[str, Builder], ids: set[str]) -> None:
        self.dtype, self.builders, self.ids = dtype, builders, ids
        self.nodes: list[Any] = []
        self.owners: list[Layer | None] = []
        self.constants: list[Any] = []
        self.names: dict[tuple[Any, ...], str] = {}  # of the constants, by their numbers
        self.masks: dict[str, Mask] = {}
        self.numbers = count()
        self.running: Layer | None = None

    def body(self) -> OnnxGraph:
        """Return a graph for the steps of a loop in this one. It has the same constants."""
        inner = OnnxGraph(self.dtype, self.builders, self.ids)
        inner.constants, inner.names, inner.numbers = self.constants, self.names, self.numbers
        return inner

    # ---- nodes

    def node(self, operator: str, *inputs: str, output: str = "", attributes: Mapping[str, Any] | None = None) -> str:
        """Add one operator."""
        return self.several(operator, *inputs, outputs=[output or self.free_name()], attributes=attributes)[0]

    def several(
        self, operator: str, *inputs: str, outputs: int | list[str], attributes: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Add one operator with several outputs, a number or their names. Return their names."""
        from onnx import helper

        names = [self.free_name() for _ in range(outputs)] if isinstance(outputs, int) else outputs
        self.nodes.append(helper.make_node(operator, list(inputs), names, **(attributes or {})))
        self.owners.append(self.running)
        return names

    def scan(self, body: OnnxGraph, ends: tuple[list[Any], list[Any]], given: list[str], steps: int) -> list[str]:
        """Add a loop over the first axis of the last `steps` of the values given; the others are its first states.

        body  what is done at each step
        ends  descriptions of the inputs and of the outputs of body: states and steps, new states and results
        """
        from onnx import helper

        whole = helper.make_graph(body.nodes, "step", *ends)
        attributes = {"body": whole, "num_scan_inputs": steps}
        return self.several("Scan", *given, outputs=len(ends[1]), attributes=attributes)

    def free_name(self) -> str:
        """Return a name that no value has."""
        return f"t{next(self.numbers)}"

    # ---- constants

    def constant(self, value: float | np.ndarray) -> str:
        """Add an array in the model's dtype. Equal ones are one constant: a shared layer has its weights once."""
        return self.array(np.array(value, self.dtype))

    def integers(self, values: Sequence[int]) -> str:
        """Add a vector of integers."""
        return self.array(np.array(values, np.int64))

    def array(self, array: np.ndarray) -> str:
        """Add an array in its own dtype."""
        from onnx import numpy_helper

        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self.names:
            self.names[key] = f"c{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(array, self.names[key]))
        return self.names[key]

    # ---- layers

    def layer(self, layer: Layer, *x: str) -> Any:
        """Add a layer that is applied to x, one input or several. Of several outputs return a tuple of names."""
        outer, self.running = self.running, layer
        if layer.vocabulary_size is None and not isinstance(layer, Graph):
            x = tuple(self.cast(name, self.dtype) if name in self.ids else name for name in x)
        y = self._added(layer, x)
        if (mask := self._mask_of(layer, x)) is not None:
            self.masks[y] = mask
        self.running = outer
        return y

    def _added(self, layer: Layer, x: tuple[str, ...]) -> Any:
        onnx = entry_of(layer).onnx
        if isinstance(onnx, str):
            return self.builders[onnx](self, layer, *x)
        if not isinstance(onnx, Operator):
            raise SettingError(f"export_onnx: {layer!r} has no counterpart in ONNX{reason(onnx)}")
        constants = [self.constant(layer.parameters[name].value) for name in onnx.parameters]
        settings = onnx.attributes.items()
        attributes = {key: getattr(layer, value) if isinstance(value, str) else value for key, value in settings}
        return self.node(onnx.name, *x, *constants, attributes=attributes)

    def _mask_of(self, layer: Layer, x: tuple[str, ...]) -> Mask | None:
        """Return the mask of the output of a layer that makes and uses none."""
        masks = [self.masks.get(name) for name in x]
        known = [mask for mask in masks if mask is not None]
        if layer.keeps_mask:
            return masks[0]
        if isinstance(layer, UNITING) and len(known) == len(x):
            return self._united(known)
        if not isinstance(layer, Concatenate) or not known:
            return None
        whole = [mask or Mask(self._all_true(name), 2) for mask, name in zip(masks, x, strict=True)]
        if layer.axis != 1:
            return self._united(whole)
        return Mask(self.node("Concat", *(mask.name for mask in whole), attributes={"axis": 1}), whole[0].axes)

    def _united(self, masks: list[Mask]) -> Mask:
        return Mask(reduce(lambda a, b: self.node("Or", a, b), [mask.name for mask in masks]), masks[0].axes)

    def _all_true(self, x: str) -> str:
        """Add a mask (rows, steps) of x at which all steps count."""
        from onnx import numpy_helper

        true = numpy_helper.from_array(np.ones(1, bool))
        return self.node("ConstantOfShape", self.part(self.node("Shape", x), 0, 2), attributes={"value": true})

    def values(self, layer: Graph, names: Sequence[str]) -> list[str]:
        """Add a minidl Graph that is applied to its inputs. Return the names of its outputs."""
        found = dict(zip(layer.input_shapes, names, strict=True))
        for node in layer.nodes:
            made = self.layer(node.layer, *(found[source] for source in node.sources))
            found |= node.by_value(made)
        return [found[name] for name in layer.output_names]

    # ---- operators that several layers need

    def cast(self, x: str, dtype: Any) -> str:
        """Add x in another dtype."""
        from onnx import helper

        return self.node("Cast", x, attributes={"to": helper.np_dtype_to_tensor_dtype(np.dtype(dtype))})

    def transpose(self, x: str, *axes: int) -> str:
        """Add x with its axes in another order."""
        return self.node("Transpose", x, attributes={"perm": list(axes)})

    def reshape(self, x: str, *shape: int) -> str:
        """Add x in another shape: 0 keeps the length of an axis, -1 follows from the others."""
        return self.node("Reshape", x, self.integers(shape))

    def part(self, x: str, start: int, end: int, axis: int = 0) -> str:
        """Add x[start:end] along an axis."""
        return self.node("Slice", x, *(self.integers([number]) for number in (start, end, axis)))

    def reversed(self, x: str, axis: int) -> str:
        """Add x with the other order along an axis."""
        first = np.iinfo(np.int64).min
        return self.node("Slice", x, *(self.integers([number]) for number in (-1, first, axis, -1)))

    def sum(self, x: str, axis: int, keepdims: int = 0) -> str:
        """Add the sum of x along an axis."""
        return self.node("ReduceSum", x, self.integers([axis]), attributes={"keepdims": keepdims})

    def places(self, x: str) -> str:
        """Add the numbers 0, 1, ... of the steps of x (rows, steps, ...)."""
        steps = self.node("Squeeze", self.part(self.node("Shape", x), 1, 2), self.integers([0]))
        start, one = (self.array(np.array(number, np.int64)) for number in (0, 1))
        return self.node("Range", start, steps, one)

    def invert(self, x: str) -> str:
        """Add "not x"."""
        return self.node("Not", x)


def different_layer(one: OnnxGraph, other: OnnxGraph) -> Layer | None:
    """Return the layer of the first node that is not the same in two graphs of a model; None if all are."""
    arrays = [{name: key for key, name in graph.names.items()} for graph in (one, other)]
    for node, twin, owner in zip(one.nodes, other.nodes, one.owners, strict=False):
        used = [[held.get(name) for name in found.input] for held, found in zip(arrays, (node, twin), strict=True)]
        if node != twin or used[0] != used[1]:
            return owner
    return None
