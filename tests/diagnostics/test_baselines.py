"""Losses of predictions that need no network, and the classes of targets."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from minidl.diagnostics import class_labels
from minidl.diagnostics._baselines import chance_loss, constant_loss
from minidl.losses import BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy


def test_the_loss_of_chance_is_the_logarithm_of_the_number_of_classes():
    y = np.array([[0.0], [1], [1], [1]])
    assert chance_loss(BinaryCrossentropy(), y, (1,)) == pytest.approx(math.log(2))
    assert chance_loss(SparseCategoricalCrossentropy(), y, (7,)) == pytest.approx(math.log(7))
    assert chance_loss(CategoricalCrossentropy(), np.eye(5), (5,)) == pytest.approx(math.log(5))


def test_a_constant_prediction_has_the_entropy_of_the_classes_or_the_variance_of_the_amounts():
    y = np.array([[0.0], [1], [1], [1]])
    assert constant_loss(BinaryCrossentropy(), y, (1,)) == pytest.approx(entropy([0.25, 0.75]))
    assert constant_loss(SparseCategoricalCrossentropy(), y, (2,)) == pytest.approx(entropy([0.25, 0.75]))
    amounts = np.random.default_rng(0).normal(size=(50, 3))
    assert constant_loss(MeanSquaredError(), amounts, (3,)) == pytest.approx(amounts.var(axis=0).mean())


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
def test_classes_are_one_hot_rows_or_whole_numbers_from_0(y, wanted):
    found = class_labels(np.array(y, float))
    assert found is None if wanted is None else found.tolist() == wanted
