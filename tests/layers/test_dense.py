"""Dense: its equation, its gradients and its settings."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError
from minidl.initializers import Constant, Ones
from minidl.layers import (
    Dense,
)
from tests.helpers.builders import built


def test_dense_is_xw_plus_b():
    dense = Dense(2)
    built(dense)
    dense.kernel.value, dense.bias.value = [[1, 2], [3, 4], [5, 6]], [10, 20]
    assert np.array_equal(dense.forward(np.array([[1.0, 0, 2], [0, 1, 0]])), [[21, 34], [13, 24]])


def test_dense_gradients_by_hand():
    dense = Dense(2)
    built(Dense(3, kernel_initializer=Ones()), dense)
    dense.kernel.value = [[1, 2], [3, 4], [5, 6]]
    dense.forward(np.array([[1.0, 0, 2], [0, 1, 0]]))
    dx = dense.backward(np.array([[1.0, 2], [3, 4]]))
    assert np.array_equal(dense.kernel.grad, [[1, 2], [3, 4], [2, 4]])
    assert np.array_equal(dense.bias.grad, [4, 6])
    assert np.array_equal(dx, [[5, 11, 17], [11, 25, 39]])


def test_dense_without_bias_has_only_a_kernel():
    model = built(Dense(2, use_bias=False))
    assert list(model.params) == ["dense/kernel"]
    assert np.array_equal(model.predict(np.zeros((1, 3))), [[0, 0]])


def test_backward_sets_gradients_and_does_not_add():
    dense = Dense(2)
    built(dense)
    for _ in range(2):
        dense.forward(np.ones((4, 3)))
        dense.backward(np.ones((4, 2)))
    assert (dense.kernel.grad == 4).all()
    assert (dense.bias.grad == 4).all()


def test_dense_asks_for_flatten_if_rows_are_not_vectors():
    with pytest.raises(ShapeError, match=r"its input has shape \(4, 4\): put Flatten\(\) before"):
        Sequential([Dense(2)]).build((4, 4))


@pytest.mark.parametrize("which", ["kernel", "bias"])
def test_a_dense_layer_says_which_setting_is_wrong(which):
    with pytest.raises(SettingError, match=f"^Dense: {which}_initializer: unknown initializer 'nonsense'"):
        Dense(3, **{f"{which}_initializer": "nonsense"})
    with pytest.raises(SettingError, match=f"^Dense: {which}_regularizer must be a penalty"):
        Dense(3, **{f"{which}_regularizer": "ridge"})


def test_initializers_of_a_dense_layer_are_used():
    model = built(Dense(2, kernel_initializer=Constant(0.5), bias_initializer="ones"))
    assert np.array_equal(model.predict(np.ones((1, 3))), [[2.5, 2.5]])
