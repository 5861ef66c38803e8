"""Mistakes in layers on sequences: all are found, in the right layer."""

from functools import cache

import numpy as np
import pytest

from minidl import Sequential, check_layer, check_model
from minidl.layers import Dense, Flatten
from tests.helpers.planted_attention import RIGHT_ATTENTION_LAYERS
from tests.helpers.planted_recurrent import RIGHT_RECURRENT_LAYERS
from tests.helpers.planted_sequences import SEQUENCE_PLANTS


@cache
def report_on(plant):
    """The report on a network with the mistake in its middle."""
    rng = np.random.default_rng(0)
    layer = plant.layer()
    layer.name = "middle"
    model = Sequential([Dense(plant.shape[-1]), layer, Flatten(), Dense(2)], seed=3)
    model.compile(loss="mean_squared_error")
    model.build(plant.shape)
    model.params.theta += 0.3 * rng.standard_normal(model.params.theta.size)
    return check_model(
        model, rng.standard_normal((7, *plant.shape)), rng.standard_normal((7, 2)), raise_on_failure=False
    )


@pytest.mark.parametrize("plant", SEQUENCE_PLANTS, ids=lambda plant: plant.name)
def test_the_mistake_is_found_and_its_layer(plant):
    report = report_on(plant)
    assert not report.passed
    assert report.guilty == "middle"


@pytest.mark.parametrize(
    ("layer", "shape"), RIGHT_RECURRENT_LAYERS + RIGHT_ATTENTION_LAYERS, ids=lambda value: type(value).__name__
)
def test_right_layers_raise_no_alarm(layer, shape):
    report = check_layer(layer, shape)
    assert report.difference < 1e-12
    assert report.notes == []
