"""The table of a model's layers, as Keras 3 prints it."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from ..errors import SettingError
from ._tensors import Node

ALIGN = {"Param #": str.rjust, "Trainable": str.center}


def print_summary(
    model: Any,
    line_length: int | None,
    positions: Any,
    print_fn: Any,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> None:
    """Print title, table and totals."""
    nodes = model.inner_nodes
    connected = not _is_line(nodes) and model.kind_of_name() == "Functional"
    header = ["Layer (type)", "Output Shape", "Param #", *(["Connected to"] if connected else [])]
    positions = positions or ([0.3, 0.56, 0.74, 1.0] if connected else [0.45, 0.80, 1.0])
    wanted = 108 if connected else 88
    if show_trainable:
        header.append("Trainable")
        positions, wanted = [*(p * 0.9 for p in positions), 1.0], wanted + 12
    length = line_length or min(wanted, shutil.get_terminal_size().columns - 4)
    ends = [int(p * length) for p in positions]
    widths = _reduced([end - begin + 2 for begin, end in zip([0, *ends], ends, strict=False)], length)
    rows = [row for layer in _in_range(_shown(model), layer_range) for row in _rows(layer, nodes, 0, expand_nested)]
    kept = [[cell for name, cell in row.items() if name in header] for row in rows]
    text = "\n".join([f'Model: "{model.name}"', *_table(header, kept, widths), *_totals(model)])
    (print_fn or print)(text)


def _shown(model: Any) -> list[Any]:
    return model.operations if model.kind_of_name() == "Functional" else model.layers


def _is_line(nodes: list[Node]) -> bool:
    return all(len(node.inputs) < 2 for node in nodes) and sum(not node.inputs for node in nodes) < 2


def _in_range(layers: list[Any], names: Any) -> list[Any]:
    if names is None:
        return layers
    own = [layer.name for layer in layers]
    if len(names) != 2 or not set(names) <= set(own):
        raise SettingError(f"summary: layer_range takes the names of two layers of {own}, got {names!r}")
    first, last = sorted(own.index(name) for name in names)
    return layers[first : last + 1]


def _rows(layer: Any, nodes: list[Node], level: int, expand: bool) -> list[dict[str, str]]:
    prefix = "   " * level + "└ " if level else ""
    inside = getattr(layer, "layers", []) if expand else []
    row = {
        "Layer (type)": f"{prefix}{layer.name} ({_type_name(layer)})",
        "Output Shape": _shape(layer),
        "Param #": f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
        "Connected to": _connections(layer, nodes),
        "Trainable": ("Y" if layer.trainable else "N") if layer.weights else "-",
    }
    return [row, *(below for inner in inside for below in _rows(inner, nodes, level + 1, expand))]


def _type_name(layer: Any) -> str:
    return str(getattr(layer, "class_name", layer.kind_of_name()))


def _shape(layer: Any) -> str:
    if not layer.nodes and not getattr(layer, "inputs", None):
        return "?"
    shape = layer.output_shape
    return str(shape).replace("'", "")


def _connections(layer: Any, nodes: list[Node]) -> str:
    inside = {id(node) for node in nodes}
    own = [node for node in layer.nodes if id(node) in inside]
    found = [f"{x.node.operation.name}[{_number(x)}][{x.node.outputs.index(x)}]" for node in own for x in node.inputs]
    return ", ".join(found) or "-"


def _number(x: Any) -> int:
    return int(x.node.operation.nodes.index(x.node))


def _reduced(widths: list[int], length: int) -> list[int]:
    """Make the columns narrower by equal parts, so that with their borders they are as wide as the table."""
    excess, kept = sum(widths) + len(widths) + 1 - length, []
    for number, width in enumerate(widths):
        part = round(excess / (len(widths) - number))
        excess -= part
        kept.append(width - part)
    return kept


def _table(header: list[str], rows: list[list[str]], widths: list[int]) -> list[str]:
    """Lines of a table with borders. Each width counts two spaces."""
    inner = [width - 2 for width in widths]
    rules = ["━" * (n + 2) for n in inner]
    lines = [f"┏{'┳'.join(rules)}┓", *_cells(header, header, inner, "┃"), f"┡{'╇'.join(rules)}┩"]
    middle = f"├{'┼'.join('─' * (n + 2) for n in inner)}┤"
    for number, row in enumerate(rows):
        lines += ([middle] if number else []) + _cells(header, row, inner, "│")
    return [*lines, f"└{'┴'.join('─' * (n + 2) for n in inner)}┘"]


def _cells(header: list[str], row: list[str], widths: list[int], border: str) -> list[str]:
    wrapped = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = [cell[number] if number < len(cell) else "" for cell in wrapped]
        aligned = [
            ALIGN.get(name, str.ljust)(part, width) for name, part, width in zip(header, parts, widths, strict=True)
        ]
        lines.append(f"{border} {f' {border} '.join(aligned)} {border}")
    return lines


def _wrapped(cell: str, width: int) -> list[str]:
    """Return the lines of a cell. A word that is too long ends in a mark."""
    lines = textwrap.wrap(cell, width, break_long_words=False) or [""]
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]


def _totals(model: Any) -> list[str]:
    size = 8 if model.dtype == "float64" else 4
    trainable = sum(weight.size for weight in model.trainable_weights)
    others = sum(weight.size for weight in model.non_trainable_weights)
    optimizer = model.core.optimizer if model.compiled and model.built else None
    state = optimizer.count_state() + 1 if optimizer is not None and optimizer.built else 0
    counts = {"Total": trainable + others + state, "Trainable": trainable, "Non-trainable": others}
    if state:
        counts["Optimizer"] = state
    return [f" {title} params: {count:,} ({_bytes(count * size)})" for title, count in counts.items()]


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} TB"
