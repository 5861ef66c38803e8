"""What products are taken of: dropout, frozen layers, state, weights, float32; and their errors."""

import numpy as np
import pytest

from minidl import Sequential, curvature
from minidl.errors import DataError, NonFiniteError, SettingError, ShapeError
from minidl.layers import BatchNormalization, Dense, ReLU, Sigmoid, SimpleRNN, Tanh
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.regularizers import L2
from tests.helpers.builders import built, rows
from tests.helpers.networks import X, Y, trained


def direction(model, seed=0):
    return np.random.default_rng(seed).standard_normal(model.params.theta.size)


def test_dropout_has_the_same_masks_in_every_product():
    model = trained()
    v, products = direction(model), curvature.products(model, X, Y)
    first = products.hessian(v)
    assert np.array_equal(products.hessian(v), first)
    assert np.array_equal(curvature.hessian_vector_product(model, X, Y, v), first)
    assert not np.array_equal(curvature.hessian_vector_product(model, X, Y, v, training=False), first)


def test_the_model_does_not_change():
    model = trained(BatchNormalization())
    before = model.params.theta.copy()
    statistics = {name: array.copy() for name, array in model.layer.named_state().items()}
    masks = model.streams.masks.bit_generator.state
    curvature.top_eigenvalues(model, X, Y)
    curvature.trace(model, X, Y, samples=2)
    assert np.array_equal(model.params.theta, before) and model.params.theta.dtype == np.float32
    assert all(np.array_equal(model.layer.named_state()[name], array) for name, array in statistics.items())
    assert model.streams.masks.bit_generator.state == masks


def test_a_float32_model_has_the_products_of_its_float64_copy():
    single, double = trained(epochs=1), trained(epochs=1, dtype="float64")
    double.params.theta[:] = single.params.theta
    x, v = X.astype(np.float32), direction(single)
    found = curvature.hessian_vector_product(single, x, Y, v, training=False)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, curvature.hessian_vector_product(double, x, Y, v, training=False), 1e-12)


def test_rows_and_weights_count_as_in_training():
    model = built(Dense(4), Tanh(), Dense(1))
    model.compile(loss=MeanSquaredError())
    x, y, v = rows(6), rows(6, 1, seed=1), direction(model)
    weights = np.array([2.0, 1, 0, 1, 3, 1])
    repeated = np.repeat(np.arange(6), weights.astype(int))
    weighted = curvature.hessian_vector_product(model, x, y, v, sample_weight=weights)
    # the loss is divided by the number of rows, not by the sum of the weights
    same = curvature.hessian_vector_product(model, x[repeated], y[repeated], v) * len(repeated) / 6
    np.testing.assert_allclose(weighted, same, 1e-12)


def test_the_rows_of_the_penalty_are_those_of_the_training():
    model = trained(loss=BinaryCrossentropy() + L2(0.7))
    v = np.zeros(model.params.theta.size)
    v[model.params.kernels.stop - 1] = 1.0
    plain = trained(loss=BinaryCrossentropy())
    plain.params.theta[:] = model.params.theta
    several = [curvature.hessian_vector_product(m, X[:10], Y[:10], v, training=False) for m in (model, plain)]
    np.testing.assert_allclose(several[0] - several[1], 0.7 / len(X) * v, atol=1e-12)


def test_frozen_entries_are_left_out():
    model = built(Dense(4), Tanh(), Dense(1))
    model.compile(loss=MeanSquaredError())
    x, y = rows(6), rows(6, 1, seed=1)
    whole = curvature.hessian(model, x, y)
    model.layer.layers[0].trainable = False
    frozen = model.objective.frozen
    kept = np.setdiff1d(np.arange(len(whole)), frozen)
    part = curvature.hessian(model, x, y)
    assert len(frozen) == 16 and not part[frozen].any() and not part[:, frozen].any()
    np.testing.assert_allclose(part[np.ix_(kept, kept)], whole[np.ix_(kept, kept)], 1e-12)
    assert curvature.top_eigenvalues(model, x, y).values[0] == pytest.approx(np.linalg.eigvalsh(part)[-1])


def test_a_layer_that_carries_a_state_begins_every_product_with_the_same():
    model = Sequential([SimpleRNN(3, stateful=True), Dense(1)], seed=0)
    model.compile(loss=MeanSquaredError())
    x, y = np.random.default_rng(0).standard_normal((4, 5, 2)), np.ones((4, 1))
    model.fit(x, y, batch_size=4, verbose=0)
    products, v = curvature.products(model, x, y), direction(model)
    assert np.array_equal(products.hessian(v), products.hessian(v))


def test_products_are_linear():
    model = built(Dense(4), ReLU(), Dense(1), Sigmoid())
    model.compile(loss=BinaryCrossentropy())
    products = curvature.products(model, rows(), np.ones((5, 1)))
    v, w = direction(model), direction(model, 1)
    for product in (products.hessian, products.gauss_newton):
        np.testing.assert_allclose(product(2 * v - w), 2 * product(v) - product(w), 1e-10, 1e-14)
        np.testing.assert_allclose(product(1e200 * v), 1e200 * product(v), 1e-12)
        assert not product(0 * v).any()


def test_the_operator_multiplies():
    model = built(Dense(2), Tanh(), Dense(1))
    products, matrix = curvature.products(model, rows(), np.ones((5, 1))), np.eye(model.params.theta.size)
    both = products.operator(), products.operator("gauss_newton")
    hessian, gauss_newton = (operator @ matrix for operator in both)
    np.testing.assert_allclose(hessian, curvature.hessian(model, rows(), np.ones((5, 1))), 1e-12, 1e-14)
    assert not np.allclose(hessian, gauss_newton)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m, x, y: curvature.hessian_vector_product(m, x, y, np.ones(3)), ShapeError, r"v has shape \(3,\)"),
        (lambda m, x, y: curvature.hessian_vector_product(m, x, y, np.full(9, np.nan)), DataError, "v must be finite"),
        (lambda m, x, y: curvature.hessian_vector_product(m.layer, x, y, 1), SettingError, "must be a Model"),
        (lambda m, x, y: curvature.top_eigenvalues(m, x, y, 10), SettingError, "k is 10, but the model has 9"),
        (lambda m, x, y: curvature.top_eigenvalues(m, x, y, matrix="H"), SettingError, "hessian, gauss_newton"),
        (lambda m, x, y: curvature.trace(m, x, y, samples=1), SettingError, "at least 2"),
        (lambda m, x, y: curvature.products(m, x, y[:2]), DataError, "y has 2"),
        (lambda m, x, y: curvature.spectrum(m, x, y).density([0], 0.0), SettingError, r"width must be in \(0, inf\)"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(built(Dense(2), Dense(1), n=2), rows(5, 2), np.ones((5, 1)))


def test_too_large_for_a_matrix():
    with pytest.raises(SettingError, match="6001 parameters, at most 5000"):
        curvature.hessian(built(Dense(2000), Dense(1), n=1), rows(2, 1), np.ones((2, 1)))


def test_weights_that_are_not_finite():
    model = built(Dense(1), n=2)
    model.params.theta[:] = np.inf
    with pytest.raises(NonFiniteError, match="not finite"):
        curvature.hessian(model, rows(5, 2), np.ones((5, 1)))
