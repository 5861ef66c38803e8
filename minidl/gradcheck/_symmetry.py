"""The symmetric check: second derivatives taken from a gradient alone must not depend on their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import validation
from ..curvature import Products, products
from ..errors import GradientError, SettingError, ShapeError
from ..model import Model
from ._compare import TOLERANCE
from ._differentiation import CENTRAL, COMPLEX, Differentiation, complex_arithmetic

# how far the check moves from the point, in random steps, because the point may lie on kinks; differences must not
# reach back to them
NEAR = {COMPLEX: 1e-7, CENTRAL: 1e-3}
ROUNDING = 1e-12  # relative to the largest product and to the gradient: smaller numbers are rounding errors
STEPS = (1.0, 1e-1, 1e-2)  # of central differences: a shorter step crosses fewer kinks
TRIALS = 3  # of support of complex numbers, at different points
SUPPORT = 1e-4  # relative difference from central differences up to which complex numbers are supported
Slopes = Callable[[Any], Any]  # offset from the point -> gradient, as one vector


@dataclass(frozen=True)
class Symmetry:
    """The result of a symmetric check.

    title       what was checked
    method      "complex step" or "central differences"
    difference  the largest |v . Hw - w . Hv| / (|v| |Hw| + |w| |Hv|), v in one tensor, w in one
    pair        the paths of the two tensors
    passed      False if the gradient is not that of any function
    """

    title: str
    method: str
    difference: float
    pair: tuple[str, str]
    passed: bool

    def __str__(self) -> str:
        state = f"second derivatives symmetric to {self.difference:.1e} ({self.method})"
        if self.passed:
            return f"{self.title}: {state}"
        where = " and ".join(dict.fromkeys(self.pair))
        wrong = f"not the gradient of any function: v . Hw and w . Hv differ by {self.difference:.1e} ({self.method})"
        return f"{self.title}: {wrong}, most for {where}"


def check_symmetry(
    gradient: Callable[[Any], Any],
    theta: Any,
    *,
    method: str = "auto",
    tolerance: float = TOLERANCE,
    directions: int = 4,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Symmetry:
    """v . Hw = w . Hv for random v, w: true if `gradient` is the gradient of some function, H its derivative.

    The function itself is never evaluated: for gradients whose function cannot be computed or takes long, and as a
    second witness. A gradient that belongs to another function passes: one with a wrong factor, for example.

    gradient    a function of one array that returns an array of the same shape
    theta       the point
    method      "complex", "central", or "auto": the complex step if `gradient` supports complex numbers
    tolerance   of the difference, beyond rounding errors
    directions  random vectors, at least 2: each is compared with each other one

    Returns a `Symmetry`; raises GradientError with it if it fails.
    """
    who = "check_symmetry"
    directions = validation.check_integer(who, "directions", directions, 2)
    point = np.array(theta, np.float64)
    found = np.shape(gradient(point.copy()))
    if found != point.shape:
        raise ShapeError(f"{who}: theta has shape {point.shape}, its gradient {found}; both must be equal")

    def slopes(offset: Any) -> np.ndarray:
        return np.asarray(gradient(point + offset.reshape(point.shape))).ravel()

    title, parts = getattr(gradient, "__name__", "gradient"), {"theta": slice(None)}
    search = _Search(slopes, point.ravel(), parts, directions, seed)
    return _finish(search.result(title, _method(who, method, search), tolerance), raise_on_failure)


def check_model_symmetry(
    model: Model,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Symmetry:
    """The symmetric check of a model's whole objective: no loss is evaluated, only `backward` is differentiated.

    Two random vectors in every tensor are compared with all others. Dropout masks are repeated. `check_model` also
    finds gradients of another function and names the layer; this check is a second witness, independent of `value`.
    Arguments as for `check_model`. Returns a `Symmetry`; raises GradientError with it if it fails.
    """
    linked: Products = products(model, x, y, sample_weight=sample_weight)
    parts = dict(linked.objective.params.slices)
    search = _Search(linked.slopes, linked.theta, parts, 2, seed)
    return _finish(
        search.result(model.name, _method("check_model_symmetry", method, search), tolerance), raise_on_failure
    )


def _method(who: str, name: str, search: _Search) -> Differentiation:
    validation.check_choice(who, "method", name, ("auto", COMPLEX.name, CENTRAL.name))
    if name == CENTRAL.name:
        return CENTRAL
    if search.supports_complex():
        return COMPLEX
    if name == COMPLEX.name:
        raise SettingError(f'{who}: the gradient does not compute with complex numbers; method must be "auto"')
    return CENTRAL


def _finish(found: Symmetry, raise_on_failure: bool) -> Symmetry:
    if raise_on_failure and not found.passed:
        raise GradientError(found)
    return found


class _Search:
    """Compares v . Hw and w . Hv for random vectors v, w that are 0 outside one tensor."""

    def __init__(self, slopes: Slopes, theta: np.ndarray, parts: dict[str, slice], directions: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.slopes, sizes = slopes, np.maximum(1, abs(theta))
        self.moves = [sizes * rng.standard_normal(theta.size) for _ in range(TRIALS)]
        self.names, self.parts, self.vectors = list[str](), list[slice](), list[np.ndarray]()
        for path, part in parts.items():
            for _ in range(directions):
                v = np.zeros(theta.size)
                v[part] = (sizes * rng.standard_normal(theta.size))[part]
                self.names.append(path)
                self.parts.append(part)
                self.vectors.append(v)

    def product(self, v: np.ndarray, method: Differentiation, scale: float, move: np.ndarray) -> np.ndarray:
        """Return H v at a point that is moved a little."""
        with complex_arithmetic():
            return np.asarray(method.derivative(lambda offset: self.slopes(move + offset), v, scale))

    def supports_complex(self) -> bool:
        """True if the complex step agrees with a central difference somewhere near the point."""
        v = np.sum(self.vectors, axis=0)
        try:
            return any(self._agree(v, NEAR[CENTRAL] * move) for move in self.moves)
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return False

    def _agree(self, v: np.ndarray, move: np.ndarray) -> bool:
        """True if they agree along v. A difference that crosses a kink decides nothing: shorter ones are tried."""
        exact = self.product(v, COMPLEX, 1.0, move)
        others = (self.product(v, CENTRAL, scale, move) for scale in STEPS)
        size = np.linalg.norm(exact)
        bound = 1e-9 * self._unit(move)  # of the rounding errors of a difference
        return any(
            np.linalg.norm(exact - other) <= SUPPORT * (size + np.linalg.norm(other)) + bound for other in others
        )

    def _unit(self, move: np.ndarray) -> float:
        """Return the size of the numbers that products are computed from: that of the gradient."""
        return float(np.linalg.norm(np.real(self.slopes(move))))

    def result(self, title: str, method: Differentiation, tolerance: float) -> Symmetry:
        """Return the worst pair. Of central differences the step counts at which it is best."""
        tolerance = validation.check_real("check_symmetry", "tolerance", tolerance, "(0, 1)")
        if method is COMPLEX:
            difference, pair = self._worst(COMPLEX, 1.0, ROUNDING)
        else:
            difference, pair = min(self._worst(CENTRAL, scale, 1e-7 / scale) for scale in STEPS)
            tolerance = max(tolerance, 1e-6)
        return Symmetry(title, method.label, difference, pair, difference <= tolerance)

    def _worst(self, method: Differentiation, scale: float, rounding: float) -> tuple[float, tuple[str, str]]:
        """Return the largest relative difference, less rounding errors, and its two tensors."""
        move, worst, pair = NEAR[method] * self.moves[0], 0.0, (self.names[0], self.names[0])
        found = np.array([self.product(v, method, scale, move) for v in self.vectors])
        largest = max(float(np.linalg.norm(found, axis=1).max(initial=0.0)), self._unit(move))
        for i, v in enumerate(self.vectors):
            for j, w in enumerate(self.vectors[:i]):
                pv, pw = self.parts[i], self.parts[j]
                lengths = np.linalg.norm(v), np.linalg.norm(w)
                size = lengths[0] * np.linalg.norm(found[j][pv]) + lengths[1] * np.linalg.norm(found[i][pw])
                excess = abs(v @ found[j] - w @ found[i]) - rounding * max(lengths) * largest
                difference = float(excess / size) if excess > 0 and size > 0 else 0.0
                if not difference <= worst:
                    worst, pair = difference, (self.names[j], self.names[i])
        return (worst if np.isfinite(found).all() else 1.0), pair
