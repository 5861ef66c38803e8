"""Findings and the diagnosis that holds them: data that print as text and as HTML."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from .._lazy import extension
from .._tables import html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Finding:
    """One problem, or one fact worth knowing.

    severity  "error": the model cannot learn; "warning": it will learn badly; "note": good to know
    rule      the short name of the rule, the same in all versions
    path      the place: paths of layers, or "input", "targets", "loss", "optimizer", "training"
    words     the problem
    advice    the remedy
    figures   the numbers behind it
    source    the publication that describes the problem: authors, year, section
    """

    severity: str
    rule: str
    path: str
    words: str
    advice: str
    figures: dict[str, Any]
    source: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.path}: {self.words} {self.advice} [{self.source}]"


class Observation(NamedTuple):
    """One problem seen by a rule. The fields are those of `Finding`."""

    severity: str
    path: str
    words: str
    advice: str
    figures: dict[str, Any]


@dataclass
class Diagnosis:
    """Findings, the most severe first; among equals, a cause stands before its effects.

    seen    the evidence: "300 rows"
    layers  sizes in every layer, for the plot: {path: {"activation": ..., "gradient": ...}}, root mean squares
    """

    title: str
    seen: str
    findings: list[Finding]
    layers: dict[str, dict[str, float]] = field(default_factory=dict)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the size of outputs and gradients, layer by layer: see `minidl.plots.signal`."""
        axes: Axes = extension("plots").signal(self, ax=ax)
        return axes

    @property
    def headline(self) -> str:
        """The number of findings, the model and the evidence, in one line."""
        count = len(self.findings)
        return f"{count or 'no'} finding{'s' * (count != 1)} for {self.title} on {self.seen}"

    def __str__(self) -> str:
        paths = [_abbreviate(finding.path) for finding in self.findings]
        width = max(map(len, paths), default=0)
        lines = [self.headline]
        for finding, path in zip(self.findings, paths, strict=True):
            text = f"{finding.words} {finding.advice} [{finding.source}]"
            head = f"{finding.severity:<7}  {path:<{width}}  "
            lines.append(textwrap.fill(text, 120, initial_indent=head, subsequent_indent=" " * len(head)))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = ("severity", "where", "what", "advice", "source")
        rows = [(f.severity, f.path, f.words, f.advice, f.source) for f in self.findings]
        return f"<p><b>{escape(self.headline)}</b></p>{html_table('', head, rows) if rows else ''}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, strings, lists and dicts."""
        return asdict(self)


def _abbreviate(path: str) -> str:
    """The path, or its first two parts and the number of the others if it has more than three."""
    parts = path.split(", ")
    return path if len(parts) <= 3 else f"{', '.join(parts[:2])} and {len(parts) - 2} more"
