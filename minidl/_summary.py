"""The table of a model's layers, in Keras's columns: `model.summary()` prints it, notebooks show it."""

from __future__ import annotations

from ._tables import align_columns, escape, html_table
from .layers import Chain, Layer

HEADER = ("Layer (type)", "Output Shape", "Param #")


def summary_table(
    name: str, layer: Layer, output_shape: tuple[int, ...] | None, itemsize: int, optimizer_numbers: int
) -> str:
    """Return the title, one row for each layer, and the totals. output_shape: None for a model that is not built."""
    rows = [f"│ {' │ '.join(row)} │" for row in align_columns([HEADER, *_rows(name, layer, output_shape)], "<<>")]
    rules = ["─" * len(cell) for cell in rows[0].strip("│").split("│")]
    top, middle, bottom = (left + cross.join(rules) + right for left, cross, right in ("┌┬┐", "├┼┤", "└┴┘"))
    return "\n".join(
        [f'Model: "{name}"', top, rows[0], middle, *rows[1:], bottom, *_totals(layer, itemsize, optimizer_numbers)]
    )


def summary_html(
    name: str, layer: Layer, output_shape: tuple[int, ...] | None, itemsize: int, optimizer_numbers: int
) -> str:
    """Return the same as a table in HTML."""
    totals = "<br>".join(escape(line) for line in _totals(layer, itemsize, optimizer_numbers))
    return html_table(f"Model: {name}", HEADER, _rows(name, layer, output_shape)) + f"<p>{totals}</p>"


def _rows(name: str, layer: Layer, output_shape: tuple[int, ...] | None) -> list[tuple[str, str, str]]:
    children = layer.children if isinstance(layer, Chain) else {name: layer}
    if output_shape is None:
        return [(f"{name} ({type(child).__name__})", "?", "0 (unbuilt)") for name, child in children.items()]
    shapes = layer.shapes if isinstance(layer, Chain) else [output_shape]
    rows = []
    for (name, child), output in zip(children.items(), shapes, strict=True):
        kind, shape = type(child).__name__, ", ".join(str(n) for n in (None, *output))
        rows.append((f"{name} ({kind})", f"({shape})", f"{_parameters(child) + _state(child):,}"))
    return rows


def _parameters(layer: Layer) -> int:
    return sum(parameter.size for parameter in layer.named_parameters().values())


def _frozen(layer: Layer) -> int:
    layers = (inner for _, inner in layer.walk() if not inner.trainable)
    return sum(parameter.size for inner in layers for parameter in inner.parameters.values())


def _state(layer: Layer) -> int:
    return sum(int(array.size) for array in layer.named_state().values())


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
