"""Layers as ONNX operators. Other modules have those of images and sequences; `BUILDERS` has all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

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
    Reshape,
    Residual,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from ..registry import IDENTITY
from ._onnx_attention import ATTENTION_BUILDERS
from ._onnx_graph import Builder, OnnxGraph
from ._onnx_images import IMAGE_BUILDERS
from ._onnx_recurrent import RECURRENT_BUILDERS
from ._onnx_sequences import SEQUENCE_BUILDERS


def _identity(graph: OnnxGraph, layer: Layer, x: str) -> str:
    return x if layer.keeps_mask else graph.node("Identity", x)


def _chain(graph: OnnxGraph, chain: Chain, x: str) -> str:
    for layer in chain.layers:
        x = graph.layer(layer, x)
    return x


def _residual(graph: OnnxGraph, residual: Residual, x: str) -> str:
    inner = _chain(graph, residual, x)
    y = graph.node("Add", x, inner)
    if inner in graph.masks:
        graph.masks[y] = graph.masks[inner]
    return y


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
    before, after = [0] * axis, row[axis:]  # 0: as long as it is
    grouped = graph.reshape(x, *before, layer.group_count, row[axis - 1] // layer.group_count, *after)
    axes = [number for number in range(1, len(row) + 2) if number != axis]
    h = graph.reshape(_standardized(graph, grouped, axes, layer.epsilon), *before, row[axis - 1], *after)
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
    axes, last = list(range(1, len(layer.sides) + 1)), np.iinfo(np.int64).max
    starts = [before for before, _ in layer.sides]
    ends = [-after if after else last for _, after in layer.sides]
    return graph.node("Slice", x, *(graph.integers(places) for places in (starts, ends, axes)))


def _up_sampling_1d(graph: OnnxGraph, layer: UpSampling1D, x: str) -> str:
    single = graph.node("Unsqueeze", x, graph.integers([2]))
    several = graph.node("Tile", single, graph.integers([1, 1, layer.size, 1]))
    return graph.reshape(several, 0, -1, (layer.row_shape or ())[-1])


def _up_sampling_2d(graph: OnnxGraph, layer: UpSampling2D, x: str) -> str:
    # two products: ONNX's own operator takes the channels on the second axis
    a, b = layer.matrices(np.float64)
    height, width, channels = layer.image
    rows = graph.node("Reshape", x, graph.integers([0, height, width * channels]))
    taller = graph.node("MatMul", graph.constant(a), rows)
    lines = graph.node("Reshape", taller, graph.integers([0, len(a), width, channels]))
    return graph.node("MatMul", graph.constant(b), lines)


def _reshape(graph: OnnxGraph, layer: Reshape, x: str) -> str:
    return graph.reshape(x, 0, *layer.target_shape)


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
BUILDERS: dict[str, Builder] = {
    **ATTENTION_BUILDERS,
    **IMAGE_BUILDERS,
    **RECURRENT_BUILDERS,
    **SEQUENCE_BUILDERS,
    IDENTITY: _identity,
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
    "reshape": _reshape,
    "residual": _residual,
    "silu": lambda graph, layer, x: graph.node("Mul", x, graph.node("Sigmoid", x)),
    "unit_normalization": _unit_normalization,
    "up_sampling_1d": _up_sampling_1d,
    "up_sampling_2d": _up_sampling_2d,
    "zero_padding": _zero_padding,
}
