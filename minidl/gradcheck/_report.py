"""The result of a gradient check, as data and as text."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .._lazy import extension
from .._tables import html_table, text_table
from ._differentiation import METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class Tensor:
    """The check of the gradient of one tensor.

    difference  |a - n| / (|a| + |n|) over the entries checked, or along the direction, without kinks; above 1e-12 the
                rounding error is subtracted
    worst       index of the entry with the largest difference, its gradient (analytic) and derivative (numeric)
    kinks       entries left out because their derivative depends on the side from which it is taken, as in ReLU at 0
    checked     entries compared one by one; 0 if one random direction through all of them was enough
    cause       a description of the mistake, or None
    unresolved  entries left out because forward changes too fast, or jumps, for any derivative to be measured
    is_located  True if all wrong entries are among those checked; directions through the others are right
    coarse      relative error of the derivatives, if noise in forward (float32, an iteration that stops early) is why
                they differ from the gradient; else 0
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
    unresolved: int = 0
    coarse: float = 0.0
    is_located: bool = False


@dataclass
class Report:
    """The result of a gradient check.

    tensors  the check of each gradient, by path
    guilty   path of the layer whose backward is wrong, or None
    broken   rules for layers that this one breaks
    binding  True if the check fails if a rule is broken, though all gradients are right
    notes    advice; it does not fail the check
    """

    title: str
    method: str
    rows: int | None = None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    guilty: str | None = None
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    evaluations: int = 0
    seconds: float = 0.0
    epoch: int | None = None
    binding: bool = True

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference of every tensor: see `minidl.plots.gradient_report`."""
        axes: Axes = extension("plots").gradient_report(self, ax)
        return axes

    @property
    def passed(self) -> bool:
        return self.gradients_right and (self.contract_kept or not self.binding)

    @property
    def gradients_right(self) -> bool:
        return all(tensor.passed for tensor in self.tensors.values())

    @property
    def contract_kept(self) -> bool:
        """True if no rule for layers is broken."""
        return not self.broken

    @property
    def difference(self) -> float:
        """The largest difference of any tensor, as far as rounding does not explain it."""
        return max((tensor.difference for tensor in self.tensors.values()), default=0.0)

    @property
    def wrong(self) -> dict[str, Tensor]:
        return {path: tensor for path, tensor in self.tensors.items() if not tensor.passed}

    @property
    def kinks(self) -> int:
        return sum(tensor.kinks for tensor in self.tensors.values())

    def include(self, part: Report) -> None:
        """Add the effort of another report. The method is the less exact one."""
        self.evaluations += part.evaluations
        self.seconds += part.seconds
        self.method = self.method if METHODS[part.method].exact else part.method

    @property
    def headline(self) -> str:
        rows = "" if self.rows is None else f", {self.rows} row{'s' * (self.rows != 1)}"
        verdict = f"{len(self.wrong)} of {len(self.tensors)} gradients wrong" if self.wrong else "all gradients right"
        if self.broken:
            verdict += f", {len(self.broken)} rule{'s' * (len(self.broken) != 1)} broken"
        return f"{self.title}: {verdict} ({METHODS[self.method].label}, float64{rows})"

    def rows_of_text(self) -> list[tuple[str, ...]]:
        """The table, heading first."""
        table: list[tuple[str, ...]] = [
            ("gradient", "checked", "difference", "worst entry", "backward", "derivative", "")
        ]
        for path, tensor in self.tensors.items():
            checked = f"{tensor.checked}/{tensor.size}" if tensor.checked else "direction"
            worst = "-" if tensor.worst is None else str(list(tensor.worst))
            values = ("-", "-") if tensor.worst is None else (f"{tensor.analytic:.6g}", f"{tensor.numeric:.6g}")
            kinks = f" ({tensor.kinks} kink{'s' * (tensor.kinks != 1)})" if tensor.kinks else ""
            verdict = ("right" if tensor.passed else "WRONG") + kinks
            table.append((path, checked, f"{tensor.difference:.1e}", worst, *values, verdict))
        return table

    def lines_of_text(self) -> list[str]:
        """The lines below the table: the guilty layer, causes, broken promises, advice."""
        lines = [f"guilty: {self.guilty}, the layer whose backward is wrong"] if self.guilty else []
        causes = [f"cause: {tensor.cause}" for tensor in self.wrong.values() if tensor.cause]
        lines += list(dict.fromkeys(causes)) or (["cause: unknown"] if self.wrong else [])
        return [*lines, *(f"broken: {line}" for line in self.broken), *(f"note: {line}" for line in self.notes)]

    def __str__(self) -> str:
        head, *body = self.rows_of_text()
        lines = [*text_table(head, body, "<>><>><"), *self.lines_of_text()]
        return "\n".join([self.headline, "", *(f"  {line}" for line in lines)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self.rows_of_text()
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self.lines_of_text())
        return f"<p><b>{html.escape(self.headline)}</b></p>{html_table('', head, body)}{lines}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts."""
        verdicts = {"passed": self.passed, "gradients_right": self.gradients_right, "contract_kept": self.contract_kept}
        return {**verdicts, "difference": self.difference, **asdict(self)}
