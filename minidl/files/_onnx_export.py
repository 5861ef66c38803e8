"""Models for ONNX runtimes: what `predict` computes, as a graph of ONNX's operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NotBuiltError, SettingError
from ..layers import GELU, BatchNormalization, Chain, Dense, Layer, LayerNormalization, Residual
from ..model import Model
from ..registry import IDENTITY, Operator, entry_of, reason
from . import _atomic
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
    graph = Graph(model.dtype)
    graph.node("Identity", graph.layer(model.layer, "x"), output="y")
    kind = helper.np_dtype_to_tensor_dtype(model.dtype)
    inputs = [helper.make_tensor_value_info("x", kind, ["rows", *model.input_shape])]
    outputs = [helper.make_tensor_value_info("y", kind, ["rows", *model.output_shape])]
    whole = helper.make_graph(graph.nodes, model.name, inputs, outputs, graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(whole, producer_name="minidl", opset_imports=opset, ir_version=IR_VERSION)
    checker.check_model(proto)
    _atomic.write(path, proto.SerializeToString(deterministic=True))


class Graph:
    """The nodes and constants of an ONNX graph. Every method returns the name of its result."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operator: str, *inputs: str, output: str = "", attributes: Mapping[str, Any] | None = None) -> str:
        """Add one operator."""
        from onnx import helper

        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **(attributes or {})))
        return output

    def constant(self, value: float | np.ndarray) -> str:
        """Add an array in the model's dtype."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, self.dtype), name))
        return name

    def layer(self, layer: Layer, x: str) -> str:
        """Add a layer that is applied to x."""
        onnx = entry_of(layer).onnx
        if isinstance(onnx, str):
            return BUILDERS[onnx](self, layer, x)
        if not isinstance(onnx, Operator):
            raise SettingError(f"export_onnx: {layer!r} has no counterpart in ONNX{reason(onnx)}")
        constants = [self.constant(layer.parameters[name].value) for name in onnx.parameters]
        settings = onnx.attributes.items()
        attributes = {key: getattr(layer, value) if isinstance(value, str) else value for key, value in settings}
        return self.node(onnx.name, x, *constants, attributes=attributes)


def _chain(graph: Graph, chain: Chain, x: str) -> str:
    for layer in chain.layers:
        x = graph.layer(layer, x)
    return x


def _residual(graph: Graph, residual: Residual, x: str) -> str:
    return graph.node("Add", x, _chain(graph, residual, x))


def _dense(graph: Graph, dense: Dense, x: str) -> str:
    kernel = graph.constant(dense.kernel.value)
    if not dense.use_bias:
        return graph.node("MatMul", x, kernel)
    return graph.node("Gemm", x, kernel, graph.constant(dense.bias.value))


def _batch_normalization(graph: Graph, layer: BatchNormalization, x: str) -> str:
    # y = a x + b; ONNX's own operator takes the features on the second axis
    scale = layer.gamma.value if layer.scale else 1.0
    a = scale / np.sqrt(layer.moving_variance.astype(np.float64) + layer.epsilon)
    b = (layer.beta.value if layer.center else 0.0) - layer.moving_mean * a
    return graph.node("Add", graph.node("Mul", x, graph.constant(a)), graph.constant(b))


def _layer_normalization(graph: Graph, layer: LayerNormalization, x: str) -> str:
    # ONNX's own operator needs a scale, and some runtimes lack it in float64
    difference = graph.node("Sub", x, _mean(graph, x))
    variance = _mean(graph, graph.node("Mul", difference, difference))
    deviation = graph.node("Sqrt", graph.node("Add", variance, graph.constant(layer.epsilon)))
    y = graph.node("Div", difference, deviation)
    if layer.scale:
        y = graph.node("Mul", y, graph.constant(layer.gamma.value))
    return graph.node("Add", y, graph.constant(layer.beta.value)) if layer.center else y


def _mean(graph: Graph, x: str) -> str:
    return graph.node("ReduceMean", x, attributes={"axes": [-1], "keepdims": 1})


def _gelu(graph: Graph, layer: GELU, x: str) -> str:
    if layer.approximate:
        cube = graph.node("Mul", graph.node("Mul", x, x), graph.node("Mul", x, graph.constant(0.044715)))
        u = graph.node("Mul", graph.node("Add", x, cube), graph.constant(math.sqrt(8 / math.pi)))
        return graph.node("Mul", x, graph.node("Sigmoid", u))
    error_function = graph.node("Erf", graph.node("Mul", x, graph.constant(math.sqrt(0.5))))
    gate = graph.node("Mul", graph.node("Add", error_function, graph.constant(1.0)), graph.constant(0.5))
    return graph.node("Mul", x, gate)


# The functions that the registry names
BUILDERS: dict[str, Callable[[Graph, Any, str], str]] = {
    IDENTITY: lambda graph, layer, x: x,
    "batch_normalization": _batch_normalization,
    "chain": _chain,
    "dense": _dense,
    "gelu": _gelu,
    "layer_normalization": _layer_normalization,
    "residual": _residual,
    "silu": lambda graph, layer, x: graph.node("Mul", x, graph.node("Sigmoid", x)),
}
