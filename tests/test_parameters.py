"""Parameters: views of two vectors, casts, names of entries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Sequential, SettingError, ShapeError
from minidl.initializers import Constant, RandomNormal
from minidl.layers import Dense
from minidl.parameters import Parameter, Parameters, Penalty

SHAPES = st.lists(st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=6)


def parameters(shapes, dtype=np.float64):
    return Parameters({f"p{i}": Parameter(shape, RandomNormal()) for i, shape in enumerate(shapes)}, np.dtype(dtype))


@given(SHAPES)
def test_the_views_tile_theta(shapes):
    params = parameters(shapes)
    seen = np.zeros(params.theta.size, int)
    for path in params:
        seen[params.slices[path]] += 1
        assert params[path].value.size == params.slices[path].stop - params.slices[path].start
    assert (seen == 1).all()


@given(SHAPES)
def test_every_entry_of_theta_has_the_name_of_its_place(shapes):
    params = parameters(shapes)
    params.theta = np.arange(params.theta.size)
    for index in range(params.theta.size):
        path, place = params.entry(index)[:-1].split("[")
        place = tuple(int(i) for i in place.split(", ")) if place else ()
        assert params[path].value[place] == index


@given(SHAPES)
def test_kernels_come_first_in_theta(shapes):
    params = parameters(shapes)
    params.theta = 0
    for path in params:
        params[path].value = 1 if len(params[path].shape) > 1 else 2
    assert (params.theta[params.kernels] == 1).all()
    assert (np.delete(params.theta, params.kernels) == 2).all()


@given(SHAPES)
def test_the_mapping_keeps_the_order_of_the_layers(shapes):
    assert list(parameters(shapes)) == [f"p{i}" for i in range(len(shapes))]


def test_entries_beyond_theta_raise_an_error():
    with pytest.raises(IndexError, match="theta has 6 entries; there is no entry 6"):
        parameters([(2, 3)]).entry(6)


@pytest.mark.parametrize("vector", ["theta", "grad"])
def test_assigning_writes_into_the_vectors(vector):
    params = parameters([(2, 2), (2,)])
    storage, window = getattr(params, vector), {"theta": "value", "grad": "grad"}[vector]
    setattr(params, vector, [1, 2, 3, 4, 5, 6])
    assert np.array_equal(getattr(params["p0"], window), [[1, 2], [3, 4]])
    getattr(params, vector)[:] = 7
    assert (getattr(params["p1"], window) == 7).all()
    setattr(params["p0"], window, np.eye(2))
    assert np.array_equal(storage, [1, 0, 0, 1, 7, 7])
    assert getattr(params, vector) is storage


def test_a_view_accepts_no_other_shape():
    params = parameters([(2, 3)])
    with pytest.raises(ValueError, match="could not broadcast"):
        params["p0"].value = np.zeros((3, 2))


@pytest.mark.parametrize(("penalized", "kernels"), [(None, 4), (True, 6), (False, 0)])
def test_a_parameter_may_choose_whether_penalties_see_it(penalized, kernels):
    named = {"W": Parameter((2, 2), "ones", penalized=penalized), "b": Parameter((2,), "ones", penalized=penalized)}
    assert Parameters(named, np.dtype("float32")).kernels == slice(0, kernels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, np.longdouble])
@pytest.mark.parametrize("fail", [False, True])
def test_cast_shows_copies_and_then_the_unchanged_originals(dtype, fail):
    params = parameters([(3, 2), (2,)], np.float32)
    params.initialize(np.random.default_rng(0))
    params.grad = np.linspace(0, 1, 8)
    theta, grad = params.theta, params.grad
    before = theta.tobytes(), grad.tobytes()
    try:
        with params.cast(dtype) as lent:
            assert lent is params
            assert params.theta.dtype == params["p0"].value.dtype == params["p1"].grad.dtype == dtype
            assert np.array_equal(params.theta, theta)
            params.theta[:] = 5
            assert (params["p1"].value == 5).all()
            params["p0"].grad = 6
            if fail:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert params.theta is theta
    assert params.grad is grad
    assert (theta.tobytes(), grad.tobytes()) == before
    assert all(np.shares_memory(params[path].value, theta) for path in params)
    assert all(np.shares_memory(params[path].grad, grad) for path in params)


def test_cast_to_an_unknown_dtype_changes_nothing():
    params = parameters([(2, 2)])
    theta = params.theta
    with pytest.raises(TypeError), params.cast("nonsense"):
        pass
    assert params.theta is theta
    assert np.shares_memory(params["p0"].value, theta)


def test_casts_may_be_nested():
    params = parameters([(2,)], np.float32)
    with params.cast(np.float64):
        params.theta = 1
        with params.cast(np.complex128):
            params.theta = 2j
        assert params.theta.dtype == np.float64
        assert (params["p0"].value == 1).all()
    assert (params["p0"].value == 0).all()


def test_the_first_gradient_that_is_not_finite_is_named_in_the_layers_order():
    params = parameters([(2,), (2, 2), (3,)])  # p1 is a kernel, so it lies first in theta
    assert params.first_not_finite() is None
    params["p2"].grad[0] = np.inf
    assert params.first_not_finite() == "p2"
    params["p1"].grad[1, 1] = np.nan
    assert params.first_not_finite() == "p1"


def test_drawing_follows_the_order_of_the_layers():
    params = parameters([(2,), (2, 2)])
    params.initialize(np.random.default_rng(0))
    rng = np.random.default_rng(0)
    assert np.array_equal(params["p0"].value, rng.normal(0, 0.05, 2))
    assert np.array_equal(params["p1"].value, rng.normal(0, 0.05, (2, 2)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (3, r"Parameter: shape must be a tuple such as \(3,\), got 3"),
        (None, "Parameter: shape must be a tuple"),
        ((2.5,), "Parameter: each of shape must be an integer of at least 1, got 2.5"),
        ((3, 0), "Parameter: each of shape must be an integer of at least 1, got 0"),
    ],
)
def test_shapes_are_checked(shape, message):
    with pytest.raises(SettingError, match=message):
        Parameter(shape, "zeros")


@pytest.mark.parametrize("method", ["value", "gradient"])
def test_a_custom_penalty_without_its_methods_raises_an_error(method):
    with pytest.raises(NotImplementedError, match=rf"Penalty must write {method}\(w, m\)"):
        getattr(Penalty(), method)(np.ones(2), 1)


def test_reprs_and_unknown_attributes():
    params = Parameters({"dense/kernel": Parameter((2, 3), Constant(1))}, np.dtype("float32"))
    assert repr(params) == "Parameters(dense/kernel (2, 3))"
    assert repr(params["dense/kernel"]) == "Parameter((2, 3), Constant(value=1.0))"
    with pytest.raises(AttributeError, match="a Parameter has no attribute 'colour'"):
        _ = params["dense/kernel"].colour


def test_an_unknown_path_and_a_gradient_of_another_shape_raise_errors():
    model = Sequential([Dense(3)])
    model.build((2,))
    with pytest.raises(KeyError, match="unknown parameter 'dense'; choose from dense/kernel, dense/bias"):
        model.params["dense"]
    assert model.params.get("dense") is None
    with pytest.raises(ShapeError, match=r"a parameter of shape \(3,\) is given a grad of shape \(2,\)"):
        model.params["dense/bias"].grad = np.ones(2)
