"""Functions of one vector: the size of the numbers that their gradients are computed from, by hand."""

import numpy as np
import pytest

from minidl.gradcheck._subjects import LossSubject, PlainSubject
from minidl.losses import MeanSquaredError


@pytest.mark.parametrize(("theta", "unit"), [([0.5, -0.25], 8.0), ([4.0, 1.0], 2.0), ([1.0, -16.0], 0.5)])
def test_the_unit_of_a_function_is_its_value_over_the_largest_entry(theta, unit):
    subject = PlainSubject(lambda t: -8.0 + 0 * t.sum(), lambda t: 0 * t, np.array(theta), "theta", {})
    assert subject.unit(subject.point) == unit


@pytest.mark.parametrize(
    ("p", "y", "unit"),
    [
        ([[5.0], [1.0]], [[-3.0], [0.0]], 2.5),
        ([[1.0], [2.0]], [[-3.0], [0.0]], 1.5),
        ([[0.5], [0.25]], [[0.0], [0.1]], 0.5),
    ],
)
def test_the_unit_of_a_loss_is_its_largest_output_or_target_per_row(p, y, unit):
    subject = LossSubject(MeanSquaredError(), np.array(p), np.array(y))
    assert subject.unit(subject.point) == unit
