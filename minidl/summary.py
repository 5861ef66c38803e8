"""The table that `model.summary()` prints, in Keras's columns."""

from __future__ import annotations

from .layers.base import Layer
from .layers.containers import Chain
from .parameters import Parameters


def summary_table(name: str, layer: Layer, output_shape: tuple[int, ...] | None, params: Parameters) -> str:
    """Title, a row a layer, and the totals."""
    children, shapes = (layer.children, layer.shapes) if isinstance(layer, Chain) else ({name: layer}, [output_shape])
    rows = [("Layer (type)", "Output Shape", "Param #")]
    for (child_name, child), output in zip(children.items(), shapes, strict=True):
        count = sum(parameter.size for parameter in child.named_parameters().values())
        shape = ", ".join(str(n) for n in (None, *(output or ())))
        rows.append((f"{child_name} ({type(child).__name__})", f"({shape})", f"{count:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["│ {} │ {} │ {} │".format(*_aligned(row, widths)) for row in rows]
    rules = ["─" * (width + 2) for width in widths]
    top, middle, bottom = (left + cross.join(rules) + right for left, cross, right in ("┌┬┐", "├┼┤", "└┴┘"))
    total = f"{params.theta.size:,} ({_bytes(params.theta.nbytes)})"
    totals = [f" Total params: {total}", f" Trainable params: {total}", " Non-trainable params: 0 (0.00 B)"]
    return "\n".join([f'Model: "{name}"', top, lines[0], middle, *lines[1:], bottom, *totals])


def _aligned(row: tuple[str, ...], widths: list[int]) -> tuple[str, str, str]:
    return row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2])


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
