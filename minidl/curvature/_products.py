"""Products of second derivatives with vectors: the complex step through the hand-written backward."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import validation
from .._recording import Snapshot
from ..data import Examples
from ..errors import DataError, NonFiniteError, SettingError, ShapeError
from ..model import Model
from ..objective import Objective

STEP = 1e-20  # h: its square is lost in rounding, so that no step has to be chosen
MATRICES = ("hessian", "gauss_newton")


class Products:
    """H v and G v of one objective f at one point, for many vectors v. All rows are one batch.

    H v = Im grad f(theta + i h v) / h,   h = 1e-20: forward, loss and backward in complex128 (Squire & Trapp 1998).
    G v = J^T S J v + P v, J = dz/dtheta of the outputs z, S = d2 loss / dz2, P the Hessian of the penalties
    (Schraudolph 2002).

    f is the loss and all penalties in training mode, with the same dropout masks in every product. A private float64
    copy computes: the model does not change, and later changes of it do not count. Entries of frozen layers are 0 in v
    and in the products. Arrays are float64 and in the order of `model.params.theta`.

    H is that of the pieces between kinks such as those of ReLU and |p - y|; at a kink it is that of one side.

    training  False: as in prediction, without dropout, with moving averages
    theta     the point (n,)
    gradient  of f there (n,)
    size      n
    """

    def __init__(self, objective: Objective, batch: Examples, *, training: bool = True) -> None:
        self.objective, self.training = objective.copy(), training
        self.theta = self.objective.params.theta.astype(np.float64)
        self.size = self.theta.size
        x = batch.x if batch.x.dtype.kind in "iu" else batch.x.astype(np.complex128)
        weight = None if batch.weight is None else batch.weight.astype(np.float64)
        self.batch = Examples(x, batch.y.astype(np.float64), weight)
        self.objective.params.convert(np.complex128)
        self._start: Snapshot | None = Snapshot(layer for _, layer in self.objective.network.walk())
        self.gradient = self._first_gradient(self._start)
        if not np.isfinite(self.gradient).all():
            raise NonFiniteError("curvature: the gradient is not finite at the model's weights")

    def _first_gradient(self, start: Snapshot) -> np.ndarray:
        """The gradient. If no layer draws or remembers, the state is not restored from now on: that takes time."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                slopes, drawn = self.slopes(0.0), start.drawn
        except (TypeError, np.exceptions.ComplexWarning) as error:
            problem = "a layer, loss or penalty cannot compute with complex numbers"
            raise SettingError(f"curvature: {problem}: {error}; see the contracts in docs/architecture.md") from error
        self._start = None
        if drawn or not np.array_equal(self.slopes(0.0), slopes, equal_nan=True):
            self._start = start
        return slopes.real

    def hessian(self, v: np.ndarray) -> np.ndarray:
        """Return H v of a vector v (n,)."""
        return self._product(v, False)

    def gauss_newton(self, v: np.ndarray) -> np.ndarray:
        """Return G v of a vector v (n,). G is positive semidefinite if the loss is convex in the outputs z."""
        return self._product(v, True)

    def operator(self, matrix: str = "hessian") -> Any:
        """Return H, or G for "gauss_newton", as a SciPy LinearOperator (n, n)."""
        from scipy.sparse.linalg import LinearOperator

        validation.check_choice("Products.operator", "matrix", matrix, MATRICES)
        product = self.hessian if matrix == "hessian" else self.gauss_newton
        return LinearOperator((self.size, self.size), lambda v: product(np.ravel(v)), dtype=np.float64)

    def _product(self, v: np.ndarray, gauss_newton: bool) -> np.ndarray:
        v = self._direction(v)
        size = float(abs(v).max(initial=0.0))
        if size == 0:
            return v
        # the step is h whatever the length of v
        return self.slopes(1j * STEP / size * v, gauss_newton).imag * (size / STEP)

    def _direction(self, v: Any) -> np.ndarray:
        """Return a float64 copy of v with 0 at frozen entries."""
        v = np.array(v, np.float64)
        if v.shape != (self.size,):
            raise ShapeError(f"curvature: v has shape {v.shape}; the model has {self.size} parameters: ({self.size},)")
        if not np.isfinite(v).all():
            raise DataError("curvature: v must be finite")
        v[self.objective.frozen] = 0
        return v

    def slopes(self, offset: np.ndarray | float, gauss_newton: bool = False) -> np.ndarray:
        """Return the complex gradient at theta + offset, 0 at frozen entries.

        gauss_newton  the imaginary part alone, without the second derivatives of the layers
        """
        objective, batch = self.objective, self.batch
        if self._start is not None:
            self._start.restore()
        params = objective.params
        np.add(self.theta, offset, out=params.theta)
        with np.errstate(all="ignore"):
            outputs = objective.forward(batch.x, self.training)
            weights = objective.weights(outputs, batch.weight)
            slopes = objective.loss.value_and_gradient(outputs.values, batch.y, weights)[1]
            dz = slopes.astype(np.complex128, copy=False)  # real if the loss is straight, such as |p - y|
            # dz = s + i h S J v; without s, backward adds no derivatives of the layers' own slopes
            objective.layers.backward(1j * dz.imag if gauss_newton else dz)
            objective.add_penalty_slopes(batch.total_weight)
        params.grad[objective.frozen] = 0
        return params.grad.copy()


def products(model: Model, x: Any, y: Any, *, sample_weight: Any = None, training: bool = True) -> Products:
    """Return the `Products` of a model's objective on rows x with targets y: for many products at one point.

    training  False: as in prediction, without dropout, with moving averages
    """
    return linked("products", model, x, y, sample_weight, training)


def linked(who: str, model: Model, x: Any, y: Any, sample_weight: Any, training: bool) -> Products:
    """Return the Products for a function that is called `who`."""
    validation.check_instance(who, "model", model, Model)
    validation.check_boolean(who, "training", training)
    batch = model.examples(who, x, y, sample_weight)
    return Products(model.objective, batch, training=training)


def hessian_vector_product(
    model: Model, x: Any, y: Any, v: Any, *, sample_weight: Any = None, training: bool = True
) -> np.ndarray:
    """H v = Im grad f(theta + i h v) / h: exact to rounding, in the time of one gradient in complex numbers.

    f is the model's loss with all penalties on the rows x as one batch; v (n,) in the order of `model.params.theta`.
    `products` makes many products at one point faster; `Products` says what f contains and what holds at kinks.
    """
    return linked("hessian_vector_product", model, x, y, sample_weight, training).hessian(v)


def gauss_newton_vector_product(
    model: Model, x: Any, y: Any, v: Any, *, sample_weight: Any = None, training: bool = True
) -> np.ndarray:
    """G v = J^T S J v + P v, with J = dz/dtheta of the outputs z, S = d2 loss / dz2, P the Hessian of the penalties.

    z are the logits if the loss is computed from logits; then G is the Fisher information of a softmax, a sigmoid or a
    mean squared error, up to a factor. Arguments as for `hessian_vector_product`. (Schraudolph 2002; Martens 2020)
    """
    return linked("gauss_newton_vector_product", model, x, y, sample_weight, training).gauss_newton(v)
