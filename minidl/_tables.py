"""Tables of strings, as text and as HTML: summaries, histories, findings, comparisons and gradient checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Row = Sequence[str]


def html_table(caption: str, head: Row, rows: Iterable[Row]) -> str:
    """Return an HTML table. Every string is escaped; an empty caption is left out."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{_cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"


def text_table(head: Row, rows: Iterable[Row], align: str = "") -> list[str]:
    """Return the lines of a text table, its columns separated by two spaces. `align` as for `align_columns`."""
    return ["  ".join(row).rstrip() for row in align_columns([head, *rows], align)]


def align_columns(rows: Sequence[Row], align: str = "") -> list[list[str]]:
    """Pad the cells of every column to the same width.

    align  one "<" (left) or ">" (right) per column; by default the first column is left-aligned, the others right
    """
    sides = align or "<" + ">" * (len(rows[0]) - 1)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)] for row in rows]


def escape(text: str) -> str:
    """Return the text with the characters escaped that mean something in HTML."""
    import html  # its table of entities would take a twentieth of the time to start a small script

    return html.escape(text)


def _cells(tag: str, row: Row) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)
