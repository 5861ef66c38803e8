"""The table of a model's layers, in Keras's columns: what `model.summary()` prints and a notebook shows."""

from __future__ import annotations

from html import escape

from .layers import Chain, Layer
from .parameters import Parameters

HEADER = ("Layer (type)", "Output Shape", "Param #")


def summary_table(
    name: str, layer: Layer, output_shape: tuple[int, ...], params: Parameters, optimizer_numbers: int
) -> str:
    """Title, a row a layer, and the totals."""
    rows = [HEADER, *_rows(name, layer, output_shape)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["│ {} │ {} │ {} │".format(*_aligned(row, widths)) for row in rows]
    rules = ["─" * (width + 2) for width in widths]
    top, middle, bottom = (left + cross.join(rules) + right for left, cross, right in ("┌┬┐", "├┼┤", "└┴┘"))
    totals = _totals(layer, params, optimizer_numbers)
    return "\n".join([f'Model: "{name}"', top, lines[0], middle, *lines[1:], bottom, *totals])


def summary_html(
    name: str, layer: Layer, output_shape: tuple[int, ...], params: Parameters, optimizer_numbers: int
) -> str:
    """The same as a table in HTML."""
    head = "".join(f"<th>{title}</th>" for title in HEADER)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(name, layer, output_shape)
    )
    totals = "<br>".join(_totals(layer, params, optimizer_numbers))
    caption = f"<caption>Model: {escape(name)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{totals}</p>"


def _rows(name: str, layer: Layer, output_shape: tuple[int, ...]) -> list[tuple[str, str, str]]:
    children, shapes = (layer.children, layer.shapes) if isinstance(layer, Chain) else ({name: layer}, [output_shape])
    rows = []
    for (name, child), output in zip(children.items(), shapes, strict=True):
        kind, shape = type(child).__name__, ", ".join(str(n) for n in (None, *output))
        rows.append((f"{name} ({kind})", f"({shape})", f"{_trained(child) + _kept(child):,}"))
    return rows


def _trained(layer: Layer) -> int:
    return sum(parameter.size for parameter in layer.named_parameters().values())


def _kept(layer: Layer) -> int:
    return sum(int(array.size) for array in layer.named_state().values())


def _totals(layer: Layer, params: Parameters, optimizer_numbers: int) -> list[str]:
    trained, kept, size = _trained(layer), _kept(layer), params.theta.itemsize
    counts = {"Total": trained + kept + optimizer_numbers, "Trainable": trained, "Non-trainable": kept}
    if optimizer_numbers:
        counts["Optimizer"] = optimizer_numbers
    return [f" {title} params: {count:,} ({_bytes(count * size)})" for title, count in counts.items()]


def _aligned(row: tuple[str, ...], widths: list[int]) -> tuple[str, str, str]:
    return row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2])


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
