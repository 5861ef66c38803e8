"""Mistakes in layers on images: all are found, in the right layer, and every cause that is named is the right one."""

from functools import cache

import numpy as np
import pytest

from minidl import Sequential, check_layer, check_model
from minidl.layers import Conv1D, Conv2D, Dense, Flatten
from tests.helpers.planted_images import IMAGE_PLANTS, RIGHT_IMAGE_LAYERS, at_other_kernel, turned

IN_NETWORKS = [plant for plant in IMAGE_PLANTS if not plant.alone]
ALONE = [plant for plant in IMAGE_PLANTS if plant.alone]


@cache
def report_on(plant):
    """The report on a network with the mistake in its middle."""
    rng, convolution = np.random.default_rng(0), Conv2D if len(plant.shape) == 3 else Conv1D
    layer = plant.layer()
    layer.name = "middle"
    model = Sequential([convolution(plant.shape[-1], 2), layer, Flatten(), Dense(2)], seed=3)
    model.compile(loss="mean_squared_error")
    shape = (*(n + 1 for n in plant.shape[:-1]), 2)
    model.build(shape)
    model.params.theta += 0.3 * rng.standard_normal(model.params.theta.size)
    return check_model(model, rng.standard_normal((7, *shape)), rng.standard_normal((7, 2)), raise_on_failure=False)


def said(report):
    return " ".join([tensor.cause for tensor in report.wrong.values() if tensor.cause] + report.broken)


@pytest.mark.parametrize("plant", IN_NETWORKS, ids=lambda plant: plant.name)
def test_the_mistake_is_found_and_its_layer(plant):
    report = report_on(plant)
    assert not report.passed
    assert report.guilty == "middle"
    assert all(words in said(report) for words in plant.says), report
    assert bool(said(report)) == bool(plant.says)


@pytest.mark.parametrize("plant", ALONE, ids=lambda plant: plant.name)
def test_a_mistake_that_no_network_shows_is_found_by_the_check_of_the_layer(plant):
    report = check_layer(plant.layer(), plant.shape, raise_on_failure=False)
    assert not report.passed
    assert all(words in said(report) for words in plant.says), report


def test_causes_are_named_often():
    assert len(IMAGE_PLANTS) >= 90
    assert sum(bool(plant.says) for plant in IMAGE_PLANTS) >= 0.95 * len(IMAGE_PLANTS)


def test_the_cause_in_a_large_layer_is_found_on_small_images():
    layer = at_other_kernel(Conv2D, "kernel", turned)(32, 3)
    tensors = check_layer(layer, (28, 28, 1), raise_on_failure=False).tensors
    assert (tensors["kernel"].passed, tensors["kernel"].checked) == (True, 0)  # a direction is enough
    assert 0 < tensors["input"].checked < tensors["input"].size
    assert "right for kernel in reverse order along axes 0 and 1" in tensors["input"].cause


@pytest.mark.parametrize(("layer", "shape"), RIGHT_IMAGE_LAYERS, ids=lambda value: type(value).__name__)
def test_right_layers_raise_no_alarm(layer, shape):
    report = check_layer(layer, shape)
    assert report.difference < 1e-12
    assert report.notes == []
