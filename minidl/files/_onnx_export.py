"""Models for ONNX runtimes: what `predict` computes, as a graph of ONNX's operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NotBuiltError, SettingError
from ..layers import (
    GELU,
    BatchNormalization,
    Chain,
    Cropping1D,
    Cropping2D,
    Dense,
    Dot,
    Graph,
    GroupNormalization,
    Layer,
    LayerNormalization,
    Normalization,
    RepeatVector,
    Residual,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from ..model import Model
from ..registry import IDENTITY, Operator, entry_of, reason
from . import _atomic
from ._onnx_images import IMAGE_BUILDERS
from ._optional import requires

OPSET, IR_VERSION = 13, 8  # old enough for every runtime, new enough for Softmax along one axis


def export_onnx(model: Model, path: str | Path) -> None:
    """Write what `predict` computes as an ONNX file: input "x" (rows, features ...), output "y", in the model's dtype.

    The file is replaced at once or not at all. Needs the extra `onnx`. Raises SettingError for a layer without a
    counterpart in ONNX.
    """
    if model.input_shape is None:
        raise NotBuiltError(f"export_onnx: {model.name} is not built yet; call fit or build first")
    with requires("onnx"):
        from onnx import checker, helper
    graph = OnnxGraph(model.dtype)
    kind = helper.np_dtype_to_tensor_dtype(model.dtype)
    given = dict(model.ports.inputs) or {"x": model.input_shape}
    results = graph.values(model.layer, list(given)) if model.ports.outputs else [graph.layer(model.layer, *given)]
    made = model.ports.shapes(model.layer) or {"y": model.output_shape}
    for result, name in zip(results, made, strict=True):
        graph.node("Identity", result, output=name)
    inputs, outputs = (
        [helper.make_tensor_value_info(name, kind, ["rows", *shape]) for name, shape in ends.items()]
        for ends in (given, made)
    )
    whole = helper.make_graph(graph.nodes, model.name, inputs, outputs, graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(whole, producer_name="minidl", opset_imports=opset, ir_version=IR_VERSION)
    checker.check_model(proto)
    _atomic.write(path, proto.SerializeToString(deterministic=True))


class OnnxGraph:
    """The nodes and constants of an ONNX graph. Every method returns the name of its result."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[tuple[Any, ...], str] = {}  # of the constants, by their numbers

    def node(self, operator: str, *inputs: str, output: str = "", attributes: Mapping[str, Any] | None = None) -> str:
        """Add one operator."""
        from onnx import helper

        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **(attributes or {})))
        return output

    def constant(self, value: float | np.ndarray) -> str:
        """Add an array in the model's dtype. Equal ones are one constant: a shared layer has its weights once."""
        return self._constant(np.array(value, self.dtype))

    def _constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self.names:
            self.names[key] = f"c{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(array, self.names[key]))
        return self.names[key]

    def values(self, layer: Any, names: Sequence[str]) -> list[str]:
        """Add a minidl Graph that is applied to its inputs. Return the names of its outputs."""
        found = dict(zip(layer.input_shapes, names, strict=True))
        for name, inner, sources, _ in layer.nodes:
            found[name] = self.layer(inner, *(found[source] for source in sources))
        return [found[name] for name in layer.output_names]

    def integers(self, values: list[int]) -> str:
        """Add a vector of integers."""
        return self._constant(np.array(values, np.int64))

    def layer(self, layer: Layer, *x: str) -> str:
        """Add a layer that is applied to x, one input or several."""
        onnx = entry_of(layer).onnx
        if isinstance(onnx, str):
            return BUILDERS[onnx](self, layer, *x)
        if not isinstance(onnx, Operator):
            raise SettingError(f"export_onnx: {layer!r} has no counterpart in ONNX{reason(onnx)}")
        constants = [self.constant(layer.parameters[name].value) for name in onnx.parameters]
        settings = onnx.attributes.items()
        attributes = {key: getattr(layer, value) if isinstance(value, str) else value for key, value in settings}
        return self.node(onnx.name, *x, *constants, attributes=attributes)


def _chain(graph: OnnxGraph, chain: Chain, x: str) -> str:
    for layer in chain.layers:
        x = graph.layer(layer, x)
    return x


def _residual(graph: OnnxGraph, residual: Residual, x: str) -> str:
    return graph.node("Add", x, _chain(graph, residual, x))


def _dense(graph: OnnxGraph, dense: Dense, x: str) -> str:
    z = graph.node("MatMul", x, graph.constant(dense.kernel.value))  # Gemm would take matrices alone
    return graph.node("Add", z, graph.constant(dense.bias.value)) if dense.use_bias else z


def _batch_normalization(graph: OnnxGraph, layer: BatchNormalization, x: str) -> str:
    # y = a x + b; ONNX's own operator takes the features on the second axis
    scale = layer.gamma.value if layer.scale else 1.0
    a = scale / np.sqrt(layer.moving_variance.astype(np.float64) + layer.epsilon)
    b = (layer.beta.value if layer.center else 0.0) - layer.moving_mean * a
    return _affine(graph, x, *(_along(layer, values) for values in (a, b)))


def _affine(graph: OnnxGraph, x: str, a: Any, b: Any) -> str:
    return graph.node("Add", graph.node("Mul", x, graph.constant(a)), graph.constant(b))


def _along(layer: BatchNormalization | LayerNormalization | GroupNormalization, values: np.ndarray) -> np.ndarray:
    """Return values of the layer's axes in the shape of a row that has length 1 along the others."""
    row, axes = layer.row_shape or (), layer.unfolding.axes
    return values.reshape([n if axis in axes else 1 for axis, n in enumerate(row, start=1)])


def _layer_normalization(graph: OnnxGraph, layer: LayerNormalization, x: str) -> str:
    # ONNX's own operator needs a scale, and some runtimes lack it in float64
    return _scaled(graph, layer, _standardized(graph, x, list(layer.unfolding.axes), layer.epsilon))


def _group_normalization(graph: OnnxGraph, layer: GroupNormalization, x: str) -> str:
    # ONNX's own operator takes the channels on the second axis, and came later
    row, (axis,) = layer.row_shape or (), layer.unfolding.axes
    split = [*row[: axis - 1], layer.group_count, row[axis - 1] // layer.group_count, *row[axis:]]
    grouped = graph.node("Reshape", x, graph.integers([0, *split]))  # 0: as many rows as there are
    axes = [number for number in range(1, len(split) + 1) if number != axis]
    h = graph.node("Reshape", _standardized(graph, grouped, axes, layer.epsilon), graph.integers([0, *row]))
    return _scaled(graph, layer, h)


def _standardized(graph: OnnxGraph, x: str, axes: list[int], epsilon: float) -> str:
    difference = graph.node("Sub", x, _mean(graph, x, axes))
    variance = _mean(graph, graph.node("Mul", difference, difference), axes)
    return graph.node("Div", difference, graph.node("Sqrt", graph.node("Add", variance, graph.constant(epsilon))))


def _scaled(graph: OnnxGraph, layer: LayerNormalization | GroupNormalization, h: str) -> str:
    y = graph.node("Mul", h, graph.constant(_along(layer, layer.gamma.value))) if layer.scale else h
    return graph.node("Add", y, graph.constant(_along(layer, layer.beta.value))) if layer.center else y


def _unit_normalization(graph: OnnxGraph, layer: UnitNormalization, x: str) -> str:
    squares = graph.node("Mul", x, x)
    row = (0, *(layer.row_shape or ()))
    size = math.prod(row[axis] for axis in layer.places)
    mean = _mean(graph, squares, list(layer.places))  # ONNX has changed how sums take their axes
    length = graph.node("Sqrt", graph.node("Mul", mean, graph.constant(float(size))))
    return graph.node("Div", x, graph.node("Max", length, graph.constant(1e-12)))


def _mean(graph: OnnxGraph, x: str, axes: list[int]) -> str:
    return graph.node("ReduceMean", x, attributes={"axes": axes, "keepdims": 1})


def _normalization(graph: OnnxGraph, layer: Normalization, x: str) -> str:
    mean, deviation = layer.moments(np.float64)
    if layer.invert:
        return _affine(graph, x, deviation, mean)
    return graph.node("Div", graph.node("Sub", x, graph.constant(mean)), graph.constant(deviation))


def _repeat_vector(graph: OnnxGraph, layer: RepeatVector, x: str) -> str:
    step = graph.node("Reshape", x, graph.integers([0, 1, -1]))
    return graph.node("Tile", step, graph.integers([1, layer.n, 1]))


def _zero_padding(graph: OnnxGraph, layer: ZeroPadding1D | ZeroPadding2D, x: str) -> str:
    before, after = ([0, *ends, 0] for ends in zip(*layer.sides, strict=True))
    return graph.node("Pad", x, graph.integers([*before, *after]))


def _cropping(graph: OnnxGraph, layer: Cropping1D | Cropping2D, x: str) -> str:
    row, axes = layer.row_shape or (), list(range(1, len(layer.sides) + 1))
    starts = [before for before, _ in layer.sides]
    ends = [n - after for n, (_, after) in zip(row, layer.sides, strict=False)]
    return graph.node("Slice", x, *(graph.integers(places) for places in (starts, ends, axes)))


def _up_sampling_1d(graph: OnnxGraph, layer: UpSampling1D, x: str) -> str:
    steps, features = layer.row_shape or ()
    single = graph.node("Reshape", x, graph.integers([0, steps, 1, features]))
    several = graph.node("Tile", single, graph.integers([1, 1, layer.size, 1]))
    return graph.node("Reshape", several, graph.integers([0, steps * layer.size, features]))


def _up_sampling_2d(graph: OnnxGraph, layer: UpSampling2D, x: str) -> str:
    # two products: ONNX's own operator takes the channels on the second axis
    a, b = layer.matrices(np.float64)
    height, width, channels = layer.image
    rows = graph.node("Reshape", x, graph.integers([0, height, width * channels]))
    taller = graph.node("MatMul", graph.constant(a), rows)
    lines = graph.node("Reshape", taller, graph.integers([0, len(a), width, channels]))
    return graph.node("MatMul", graph.constant(b), lines)


def _gelu(graph: OnnxGraph, layer: GELU, x: str) -> str:
    if layer.approximate:
        cube = graph.node("Mul", graph.node("Mul", x, x), graph.node("Mul", x, graph.constant(0.044715)))
        u = graph.node("Mul", graph.node("Add", x, cube), graph.constant(math.sqrt(8 / math.pi)))
        return graph.node("Mul", x, graph.node("Sigmoid", u))
    error_function = graph.node("Erf", graph.node("Mul", x, graph.constant(math.sqrt(0.5))))
    gate = graph.node("Mul", graph.node("Add", error_function, graph.constant(1.0)), graph.constant(0.5))
    return graph.node("Mul", x, gate)


def _graph(graph: OnnxGraph, layer: Graph, *x: str) -> str:
    if layer.several_inputs and len(x) == 1:
        x = tuple(_apart(graph, x[0], [layer.shapes[name] for name in layer.input_shapes]))
    values = graph.values(layer, x)
    if len(values) == 1:
        return values[0]
    rows = [graph.node("Flatten", value, attributes={"axis": 1}) for value in values]
    return graph.node("Concat", *rows, attributes={"axis": 1})


def _apart(graph: OnnxGraph, rows: str, shapes: list[tuple[int, ...]]) -> Iterator[str]:
    end = 0
    for shape in shapes:
        start, end = end, end + math.prod(shape)
        places = (graph.integers([number]) for number in (start, end, 1))
        # 0: as many rows as there are
        yield graph.node("Reshape", graph.node("Slice", rows, *places), graph.integers([0, *shape]))


def _dot(graph: OnnxGraph, layer: Dot, a: str, b: str) -> str:
    if layer.normalize:
        a, b = (_unit(graph, v) for v in (a, b))
    return _row_sum(graph, graph.node("Mul", a, b))


def _unit(graph: OnnxGraph, v: str) -> str:
    length = graph.node("Sqrt", _row_sum(graph, graph.node("Mul", v, v)))
    zero = graph.node("Equal", length, graph.constant(0.0))
    return graph.node("Div", v, graph.node("Where", zero, graph.constant(1.0), length))


def _row_sum(graph: OnnxGraph, x: str) -> str:
    return graph.node("ReduceSum", x, graph.integers([1]), attributes={"keepdims": 1})


# The functions that the registry names
BUILDERS: dict[str, Callable[..., str]] = {
    **IMAGE_BUILDERS,
    IDENTITY: lambda graph, layer, x: x,
    "batch_normalization": _batch_normalization,
    "chain": _chain,
    "cropping": _cropping,
    "dense": _dense,
    "dot": _dot,
    "gelu": _gelu,
    "graph": _graph,
    "group_normalization": _group_normalization,
    "layer_normalization": _layer_normalization,
    "multiply": lambda graph, layer, *x: reduce(lambda a, b: graph.node("Mul", a, b), x),
    "normalization": _normalization,
    "permute": lambda graph, layer, x: graph.node("Transpose", x, attributes={"perm": [0, *layer.dims]}),
    "repeat_vector": _repeat_vector,
    "rescaling": lambda graph, layer, x: _affine(graph, x, layer.scale, layer.offset),
    "reshape": lambda graph, layer, x: graph.node("Reshape", x, graph.integers([0, *layer.row])),
    "residual": _residual,
    "silu": lambda graph, layer, x: graph.node("Mul", x, graph.node("Sigmoid", x)),
    "unit_normalization": _unit_normalization,
    "up_sampling_1d": _up_sampling_1d,
    "up_sampling_2d": _up_sampling_2d,
    "zero_padding": _zero_padding,
}
