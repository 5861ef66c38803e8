"""Calibration of probabilities, by hand and beside SciPy."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from minidl.errors import DataError, ShapeError
from minidl.uncertainty import expected_calibration_error, temperature


def test_error_by_hand():
    p = [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]
    y = [0, 1, 1, 1]
    # with 2 bins all rows are in (0.5, 1]: accuracy 3/4, mean confidence 0.75
    assert expected_calibration_error(y, p, bins=2) == pytest.approx(0)
    # with 10 bins each row has its own: gaps 0.1, 0.8, 0.4, 0.3
    assert expected_calibration_error(y, p, bins=10) == pytest.approx(1.6 / 4)
    assert expected_calibration_error(np.eye(2)[y], p, bins=10) == pytest.approx(1.6 / 4)
    assert expected_calibration_error(y, np.array(p)[:, 1], bins=10) == pytest.approx(1.6 / 4)
    assert expected_calibration_error([0, 1], [[1.0, 0.0], [0.0, 1.0]]) == 0


def test_error_is_that_of_the_definition_on_random_rows():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), 500), rng.integers(0, 4, 500)
    confidence, expected = p.max(axis=1), 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            right = (p.argmax(axis=1) == y)[inside].mean()
            expected += inside.mean() * abs(right - confidence[inside].mean())
    assert expected_calibration_error(y, p) == pytest.approx(expected, rel=1e-9)


def test_temperature_is_the_minimum_that_scipy_finds():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, (400, 3))
    y = np.array([rng.choice(3, p=np.exp(row)) for row in log_softmax(z / 3, axis=1)])

    def loss(t):
        return -log_softmax(z / t[0], axis=1)[np.arange(400), y].mean()

    expected = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x[0]
    assert temperature(y, z) == pytest.approx(expected, rel=1e-4)
    assert temperature(np.eye(3)[y], z) == pytest.approx(expected, rel=1e-4)
    assert temperature(y, 10 * z) == pytest.approx(10 * expected, rel=1e-4)


def test_binary_temperature_recovers_the_scale_of_logits():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 20000)
    y = rng.random(20000) < 1 / (1 + np.exp(-z))
    assert temperature(y, 4 * z, binary=True) == pytest.approx(4, rel=0.05)


def test_errors():
    with pytest.raises(DataError, match="probabilities in"):
        expected_calibration_error([0, 1], [[1.5, -0.5], [0, 1]])
    with pytest.raises(ShapeError, match="one for each row"):
        expected_calibration_error([0, 1, 1], [[0.5, 0.5], [0, 1]])
    with pytest.raises(ShapeError, match="labels"):
        expected_calibration_error(np.zeros((2, 3)), [[0.5, 0.5], [0, 1]])
    with pytest.raises(ShapeError, match="temperature: y has shape"):
        temperature([0, 1], np.zeros((3, 2)))
