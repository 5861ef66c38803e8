"""Layers of sequences as ONNX operators: ids, masks, positions, and layers that see each step alone."""

from __future__ import annotations

import numpy as np

from ..layers import (
    Embedding,
    GlobalAveragePooling1D,
    Masking,
    PositionEmbedding,
    SinePositionEncoding,
    TimeDistributed,
)
from ._onnx_graph import Builder, Mask, OnnxGraph


def _embedding(graph: OnnxGraph, layer: Embedding, ids: str) -> str:
    ids = ids if ids in graph.ids else graph.cast(ids, np.int64)
    y = graph.node("Gather", graph.constant(layer.embeddings.value), ids)
    if layer.mask_zero:
        padded = graph.node("Equal", ids, graph.array(np.array(0, np.int64)))
        graph.masks[y] = Mask(graph.invert(padded), 1 + len(layer.row_shape or ()))
    elif ids in graph.masks:
        graph.masks[y] = graph.masks[ids]
    return y


def _masking(graph: OnnxGraph, layer: Masking, x: str) -> str:
    others = graph.invert(graph.node("Equal", x, graph.constant(layer.mask_value)))
    counts = graph.node("ReduceMax", graph.cast(others, np.int32), attributes={"axes": [-1], "keepdims": 1})
    y = graph.node("Mul", x, graph.cast(counts, graph.dtype))
    mask = graph.node("Squeeze", graph.cast(counts, bool), graph.integers([-1]))
    graph.masks[y] = Mask(mask, len(layer.row_shape or ()))
    return y


def _global_average_pooling(graph: OnnxGraph, layer: GlobalAveragePooling1D, x: str) -> str:
    if x not in graph.masks:
        return graph.node("ReduceMean", x, attributes={"axes": [1], "keepdims": int(layer.keepdims)})
    ones = graph.cast(graph.masks[x].name, graph.dtype)
    steps = graph.node("Max", graph.sum(ones, 1, keepdims=1), graph.constant(1.0))
    shares = graph.node("Unsqueeze", graph.node("Div", ones, steps), graph.integers([2]))
    return graph.sum(graph.node("Mul", x, shares), 1, keepdims=int(layer.keepdims))


# ---- positions


def _position_embedding(graph: OnnxGraph, layer: PositionEmbedding, x: str) -> str:
    shape = graph.node("Shape", x)
    places = [graph.integers([0]), graph.part(shape, 1, 2), graph.integers([0])]
    vectors = graph.node("Slice", graph.constant(layer.embeddings.value), *places)
    return graph.node("Expand", vectors, shape)


def _sine_position_encoding(graph: OnnxGraph, layer: SinePositionEncoding, x: str) -> str:
    # cos(t w) = sin(t w + pi / 2); in float64 as in the layer, since float32 has few digits left of a large angle
    _, n = layer.row_shape or (0, 0)
    features = np.arange(n)
    frequencies = layer.max_wavelength ** (-2 * (features // 2) / n)
    t = graph.cast(graph.places(x), np.float64)
    angles = graph.node("Mul", graph.node("Unsqueeze", t, graph.integers([1])), graph.array(frequencies))
    waves = graph.node("Sin", graph.node("Add", angles, graph.array(features % 2 * np.pi / 2)))
    return graph.node("Expand", graph.cast(waves, graph.dtype), graph.node("Shape", x))


# ---- each step alone


def _time_distributed(graph: OnnxGraph, layer: TimeDistributed, x: str) -> str:
    shape = graph.node("Shape", x)
    rows = _without_steps(graph, x, shape)
    mask = graph.masks.get(x)
    if mask is not None and mask.axes > 2:
        of_rows = _without_steps(graph, mask.name, graph.node("Shape", mask.name))
        graph.masks[rows] = Mask(of_rows, mask.axes - 1)
    made = graph.layer(layer.layer, rows)
    sizes = graph.part(shape, 0, 2), graph.part(graph.node("Shape", made), 1, np.iinfo(np.int64).max)
    y = graph.node("Reshape", made, graph.node("Concat", *sizes, attributes={"axis": 0}))
    if mask is not None:
        graph.masks[y] = _of_steps(graph, mask)
    return y


def _without_steps(graph: OnnxGraph, x: str, shape: str) -> str:
    """Add x (rows, steps, ...) as (rows steps, ...)."""
    inner = graph.part(shape, 2, np.iinfo(np.int64).max)
    return graph.node("Reshape", x, graph.node("Concat", graph.integers([-1]), inner, attributes={"axis": 0}))


def _of_steps(graph: OnnxGraph, mask: Mask) -> Mask:
    """Return a mask (rows, steps): a step counts if one of its inner steps does."""
    if mask.axes == 2:
        return mask
    axes = list(range(2, mask.axes))
    counts = graph.node("ReduceMax", graph.cast(mask.name, np.int32), attributes={"axes": axes, "keepdims": 0})
    return Mask(graph.cast(counts, bool), 2)


SEQUENCE_BUILDERS: dict[str, Builder] = {
    "embedding": _embedding,
    "global_average_pooling_1d": _global_average_pooling,
    "masking": _masking,
    "position_embedding": _position_embedding,
    "sine_position_encoding": _sine_position_encoding,
    "time_distributed": _time_distributed,
}
