"""Bounds on rounding errors, by hand."""

import numpy as np
import pytest

from minidl.gradcheck._rounding import bound, chain_bounds
from minidl.layers import Dense, build_layer
from minidl.parameters import Parameters

EPS = 2.0**-52


def test_the_bound_of_a_number():
    assert bound(3.0) == 32 * EPS * 3


def dense(weight, units=1):
    """A layer w x with the weight w in all units, in float64."""
    layer = Dense(units, use_bias=False)
    build_layer(layer, (1,))
    Parameters(layer.named_parameters(), np.dtype(np.float64)).theta[:] = weight
    return layer


@pytest.mark.parametrize(
    ("x", "w", "dy", "claimed", "least", "most"),
    [
        (3.0, 2.0, 0.0, 0.0, 9, 18),  # noise of size 1 to 2, times max(1, x), times max(1, x, w)
        (0.5, 4.0, 0.0, 0.0, 4, 8),
        (0.5, 0.25, 0.0, 0.0, 1, 2),
        (0.5, 0.25, 100.0, 0.0, 100, 100),  # dy is larger than the noise
        (0.5, 0.25, 0.0, -50.0, 51, 52),  # the rounding of the result itself is added
    ],
)
def test_the_bound_of_one_layer(x, w, dy, claimed, least, most):
    layer = dense(w)
    layer.forward(np.array([[x]]), True)
    claims = {id(layer.kernel): np.array([[claimed]])}
    (found,) = chain_bounds((layer,), [np.array([[x]])], np.array([[dy]]), 1.0, claims).values()
    assert bound(least) <= found <= bound(most) * (1 + 1e-12)


def test_the_noise_of_many_units_is_no_larger():
    layer, x = dense(0.25, units=100), np.array([[0.5]])
    layer.forward(x, True)
    claims = {id(layer.kernel): np.zeros((1, 100))}
    (found,) = chain_bounds((layer,), [x], np.zeros((1, 100)), 1.0, claims).values()
    assert bound(1.9) <= found <= bound(2) * (1 + 1e-12)


def test_the_errors_of_later_layers_are_carried_down():
    first, last = dense(1.0), dense(100.0)
    y = first.forward(np.array([[2.0]]), True)
    last.forward(y, True)
    claims = {id(layer.kernel): np.zeros((1, 1)) for layer in (first, last)}
    found = chain_bounds((first, last), [np.array([[2.0]]), y], np.zeros((1, 1)), 1.0, claims)
    # last: u max(1, x) max(1, x, w) = u 2 100; u is between 1 and 2
    assert bound(200) <= found[id(last.kernel)] <= bound(400) * (1 + 1e-12)
    # what it sends down is 100 u and its own u to 2 u more; then max(1, x)^2 = 4 times that
    assert bound(4 * 96) <= found[id(first.kernel)] <= bound(4 * 204) * (1 + 1e-12)


def test_numbers_that_underflow_have_a_bound():
    layer = dense(1.0)
    layer.forward(np.zeros((1, 1)), True)
    zero = np.zeros((1, 1))
    (found,) = chain_bounds((layer,), [zero], zero, 0.0, {id(layer.kernel): zero}).values()
    assert found == np.finfo(np.float64).tiny / EPS
