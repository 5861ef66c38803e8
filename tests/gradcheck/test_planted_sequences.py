"""Mistakes in layers on sequences: all are found, in the right layer, and each cause is right."""

from functools import cache

import numpy as np
import pytest

from minidl import Sequential, check_layer, check_model
from minidl.layers import Dense, Flatten
from tests.helpers.planted_attention import RIGHT_ATTENTION_LAYERS, RIGHT_LOOKUPS
from tests.helpers.planted_recurrent import RIGHT_RECURRENT_LAYERS
from tests.helpers.planted_sequences import EMBEDDING_PLANTS, SEQUENCE_PLANTS

ALL = SEQUENCE_PLANTS + EMBEDDING_PLANTS


@cache
def report_on(plant):
    """The report on a network with the mistake in its middle, or at its beginning if it takes ids."""
    rng = np.random.default_rng(0)
    layer, rows = plant.layer(), (7, *plant.shape)
    layer.name = "middle"
    takes_ids = layer.vocabulary_size is not None
    x = rng.integers(0, layer.vocabulary_size, rows) if takes_ids else rng.standard_normal(rows)
    model = Sequential([*([] if takes_ids else [Dense(plant.shape[-1])]), layer, Flatten(), Dense(2)], seed=3)
    model.compile(loss="mean_squared_error")
    model.build(plant.shape)
    model.params.theta += 0.3 * rng.standard_normal(model.params.theta.size)
    return check_model(model, x, rng.standard_normal((7, 2)), raise_on_failure=False)


def said(report):
    return " ".join(tensor.cause for tensor in report.wrong.values() if tensor.cause)


# one in four in every run
@pytest.mark.parametrize(
    "plant",
    [plant if number % 4 == 0 else pytest.param(plant, marks=pytest.mark.slow) for number, plant in enumerate(ALL)],
    ids=lambda plant: plant.name,
)
def test_the_mistake_is_found_and_its_layer(plant):
    report = report_on(plant)
    assert not report.passed
    assert report.guilty == "middle"
    assert all(words in said(report) for words in plant.says), report
    assert bool(said(report)) == bool(plant.says), report


def test_causes_are_named_often():
    assert len(ALL) >= 240
    assert sum(bool(plant.says) for plant in ALL) >= 0.9 * len(ALL)


@pytest.mark.parametrize(
    ("layer", "shape"),
    RIGHT_RECURRENT_LAYERS + RIGHT_ATTENTION_LAYERS + RIGHT_LOOKUPS,
    ids=lambda value: type(value).__name__,
)
def test_right_layers_raise_no_alarm(layer, shape):
    report = check_layer(layer, shape)
    assert report.difference < (1e-9 if report.method == "central" else 1e-12)
    assert report.notes == []
