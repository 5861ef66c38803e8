"""Recurrent layers as ONNX operators: RNN, GRU and LSTM where these compute the same, else a Scan over the steps.

ONNX's own operators know no masks, and few activations; runtimes have them in float32 alone. Values inside have the
steps first: (steps, rows, features).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import SettingError
from ..layers import GRU, LSTM, Bidirectional, SimpleRNN
from ._onnx_graph import Builder, Mask, OnnxGraph

Recurrent = SimpleRNN | GRU | LSTM
Made = tuple[str, list[str]]  # h of all steps (steps, rows, units), and the last states (rows, units)

OPERATORS: dict[type[Any], str] = {SimpleRNN: "RNN", GRU: "GRU", LSTM: "LSTM"}
# The activations of these operators that take no settings; others are in Scans alone
OF_OPERATORS = {name.lower(): name for name in ("Tanh", "Sigmoid", "Relu", "Softsign", "Softplus")}


def _recurrent(graph: OnnxGraph, layer: Recurrent, x: str, *states: str) -> Any:
    if layer.stateful:
        reason = "a graph keeps no states from call to call"
        remedy = "export the same network without stateful; with return_state, states can be its outputs and inputs"
        raise SettingError(f"export_onnx: {layer!r} has no counterpart in ONNX ({reason}); {remedy}")
    mask = graph.masks.get(x)
    steps, counts = graph.transpose(x, 1, 0, 2), None if mask is None else _steps_of(graph, mask)
    if layer.go_backwards:
        steps, counts = graph.reversed(steps, 0), counts and graph.reversed(counts, 0)
    ys, last = _run(graph, layer, steps, states, counts)
    shown = None if counts is None else _shown(graph, layer, counts, states)
    y = _output(graph, layer, ys, last[0], shown)
    if mask is not None and layer.return_sequences:
        graph.masks[y] = mask
    return (y, *last) if layer.return_state else y


def _run(
    graph: OnnxGraph, layer: Recurrent, x: str, states: tuple[str, ...], counts: str | None
) -> tuple[str, list[str]]:
    functions = {layer.activation, getattr(layer, "recurrent_activation", layer.activation)}
    if counts is None and graph.dtype == np.float32 and functions <= set(OF_OPERATORS):
        return _operator(graph, layer, x, states)
    return _scan(graph, layer, x, states, counts)


def _output(graph: OnnxGraph, layer: Recurrent, ys: str, h: str, shown: str | None) -> str:
    """Add y. shown: (steps, rows, 1), False where y is 0."""
    y = graph.transpose(ys, 1, 0, 2) if layer.return_sequences else h
    if shown is None:
        return y if layer.return_sequences else graph.node("Identity", h)
    of_y = graph.transpose(shown, 1, 0, 2)
    if not layer.return_sequences:
        of_y = graph.node("Squeeze", graph.part(shown, -1, np.iinfo(np.int64).max), graph.integers([0]))
    return graph.node("Where", of_y, y, graph.constant(0.0))


def _steps_of(graph: OnnxGraph, mask: Mask) -> str:
    """Add a mask (rows, steps) as (steps, rows, 1)."""
    return graph.node("Unsqueeze", graph.transpose(mask.name, 1, 0), graph.integers([2]))


def _shown(graph: OnnxGraph, layer: Recurrent, counts: str, states: tuple[str, ...]) -> str | None:
    """Add booleans (steps, rows, 1), False where y is 0 because of the mask."""
    if layer.return_sequences and layer.zero_output_for_mask:
        return counts
    if not states:  # before the first step that counts h is 0
        return None
    so_far = graph.node("CumSum", graph.cast(counts, np.int32), graph.array(np.array(0, np.int64)))
    return graph.cast(so_far, bool)


# ---- one operator


def _operator(graph: OnnxGraph, layer: Recurrent, x: str, states: tuple[str, ...]) -> tuple[str, list[str]]:
    kernels = [
        graph.constant(_as_onnx(layer, kernel.value).T[None]) for kernel in (layer.kernel, layer.recurrent_kernel)
    ]
    first = [graph.node("Unsqueeze", state, graph.integers([0])) for state in states]
    bias = graph.constant(_biases(layer)) if layer.use_bias else ""
    inner, outer = layer.activation, getattr(layer, "recurrent_activation", layer.activation)
    activations = {SimpleRNN: [inner], GRU: [outer, inner], LSTM: [outer, inner, inner]}[type(layer)]
    attributes = {"hidden_size": layer.units, "activations": [OF_OPERATORS[name] for name in activations]}
    if isinstance(layer, GRU):
        attributes["linear_before_reset"] = int(layer.reset_after)
    inputs = [x, *kernels, *([bias, "", *first] if first else [bias] if bias else [])]
    ys, *last = graph.several(OPERATORS[type(layer)], *inputs, outputs=1 + layer.state_count, attributes=attributes)
    one, zero = graph.integers([1]), graph.integers([0])  # the axis of the directions
    return graph.node("Squeeze", ys, one), [graph.node("Squeeze", state, zero) for state in last]


def _as_onnx(layer: Recurrent, array: np.ndarray) -> np.ndarray:
    """Return an array with the gates in ONNX's order along its last axis: of an LSTM i o f g, not i f g o."""
    if not isinstance(layer, LSTM):
        return array
    i, f, g, o = np.split(array, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1)


def _biases(layer: Recurrent) -> np.ndarray:
    """Return the biases of x W and of h U side by side, (1, 2 gates units)."""
    bias = layer.bias.value
    both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return _as_onnx(layer, both).reshape(1, -1)


# ---- a loop


def _scan(graph: OnnxGraph, layer: Recurrent, x: str, states: tuple[str, ...], counts: str | None) -> Made:
    before = list(states) or [_zeros(graph, layer, x)] * layer.state_count
    taken = [_product(graph, x, layer.kernel.value, _bias(layer, 0)), *([] if counts is None else [counts])]
    body = graph.body()
    names = [body.free_name() for _ in (*before, *taken)]
    held, of_x = names[: len(before)], names[len(before)]
    after = STEPS[type(layer)](body, layer, of_x, *held)
    if counts is not None:
        after = [body.node("Where", names[-1], new, old) for new, old in zip(after, held, strict=True)]
    results = [body.node("Identity", name) for name in (*after, after[0])]
    width = layer.units * layer.gates
    inputs = [_rows(name, graph.dtype, layer.units) for name in held] + [_rows(of_x, graph.dtype, width)]
    inputs += [] if counts is None else [_rows(names[-1], bool, 1)]
    outputs = [_rows(name, graph.dtype, layer.units) for name in results]
    *last, ys = graph.scan(body, (inputs, outputs), [*before, *taken], len(taken))
    return ys, last


def _rows(name: str, dtype: Any, width: int) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), [None, width])


def _zeros(graph: OnnxGraph, layer: Recurrent, x: str) -> str:
    """Add zeros (rows, units) for x (steps, rows, features)."""
    from onnx import numpy_helper

    rows = graph.part(graph.node("Shape", x), 1, 2)
    shape = graph.node("Concat", rows, graph.integers([layer.units]), attributes={"axis": 0})
    zero = numpy_helper.from_array(np.zeros(1, graph.dtype))
    return graph.node("ConstantOfShape", shape, attributes={"value": zero})


def _bias(layer: Recurrent, number: int) -> np.ndarray | None:
    """Return the bias of x W, number 0, or that of h U, number 1; None if there is none."""
    if not layer.use_bias:
        return None
    bias = layer.bias.value
    if bias.ndim == 2:
        return np.asarray(bias[number])
    return bias if number == 0 else None


def _product(graph: OnnxGraph, x: str, kernel: np.ndarray, bias: np.ndarray | None) -> str:
    z = graph.node("MatMul", x, graph.constant(kernel))
    return z if bias is None else graph.node("Add", z, graph.constant(bias))


def _simple_step(graph: OnnxGraph, layer: SimpleRNN, of_x: str, h: str) -> list[str]:
    z = graph.node("Add", of_x, _product(graph, h, layer.recurrent_kernel.value, None))
    return [FUNCTIONS[layer.activation](graph, z)]


def _gru_step(graph: OnnxGraph, layer: GRU, of_x: str, h: str) -> list[str]:
    phi, sigma = FUNCTIONS[layer.activation], FUNCTIONS[layer.recurrent_activation]
    U, two = layer.recurrent_kernel.value, 2 * layer.units
    x_z, x_r, x_n = graph.several("Split", of_x, outputs=3, attributes={"axis": -1})
    of_h = _product(graph, h, U if layer.reset_after else U[:, :two], _bias(layer, 1))
    h_z, h_r, *h_n = graph.several("Split", of_h, outputs=3 if layer.reset_after else 2, attributes={"axis": -1})
    z, r = (sigma(graph, graph.node("Add", *pair)) for pair in ((x_z, h_z), (x_r, h_r)))
    if layer.reset_after:
        reset = graph.node("Mul", r, h_n[0])
    else:
        reset = _product(graph, graph.node("Mul", r, h), U[:, two:], None)
    n = phi(graph, graph.node("Add", x_n, reset))
    return [graph.node("Add", n, graph.node("Mul", z, graph.node("Sub", h, n)))]


def _lstm_step(graph: OnnxGraph, layer: LSTM, of_x: str, h: str, c: str) -> list[str]:
    phi, sigma = FUNCTIONS[layer.activation], FUNCTIONS[layer.recurrent_activation]
    z = graph.node("Add", of_x, _product(graph, h, layer.recurrent_kernel.value, None))
    z_i, z_f, z_g, z_o = graph.several("Split", z, outputs=4, attributes={"axis": -1})
    i, f, o = (sigma(graph, part) for part in (z_i, z_f, z_o))
    kept, added = graph.node("Mul", f, c), graph.node("Mul", i, phi(graph, z_g))
    c = graph.node("Add", kept, added)
    return [graph.node("Mul", o, phi(graph, c)), c]


STEPS: dict[type[Any], Callable[..., list[str]]] = {SimpleRNN: _simple_step, GRU: _gru_step, LSTM: _lstm_step}


# ---- activations, of operators that runtimes have in float64 too


def _between(graph: OnnxGraph, z: str, low: float, high: float) -> str:
    return graph.node("Clip", z, graph.constant(low), graph.constant(high))


def _scaled(graph: OnnxGraph, z: str, factor: float) -> str:
    return graph.node("Mul", z, graph.constant(factor))


def _hard_sigmoid(graph: OnnxGraph, z: str) -> str:
    return _between(graph, graph.node("Add", _scaled(graph, z, 1 / 6), graph.constant(0.5)), 0.0, 1.0)


def _elu(graph: OnnxGraph, z: str, alpha: float = 1.0) -> str:
    below = graph.node("Exp", graph.node("Min", z, graph.constant(0.0)))
    below = _scaled(graph, graph.node("Sub", below, graph.constant(1.0)), alpha)
    return graph.node("Add", graph.node("Relu", z), below)


def _softplus(graph: OnnxGraph, z: str) -> str:
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
    return graph.node("Add", graph.node("Relu", z), graph.node("Log", graph.node("Add", small, graph.constant(1.0))))


def _softsign(graph: OnnxGraph, z: str) -> str:
    return graph.node("Div", z, graph.node("Add", graph.node("Abs", z), graph.constant(1.0)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017
FUNCTIONS: dict[str, Callable[[OnnxGraph, str], str]] = {
    "tanh": lambda graph, z: graph.node("Tanh", z),
    "sigmoid": lambda graph, z: graph.node("Sigmoid", z),
    "relu": lambda graph, z: graph.node("Relu", z),
    "linear": lambda graph, z: z,
    "hard_sigmoid": _hard_sigmoid,
    "hard_tanh": lambda graph, z: _between(graph, z, -1.0, 1.0),
    "relu6": lambda graph, z: _between(graph, z, 0.0, 6.0),
    "leaky_relu": lambda graph, z: graph.node("Max", z, _scaled(graph, z, 0.2)),
    "elu": _elu,
    "selu": lambda graph, z: _scaled(graph, _elu(graph, z, SELU_ALPHA), SELU_SCALE),
    "exponential": lambda graph, z: graph.node("Exp", z),
    "softplus": _softplus,
    "softsign": _softsign,
}


# ---- both directions


def _bidirectional(graph: OnnxGraph, layer: Bidirectional, x: str, *states: str) -> Any:
    half = len(states) // 2
    made = [
        graph.layer(inner, x, *part) for inner, part in zip(layer.both, (states[:half], states[half:]), strict=True)
    ]
    (y, *last), (other, *others) = made if layer.layer.return_state else [(one,) for one in made]
    if layer.layer.return_sequences:
        mask = graph.masks.get(x)
        y, other = (_counted(graph, part, mask) for part in (y, graph.reversed(other, 1)))
    merged = _merged(graph, layer.merge_mode, y, other)
    if layer.layer.return_sequences and x in graph.masks:
        graph.masks |= dict.fromkeys(merged, graph.masks[x])
    return (*merged, *last, *others) if layer.several_outputs else merged[0]


def _counted(graph: OnnxGraph, y: str, mask: Mask | None) -> str:
    """Add y with 0 at the steps that do not count."""
    if mask is None:
        return y
    counts = graph.node("Unsqueeze", mask.name, graph.integers([2]))
    return graph.node("Where", counts, y, graph.constant(0.0))


def _merged(graph: OnnxGraph, mode: str | None, y: str, other: str) -> tuple[str, ...]:
    if mode is None:
        return y, other
    if mode == "concat":
        return (graph.node("Concat", y, other, attributes={"axis": -1}),)
    if mode == "mul":
        return (graph.node("Mul", y, other),)
    total = graph.node("Add", y, other)
    return (total if mode == "sum" else _scaled(graph, total, 0.5),)


RECURRENT_BUILDERS: dict[str, Builder] = {"bidirectional": _bidirectional, "recurrent": _recurrent}
