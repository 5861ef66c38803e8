"""The check of jac, hess and hessp for scipy.optimize: SciPy's own functions, least squares, planted mistakes."""

import numpy as np
import pytest
from scipy import optimize, sparse

from minidl import GradientError, SettingError
from minidl.gradcheck import check_scipy

RNG = np.random.default_rng(0)
A = RNG.standard_normal((6, 4))
B = RNG.standard_normal(6)
X = np.array([1.3, 0.7, -0.8, 1.9])
T = np.linspace(0, 1, 5)


def energy(x):
    return 0.5 * ((A @ x - B) ** 2).sum()


def entropy(x):
    p = np.exp(x) / np.exp(x).sum()
    return -(p * np.log(p)).sum()


def entropy_gradient(x):
    p = np.exp(x) / np.exp(x).sum()
    return -p * (np.log(p) + entropy(x))


def decay(p, t):
    return p[0] * np.exp(-p[1] * t)


def decay_jacobian(p, t):
    e = np.exp(-p[1] * t)
    return np.stack([e, -p[0] * t * e], axis=1)


RIGHT = {
    "rosen": (optimize.rosen, optimize.rosen_der, X, ()),
    "energy": (energy, lambda x: A.T @ (A @ x - B), X, ()),
    "ridge": (lambda x, c: energy(x) + c * x @ x, lambda x, c: A.T @ (A @ x - B) + 2 * c * x, X, (0.3,)),
    "args": (lambda x, c: c * (x**2).sum(), lambda x, c: 2 * c * x, X, 3.0),
    "both at once": (lambda x: (x @ x, 2 * x), True, X, ()),
    "entropy": (entropy, entropy_gradient, X, ()),
    "residuals": (decay, decay_jacobian, [1.5, 0.5], (T,)),
    "sparse": (lambda x: x**3, lambda x: sparse.diags(3 * x**2), X, ()),
    "operator": (lambda x: A @ x, lambda x: sparse.linalg.aslinearoperator(A), X, ()),
    "a number": (lambda x: (x**2).sum(), lambda x: 2 * x, 3.0, ()),
    "one residual": (lambda x: x @ x, lambda x: 2 * x[None], X, ()),
    "root": (lambda x: [x[0] + x[1] ** 2, x[0] * x[1]], lambda x: [[1, 2 * x[1]], [x[1], x[0]]], [1.0, 2.0], ()),
    "abs": (lambda x: np.abs(x).sum(), np.sign, X, ()),
}
WRONG = {
    "half": ("energy", lambda x: 2 * A.T @ (A @ x - B), "a factor of 2 too much"),
    "sign": ("entropy", lambda x: -entropy_gradient(x), "the sign is flipped"),
    "mean": ("energy", lambda x: A.T @ (A @ x - B) / 6, None),
    "args": ("args", lambda x, c: 2 * x, None),
    "penalty": ("ridge", lambda x, c: A.T @ (A @ x - B) + c * x, None),
    "zeros": ("energy", lambda x: 0 * x, "= 0 everywhere"),
    "transposed": ("root", lambda x: [[1, x[1]], [2 * x[1], x[0]]], None),
    "t forgotten": ("residuals", lambda p, t: decay_jacobian(p, 1 + 0 * t) * np.exp(p[1] * (1 - t))[:, None], None),
    "one entry": ("rosen", lambda x: optimize.rosen_der(x) + [0, 0, 1, 0], "entries [2] alone"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name):
    fun, jac, x0, args = RIGHT[name]
    report = check_scipy(fun, jac, x0, args)
    assert list(report.tensors) == ["jac"]
    assert report.difference < 1e-9


@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_are_found(name):
    of, jac, says = WRONG[name]
    fun, _, x0, args = RIGHT[of]
    with pytest.raises(GradientError, match="1 of 1 gradients wrong") as caught:
        check_scipy(fun, jac, x0, args)
    if says:
        assert says in caught.value.report.tensors["jac"].cause


def test_hessians_of_scipy():
    functions = {"hess": optimize.rosen_hess, "hessp": optimize.rosen_hess_prod}
    report = check_scipy(optimize.rosen, optimize.rosen_der, X, **functions)
    assert (list(report.tensors), report.method) == (["jac", "hess", "hessp"], "complex")
    assert report.difference < 1e-14


def test_wrong_hessians():
    report = check_scipy(
        lambda x, c: (c * (x**4).sum(), 4 * c * x**3), True, X, 0.5,
        hess=lambda x, c: np.diag(12 * x**2), hessp=lambda x, p, c: 12 * c * x * p, raise_on_failure=False,
    )  # fmt: skip
    assert list(report.wrong) == ["hess", "hessp"]
    assert report.tensors["hess"].cause == "dL/dx = 2 x derivative everywhere: a factor of 2 too much"


def test_it_says_the_same_as_scipy():
    # optimize.check_grad returns the norm of the difference from forward differences
    assert optimize.check_grad(energy, lambda x: A.T @ (A @ x - B), X) < 1e-5
    assert optimize.check_grad(energy, WRONG["half"][1], X) > 1


def test_errors():
    with pytest.raises(SettingError, match="jac must be a function or True, got '2-point'"):
        check_scipy(energy, "2-point", X)
