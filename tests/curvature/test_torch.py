"""Products, matrices and estimates beside PyTorch's double backward (2.13)."""

import numpy as np
import pytest

from minidl import Sequential, curvature
from minidl.layers import Dense, Tanh
from minidl.losses import MeanSquaredError
from tests.curvature.torch_networks import random_network, torch_objective

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


def double_backward(objective, theta, v):
    point = torch.tensor(theta, requires_grad=True)
    (slope,) = torch.autograd.grad(objective(point)[0], point, create_graph=True)
    (product,) = torch.autograd.grad(slope @ torch.tensor(v), point)
    return product.numpy()


@pytest.mark.parametrize("part", range(4))
def test_products_of_a_hundred_networks(part):
    for seed in range(part, 100, 4):
        model, x, y = random_network(seed)
        objective, _ = torch_objective(model, x, y)
        v, w = np.random.default_rng(seed).standard_normal((2, model.params.theta.size))
        products = curvature.products(model, x, y)
        hv, hw = products.hessian(v), products.hessian(w)
        wanted = double_backward(objective, model.params.theta, v)
        assert np.linalg.norm(hv - wanted) < 1e-9 * np.linalg.norm(wanted), seed
        size = np.linalg.norm(v) * np.linalg.norm(hw) + np.linalg.norm(w) * np.linalg.norm(hv)
        assert abs(v @ hw - w @ hv) < 1e-14 * size, seed


@pytest.mark.parametrize("seed", range(10))
def test_gauss_newton(seed):
    model, x, y = random_network(seed)
    objective, data_loss = torch_objective(model, x, y, with_penalties=False)
    theta = torch.tensor(model.params.theta)
    jacobian = torch.autograd.functional.jacobian(lambda t: objective(t)[1].ravel(), theta)
    z = objective(theta)[1]
    second = torch.autograd.functional.hessian(lambda flat: data_loss(flat.reshape(z.shape)), z.ravel())
    wanted = (jacobian.T @ second @ jacobian).numpy()
    with_penalties = double_backward(torch_objective(model, x, y)[0], model.params.theta, np.ones(len(theta)))
    without = double_backward(objective, model.params.theta, np.ones(len(theta)))
    found = curvature.gauss_newton_vector_product(model, x, y, np.ones(len(theta)))
    np.testing.assert_allclose(found, wanted.sum(axis=1) + with_penalties - without, 1e-9, 1e-12)
    kernels = np.zeros(len(theta))  # the second derivatives of L2, the only penalty that has any
    if seed % 2:
        kernels[model.params.kernels] = 0.7 / len(x)
    matrix = curvature.hessian(model, x, y, matrix="gauss_newton")
    np.testing.assert_allclose(matrix, wanted + np.diag(kernels), 1e-9, 1e-12)
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12


@pytest.fixture(scope="module")
def network():
    """A network of 97 parameters, with its Hessian by PyTorch."""
    rng = np.random.default_rng(0)
    model = Sequential([Dense(8), Tanh(), Dense(6), Tanh(), Dense(1)], seed=1, dtype="float64")
    model.compile(loss=MeanSquaredError())
    x, y = rng.standard_normal((30, 3)), rng.standard_normal((30, 1))
    model.build((3,))
    theta = torch.tensor(model.params.theta)
    matrix = torch.autograd.functional.hessian(lambda t: torch_objective(model, x, y)[0](t)[0], theta)
    return model, x, y, matrix.numpy()


def test_hessian(network):
    model, x, y, wanted = network
    found = curvature.hessian(model, x, y)
    np.testing.assert_allclose(found, wanted, 1e-9, 1e-12)
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("k", [1, 3, 60])
def test_top_eigenvalues(network, k):
    model, x, y, matrix = network
    values, vectors = curvature.top_eigenvalues(model, x, y, k)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1][:k], 1e-7, 1e-12)
    np.testing.assert_allclose(matrix @ vectors, values * vectors, atol=1e-6 * values[0])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=0), 1)


def test_trace(network):
    model, x, y, matrix = network
    value, error = curvature.trace(model, x, y, samples=200)
    off = matrix - np.diag(np.diag(matrix))
    assert abs(value - np.trace(matrix)) < 3 * error
    # the variance of v . H v for random signs is 2 sum_{i != j} H_ij^2 (Avron & Toledo 2011)
    assert error == pytest.approx(np.sqrt(2 * (off**2).sum() / 200), rel=0.2)


def test_spectrum(network):
    model, x, y, matrix = network
    values, n = np.linalg.eigvalsh(matrix), len(matrix)
    found = curvature.spectrum(model, x, y, steps=40, samples=60)
    assert found.weights.sum() == pytest.approx(1, rel=1e-12)
    assert found.nodes.max() == pytest.approx(values[-1], rel=1e-9)
    assert found.nodes.min() == pytest.approx(values[0], rel=1e-6)
    width = 0.05 * values[-1]
    at = np.linspace(values[0] - 5 * width, values[-1] + 5 * width, 400)
    exact = np.exp(-(((at[:, None] - values) / width) ** 2) / 2).sum(axis=1) / (n * width * np.sqrt(2 * np.pi))
    density = found.density(at, width)
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(abs(density - exact), at) < 0.1


def test_spectrum_of_a_whole_basis_has_the_eigenvalues(network):
    model, x, y, matrix = network
    found = curvature.spectrum(model, x, y, steps=500, samples=1)
    values = np.linalg.eigvalsh(matrix)
    far = abs(values) > 1e-8 * values[-1]
    nodes = found.nodes[abs(found.nodes) > 1e-8 * values[-1]]
    np.testing.assert_allclose(nodes, values[far], 1e-6, 1e-10)
    rng = np.random.default_rng(0)
    v = rng.standard_normal(len(matrix))
    v /= np.linalg.norm(v)
    for power in (1, 2, 5):  # one vector's quadrature integrates polynomials exactly
        assert found.nodes**power @ found.weights == pytest.approx(v @ np.linalg.matrix_power(matrix, power) @ v)
