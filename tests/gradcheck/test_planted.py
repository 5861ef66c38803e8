"""Mistakes planted on purpose: all are found, the guilty layer is named, and a named cause is the right one."""

from functools import cache

import numpy as np
import pytest

from minidl import check_layer, check_loss, check_model
from tests.helpers.planted import PLANTS
from tests.helpers.planted_own import (
    OWN_PLANTS,
    Attention,
    BatchNorm,
    Branches,
    Huber,
    LargestFeature,
    LayerNorm,
    Modulus,
    Noise,
    Skip,
    Swish,
)

ALL = [*PLANTS, *OWN_PLANTS]


@cache
def report_on(number):
    """The report on a network with the mistake, at depth auto."""
    return check_model(*ALL[number].network(), raise_on_failure=False)


def named(report):
    return [tensor.cause for tensor in report.wrong.values() if tensor.cause]


@pytest.mark.parametrize("number", range(len(ALL)), ids=lambda number: ALL[number].name)
def test_the_mistake_is_found_and_its_layer(number):
    report, plant = report_on(number), ALL[number]
    assert not report.passed
    assert report.guilty == plant.guilty
    if plant.says:
        assert all(words in " ".join(named(report)) for words in plant.says), report


def test_causes_are_named_often_and_rightly():
    causes = [(named(report_on(number)), plant.says or ()) for number, plant in enumerate(ALL)]
    right = [all(words in " ".join(said) for words in says) and bool(says) for said, says in causes if said]
    unknown = [not said for said, _ in causes]
    assert len(ALL) >= 120
    assert sum(right) >= 0.9 * len(right)
    assert sum(unknown) <= 0.25 * len(unknown)


@pytest.mark.parametrize(
    "kind", [Attention, BatchNorm, Branches, LargestFeature, LayerNorm, Modulus, Noise, Skip, Swish]
)
def test_without_its_mistakes_the_layer_is_right(kind):
    report = check_layer(kind(), 6)
    assert report.difference < (1e-9 if kind is Modulus else 1e-12)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("no clip", "unknown"),
        ("always 1", "alone"),
        ("mean over outputs", "derivative / 2 everywhere, and 2 = 2 outputs"),
        ("weights forgotten", "output, weighted is that of unweighted rows: the weights are forgotten"),
    ],
)
def test_mistakes_in_a_loss_of_ones_own(wrong, words):
    assert check_loss(Huber(), 2).passed
    report = check_loss(Huber(wrong), 2, raise_on_failure=False)
    assert not report.passed
    assert words in str(report)


def test_a_mistake_in_one_mode_or_one_size_is_found_by_the_layers_own_check():
    for wrong in ("training alone", "more than one row"):
        assert not check_layer(Branches(wrong), 6, raise_on_failure=False).passed
    assert check_layer(Branches("more than one row"), 6, rows=(1,)).passed


def test_a_cast_to_float32_is_noted():
    class Coarse(Modulus):
        def forward(self, x, training=False):
            self.x = x
            return np.maximum(x, -x)

        def backward(self, dy):
            return super().backward(dy.astype(np.float32).astype(dy.dtype))

    report = check_layer(Coarse(), 4)
    assert report.passed
    assert "cast to float32" in report.notes[0]
    report = check_layer(Coarse(), 4, tolerance=1e-9, raise_on_failure=False)
    assert "in float32" in report.tensors["input"].cause
