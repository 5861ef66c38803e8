"""PReLU against PyTorch and Keras."""

import numpy as np
import pytest

from minidl import SettingError, ShapeError
from minidl.layers import PReLU
from minidl.regularizers import L2
from tests.helpers.builders import built, rows


def prelu(shape, alpha, **settings):
    layer = PReLU(**settings)
    layer.build(shape)
    layer.alpha.open(np.array(alpha), np.empty(layer.alpha.shape))
    return layer


def test_output_and_gradients_equal_pytorch():
    # PyTorch 2.13.0, torch.nn.functional.prelu in float64
    layer = prelu((3,), [0.25, -0.5, 2.0])
    y = layer.forward(np.array([[-2.0, 0.5, -1.0], [3.0, -0.25, -4.0]]))
    assert np.array_equal(y, [[-0.5, 0.5, -2.0], [3.0, 0.125, -8.0]])
    assert np.array_equal(layer.backward(np.array([[1.0, 2, 3], [4, 5, 6]])), [[0.25, 2, 6], [4, -2.5, 12]])
    assert np.array_equal(layer.alpha.grad, [-2, -1.25, -27])


def test_alpha_is_shared_along_the_axes_that_keras_shares():
    # Keras 3.15.1, PReLU(shared_axes=[1]) on rows of shape (2, 3)
    layer = prelu((2, 3), [[0.25, -0.5, 2.0]], shared_axes=[1])
    y = layer.forward(np.arange(12.0).reshape(2, 2, 3) - 6)
    assert np.array_equal(y, [[[-1.5, 2.5, -8], [-0.75, 1, -2]], [[0, 1, 2], [3, 4, 5]]])
    layer.backward(np.ones((2, 2, 3)))
    assert np.array_equal(layer.alpha.grad, [[-9, -7, -5]])  # the sums of the negative inputs, by hand


def test_alpha_starts_at_0_and_penalties_added_to_the_loss_leave_it_out():
    layer = PReLU()
    built(layer)
    assert not layer.alpha.value.any()
    assert not layer.alpha.penalized
    assert np.array_equal(layer.forward(rows()), np.maximum(rows(), 0))


def test_a_penalty_of_the_layer_applies_to_alpha():
    layer = PReLU(alpha_regularizer=L2(0.1))
    built(layer)
    assert layer.alpha.regularizer == L2(0.1)
    assert layer.alpha_regularizer == L2(0.1)


@pytest.mark.parametrize(("given", "kept"), [(None, ()), (2, (2,)), ([1, 2], (1, 2))])
def test_shared_axes_may_be_written_as_in_keras(given, kept):
    assert PReLU(shared_axes=given).shared_axes == kept


def test_settings_are_checked():
    with pytest.raises(SettingError, match="PReLU: each of shared_axes must be an integer of at least 1, got 0"):
        PReLU(shared_axes=[0])
    with pytest.raises(SettingError, match="PReLU: alpha_initializer: unknown initializer 'nonsense'"):
        PReLU(alpha_initializer="nonsense")
    with pytest.raises(SettingError, match="PReLU: alpha_regularizer must be a penalty"):
        PReLU(alpha_regularizer=0.1)
    with pytest.raises(ShapeError, match=r"PReLU: shared_axes \(2,\) are not all axes of rows of shape \(3,\)"):
        PReLU(shared_axes=2).build((3,))
