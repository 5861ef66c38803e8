"""Rules: functions that read the evidence and yield observations, each with its metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, NamedTuple

from ._findings import Finding

SEVERITIES = ("error", "warning", "note")

# names of rules whose findings are effects: of poor training, of activations of a wrong size, of unlike validation rows
POOR_TRAINING = ("learning-rate", "by-heart", "plateau")
WRONG_SIZES = ("dead-units", "large-weights", "signal-through-depth", "saturated-units", "first-loss", *POOR_TRAINING)
POOR_VALIDATION = ("unrelated-targets", "overfitting")


class Observation(NamedTuple):
    """One problem seen by a rule. The fields are those of `Finding`."""

    severity: str
    path: str
    words: str
    advice: str
    figures: dict[str, Any]


class Evidence(Enum):
    """The evidence that a rule reads: Signals of the network and its data, or the Record of a training."""

    ANY_TIME = auto()  # Signals, before or after training
    BEFORE = auto()  # Signals before training
    AFTER = auto()  # Signals after training
    COURSE = auto()  # Record


Observe = Callable[[Any], Iterable[Observation]]


@dataclass(frozen=True)
class Rule:
    """A function that yields observations, and its metadata. Two rules may share a name.

    source    the publication that describes the problem
    reads     the evidence that the function takes
    explains  the rules whose findings become notes once this rule has found an error or a warning
    costly    True if the rule is skipped once an error has been found
    """

    observe: Observe
    name: str
    source: str
    reads: Evidence = Evidence.ANY_TIME
    explains: tuple[str, ...] = ()
    costly: bool = False

    def findings(self, evidence: Any) -> list[Finding]:
        """Run the rule on the evidence."""
        return [Finding(o.severity, self.name, *o[1:], self.source) for o in self.observe(evidence)]


def rule(
    name: str, *, source: str, reads: Evidence = Evidence.ANY_TIME, explains: tuple[str, ...] = (), costly: bool = False
) -> Callable[[Observe], Rule]:
    """Make a Rule of the function below, with this metadata."""
    return lambda function: Rule(function, name, source, reads, explains, costly)


def run_rules(rules: Iterable[Rule], evidence: Mapping[Evidence, Any]) -> list[Finding]:
    """Run the rules that read this evidence. Findings are sorted by severity, then by the order of the rules."""
    findings, explained = list[Finding](), set[str]()
    for one in rules:
        if one.reads not in evidence or (one.costly and any(found.severity == "error" for found in findings)):
            continue
        found = one.findings(evidence[one.reads])
        if one.name in explained:
            found = [replace(finding, severity="note") for finding in found]
        if any(finding.severity != "note" for finding in found):
            explained |= set(one.explains)
        findings += found
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
