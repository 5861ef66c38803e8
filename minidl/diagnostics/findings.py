"""What a diagnosis says: data first, words second."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .._lazy import extension

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEVERITIES = ("error", "warning", "note")  # it cannot learn; it will learn badly; good to know


class Sign(NamedTuple):
    """What a rule has seen: how severe, where, in words, what to do, and the numbers behind it."""

    severity: str
    path: str
    words: str
    advice: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    severity  "error": it cannot learn so; "warning": it will learn badly; "note": good to know
    rule      the short name of the rule that found it, always the same
    path      where: paths of layers, or "input", "targets", "loss", "optimizer"
    words     what was seen
    advice    what to do about it
    figures   the numbers behind it
    source    who says so: authors, year, section
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


@dataclass
class Diagnosis:
    """What was found, most severe first; among equals causes stand before what they cause.

    seen    what it rests on: "300 rows"
    layers  figures of every layer, for the plot: {path: {"activation": ..., "gradient": ...}}, root mean squares
    """

    title: str
    seen: str
    findings: list[Finding]
    layers: dict[str, dict[str, float]] = field(default_factory=dict)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the size of outputs and gradients, layer by layer: see `minidl.plots.signal`."""
        axes: Axes = extension("plots").signal(self, ax)
        return axes

    @property
    def headline(self) -> str:
        count = len(self.findings)
        counted = f"{count or 'no'} finding{'s' * (count != 1)}"
        return f"{counted} for {self.title} on {self.seen}"

    def __str__(self) -> str:
        paths = [shortened(finding.path) for finding in self.findings]
        width = max((len(path) for path in paths), default=0)
        lines = [self.headline]
        for finding, path in zip(self.findings, paths, strict=True):
            text = f"{finding.words} {finding.advice} [{finding.source}]"
            head = f"{finding.severity:<7}  {path:<{width}}  "
            lines.append(textwrap.fill(text, 120, initial_indent=head, subsequent_indent=" " * len(head)))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = ("severity", "where", "what", "advice", "source")
        head = "".join(f"<th>{cell}</th>" for cell in cells)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in (f.severity, f.path, f.words, f.advice, f.source))
            + "</tr>"
            for f in self.findings
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.findings else ""
        return f"<p><b>{html.escape(self.headline)}</b></p>{table}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts."""
        return asdict(self)


@dataclass(frozen=True)
class Rule:
    """A name, who says so, and a function of what was measured that yields the signs it sees.

    explains  the rules whose findings are no more than notes once this one has found more than a note
    costly    whether it is left out once an error has been found
    """

    name: str
    source: str
    look: Callable[[Any], Iterable[Sign]]
    explains: tuple[str, ...] = field(default=(), kw_only=True)
    costly: bool = field(default=False, kw_only=True)

    def findings(self, seen: Any) -> list[Finding]:
        """What this rule finds."""
        return [
            Finding(sign.severity, self.name, sign.path, sign.words, sign.advice, sign.figures, self.source)
            for sign in self.look(seen)
        ]


def found_by(looks: Iterable[tuple[Rule, Any]]) -> list[Finding]:
    """What the rules find in what each of them reads, most severe first, equals in the order of the rules."""
    findings, explained = list[Finding](), set[str]()
    for rule, seen in looks:
        if rule.costly and any(finding.severity == "error" for finding in findings):
            continue
        found = rule.findings(seen)
        if rule.name in explained:
            found = [replace(finding, severity="note") for finding in found]
        if any(finding.severity != "note" for finding in found):
            explained |= set(rule.explains)
        findings += found
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def shortened(path: str) -> str:
    """At most three paths, and how many more there are."""
    parts = path.split(", ")
    return path if len(parts) <= 3 else f"{', '.join(parts[:2])} and {len(parts) - 2} more"
