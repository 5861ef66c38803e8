"""Convolution and pooling as ONNX operators, which have the channels on the second axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layers import Conv2DTranspose, DepthwiseConv2D, SeparableConv2D
from ._onnx_graph import Builder, OnnxGraph


def _channels_second(
    graph: OnnxGraph, name: str, x: str, *inputs: str, dimensions: int, attributes: Mapping[str, Any]
) -> str:
    """Add an operator between two transpositions."""
    axes = range(1, dimensions + 1)
    first = graph.node("Transpose", x, attributes={"perm": [0, dimensions + 1, *axes]})
    y = graph.node(name, first, *inputs, attributes=attributes)
    return graph.node("Transpose", y, attributes={"perm": [0, *(axis + 1 for axis in axes), 1]})


def _pads(windows: Any) -> list[int]:
    """Return the padding before all axes, then the padding behind them."""
    lengths = zip(windows.padded, windows.before, windows.image, strict=True)
    return [*windows.before, *(padded - before - image for padded, before, image in lengths)]


def _attributes(windows: Any, padding: str = "") -> dict[str, Any]:
    found = {"kernel_shape": windows.size, "strides": windows.strides, "dilations": windows.dilation}
    if padding == "same" and max(windows.strides) > 1 and max(windows.dilation) == 1:
        return {**found, "auto_pad": "SAME_UPPER"}  # then pads would depend on the lengths of rows
    return {**found, "pads": _pads(windows)}


def _with_bias(graph: OnnxGraph, layer: Any, *kernels: np.ndarray) -> list[str]:
    bias = [layer.bias.value] if layer.use_bias else []
    return [graph.constant(array) for array in (*kernels, *bias)]


def _filters_first(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel (*size, in, out) as (out, in, *size)."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def _convolution(graph: OnnxGraph, layer: Any, x: str) -> str:
    inputs = _with_bias(graph, layer, _filters_first(layer.kernel.value))
    attributes = {**_attributes(layer.correlation.windows, layer.padding), "group": layer.groups}
    return _channels_second(graph, "Conv", x, *inputs, dimensions=layer.dimensions, attributes=attributes)


def _transposed_convolution(graph: OnnxGraph, layer: Conv2DTranspose, x: str) -> str:
    windows = layer.correlation.windows
    covered = [(p - 1) * s + (k - 1) * d + 1 for p, s, k, d in _axes(windows)]
    behind = [c - b - n for c, b, n in zip(covered, windows.before, windows.image, strict=True)]
    attributes = _attributes(windows) | {
        "pads": [*windows.before, *(max(cut, 0) for cut in behind)],
        "output_padding": [max(-cut, 0) for cut in behind],
    }
    inputs = _with_bias(graph, layer, _filters_first(layer.kernel.value))
    return _channels_second(graph, "ConvTranspose", x, *inputs, dimensions=2, attributes=attributes)


def _axes(windows: Any) -> Any:
    return zip(windows.positions, windows.strides, windows.size, windows.dilation, strict=True)


def _depthwise(graph: OnnxGraph, layer: Any, kernel: np.ndarray, bias: list[str], x: str) -> str:
    *size, c, q = kernel.shape
    one_channel = np.moveaxis(kernel.reshape(*size, c * q), -1, 0)[:, None]
    attributes = {**_attributes(layer.correlation.windows, layer.padding), "group": c}
    inputs = [graph.constant(one_channel), *bias]
    return _channels_second(graph, "Conv", x, *inputs, dimensions=len(size), attributes=attributes)


def _depthwise_convolution(graph: OnnxGraph, layer: DepthwiseConv2D, x: str) -> str:
    return _depthwise(graph, layer, layer.kernel.value, _with_bias(graph, layer), x)


def _separable_convolution(graph: OnnxGraph, layer: SeparableConv2D, x: str) -> str:
    h = _depthwise(graph, layer, layer.depthwise_kernel.value, [], x)
    y = graph.node("MatMul", h, graph.constant(layer.pointwise_kernel.value[0, 0]))
    return graph.node("Add", y, *_with_bias(graph, layer)) if layer.use_bias else y


def _max_pooling(graph: OnnxGraph, layer: Any, x: str) -> str:
    attributes = _attributes(layer.windows, layer.padding)
    return _channels_second(graph, "MaxPool", x, dimensions=layer.dimensions, attributes=attributes)


def _average_pooling(graph: OnnxGraph, layer: Any, x: str) -> str:
    attributes = {**_attributes(layer.windows, layer.padding), "count_include_pad": 0}
    del attributes["dilations"]  # a later opset has it
    return _channels_second(graph, "AveragePool", x, dimensions=layer.dimensions, attributes=attributes)


def _global_pooling(operator: str) -> Builder:
    def build(graph: OnnxGraph, layer: Any, x: str) -> str:
        axes = list(range(1, layer.dimensions + 1))
        return graph.node(operator, x, attributes={"axes": axes, "keepdims": int(layer.keepdims)})

    return build


IMAGE_BUILDERS: dict[str, Builder] = {
    "average_pooling": _average_pooling,
    "convolution": _convolution,
    "depthwise_convolution": _depthwise_convolution,
    "global_average_pooling_2d": _global_pooling("ReduceMean"),
    "global_max_pooling": _global_pooling("ReduceMax"),
    "max_pooling": _max_pooling,
    "separable_convolution": _separable_convolution,
    "transposed_convolution": _transposed_convolution,
}
