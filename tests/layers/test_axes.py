"""Axes of x, and arrays as matrices along them."""

import itertools

import numpy as np
import pytest

from minidl.layers._axes import Unfolding, places


@pytest.mark.parametrize(
    ("axes", "row_shape", "found"),
    [(-1, (4,), (1,)), (1, (4,), (1,)), (-1, (2, 3, 4), (3,)), ((3, 1), (2, 3, 4), (1, 3)), ((-1, 1), (2, 3), (1, 2))],
)
def test_axes_are_counted_from_the_first_of_x(axes, row_shape, found):
    assert places("Layer", axes, row_shape) == found


@pytest.mark.parametrize("axes", [axes for n in (1, 2, 3) for axes in itertools.combinations((1, 2, 3), n)])
def test_matrices_have_the_axes_as_columns_and_are_folded_back(axes):
    x = np.random.default_rng(0).random((5, 2, 3, 4))
    unfolding = Unfolding.of((2, 3, 4), axes)
    matrix = unfolding.matrix(x)
    others = tuple(axis for axis in range(4) if axis not in axes)
    assert np.allclose(matrix.sum(axis=0), x.sum(axis=others).reshape(-1), rtol=1e-14)
    assert np.allclose(matrix.sum(axis=1), x.sum(axis=axes).reshape(-1), rtol=1e-14)
    for each in (matrix, unfolding.wide_matrix(x)):
        assert np.array_equal(unfolding.fold(each, x.shape), x)


def test_a_wide_matrix_has_the_pixels_of_a_line_side_by_side():
    x = np.random.default_rng(0).random((5, 2, 3, 4))
    wide = Unfolding.of((2, 3, 4), (3,)).wide_matrix(x)
    assert np.array_equal(wide, x.reshape(10, 12))
    assert np.shares_memory(wide, x)
