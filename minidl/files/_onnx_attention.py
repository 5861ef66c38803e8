"""Attention as ONNX operators."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from ..layers import AdditiveAttention, Attention, MultiHeadAttention
from ._onnx_graph import Builder, OnnxGraph

ScoreAttention = Attention | AdditiveAttention


def _multi_head_attention(graph: OnnxGraph, layer: MultiHeadAttention, *x: str) -> Any:
    query, value, key = (*x, *x[-1:] * 2)[:3]
    q = _projected(graph, layer, "query", query)
    k, v = _projected(graph, layer, "key", key), _projected(graph, layer, "value", value)
    scaled = graph.node("Mul", q, graph.constant(1 / math.sqrt(layer.key_dim)))
    scores = graph.node("MatMul", scaled, graph.transpose(k, 0, 1, 3, 2))
    allowed = _allowed(graph, layer, x, (query, key))
    if allowed is not None:
        allowed = graph.node("Unsqueeze", allowed, graph.integers([-3]))  # the same for all heads
    weights = _softmax(graph, scores, allowed)
    made = graph.node("MatMul", weights, v)
    if layer.use_gate:
        made = graph.node("Mul", made, graph.node("Sigmoid", _projected(graph, layer, "gate", query)))
    rows = graph.reshape(graph.transpose(made, 0, 2, 1, 3), 0, 0, -1)
    kernel = layer.attention_output_kernel.value
    heads, d, *out = kernel.shape
    y = graph.node("MatMul", rows, graph.constant(kernel.reshape(heads * d, -1)))
    if layer.attention_output_bias is not None:
        y = graph.node("Add", y, graph.constant(layer.attention_output_bias.value.reshape(-1)))
    return _outputs(graph, layer, query, y if len(out) == 1 else graph.reshape(y, 0, 0, *out), weights)


def _projected(graph: OnnxGraph, layer: MultiHeadAttention, name: str, x: str) -> str:
    """Add a projection of x (rows, steps, n) as (rows, heads, steps, d)."""
    kernel, bias = getattr(layer, f"{name}_kernel").value, getattr(layer, f"{name}_bias")
    z = graph.node("MatMul", x, graph.constant(kernel.reshape(len(kernel), -1)))
    if bias is not None:
        z = graph.node("Add", z, graph.constant(bias.value.reshape(-1)))
    return graph.transpose(graph.reshape(z, 0, 0, *kernel.shape[1:]), 0, 2, 1, 3)


def _score_attention(graph: OnnxGraph, layer: ScoreAttention, *x: str) -> Any:
    query, value, key = (*x, *x[-1:] * 2)[:3]
    scores = _scores(graph, layer, query, key)
    weights = _softmax(graph, scores, _allowed(graph, layer, x, (query, key)))
    return _outputs(graph, layer, query, graph.node("MatMul", weights, value), weights)


def _scores(graph: OnnxGraph, layer: ScoreAttention, query: str, key: str) -> str:
    scale = graph.constant(layer.scale.value) if layer.use_scale else None
    if isinstance(layer, AdditiveAttention):
        t = _tanh_of_sums(graph, query, key)
        return graph.sum(t if scale is None else graph.node("Mul", t, scale), -1)
    scaled = query if scale is None else graph.node("Mul", query, scale)
    if layer.score_mode == "dot":
        return graph.node("MatMul", scaled, graph.transpose(key, 0, 2, 1))
    t = _tanh_of_sums(graph, scaled, key if scale is None else graph.node("Mul", key, scale))
    return graph.node("Mul", graph.sum(t, -1), graph.constant(layer.concat_score_weight.value))


def _tanh_of_sums(graph: OnnxGraph, query: str, key: str) -> str:
    columns, rows = (graph.node("Unsqueeze", part, graph.integers([axis])) for part, axis in ((query, 2), (key, 1)))
    return graph.node("Tanh", graph.node("Add", columns, rows))


def _allowed(graph: OnnxGraph, layer: Any, x: tuple[str, ...], ends: tuple[str, str]) -> str | None:
    """Add booleans (rows, T, S) or (T, S), True where a query may see a key; None without masks."""
    masks = [graph.masks.get(part) for part in x[:3]]
    keys = masks[1:] or masks
    found = [] if masks[0] is None else [graph.node("Unsqueeze", masks[0].name, graph.integers([2]))]
    found += [graph.node("Unsqueeze", mask.name, graph.integers([1])) for mask in keys if mask is not None]
    if layer.use_causal_mask:
        found.append(_causal(graph, *ends))
    if isinstance(layer, MultiHeadAttention) and layer.sliding_window is not None:
        apart = graph.node("Abs", graph.node("Sub", *_places(graph, *ends)))
        found.append(graph.node("Less", apart, graph.integers([layer.sliding_window])))
    if len(x) > 3:
        found.append(graph.invert(graph.node("Equal", x[3], graph.constant(0.0))))
    return reduce(lambda a, b: graph.node("And", a, b), found) if found else None


def _causal(graph: OnnxGraph, query: str, key: str) -> str:
    """Add booleans (T, S), True where the key is at the step of the query or before."""
    return graph.node("GreaterOrEqual", *_places(graph, query, key))


def _places(graph: OnnxGraph, query: str, key: str) -> list[str]:
    """Add the steps of the queries as a column (T, 1), and those of the keys as a row (1, S)."""
    return [
        graph.node("Unsqueeze", graph.places(part), graph.integers([axis])) for part, axis in ((query, 1), (key, 0))
    ]


def _softmax(graph: OnnxGraph, scores: str, allowed: str | None) -> str:
    """Add softmax over the keys that are allowed; 0 at the others, also where no key is allowed."""
    if allowed is None:
        return graph.node("Softmax", scores, attributes={"axis": -1})
    lowest = graph.constant(float(np.finfo(graph.dtype).min))
    weights = graph.node("Softmax", graph.node("Where", allowed, scores, lowest), attributes={"axis": -1})
    return graph.node("Where", allowed, weights, graph.constant(0.0))


def _outputs(graph: OnnxGraph, layer: Any, query: str, y: str, weights: str) -> Any:
    if query in graph.masks:
        graph.masks[y] = graph.masks[query]
    return (y, weights) if layer.return_attention_scores else y


ATTENTION_BUILDERS: dict[str, Builder] = {
    "multi_head_attention": _multi_head_attention,
    "score_attention": _score_attention,
}
