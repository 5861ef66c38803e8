"""OutputLosses: the loss of several outputs, by hand and as the sum of the losses of its parts."""

import numpy as np
import pytest

from minidl import check_loss
from minidl.losses import (
    BinaryCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    OutputLosses,
    SparseCategoricalCrossentropy,
)

RNG = np.random.default_rng(0)
P = np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]])
Y = np.array([[0.0, 2.0, 7.0], [3.0, 2.0, 6.0]])


def two(weights=(1.0, 0.5)):
    return OutputLosses(("a", "b"), (MeanSquaredError(), MeanAbsoluteError()), weights, (2, 1))


def test_value_and_gradient_by_hand():
    # a: mean squares (1 + 0) / 2 and (0 + 4) / 2, their mean 1.25; b: distances 2 and 0, their mean 1, weight 0.5
    value, slope = two().value_and_gradient(P, Y)
    assert value == 1.25 + 0.5
    # a: 2 (p - y) / 2 columns / 2 rows; b: 0.5 sign / 2 rows
    assert slope.tolist() == [[0.5, 0, -0.25], [0, 1, 0]]
    losses, slopes = two().terms(P, Y)
    assert losses.tolist() == [0.5 + 1, 2]
    assert slopes.tolist() == [[1, 0, -0.5], [0, 2, 0]]


def test_weights_of_rows_for_all_outputs_and_for_each():
    # weights 2 and 0 on all: (0.5 * 2) / 2 for a and 0.5 * (2 * 2) / 2 for b
    assert two().value(P, Y, np.array([2.0, 0.0])) == 0.5 + 1
    # of a the second row alone, 2 / 2; of b the first row alone, 0.5 * 2 / 2
    each = np.array([[0.0, 1.0], [1.0, 0.0]])
    value, slope = two().value_and_gradient(P, Y, each)
    assert value == 1 + 0.5
    assert slope.tolist() == [[0, 0, -0.25], [0, 1, 0]]


def test_a_sparse_loss_has_one_column_of_targets():
    parts = (MeanSquaredError(), SparseCategoricalCrossentropy(from_logits=True), BinaryCrossentropy(from_logits=True))
    loss = OutputLosses(("n", "k", "b"), parts, (1.0, 2.0, 0.3)).of_sizes((1, 3, 2))
    assert [(part.name, part.p, part.y) for part in loss.parts()] == [
        ("n", slice(0, 1), slice(0, 1)),
        ("k", slice(1, 4), slice(1, 2)),
        ("b", slice(4, 6), slice(2, 4)),
    ]
    p = RNG.normal(size=(7, 6))
    y = np.hstack([RNG.normal(size=(7, 1)), RNG.integers(0, 3, (7, 1)), RNG.integers(0, 2, (7, 2))])
    w = RNG.uniform(0, 2, 7)
    value, slope = loss.value_and_gradient(p, y, w)
    cuts = ((slice(0, 1), slice(0, 1)), (slice(1, 4), slice(1, 2)), (slice(4, 6), slice(2, 4)))
    each = [part.value_and_gradient(p[:, i], y[:, j], w) for part, (i, j) in zip(parts, cuts, strict=True)]
    assert value == pytest.approx(sum(c * v for c, (v, _) in zip((1, 2, 0.3), each, strict=True)), rel=1e-12)
    wanted = np.hstack([c * s for c, (_, s) in zip((1, 2, 0.3), each, strict=True)])
    np.testing.assert_allclose(slope, wanted, rtol=1e-12)


def test_the_derivative_is_right_with_a_weight_of_zero_and_below():
    assert check_loss(two((0.0, -2.0)), 3).difference < 1e-12
