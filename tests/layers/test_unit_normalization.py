"""UnitNormalization: lengths by hand, zeros, and PyTorch's derivatives."""

import numpy as np
import pytest

from minidl import ShapeError
from minidl.layers import UnitNormalization


def built(axis, shape):
    layer = UnitNormalization(axis)
    assert layer.build(shape) == shape
    return layer


def test_rows_have_length_1_and_zeros_stay_zeros():
    y = built(-1, (2,)).forward(np.array([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]]))
    np.testing.assert_allclose(y, [[0.6, 0.8], [0, 0], [-1, 0]], rtol=1e-15)


@pytest.mark.peers
@pytest.mark.parametrize("axis", [-1, 1, (1, 2)])
def test_values_and_derivatives_are_those_of_pytorch(axis):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 3, 4))
    theirs = torch.tensor(x, requires_grad=True)
    y = theirs / torch.linalg.vector_norm(theirs, dim=axis, keepdim=True)
    y.backward(torch.tensor(dy))
    layer = built(axis, (3, 4))
    np.testing.assert_allclose(layer.forward(x), y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_an_axis_that_rows_lack_is_refused():
    with pytest.raises(ShapeError, match="axis=2 does not fit rows of shape"):
        UnitNormalization(2).build((4,))
