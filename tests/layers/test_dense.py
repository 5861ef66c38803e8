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


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (1, 4)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_last_axis_is_multiplied_as_by_pytorch(shape, use_bias):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    layer, x = Dense(3, use_bias=use_bias), rng.normal(size=(6, *shape))
    model = Sequential([layer], seed=0, dtype="float64")
    model.build(shape)
    model.params.theta[:] = rng.normal(size=model.params.theta.size)
    tensors = [torch.tensor(part.value, requires_grad=True) for part in layer.parameters.values()]
    given = torch.tensor(x, requires_grad=True)
    z = given @ tensors[0] + (tensors[1] if use_bias else 0)
    dy = rng.normal(size=z.shape)
    z.backward(torch.tensor(dy))
    assert model.output_shape == z.shape[1:]
    np.testing.assert_allclose(layer.forward(x), z.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), given.grad.numpy(), rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(layer.parameters.values(), tensors, strict=True):
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_a_model_that_ends_in_several_axes_takes_targets_of_that_shape():
    model = Sequential([Dense(2)], seed=0)
    assert model.predict(np.ones((3, 4, 4))).shape == (3, 4, 2)
    with pytest.raises(ShapeError, match=r"returns rows of shape \(4, 2\), so it takes y of shape \(4, 2\)"):
        model.fit(np.ones((3, 4, 4)), np.ones(3))


@pytest.mark.parametrize("which", ["kernel", "bias"])
def test_a_dense_layer_says_which_setting_is_wrong(which):
    with pytest.raises(SettingError, match=f"^Dense: {which}_initializer: unknown initializer 'nonsense'"):
        Dense(3, **{f"{which}_initializer": "nonsense"})
    with pytest.raises(SettingError, match=f"^Dense: {which}_regularizer must be a penalty"):
        Dense(3, **{f"{which}_regularizer": "ridge"})


def test_initializers_of_a_dense_layer_are_used():
    model = built(Dense(2, kernel_initializer=Constant(0.5), bias_initializer="ones"))
    assert np.array_equal(model.predict(np.ones((1, 3))), [[2.5, 2.5]])
