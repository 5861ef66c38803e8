"""Rules on the model: the ranges of output activations, and what a loss can work with."""

import numpy as np
import pytest

from minidl import Sequential, diagnose, registry
from minidl.diagnostics import collect_signals
from minidl.diagnostics._model_rules import output_and_loss, small_penalty
from minidl.layers import ELU, GELU, Dense, Layer, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from minidl.losses import BinaryCrossentropy, Hinge, MeanSquaredError
from minidl.registry import LayerEntry
from minidl.regularizers import L1, L2, BatchL2
from minidl.validation import Interval

X = np.random.default_rng(0).normal(size=(50, 3))
Y = (X[:, 0] > 0).astype(float)


def problem(end, loss):
    """The severity and the words that the rule finds for a network of one Dense and this end."""
    model = Sequential([Dense(1), *end], seed=0)
    model.compile(loss=loss)
    found = [(observation.severity, observation.words) for observation in output_and_loss(collect_signals(model, X, Y))]
    return found[0] if found else None


class Clipped(Layer):
    """y = min(max(x, 0), 1)"""

    def forward(self, x, training=False):
        self.slope = (x > 0) & (x < 1)
        return np.clip(x, 0, 1)

    def backward(self, dy):
        return dy * self.slope


# ---- cross-entropy takes numbers in [0, 1]


@pytest.mark.parametrize("interval", ["[0, 1]", "(0, 1)", "[0.25, 0.75]"])
def test_outputs_within_0_and_1_are_probabilities(monkeypatch, interval):
    monkeypatch.setitem(registry.LAYERS, Clipped, LayerEntry(Clipped, output_range=Interval(interval)))
    assert problem([Clipped()], BinaryCrossentropy()) is None


@pytest.mark.parametrize("interval", ["[-1, 1]", "[0, 1.5]", "[0, inf)"])
def test_outputs_that_may_leave_0_to_1_are_no_probabilities(monkeypatch, interval):
    monkeypatch.setitem(registry.LAYERS, Clipped, LayerEntry(Clipped, output_range=Interval(interval)))
    severity, words = problem([Clipped()], BinaryCrossentropy())
    assert severity == "error"
    assert words.startswith("BinaryCrossentropy takes probabilities, but the model ends in Clipped and returns 0 to 1")


@pytest.mark.parametrize("end", [[], [Tanh()], [ReLU()], [Softplus()], [LeakyReLU()], [GELU()]], ids=repr)
def test_an_end_of_another_range_is_an_error(end):
    severity, words = problem(end, BinaryCrossentropy())
    assert severity == "error"
    assert "BinaryCrossentropy takes probabilities" in words


def test_a_layer_of_unknown_range_is_judged_by_its_outputs():
    assert problem([Clipped()], BinaryCrossentropy()) is None


# ---- logits may be any number


@pytest.mark.parametrize("end", [ReLU(), Sigmoid(), Tanh(), Softplus(), ELU(), GELU(), SiLU()], ids=repr)
def test_an_activation_with_a_limit_restricts_the_logits(end):
    severity, words = problem([end], BinaryCrossentropy(from_logits=True))
    limits = registry.entry_of(end).output_range
    assert severity == "error"
    assert f"{type(end).__name__} before the loss keeps the logits in {limits}" in words


@pytest.mark.parametrize("end", [[], [LeakyReLU()], [Clipped()]], ids=repr)
def test_logits_without_known_limits_are_right(end):
    assert problem(end, BinaryCrossentropy(from_logits=True)) is None


# ---- losses without probabilities


@pytest.mark.parametrize("end", [ReLU(), Sigmoid(), Softplus()], ids=repr)
def test_hinge_needs_outputs_of_either_sign(end):
    expected = f"Hinge takes outputs of either sign, but the model ends in {type(end).__name__}."
    assert problem([end], Hinge()) == ("warning", expected)


@pytest.mark.parametrize("end", [[], [Tanh()], [ELU()], [LeakyReLU()]], ids=repr)
def test_hinge_accepts_outputs_of_either_sign(end):
    assert problem(end, Hinge()) is None


def test_one_unit_of_softmax_is_an_error_whatever_the_loss():
    for loss in (BinaryCrossentropy(), MeanSquaredError()):
        assert problem([Softmax()], loss)[1].startswith("Softmax has one unit")


# ---- penalties


@pytest.mark.parametrize(
    ("penalty", "noted"),
    [(L2(0.001), True), (L1(1e-4), True), (L2(1.0), False), (L2.keras(0.01), False), (BatchL2(1e-4), False)],
)
def test_a_penalty_that_the_rows_make_small_is_noted(penalty, noted):
    model = Sequential([Dense(4), Tanh(), Dense(1), Sigmoid()], seed=0)
    model.compile(loss=BinaryCrossentropy() + penalty)
    found = list(small_penalty(collect_signals(model, X, Y)))
    assert len(found) == noted
    if noted:
        assert found[0].words.endswith("it is divided by 50 rows.")
        assert "L2.keras(0.01)" in found[0].advice


def test_the_penalty_of_one_kernel_is_noted_too():
    model = Sequential([Dense(4, kernel_regularizer=L2(0.001)), Tanh(), Dense(1), Sigmoid()], seed=0)
    assert [finding.rule for finding in diagnose(model, X, Y).findings if finding.rule == "small-penalty"]
