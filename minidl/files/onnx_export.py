"""Models for ONNX runtimes: what predicts, as a graph of ONNX's operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NotBuiltError, SettingError
from ..layers import Layer
from ..model import Model
from ..registry import IDENTITY, Operator, entry_of
from . import atomic
from .extras import extra

OPSET, IR_VERSION = 13, 8  # old enough for every runtime, new enough for Softmax along one axis


def export_onnx(model: Model, path: str | Path) -> None:
    """Write what `predict` computes as an ONNX file: input "x" (rows, features ...), output "y", in the model's dtype.

    The file is replaced at once or not at all. Needs the extra `onnx`. Raises SettingError for a layer that is not
    minidl's own.
    """
    if model.input_shape is None:
        raise NotBuiltError(f"export_onnx: {model.name} is not built yet; call fit or build first")
    with extra("onnx"):
        from onnx import checker, helper
    graph = Graph(model.dtype)
    last = graph.layer(model.layer, "x")
    graph.node("Identity", last, output="y")
    kind = helper.np_dtype_to_tensor_dtype(model.dtype)
    given = helper.make_tensor_value_info("x", kind, ["rows", *model.input_shape])
    made = helper.make_tensor_value_info("y", kind, ["rows", *model.output_shape])
    whole = helper.make_graph(graph.nodes, model.name, [given], [made], graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(whole, producer_name="minidl", opset_imports=opset, ir_version=IR_VERSION)
    checker.check_model(proto)
    atomic.write(path, proto.SerializeToString(deterministic=True))


class Graph:
    """Nodes and constants as they are put together. Every method returns the name of what it computes."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """One operator."""
        from onnx import helper

        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Any) -> str:
        """An array in the model's dtype."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, self.dtype), name))
        return name

    def layer(self, layer: Layer, x: str) -> str:
        """A layer applied to x."""
        onnx = entry_of(layer).onnx
        if isinstance(onnx, str):
            return BUILDERS[onnx](self, layer, x)
        if not isinstance(onnx, Operator):
            raise SettingError(f"export_onnx: {layer!r} is none of the layers that ONNX files are made of")
        settings: dict[str, Any] = {
            key: getattr(layer, of) if isinstance(of, str) else of for key, of in onnx.attributes.items()
        }
        constants = [self.constant(layer.parameters[name].value) for name in onnx.parameters]
        return self.node(onnx.name, x, *constants, **settings)


def _chain(graph: Graph, chain: Any, x: str) -> str:
    for layer in chain.layers:
        x = graph.layer(layer, x)
    return x


def _dense(graph: Graph, dense: Any, x: str) -> str:
    kernel = graph.constant(dense.kernel.value)
    if not dense.use_bias:
        return graph.node("MatMul", x, kernel)
    return graph.node("Gemm", x, kernel, graph.constant(dense.bias.value))


def _batch_normalization(graph: Graph, layer: Any, x: str) -> str:
    # y = a x + b; ONNX's own operator wants the features in the second place
    scale = layer.gamma.value if layer.scale else 1.0
    a = scale / np.sqrt(layer.moving_variance.astype(np.float64) + layer.epsilon)
    b = (layer.beta.value if layer.center else 0.0) - layer.moving_mean * a
    return graph.node("Add", graph.node("Mul", x, graph.constant(a)), graph.constant(b))


def _layer_normalization(graph: Graph, layer: Any, x: str) -> str:
    # ONNX's own operator wants a scale, and knows no float64 in some runtimes
    difference = graph.node("Sub", x, _mean(graph, x))
    variance = _mean(graph, graph.node("Mul", difference, difference))
    deviation = graph.node("Sqrt", graph.node("Add", variance, graph.constant(layer.epsilon)))
    y = graph.node("Div", difference, deviation)
    if layer.scale:
        y = graph.node("Mul", y, graph.constant(layer.gamma.value))
    return graph.node("Add", y, graph.constant(layer.beta.value)) if layer.center else y


def _mean(graph: Graph, x: str) -> str:
    return graph.node("ReduceMean", x, axes=[-1], keepdims=1)


def _gelu(graph: Graph, layer: Any, x: str) -> str:
    if layer.approximate:
        cube = graph.node("Mul", graph.node("Mul", x, x), graph.node("Mul", x, graph.constant(0.044715)))
        u = graph.node("Mul", graph.node("Add", x, cube), graph.constant(math.sqrt(8 / math.pi)))
        return graph.node("Mul", x, graph.node("Sigmoid", u))
    error_function = graph.node("Erf", graph.node("Mul", x, graph.constant(math.sqrt(0.5))))
    gate = graph.node("Mul", graph.node("Add", error_function, graph.constant(1.0)), graph.constant(0.5))
    return graph.node("Mul", x, gate)


BUILDERS: dict[str, Callable[[Graph, Any, str], str]] = {
    IDENTITY: lambda graph, layer, x: x,
    "batch_normalization": _batch_normalization,
    "chain": _chain,
    "dense": _dense,
    "gelu": _gelu,
    "layer_normalization": _layer_normalization,
    "residual": lambda graph, layer, x: graph.node("Add", x, _chain(graph, layer, x)),
    "silu": lambda graph, layer, x: graph.node("Mul", x, graph.node("Sigmoid", x)),
}
