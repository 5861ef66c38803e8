"""The Hessian of a small model as a matrix, and the largest eigenvalues of any."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import validation
from ..errors import SettingError
from ..model import Model
from ._products import MATRICES, Products, linked

LARGEST_MATRIX = 5000  # parameters: a matrix of 200 MB
SMALL = 32  # parameters, up to which the whole matrix takes less time than ARPACK


class Eigenpairs(NamedTuple):
    """Eigenvalues (k,), the largest first, and their eigenvectors of length 1, the columns of an (n, k) matrix."""

    values: np.ndarray
    vectors: np.ndarray


def hessian(
    model: Model, x: Any, y: Any, *, matrix: str = "hessian", sample_weight: Any = None, training: bool = True
) -> np.ndarray:
    """H (n, n), column by column: n products. For models of at most 5,000 parameters.

    matrix  "hessian" or "gauss_newton"
    The other arguments are those of `hessian_vector_product`.
    """
    validation.check_choice("hessian", "matrix", matrix, MATRICES)
    return whole(linked("hessian", model, x, y, sample_weight, training), matrix)


def whole(products: Products, matrix: str) -> np.ndarray:
    """Return the matrix, made symmetric: its products are symmetric to rounding."""
    n = products.size
    if n > LARGEST_MATRIX:
        remedy = "use top_eigenvalues, trace or spectrum, which need products alone"
        raise SettingError(f"hessian: the model has {n} parameters, at most {LARGEST_MATRIX} are allowed; {remedy}")
    product = products.hessian if matrix == "hessian" else products.gauss_newton
    columns = np.array([product(column) for column in np.eye(n)])
    symmetric: np.ndarray = (columns + columns.T) / 2
    return symmetric


def top_eigenvalues(
    model: Model,
    x: Any,
    y: Any,
    k: int = 1,
    *,
    matrix: str = "hessian",
    tolerance: float = 1e-8,
    seed: int = 0,
    sample_weight: Any = None,
    training: bool = True,
) -> Eigenpairs:
    """Return the k largest eigenvalues of H and their eigenvectors, by SciPy's Lanczos iteration (`eigsh`).

    matrix     "hessian" or "gauss_newton"
    tolerance  relative, of the eigenvalues
    seed       of the vector that the iteration starts from

    The other arguments are those of `hessian_vector_product`. (Lehoucq et al. 1998)
    """
    who = "top_eigenvalues"
    k = validation.check_integer(who, "k", k, 1)
    validation.check_choice(who, "matrix", matrix, MATRICES)
    tolerance = validation.check_real(who, "tolerance", tolerance, "[0, 1)")
    products = linked(who, model, x, y, sample_weight, training)
    if k > products.size:
        raise SettingError(f"{who}: k is {k}, but the model has {products.size} parameters")
    return largest(products, k, matrix, tolerance, seed)


def largest(
    products: Products,
    k: int = 1,
    matrix: str = "hessian",
    tolerance: float = 1e-4,
    seed: int = 0,
    *,
    scale: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> Eigenpairs:
    """Return the k largest eigenvalues of one of the matrices M.

    scale  the diagonal of S (n,); then the eigenvalues are those of S M S
    start  where the iteration starts, such as an eigenvector of a matrix that is near; default: a random vector
    """
    n = products.size
    if n <= max(SMALL, 2 * k):
        dense = whole(products, matrix)
        values, vectors = np.linalg.eigh(dense if scale is None else scale[:, None] * dense * scale)
    else:
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import aslinearoperator, eigsh

        operator = products.operator(matrix)
        if scale is not None:
            diagonal = aslinearoperator(diags_array(scale))
            operator = diagonal @ operator @ diagonal
        start = np.random.default_rng(seed).standard_normal(n) if start is None else start
        values, vectors = eigsh(operator, k, which="LA", v0=start, tol=tolerance)
    order = np.argsort(values)[::-1][:k]
    return Eigenpairs(values[order], vectors[:, order])
