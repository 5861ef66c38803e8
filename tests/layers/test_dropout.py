"""Dropout: masks in training, nothing in prediction."""

import numpy as np
import pytest

from minidl import NotBuiltError, SettingError, ShapeError
from minidl.layers import Dropout, SpatialDropout1D, SpatialDropout2D
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


# ---- SpatialDropout


@pytest.mark.parametrize(("kind", "shape"), [(SpatialDropout1D, (7, 5)), (SpatialDropout2D, (3, 4, 5))])
def test_spatial_dropout_drops_whole_channels_of_a_row(kind, shape):
    layer = kind(0.4)
    assert layer.build(shape) == shape
    layer.rng = np.random.default_rng(0)
    y = layer.forward(np.ones((800, *shape)), training=True)
    channels = y.reshape(800, -1, 5)
    assert np.array_equal(channels.min(axis=1), channels.max(axis=1))
    assert set(np.unique(y)) == {0, 1 / 0.6}
    n = 800 * 5
    assert abs((channels[:, 0] == 0).mean() - 0.4) < 5 * np.sqrt(0.4 * 0.6 / n)
    assert np.array_equal(layer.backward(np.ones_like(y)), y)
    x = np.ones((2, *shape))
    assert layer.forward(x) is x


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (SpatialDropout1D(0.5), (3,), r"SpatialDropout1D takes rows of shape \(steps, features\), .* \(3,\)"),
        (SpatialDropout2D(0.5), (4, 3), r"SpatialDropout2D takes rows of shape .*: add an axis of channels"),
    ],
)
def test_spatial_dropout_names_rows_that_do_not_fit(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.build(shape)


@pytest.mark.parametrize(
    ("noise_shape", "same_along"), [((None, 1, 4), 1), ((1, None, None), 0), ([None, None, 1], 2), ((1, 3, 4), 0)]
)
def test_noise_shape_drops_entries_together(noise_shape, same_along):
    layer = Dropout(0.5, noise_shape)
    layer.rng = np.random.default_rng(0)
    layer.build((3, 4))
    y = layer.forward(np.ones((50, 3, 4)), training=True)
    assert np.array_equal(y, np.broadcast_to(y.take([0], axis=same_along), y.shape))
    assert set(np.unique(y)) == {0, 2}
    assert np.array_equal(layer.backward(np.ones(y.shape)), y)


@pytest.mark.parametrize("noise_shape", [(None, 1), (None, 2, 4), (None, 3, 4, 1)])
def test_noise_shape_must_fit_the_rows(noise_shape):
    with pytest.raises(ShapeError, match=r"Dropout: noise_shape .* does not fit rows of shape \(3, 4\)"):
        Dropout(0.5, noise_shape).build((3, 4))


@pytest.mark.parametrize("noise_shape", [3, "ab", (None, 0), (None, 1.5)])
def test_noise_shape_is_a_tuple_of_sizes(noise_shape):
    with pytest.raises(SettingError, match="Dropout: "):
        Dropout(0.5, noise_shape)
