"""Dropout: masks in training, nothing in prediction."""

import numpy as np
import pytest

from minidl import NotBuiltError
from minidl.layers import (
    Dropout,
)
from tests.helpers.builders import rows


def dropout(rate, seed=0):
    layer = Dropout(rate)
    layer.rng = np.random.default_rng(seed)
    return layer


def test_dropout_drops_the_rate_and_keeps_the_expected_signal():
    y = dropout(0.4).forward(np.ones((500, 400)), training=True)
    assert set(np.unique(y)) == {0, 1 / 0.6}
    n = y.size
    assert abs((y == 0).mean() - 0.4) < 5 * np.sqrt(0.4 * 0.6 / n)


def test_dropout_uses_one_mask_forward_and_backward():
    layer, x = dropout(0.5), np.ones((20, 10))
    assert np.array_equal(layer.forward(x, training=True), layer.backward(x))


def test_dropout_returns_its_input_in_prediction_and_at_rate_0():
    x = rows()
    assert dropout(0.5).forward(x) is x
    layer = dropout(0.0)
    assert layer.forward(x, training=True) is x
    assert layer.backward(x) is x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_keeps_the_dtype_and_its_masks_do_not_depend_on_it(dtype):
    y = dropout(0.3).forward(np.ones((50, 4), dtype), training=True)
    assert y.dtype == dtype
    assert np.array_equal(y == 0, dropout(0.3).forward(np.ones((50, 4), complex), training=True) == 0)


def test_dropout_without_a_generator_raises_an_error_that_says_how_to_get_one():
    with pytest.raises(NotBuiltError, match="Dropout draws random numbers: put it into a model, or set its rng"):
        Dropout(0.5).forward(np.ones((2, 2)), training=True)
