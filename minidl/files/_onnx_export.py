"""Models for ONNX runtimes: what `predict` computes, as a graph of ONNX's operators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NotBuiltError, SettingError, ShapeError
from ..layers import EXAMPLES, Graph, Layer, fit_to, has_any_length, with_lengths
from ..model import Model
from . import _atomic
from ._onnx_graph import OnnxGraph, different_layer
from ._onnx_layers import BUILDERS
from ._optional import requires

OPSET, IR_VERSION = 13, 8  # old enough for every runtime, new enough for Softmax along one axis
Built = tuple[OnnxGraph, list[str]]  # a graph and the names of its results


def export_onnx(model: Model, path: str | Path) -> None:
    """Write what `predict` computes as an ONNX file: input "x" (rows, features ...), output "y", in the model's dtype.

    Several inputs and outputs have their names in the model. Inputs of ids are int64. Rows of any length stay so. Masks
    that the model makes are used as in `predict`. The file is replaced at once or not at all. Needs the extra `onnx`.
    Raises SettingError for a layer without a counterpart in ONNX.
    """
    if model.input_shape is None:
        raise NotBuiltError(f"export_onnx: {model.name} is not built yet; call fit or build first")
    with requires("onnx"):
        from onnx import checker, helper
    given = dict(model.ports.inputs) or {"x": model.input_shape}
    vocabularies = model.ports.vocabularies if model.ports.inputs else {"x": model.layer.vocabulary_size}
    ids = {name for name, size in vocabularies.items() if size is not None}
    build = _build_any_length if has_any_length(tuple(given.values())) else _build
    graph, results = build(model, given, ids)
    made = model.ports.shapes(model.layer) or {"y": model.output_shape}
    for result, name in zip(results, made, strict=True):
        graph.node("Identity", result, output=name)
    inputs = [_described(name, shape, np.int64 if name in ids else model.dtype) for name, shape in given.items()]
    outputs = [_described(name, shape, model.dtype) for name, shape in made.items()]
    whole = helper.make_graph(graph.nodes, model.name, inputs, outputs, graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(whole, producer_name="minidl", opset_imports=opset, ir_version=IR_VERSION)
    checker.check_model(proto)
    _atomic.write(path, proto.SerializeToString(deterministic=True))


def _described(name: str, shape: Iterable[int | None], dtype: Any) -> Any:
    from onnx import helper

    axes = [f"{name}_axis_{axis}" if n is None else n for axis, n in enumerate(shape, start=1)]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["rows", *axes])


def _build(model: Model, given: Iterable[str], ids: set[str]) -> Built:
    graph = OnnxGraph(model.dtype, BUILDERS, ids)
    if isinstance(model.layer, Graph) and model.ports.outputs:
        return graph, graph.values(model.layer, list(given))
    return graph, [graph.layer(model.layer, *given)]


def _build_any_length(model: Model, given: Iterable[str], ids: set[str]) -> Built:
    """Build the graph for two lengths. Raise SettingError if the two differ: each is right for one length alone."""
    twin = model.copy()
    shapes = tuple(model.ports.inputs.values()) or model.input_shape
    found = []
    for length in _lengths(twin.layer, shapes):
        fit_to(twin.layer, with_lengths(shapes, length))
        found.append(_build(twin, given, ids))
    layer = different_layer(*(graph for graph, _ in found))
    if layer is not None:
        remedy = "export a model that is built for one length"
        raise SettingError(f"export_onnx: the operators of {layer!r} depend on the length of its rows; {remedy}")
    return found[0]


def _lengths(layer: Layer, shapes: Any) -> tuple[int, int]:
    """Return two lengths that the layer takes."""
    for lengths in EXAMPLES[:-1]:
        try:
            for length in lengths:
                fit_to(layer, with_lengths(shapes, length))
        except ShapeError:  # the windows of a kernel may be longer
            continue
        return lengths
    return EXAMPLES[-1]
