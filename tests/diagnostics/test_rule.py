"""Rules: their order, and their effect on the rules that follow."""

from minidl.diagnostics._rule import Evidence, Observation, rule, run_rules


def seen(name, severity, **metadata):
    """A rule that always observes something of this severity."""

    @rule(name, source="a paper", **metadata)
    def observe(evidence):
        yield Observation(severity, evidence, "words.", "advice.", {"figure": 1})

    return observe


def found(*rules, evidence=None):
    findings = run_rules(rules, evidence or {Evidence.ANY_TIME: "input"})
    return [(finding.rule, finding.severity) for finding in findings]


def test_a_finding_has_the_metadata_of_its_rule():
    (finding,) = run_rules([seen("a", "note")], {Evidence.ANY_TIME: "input"})
    assert (finding.rule, finding.path, finding.source, finding.figures) == ("a", "input", "a paper", {"figure": 1})


def test_findings_are_sorted_by_severity_then_by_the_order_of_the_rules():
    rules = [seen("a", "note"), seen("b", "warning"), seen("c", "error"), seen("d", "warning")]
    assert found(*rules) == [("c", "error"), ("b", "warning"), ("d", "warning"), ("a", "note")]


def test_a_finding_that_is_explained_becomes_a_note():
    assert found(seen("cause", "warning", explains=("effect",)), seen("effect", "error")) == [
        ("cause", "warning"),
        ("effect", "note"),
    ]


def test_a_note_explains_nothing():
    assert found(seen("cause", "note", explains=("effect",)), seen("effect", "error"))[0] == ("effect", "error")


def test_a_costly_rule_is_skipped_after_an_error():
    assert found(seen("a", "error"), seen("b", "note", costly=True)) == [("a", "error")]
    assert found(seen("a", "warning"), seen("b", "note", costly=True)) == [("a", "warning"), ("b", "note")]


def test_a_rule_runs_only_on_the_evidence_it_reads():
    rules = [seen("a", "note"), seen("b", "note", reads=Evidence.COURSE)]
    assert found(*rules) == [("a", "note")]
    assert found(*rules, evidence={Evidence.COURSE: "training"}) == [("b", "note")]
