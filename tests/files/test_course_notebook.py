"""The `parameters` dictionary of the course's notebook."""

import numpy as np
import pytest

from minidl import DataError, NotBuiltError, Sequential, ShapeError
from minidl.files import from_notebook, to_notebook
from minidl.layers import (
    Dense,
)

RNG = np.random.default_rng(0)


PARAMETERS = {
    **{"W1": RNG.normal(size=(10, 2)), "b1": RNG.normal(size=(10, 1)), "W2": RNG.normal(size=(5, 10))},
    **{"b2": RNG.normal(size=(5, 1)), "W3": RNG.normal(size=(1, 5)), "b3": RNG.normal(size=(1, 1))},
}


def notebook_forward(x, parameters):
    """(Linear, ReLU) * 2, Linear, Sigmoid, with examples in columns."""
    a = x
    for number in (1, 2, 3):
        z = parameters[f"W{number}"] @ a + parameters[f"b{number}"]
        a = np.maximum(0, z) if number < 3 else 1 / (1 + np.exp(-z))
    return a


def test_the_network_of_the_notebook_computes_the_same_in_minidl():
    x = RNG.normal(size=(2, 20))
    model = from_notebook(PARAMETERS)
    assert model.count_params() == 91
    assert np.allclose(model.predict(x.T), notebook_forward(x, PARAMETERS).T, rtol=1e-12, atol=0)


def test_the_dictionary_comes_back():
    back = to_notebook(from_notebook(PARAMETERS))
    assert list(back) == list(PARAMETERS)
    assert all(np.array_equal(back[name], PARAMETERS[name]) for name in PARAMETERS)
    back["W1"][:] = 0  # a copy
    assert to_notebook(from_notebook(PARAMETERS))["W1"].any()


def test_a_dense_without_bias_has_zeros():
    model = Sequential([Dense(2, use_bias=False)])
    model.build((3,))
    assert np.array_equal(to_notebook(model)["b1"], np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"W2": np.ones((5, 9))}, ShapeError, r"W2 has shape \(5, 9\), wanted \(n2, 10\)"),
        ({"b2": np.ones((4, 1))}, ShapeError, "b2 has 4 numbers, W2 has 5 rows"),
        ({"W1": np.ones(3)}, ShapeError, r"W1 has shape \(3,\), wanted two axes"),
        ({"W5": np.ones((1, 1))}, ShapeError, r"parameters must be W1, b1, W2, b2, \.\.\., got"),
        ({"W1": np.full((10, 2), "a")}, DataError, "W1 has dtype <U1"),
        ({"W1": np.full((10, 2), np.nan)}, DataError, "dense/kernel"),
    ],
)
def test_a_dictionary_whose_shapes_do_not_fit_is_rejected(change, error, message):
    with pytest.raises(error, match=message):
        from_notebook(PARAMETERS | change)
    with pytest.raises(ShapeError):
        from_notebook({})


def test_an_unbuilt_model_has_no_dictionary():
    with pytest.raises(NotBuiltError, match="to_notebook: sequential has no parameters yet"):
        to_notebook(Sequential([Dense(1)]))
