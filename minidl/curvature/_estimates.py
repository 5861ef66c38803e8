"""Estimates of the trace and of the density of eigenvalues from products with random vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import validation
from ..model import Model
from ._products import MATRICES, Products, linked


class Trace(NamedTuple):
    """An estimate of the sum of all eigenvalues, and its standard error."""

    value: float
    standard_error: float


def trace(
    model: Model,
    x: Any,
    y: Any,
    *,
    samples: int = 30,
    matrix: str = "hessian",
    seed: int = 0,
    sample_weight: Any = None,
    training: bool = True,
) -> Trace:
    """tr H = E[v . H v], v of random signs: the mean of `samples` products, and its standard error. (Hutchinson 1989)

    samples  at least 2
    matrix   "hessian" or "gauss_newton"
    seed     of the random signs

    The other arguments are those of `hessian_vector_product`.
    """
    samples = validation.check_integer("trace", "samples", samples, 2)
    validation.check_choice("trace", "matrix", matrix, MATRICES)
    return estimated_trace(linked("trace", model, x, y, sample_weight, training), samples, matrix, seed)


def estimated_trace(products: Products, samples: int, matrix: str = "hessian", seed: int = 0) -> Trace:
    """Return the estimate from so many products."""
    rng = np.random.default_rng(seed)
    product = products.hessian if matrix == "hessian" else products.gauss_newton
    signs = (rng.choice([-1.0, 1.0], products.size) for _ in range(samples))
    found = np.array([v @ product(v) for v in signs])
    return Trace(float(found.mean()), float(found.std(ddof=1)) / math.sqrt(samples))


@dataclass(frozen=True)
class Spectrum:
    """An estimate of how many eigenvalues lie where: point masses `weights`, of sum 1, at `nodes`.

    density(at)  the masses as normal curves, so that they can be plotted
    """

    nodes: np.ndarray
    weights: np.ndarray

    def density(self, at: Any, width: float) -> np.ndarray:
        """Return sum_j weight_j N(t; node_j, width^2) for each t in `at`: its integral is 1."""
        width = validation.check_real("Spectrum.density", "width", width, "(0, inf)")
        distances = (np.asarray(at, np.float64)[..., None] - self.nodes) / width
        return np.exp(-(distances**2) / 2) @ self.weights / (width * math.sqrt(2 * math.pi))

    def mean(self) -> float:
        """Return the mean of the eigenvalues."""
        return float(self.nodes @ self.weights)


def spectrum(
    model: Model,
    x: Any,
    y: Any,
    *,
    steps: int = 40,
    samples: int = 4,
    matrix: str = "hessian",
    seed: int = 0,
    sample_weight: Any = None,
    training: bool = True,
) -> Spectrum:
    """Estimate the density of the eigenvalues of H by stochastic Lanczos quadrature: steps x samples products.

    Each random vector v gives `steps` nodes whose weights integrate every polynomial of a degree below 2 steps as v
    does: v . p(H) v. The largest and the smallest eigenvalues are found first.

    steps    of Lanczos, from each random vector; at most the number of parameters
    samples  random vectors
    matrix   "hessian" or "gauss_newton"
    seed     of the random vectors

    The other arguments are those of `hessian_vector_product`. (Golub & Welsch 1969; Ghorbani, Krishnan & Xiao 2019)
    """
    steps = validation.check_integer("spectrum", "steps", steps, 1)
    samples = validation.check_integer("spectrum", "samples", samples, 1)
    validation.check_choice("spectrum", "matrix", matrix, MATRICES)
    products = linked("spectrum", model, x, y, sample_weight, training)
    rng = np.random.default_rng(seed)
    product = products.hessian if matrix == "hessian" else products.gauss_newton
    found = [_quadrature(product, rng.standard_normal(products.size), steps) for _ in range(samples)]
    nodes, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Spectrum(nodes, weights / samples)


def _quadrature(product: Any, v: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of v: eigenvalues of Lanczos's tridiagonal matrix, squares of its first components."""
    n, diagonal, beside = v.size, list[float](), list[float]()
    basis = np.empty((min(steps, n), n))
    basis[0] = v / np.linalg.norm(v)
    for k in range(len(basis)):
        w = product(basis[k])
        diagonal.append(float(basis[k] @ w))
        if k + 1 == len(basis):
            break
        for _ in range(2):  # rounding destroys the orthogonality of the basis otherwise
            w = w - basis[: k + 1].T @ (basis[: k + 1] @ w)
        length = float(np.linalg.norm(w))
        if length <= 1e-12 * max(map(abs, diagonal)):  # the basis spans all eigenvectors that v contains
            break
        beside.append(length)
        basis[k + 1] = w / length
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    return nodes, vectors[0] ** 2
