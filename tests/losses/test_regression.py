"""Losses of numbers by hand."""

import math

import numpy as np
import pytest

from minidl.losses import (
    Hinge,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
)


def column(*values, dtype=np.float64):
    return np.array(values, dtype)[:, None]


def test_mean_squared_error_by_hand():
    p, y = np.array([[1.0, 2], [3, 5]]), np.array([[0.0, 4], [3, 4]])
    value, derivative = MeanSquaredError().value_and_gradient(p, y)
    assert value == (1 + 4 + 0 + 1) / 4
    assert np.array_equal(derivative, np.array([[1, -2], [0, 1]]) / 2)


def test_mean_absolute_error_by_hand():
    value, derivative = MeanAbsoluteError().value_and_gradient(
        np.array([[1.0, 2], [3, 5]]), np.array([[0.0, 4], [3, 4]])
    )
    assert value == (1 + 2 + 0 + 1) / 4
    assert np.array_equal(derivative, np.array([[1, -1], [0, 1]]) / 4)


def test_huber_is_a_parabola_within_delta_and_lines_beyond():
    p = column(-3, -1, -0.5, 0.25, 1, 2.5)
    value, derivative = Huber().terms(p, 0 * p)
    assert np.array_equal(value, [2.5, 0.5, 0.125, 0.03125, 0.5, 2])
    assert np.array_equal(derivative, column(-1, -1, -0.5, 0.25, 1, 1))
    assert Huber(2.0).terms(column(3.0), column(0.0))[0] == 2 * 3 - 2


@pytest.mark.parametrize("labels", [[0, 1, 0, 1], [-1, 1, -1, 1]])
def test_hinge_reads_labels_0_and_1_as_minus_1_and_1(labels):
    value, derivative = Hinge().terms(column(0.5, 0.5, -2, 1), column(*labels))
    assert np.array_equal(value, [1.5, 0.5, 0, 0])
    assert np.array_equal(derivative, column(1, -1, 0, 0))


def test_poisson_by_hand_is_smallest_at_the_count():
    value, derivative = Poisson().terms(column(2.0, 3, 4), column(3.0, 3, 3))
    assert np.allclose(
        value, [2 - 3 * math.log(2), 3 - 3 * math.log(3), 4 - 3 * math.log(4)], atol=1e-6
    )  # log(p + 1e-7)
    assert np.allclose(derivative, column(-0.5, 0, 0.25), atol=1e-6)
    assert Poisson().terms(column(0.0), column(0.0))[0] == 0
