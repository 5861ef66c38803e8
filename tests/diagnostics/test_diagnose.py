"""What diagnose says: of trainings with a planted fault, of healthy ones, and how it says it."""

import copy
import json
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy

import minidl
from minidl import Sequential, diagnose
from minidl.datasets import circles
from minidl.diagnostics.data_rules import _above_chance, _nearest
from minidl.diagnostics.monitor import COURSE, LAGGING
from minidl.diagnostics.rules import ALIVE, STANDING, START, TRIALS
from minidl.diagnostics.signals import chance, class_numbers, collect, constant_loss
from minidl.initializers import Zeros
from minidl.layers import Dense, Dropout, Layer, ReLU, Residual, Sigmoid, Softmax, Softplus
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    Poisson,
    SparseCategoricalCrossentropy,
)
from minidl.optimizers import LBFGS, SGD, Adam
from tests.helpers.faults import FAULTS, HEALTHY, data, network

X, Y = circles(300, noise=0.05, seed=0)


def first_rule(diagnosis):
    return diagnosis.findings[0].rule if diagnosis.findings else None


# ---- what it is for


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


# ---- how it is said


def test_findings_come_most_severe_first_with_figures_a_remedy_and_a_source(planted):
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


def test_nothing_found_is_said_too():
    assert str(diagnose(*HEALTHY["moons"].make())) == "no findings for sequential on 300 rows"
    assert "<table>" not in diagnose(*HEALTHY["moons"].make())._repr_html_()


def test_html_escapes_what_users_name():
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
    rules = [rule.name for rule in (*STANDING, *START, *ALIVE, *TRIALS, LAGGING, *COURSE)]
    assert re.findall(r"^\| `([\w-]+)`", page, re.MULTILINE) == list(dict.fromkeys(rules))


def test_what_a_rule_explains_is_there():
    rules = (*STANDING, *START, *ALIVE, *TRIALS, LAGGING, *COURSE)
    assert {name for rule in rules for name in rule.explains} <= {rule.name for rule in rules}


# ---- what it leaves alone


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_model_stays_bit_for_bit_what_it_was(built, compiled):
    model = Sequential([Dense(8), ReLU(), Dropout(0.5), Dense(1), Sigmoid()], seed=3)
    if built:
        model.build((2,))
    if compiled:
        model.compile(Adam(0.01), metrics=["accuracy"])
    before = pickle.dumps(copy.deepcopy(model))
    diagnose(model, X, Y)
    assert (model.built, model.compiled) == (built, compiled)
    assert pickle.dumps(copy.deepcopy(model)) == before


def test_training_goes_on_as_if_nobody_had_looked():
    def trained(look):
        model = Sequential([Dense(8), ReLU(), Dropout(0.2), Dense(1), Sigmoid()], seed=0)
        model.compile(SGD(0.1, momentum=0.9))
        model.fit(X, Y, epochs=2)
        if look:
            diagnose(model, X, Y)
        model.fit(X, Y, epochs=2)
        return model.params.theta

    assert np.array_equal(trained(True), trained(False))


def test_the_same_call_says_the_same(planted):
    for name in ("SGD(0.1) * 1000", "shuffled amounts", "50 noisy points"):
        assert diagnose(*FAULTS[name].make()).to_dict() == planted[name].to_dict()


def test_data_are_checked_under_its_name():
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


def test_inner_layers_and_lbfgs_are_no_obstacle():
    model = Sequential([Dense(8), Residual(Dense(8), ReLU()), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.compile(LBFGS())
    diagnosis = diagnose(model, X, Y)
    assert list(diagnosis.layers) == ["dense", "residual/dense", "dense_1"]


def test_counts_are_no_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    model = Sequential([Dense(20), ReLU(), Dense(1), Softplus()], seed=0)
    model.compile(Adam(0.01), Poisson())
    y = np.minimum(rng.poisson(np.exp(0.7 * x[:, 0])), 5)
    assert "unbalanced-classes" not in [finding.rule for finding in diagnose(model, x, y).findings]


def test_a_rate_at_which_nothing_survives_is_too_high():
    x = np.random.default_rng(0).normal(size=(200, 3))
    model = Sequential([Dense(16), ReLU(), Dense(1)], seed=0)
    model.compile(SGD(1e20))
    finding = diagnose(model, x, x.sum(axis=1)).findings[0]
    assert (finding.severity, finding.rule, finding.advice) == ("warning", "learning-rate", "Try a much smaller one.")
    assert "to an overflow, each up to" in finding.words


@pytest.mark.parametrize("rate", [10, 1e2, 1e4])
def test_the_rate_that_is_advised_learns(rate):
    x, y = data("circles")
    model = network("circles", [10, 5])
    model.compile(SGD(rate))
    finding = diagnose(model, x, y).findings[0]
    assert (finding.rule, finding.advice) == ("learning-rate", f"Try {finding.figures['other_rate']:g}.")
    again = network("circles", [10, 5])
    again.compile(SGD(finding.figures["other_rate"]), metrics="accuracy")
    again.fit(x, y, epochs=200)
    assert again.evaluate(x, y, return_dict=True)["accuracy"] > 0.9


def test_another_rate_that_ends_where_this_one_ends_is_not_advised():
    x, y = data("circles")
    model = network("circles", [10, 5])
    model.compile(SGD(0.1))
    assert [finding.rule for finding in diagnose(model, 1000 * x, y).findings[:1]] == ["input-scale"]
    assert "learning-rate" not in [finding.rule for finding in diagnose(model, 1000 * x, y).findings]


def test_one_unit_that_is_always_right_is_not_called_sure_of_what_it_does_not_know():
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(0.1), "categorical_crossentropy")
    assert "first-loss" not in [finding.rule for finding in diagnose(model, X, Y).findings]


def test_a_layer_too_coarse_for_the_checker_is_a_note():
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


# ---- the quantities


def test_chance_is_the_logarithm_of_the_number_of_classes():
    y = np.array([[0.0], [1], [1], [1]])
    assert chance(BinaryCrossentropy(), y, (1,)) == pytest.approx(math.log(2))
    assert chance(SparseCategoricalCrossentropy(), y, (7,)) == pytest.approx(math.log(7))
    assert chance(CategoricalCrossentropy(), np.eye(5), (5,)) == pytest.approx(math.log(5))


def test_a_constant_has_the_entropy_of_the_classes_or_the_variance_of_the_amounts():
    y = np.array([[0.0], [1], [1], [1]])
    assert constant_loss(BinaryCrossentropy(), y, (1,)) == pytest.approx(entropy([0.25, 0.75]))
    assert constant_loss(SparseCategoricalCrossentropy(), y, (2,)) == pytest.approx(entropy([0.25, 0.75]))
    amounts = np.random.default_rng(0).normal(size=(50, 3))
    assert constant_loss(MeanSquaredError(), amounts, (3,)) == pytest.approx(amounts.var(axis=0).mean())


def test_neighbours_are_scikit_learns():
    from sklearn.neighbors import kneighbors_graph

    x = np.random.default_rng(0).normal(size=(60, 4))
    assert np.array_equal(_nearest(x, 5), kneighbors_graph(x, 5).toarray())


def test_shuffled_targets_lie_at_chance():
    rng = np.random.default_rng(1)
    graph = _nearest(rng.normal(size=(200, 3)), 5)
    scores = [_above_chance(graph, rng.choice([-1.0, 1], (200, 1))) for _ in range(100)]
    assert abs(np.mean(scores)) < 0.35  # standard normal: a standard error of 0.1
    assert 0.75 < np.std(scores) < 1.25


@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        ([[0], [1], [1]], [0, 1, 1]),
        ([[2], [0], [1]], [2, 0, 1]),
        ([[0, 1], [1, 0]], [1, 0]),
        ([[0], [0.5]], None),
        ([[1], [3]], None),
        ([[0], [2]], None),
        ([[0, 1], [1, 1]], None),
    ],
)
def test_class_numbers(y, wanted):
    found = class_numbers(np.array(y, float))
    assert found is None if wanted is None else found.tolist() == wanted


def test_signals_are_what_went_through_the_layers():
    model = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.build((2,))
    signals = collect(model, X, Y, 50)
    first, relu, last = signals.layers
    assert [signal.path for signal in signals.layers] == ["dense", "re_lu", "dense_1"]
    assert np.array_equal(first.y, signals.rows.x @ model.params["dense/kernel"].value)
    assert np.array_equal(relu.y, np.maximum(first.y, 0))
    probabilities = 1 / (1 + np.exp(-last.y))
    assert np.allclose(last.dy, (probabilities - signals.rows.y) / 50, atol=1e-15)
    assert first.y.shape == (50, 4)


def test_softmax_ends_are_understood_with_one_hot_targets():
    x, y = HEALTHY["iris"].make()[1:]
    model = Sequential([Dense(10), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile(Adam(0.02), CategoricalCrossentropy())
    assert [f for f in diagnose(model, x, np.eye(3)[y]).findings if f.severity != "note"] == []
