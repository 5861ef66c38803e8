"""The table of a model's layers, in Keras's columns: `model.summary()` prints it, notebooks show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._tables import align_columns, escape, html_table
from .layers import Chain, Graph, Layer

HEADER = ("Layer (type)", "Output Shape", "Param #")
Shape = tuple[int, ...]
Shapes = tuple[Shape, Any]


def summary_table(name: str, layer: Layer, shapes: Shapes | None, itemsize: int, optimizer_numbers: int) -> str:
    """Return the title, one row for each layer, and the totals.

    shapes  of the model's output and of the values inside; None for a model that is not built
    """
    header, *rows = _with_header(name, layer, shapes)
    lines = [f"│ {' │ '.join(row)} │" for row in align_columns([header, *rows], "<<><"[: len(header)])]
    rules = ["─" * len(cell) for cell in lines[0].strip("│").split("│")]
    top, middle, bottom = (left + cross.join(rules) + right for left, cross, right in ("┌┬┐", "├┼┤", "└┴┘"))
    return "\n".join(
        [f'Model: "{name}"', top, lines[0], middle, *lines[1:], bottom, *_totals(layer, itemsize, optimizer_numbers)]
    )


def summary_html(name: str, layer: Layer, shapes: Shapes | None, itemsize: int, optimizer_numbers: int) -> str:
    """Return the same as a table in HTML."""
    header, *rows = _with_header(name, layer, shapes)
    totals = "<br>".join(escape(line) for line in _totals(layer, itemsize, optimizer_numbers))
    return html_table(f"Model: {name}", header, rows) + f"<p>{totals}</p>"


def _with_header(name: str, layer: Layer, shapes: Shapes | None) -> list[tuple[str, ...]]:
    if isinstance(layer, Graph) and not layer.is_line:
        return [(*HEADER, "Connected to"), *_graph_rows(layer, None if shapes is None else dict(shapes[1]))]
    return [HEADER, *_rows(name, layer, shapes)]


def _graph_rows(graph: Graph, shapes: dict[str, Shape] | None) -> Iterator[tuple[str, ...]]:
    for name, shape in graph.input_shapes.items():
        yield f"{name} (input)", _shape(shape if shapes is None else shapes[name]), "0", "-"
    for name, layer, sources, _ in graph.nodes:
        *cells, count = _row(name, layer, None if shapes is None else shapes[name])
        first = graph.first_place(name)
        yield *cells, count if first == name else f"as {first}", ", ".join(sources)


def _rows(name: str, layer: Layer, shapes: Shapes | None) -> list[tuple[str, ...]]:
    children = layer.children if isinstance(layer, Chain | Graph) else {name: layer}
    each: list[Any] = [None] * len(children)
    if shapes is not None and isinstance(layer, Graph):
        each = [dict(shapes[1])[name] for name in children]
    elif shapes is not None:
        each = list(shapes[1]) if isinstance(layer, Chain) else [shapes[0]]
    return [_row(name, child, shape) for (name, child), shape in zip(children.items(), each, strict=True)]


def _row(name: str, layer: Layer, shape: Shape | None) -> tuple[str, ...]:
    count = "0 (unbuilt)" if shape is None else f"{_parameters(layer) + _state(layer):,}"
    return f"{name} ({type(layer).__name__})", _shape(shape), count


def _shape(shape: Shape | None) -> str:
    return "?" if shape is None else f"({', '.join(str(n) for n in (None, *shape))})"


def _parameters(layer: Layer) -> int:
    return sum(parameter.size for parameter in layer.named_parameters().values())


def _frozen(layer: Layer) -> int:
    layers = (inner for _, inner in layer.walk() if not inner.trainable)
    return sum(parameter.size for inner in layers for parameter in inner.parameters.values())


def _state(layer: Layer) -> int:
    # before build, layers have no state yet
    held = (getattr(inner, name, None) for _, inner in layer.walk() for name in inner.state_names)
    return sum(int(array.size) for array in held if array is not None)


def _totals(layer: Layer, itemsize: int, optimizer_numbers: int) -> list[str]:
    parameters, frozen, state = _parameters(layer), _frozen(layer), _state(layer)
    total = parameters + state + optimizer_numbers
    counts = {"Total": total, "Trainable": parameters - frozen, "Non-trainable": state + frozen}
    if optimizer_numbers:
        counts["Optimizer"] = optimizer_numbers
    return [f" {title} params: {count:,} ({_bytes(count * itemsize)})" for title, count in counts.items()]


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
