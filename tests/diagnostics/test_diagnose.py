"""The findings of diagnose for trainings with a planted fault and for healthy ones, and how they are shown."""

import copy
import inspect
import json
import pickle
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import minidl
from minidl import Sequential, diagnose, diagnostics
from minidl.datasets import circles
from minidl.diagnostics._diagnose import RULES, Evidence, Rule, run_rules
from minidl.diagnostics._findings import Observation
from minidl.initializers import Zeros
from minidl.layers import Dense, Dropout, Layer, ReLU, Residual, Sigmoid, Softmax, Softplus
from minidl.losses import CategoricalCrossentropy, Poisson
from minidl.optimizers import LBFGS, SGD, Adam
from tests.helpers.faults import FAULTS, HEALTHY, data, network

X, Y = circles(300, noise=0.05, seed=0)
FOLDER = Path(diagnostics.__file__).parent


def first_rule(diagnosis):
    return diagnosis.findings[0].rule if diagnosis.findings else None


# ---- planted faults and healthy networks


@pytest.fixture(scope="module")
def planted():
    return {name: diagnose(*case.make()) for name, case in FAULTS.items()}


@pytest.fixture(scope="module")
def sound():
    return {name: diagnose(*case.make()) for name, case in HEALTHY.items()}


def test_the_planted_fault_is_named_first_in_nine_of_ten(planted):
    missed = {name: first_rule(found) for name, found in planted.items() if first_rule(found) != FAULTS[name].rule}
    assert len(planted) >= 40
    assert len(missed) <= len(planted) / 10, missed


def test_every_kind_of_fault_is_named_first_at_least_once(planted):
    named = {first_rule(found) for name, found in planted.items() if first_rule(found) == FAULTS[name].rule}
    assert {case.rule for case in FAULTS.values()} == named


def test_healthy_networks_raise_no_alarm_in_nine_of_ten(sound):
    alarms = {name: str(found) for name, found in sound.items() if any(f.severity != "note" for f in found.findings)}
    assert len(sound) >= 40
    assert len(alarms) <= len(sound) / 10, alarms


# ---- text, HTML and data


def test_findings_are_sorted_by_severity_and_have_figures_advice_and_source(planted):
    for diagnosis in planted.values():
        order = [("error", "warning", "note").index(finding.severity) for finding in diagnosis.findings]
        assert order == sorted(order)
        for finding in diagnosis.findings:
            assert finding.path and finding.words.endswith((".", ")")) and finding.advice and finding.figures
            assert any(year in finding.source for year in map(str, range(1988, 2025))) or "CS231n" in finding.source


def test_a_diagnosis_is_plain_data(planted):
    for name, diagnosis in planted.items():
        again = json.loads(json.dumps(diagnosis.to_dict()))
        assert [f["rule"] for f in again["findings"]] == [f.rule for f in diagnosis.findings], name
        assert str(pickle.loads(pickle.dumps(diagnosis))) == str(diagnosis)


def test_the_text_is_a_table_no_wider_than_a_screen():
    zeros = {"kernel_initializer": Zeros()}
    lines = str(diagnose(Sequential([Dense(10, **zeros), ReLU(), Dense(1, **zeros), Sigmoid()]), X, Y)).splitlines()
    assert lines[0] == "1 finding for sequential on 300 rows"
    assert lines[1].startswith("error    dense  All 10 units of dense compute the same thing (columns of the kernel")
    assert all(line.startswith(" " * 16) for line in lines[2:])
    assert max(map(len, lines)) <= 120
    assert lines[-1].endswith("[Goodfellow et al. 2016, 8.4]")


def test_a_diagnosis_without_findings_says_so():
    assert str(diagnose(*HEALTHY["moons"].make())) == "no findings for sequential on 300 rows"
    assert "<table>" not in diagnose(*HEALTHY["moons"].make())._repr_html_()


def test_html_escapes_names_chosen_by_users():
    model = Sequential([Dense(4, kernel_initializer=Zeros(), name="<b>"), ReLU(), Dense(1), Sigmoid()], name="<i>")
    html = diagnose(model, X, Y)._repr_html_()
    assert html.startswith("<p><b>1 finding for &lt;i&gt; on 300 rows</b></p><table>")
    assert "<td>&lt;b&gt;</td>" in html


def test_many_paths_are_shortened():
    layers = [layer for _ in range(5) for layer in (Dense(4, kernel_initializer=Zeros()), ReLU())]
    diagnosis = diagnose(Sequential([*layers, Dense(1), Sigmoid()]), X, Y)
    assert diagnosis.findings[0].path == "dense, dense_1, dense_2, dense_3, dense_4"
    assert "  dense, dense_1 and 3 more  " in str(diagnosis)


def test_the_page_lists_every_rule():
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    rules = re.findall(r"^\| `([\w-]+)`", page, re.MULTILINE)
    assert rules == list(dict.fromkeys(rule.name for rule in RULES))


def test_every_rule_stands_in_the_list_once():
    modules = [import_module(f"minidl.diagnostics.{file.stem}") for file in FOLDER.glob("_*_rules.py")]
    functions = [function for module in modules for _, function in inspect.getmembers(module, inspect.isfunction)]
    defined = [function for function in functions if function.__annotations__.get("return") == "Iterator[Observation]"]
    assert len(modules) == 6
    assert sorted(map(id, defined)) == sorted(id(rule.observe) for rule in RULES)


def test_a_rule_explains_only_rules_that_exist():
    assert {name for rule in RULES for name in rule.explains} <= {rule.name for rule in RULES}


# ---- the order of the rules, and their effect on the rules that follow


def seen(name, severity, **metadata):
    """A rule that always observes something of this severity."""
    return Rule(
        lambda evidence: [Observation(severity, evidence, "words.", "advice.", {"figure": 1})],
        name,
        source="a paper",
        **metadata,
    )


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


# ---- the model is left as it is


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_model_stays_bit_for_bit_the_same(built, compiled):
    model = Sequential([Dense(8), ReLU(), Dropout(0.5), Dense(1), Sigmoid()], seed=3)
    if built:
        model.build((2,))
    if compiled:
        model.compile(Adam(0.01), metrics=["accuracy"])
    before = pickle.dumps(copy.deepcopy(model))
    diagnose(model, X, Y)
    assert model.built == built
    assert pickle.dumps(copy.deepcopy(model)) == before


def test_a_diagnosis_does_not_change_the_training_that_follows():
    def trained(diagnosed):
        model = Sequential([Dense(8), ReLU(), Dropout(0.2), Dense(1), Sigmoid()], seed=0)
        model.compile(SGD(0.1, momentum=0.9))
        model.fit(X, Y, epochs=2)
        if diagnosed:
            diagnose(model, X, Y)
        model.fit(X, Y, epochs=2)
        return model.params.theta

    assert np.array_equal(trained(True), trained(False))


def test_the_same_call_finds_the_same(planted):
    for name in ("SGD(0.1) * 1000", "shuffled amounts", "50 noisy points"):
        assert diagnose(*FAULTS[name].make()).to_dict() == planted[name].to_dict()


def test_errors_name_diagnose():
    with pytest.raises(minidl.DataError, match=r"diagnose: x has 300 examples, y has 299"):
        diagnose(Sequential([Dense(1), Sigmoid()]), X, Y[:-1])
    with pytest.raises(minidl.SettingError, match="diagnose: model must be a Model, got ndarray; call diagnose"):
        diagnose(X, Y, Sequential([Dense(1), Sigmoid()]))
    with pytest.raises(minidl.SettingError, match="diagnose: model must be a Model, got the class Sequential; call"):
        diagnose(Sequential, X, Y)


@pytest.mark.parametrize("rows", [1, 2, 5, 25])
def test_a_few_rows_are_enough_to_run(rows):
    model = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0)
    assert f"on {rows} row" in diagnose(model, X[:rows], Y[:rows]).headline


def test_inner_layers_and_lbfgs_are_supported():
    model = Sequential([Dense(8), Residual(Dense(8), ReLU()), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.compile(LBFGS())
    diagnosis = diagnose(model, X, Y)
    assert list(diagnosis.layers) == ["dense", "residual/dense", "dense_1"]


def test_a_model_without_layers_is_diagnosed():
    assert first_rule(diagnose(Sequential([]), X[:, :1], Y)) == "output-and-loss"


def test_counts_are_not_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    model = Sequential([Dense(20), ReLU(), Dense(1), Softplus()], seed=0)
    model.compile(Adam(0.01), Poisson())
    y = np.minimum(rng.poisson(np.exp(0.7 * x[:, 0])), 5)
    assert "unbalanced-classes" not in [finding.rule for finding in diagnose(model, x, y).findings]


def test_a_rate_at_which_the_weights_overflow_is_too_high():
    x = np.random.default_rng(0).normal(size=(200, 3))
    model = Sequential([Dense(16), ReLU(), Dense(1)], seed=0)
    model.compile(SGD(1e20))
    finding = diagnose(model, x, x.sum(axis=1)).findings[0]
    assert (finding.severity, finding.rule, finding.advice) == ("warning", "learning-rate", "Try a much smaller one.")
    assert "to an overflow, each up to" in finding.words


@pytest.mark.parametrize("rate", [10, 1e2, 1e4])
def test_the_model_learns_at_the_advised_rate(rate):
    x, y = data("circles")
    model = network("circles", [10, 5])
    model.compile(SGD(rate))
    finding = diagnose(model, x, y).findings[0]
    assert (finding.rule, finding.advice) == ("learning-rate", f"Try {finding.figures['other_rate']:g}.")
    again = network("circles", [10, 5])
    again.compile(SGD(finding.figures["other_rate"]), metrics="accuracy")
    again.fit(x, y, epochs=200)
    assert again.evaluate(x, y, return_dict=True)["accuracy"] > 0.9


def test_a_rate_that_is_no_better_is_not_advised():
    x, y = data("circles")
    model = network("circles", [10, 5])
    model.compile(SGD(0.1))
    assert [finding.rule for finding in diagnose(model, 1000 * x, y).findings[:1]] == ["input-scale"]
    assert "learning-rate" not in [finding.rule for finding in diagnose(model, 1000 * x, y).findings]


def test_one_unit_that_is_always_right_is_not_called_confidently_wrong():
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(0.1), "categorical_crossentropy")
    assert "first-loss" not in [finding.rule for finding in diagnose(model, X, Y).findings]


def test_a_layer_that_computes_in_float32_is_a_note():
    class Single(Layer):
        def forward(self, x, training=False):
            x = x.astype(np.float32)
            self.x = x
            return x * x

        def backward(self, dy):
            return 2 * dy * self.x

    found = diagnose(Sequential([Dense(8), Single(), Dense(1), Sigmoid()], seed=0), X, Y).findings
    (finding,) = [finding for finding in found if finding.rule == "wrong-gradient"]
    assert (finding.severity, finding.path) == ("note", "sequential")
    assert "Single: forward turns float64 into float32" in finding.words


def test_softmax_and_one_hot_targets_raise_no_alarm():
    x, y = HEALTHY["iris"].make()[1:]
    model = Sequential([Dense(10), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile(Adam(0.02), CategoricalCrossentropy())
    assert [f for f in diagnose(model, x, np.eye(3)[y]).findings if f.severity != "note"] == []
