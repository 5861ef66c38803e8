"""What a gradient check found: data first, words second."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .._lazy import extension

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {"complex": "complex step", "central": "central differences"}


@dataclass
class Tensor:
    """The check of one gradient tensor.

    difference  |a - n| / (|a| + |n|) over the entries checked, kinks left out
    worst       index of the entry that disagrees most, with its analytic (backward) and numeric (slope) value
    kinks       entries passed over because the slope there depends on the side it is taken from
    checked     entries compared one by one; 0 where a random direction through all of them was enough
    cause       what the mistake looks like, or None
    """

    size: int
    difference: float = 0.0
    passed: bool = True
    worst: tuple[int, ...] | None = None
    analytic: float = math.nan
    numeric: float = math.nan
    kinks: int = 0
    checked: int = 0
    cause: str | None = None


@dataclass
class Report:
    """A gradient check. `passed`, `difference` (over all), `tensors` by path, `guilty` (a layer's path, or None).

    broken  promises of a layer that it breaks: these fail the check too
    notes   advice that fails nothing
    """

    title: str
    method: str
    rows: int | None = None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    difference: float = 0.0
    guilty: str | None = None
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    evaluations: int = 0
    seconds: float = 0.0
    epoch: int | None = None

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the numerical against the claimed entries: see `minidl.plots.gradient_report`."""
        axes: Axes = extension("plots").gradient_report(self, ax)
        return axes

    @property
    def passed(self) -> bool:
        return not self.broken and all(tensor.passed for tensor in self.tensors.values())

    @property
    def wrong(self) -> dict[str, Tensor]:
        return {path: tensor for path, tensor in self.tensors.items() if not tensor.passed}

    @property
    def kinks(self) -> int:
        return sum(tensor.kinks for tensor in self.tensors.values())

    @property
    def headline(self) -> str:
        rows = "" if self.rows is None else f", {self.rows} row{'s' * (self.rows != 1)}"
        verdict = f"{len(self.wrong)} of {len(self.tensors)} gradients wrong" if self.wrong else "all gradients right"
        if self.broken:
            verdict += f", {len(self.broken)} promise{'s' * (len(self.broken) != 1)} broken"
        return f"{self.title}: {verdict} ({WORDS[self.method]}, float64{rows})"

    def rows_of_text(self) -> list[tuple[str, ...]]:
        """The table, cell by cell, under its heading."""
        table: list[tuple[str, ...]] = [("gradient", "checked", "difference", "worst entry", "backward", "slope", "")]
        for path, tensor in self.tensors.items():
            checked = f"{tensor.checked}/{tensor.size}" if tensor.checked else "direction"
            worst = "-" if tensor.worst is None else str(list(tensor.worst))
            values = ("-", "-") if tensor.worst is None else (f"{tensor.analytic:.6g}", f"{tensor.numeric:.6g}")
            kinks = f" ({tensor.kinks} kink{'s' * (tensor.kinks != 1)})" if tensor.kinks else ""
            verdict = ("right" if tensor.passed else "WRONG") + kinks
            table.append((path, checked, f"{tensor.difference:.1e}", worst, *values, verdict))
        return table

    def words(self) -> list[str]:
        """What stands below the table: whose backward is wrong, the causes, the broken promises, advice."""
        lines = [f"guilty: {self.guilty}, the layer whose backward is wrong"] if self.guilty else []
        causes = [f"cause: {tensor.cause}" for tensor in self.wrong.values() if tensor.cause]
        lines += list(dict.fromkeys(causes)) or (["cause: unknown"] if self.wrong else [])
        return [*lines, *(f"broken: {line}" for line in self.broken), *(f"note: {line}" for line in self.notes)]

    def __str__(self) -> str:
        table = self.rows_of_text()
        widths = [max(len(row[column]) for row in table) for column in range(7)]
        lines = []
        for row in table:
            left = f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}"
            lines.append(f"  {left}  {row[4]:>{widths[4]}}  {row[5]:>{widths[5]}}  {row[6]}".rstrip())
        return "\n".join([self.headline, "", *lines, *(f"  {line}" for line in self.words())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self.rows_of_text()
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        lines = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in body]
        words = "".join(f"<p>{html.escape(line)}</p>" for line in self.words())
        table = f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        return f"<p><b>{html.escape(self.headline)}</b></p>{table}{words}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts."""
        return {"passed": self.passed, **asdict(self)}
