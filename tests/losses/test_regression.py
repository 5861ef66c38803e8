"""Losses of numbers by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from minidl import Sequential
from minidl.errors import SettingError, ShapeError
from minidl.layers import Dense
from minidl.losses import (
    Hinge,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    Pinball,
    Poisson,
)
from minidl.optimizers import SGD


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


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_pinball_is_that_of_scikit_learn(quantile):
    y, p = np.random.default_rng(0).normal(size=(2, 50, 3))
    expected = mean_pinball_loss(y, p, alpha=quantile)  # scikit-learn 1.9.1
    assert Pinball(quantile)(y, p) == pytest.approx(expected, rel=1e-14)
    assert Pinball([quantile] * 3)(y, p) == pytest.approx(expected, rel=1e-14)


def test_pinball_slopes_by_hand():
    value, derivative = Pinball(0.9).terms(column(0.0, 1.0, 3.0), column(1.0, 1.0, 1.0))
    assert value == pytest.approx([0.9, 0, 0.2])
    assert derivative[:, 0] == pytest.approx([-0.9, 0, 0.1])


def test_pinball_trains_each_output_to_its_quantile():
    y = np.random.default_rng(0).exponential(size=1001)
    levels = [0.1, 0.5, 0.9]
    model = Sequential([Dense(3)], seed=0, dtype="float64")
    model.compile(SGD(0.2), loss=Pinball(levels))
    x, targets = np.zeros((1001, 1)), np.repeat(y[:, None], 3, axis=1)
    model.fit(x, targets, epochs=1000, batch_size=1001, verbose=0)
    assert model.predict(x[:1])[0] == pytest.approx(np.quantile(y, levels), abs=0.02)


def test_pinball_refuses_levels_outside_0_and_1_and_another_number_of_outputs():
    for wrong in (0, 1, "0.5", [0.5, 1.5]):
        with pytest.raises(SettingError, match="Pinball: quantile must be"):
            Pinball(wrong)
    with pytest.raises(ShapeError, match="2 quantiles for 3 outputs; list one for each output"):
        Pinball([0.1, 0.9]).terms(np.zeros((4, 3)), np.zeros((4, 3)))


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
