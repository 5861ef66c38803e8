"""ops: the functions of the inner loop, in both tails and at the ends of the number range."""

import math

import numpy as np
import pytest

from minidl.layers import (
    log_softmax,
    sigmoid,
)

# 1 / (1 + exp(-z)) with mpmath 1.3.0 at 50 digits, rounded to float64
SIGMOID = {
    -700.0: 9.859676543759770e-305,
    -80.0: 1.804851387845415e-35,
    -30.0: 9.357622968839299e-14,
    -1.0: 0.26894142136999512,
    0.0: 0.5,
    0.5: 0.62245933120185457,
    2.0: 0.88079707797788243,
    36.0: 0.99999999999999977,
    800.0: 1.0,
}


@pytest.mark.parametrize("z", SIGMOID)
def test_sigmoid_is_accurate_in_both_tails(z):
    value = sigmoid(np.array([z]))[0]
    assert abs(value - SIGMOID[z]) <= 4 * np.finfo(float).eps * SIGMOID[z]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_never_overflows(dtype):
    largest = np.finfo(dtype).max
    y = sigmoid(np.array([-largest, -1000, -90, 90, 1000, largest], dtype))
    assert y.dtype == dtype
    assert np.allclose(y, [0, 0, 0, 1, 1, 1], rtol=0, atol=1e-30)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_is_accurate_where_softmax_underflows(dtype):
    z = np.array([[0, 1000, -1e30]], dtype)
    assert np.array_equal(log_softmax(z), np.array([[-1000, 0, -1e30]], dtype))
    assert log_softmax(z).dtype == dtype
    assert log_softmax(np.zeros((1, 4)))[0, 0] == pytest.approx(-math.log(4), rel=1e-15)
