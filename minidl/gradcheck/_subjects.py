"""Functions whose gradient can be checked: f(v) of one vector v, and the tensors that v consists of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..losses import Loss
from ..parameters import Penalty
from ._differentiation import (
    CENTRAL,
    Differentiation,
    Function,
    complex_arithmetic,
    keeps_derivatives,
    largest,
    random_step,
)
from ._products import Bracket, Form, bracket, bracket_along, moved
from ._rounding import bound

REPEATS = 10  # two small random masks can be equal by chance, but not so many
NOISY = (
    1e-6  # relative change of a derivative with ten times the step that noise explains, and a smooth function does not
)
NEAR = 1e-3  # how far from the point, in random steps, support of complex numbers is tried


def equal(a: Any, b: Any) -> bool:
    """True if two arrays are equal, NaN to NaN."""
    return np.array_equal(a, b, equal_nan=a is not None and b is not None)  # dL/dx of ids is None


@dataclass(frozen=True)
class Part:
    """The place of one tensor in the vector."""

    slice: slice
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(self.slice.stop - self.slice.start)

    def of(self, v: np.ndarray) -> np.ndarray:
        """The tensor in the vector v."""
        return v[self.slice].reshape(self.shape)


class Subject(ABC):
    """f(v) -> number, v a vector, and the gradient that is claimed for it.

    point        where the gradient is checked
    parts        the tensors in v, by path
    counts       the numbers of rows, features, outputs, which a wrong gradient may have as a factor
    evaluations  of f, or of one layer in it, so far
    """

    point: np.ndarray
    parts: dict[str, Part]
    counts: dict[str, int]
    evaluations = 0
    many: ClassVar[int] = 20_000  # the most entries that are compared one by one without being asked for
    trials: ClassVar[int] = 2  # whether f supports complex numbers is tried so often

    @abstractmethod
    def value(self, v: np.ndarray) -> Any:
        """f(v), complex for complex v."""

    @abstractmethod
    def gradient(self, v: np.ndarray) -> np.ndarray:
        """The gradient that is claimed at v."""

    def gradient_alone(self, v: np.ndarray) -> np.ndarray:
        """The gradient that is claimed at v if nothing else has been computed before."""
        return self.gradient(v)

    def outputs(self, v: np.ndarray) -> Any:
        """The numbers that f computes, as many as there are: by default its value."""
        return self.value(v)

    @cached_property
    def is_repeatable(self) -> bool:
        """False if two evaluations from one state can differ."""
        first = self.outputs(self.point)
        return all(equal(first, self.outputs(self.point)) for _ in range(REPEATS))

    def at(self, v: np.ndarray, dtype: Any) -> AbstractContextManager[Any]:
        """A with block in which many derivatives at v are taken, with numbers of this dtype."""
        return nullcontext()

    def work(self, path: str) -> int:
        """About how many numbers are computed for the derivatives by all entries of one tensor."""
        return self.parts[path].size

    # ---- rounding

    def unit(self, v: np.ndarray) -> float:
        """The size of the numbers that the gradient is computed from."""
        return float(np.abs(np.real(self.value(v)))) / max(1.0, largest(v))

    def gradient_bounds(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        """Per tensor, how far rounding alone may move the gradient from the derivative."""
        unit = self.unit(v)
        return {path: bound(max(unit, largest(gradient[part.slice]))) for path, part in self.parts.items()}

    def value_bound(self, v: np.ndarray) -> float:
        """The rounding error of f(v)."""
        return bound(float(np.abs(np.real(self.value(v)))))

    # ---- derivatives

    @cached_property
    def supports_complex(self) -> bool:
        """True if the complex step may be used. Tried near the point, so that a kink at the point does not decide."""
        return all(self._keeps_derivatives(np.random.default_rng(seed)) for seed in range(self.trials))

    def _keeps_derivatives(self, rng: np.random.Generator) -> bool:
        direction = random_step(self.point, rng)
        near = self.point + NEAR * direction
        return keeps_derivatives(lambda step: [self.outputs(near + step * direction)])

    def derivative(self, v: np.ndarray, direction: np.ndarray, method: Differentiation, scale: float = 1.0) -> float:
        """The derivative at v along a direction of the whole vector."""
        with complex_arithmetic():
            return float(method.derivative(lambda offset: self.value(v + offset), direction, scale))

    def tensor_derivative(self, v: np.ndarray, path: str, direction: np.ndarray, method: Differentiation) -> float:
        """The derivative at v along a direction of one tensor."""
        whole = np.zeros_like(v)
        whole[self.parts[path].slice] = direction
        return self.derivative(v, whole, method)

    def derivatives(self, v: np.ndarray, path: str, entries: np.ndarray, method: Differentiation) -> np.ndarray:
        """The derivatives at v by entries of one tensor."""
        found, start = np.empty(len(entries)), self.parts[path].slice.start
        for number, entry in enumerate(start + entries):
            direction = np.zeros_like(v)
            direction[entry] = 1.0
            found[number] = self.derivative(v, direction, method, max(1.0, abs(float(v[entry]))))
        return found

    # ---- on both sides of a kink, from real numbers alone

    def form(self, v: np.ndarray, path: str, step: float) -> Form:
        """The value at v as a function of one tensor, for use in `at`. step: to find kinks further on."""
        part = self.parts[path]

        def output(offset: Any, chosen: Any) -> np.ndarray:
            w = v.copy()
            w[part.slice] = moved(v[part.slice], offset, chosen)
            return np.atleast_1d(np.asarray(self.value(w)))

        return Form(output, np.atleast_1d(part.of(v)), np.ones(1), np.zeros(1), 0)

    def narrowing(self) -> str:
        """The layer that turns float64 into something coarser, as part of a sentence; "" if none is known."""
        return ""

    def can_bracket(self, path: str) -> bool:
        """False if `bracket` of this tensor would take too long."""
        return True

    def bracket(self, v: np.ndarray, path: str, entries: np.ndarray, step: float) -> Bracket:
        """The range of the derivatives at v by entries of one tensor, with steps of this size relative to them."""
        with self.at(v, np.float64):
            return bracket(self.form(v, path, step), step, entries)

    def bracket_along(self, v: np.ndarray, path: str, direction: np.ndarray, step: float) -> Bracket:
        """The same of the derivative along a direction of one tensor."""
        with self.at(v, np.float64):
            return bracket_along(self.form(v, path, step), direction, step)

    def line(
        self, v: np.ndarray, path: str, entries: Any, direction: np.ndarray, *, whole: bool = False
    ) -> Callable[[np.ndarray], Any]:
        """Return a function of steps along a direction of some entries of one tensor: the values at v, up to a
        constant, and the size of the numbers that they are summed from.

        whole  True: run everything at each step, which is coarser, and faster for a single line
        """
        if whole or not self.can_bracket(path):
            return self._whole_line(v, path, entries, direction)
        with self.at(v, np.float64):
            dy, other = (self.form(v, path, step).dy for step in (CENTRAL.step, 10 * CENTRAL.step))
        if largest(dy - other) > NOISY * largest(dy):  # the noise of what comes after the output counts, too
            return self._whole_line(v, path, entries, direction)

        def values(steps: np.ndarray) -> tuple[np.ndarray, float]:
            with self.at(v, np.float64):
                form = self.form(v, path, CENTRAL.step)
                products = [form.dy * form.output(step * direction, entries) for step in steps]
            return np.array([p.sum() for p in products]), float(max(np.abs(p).sum() for p in products))

        return values

    def _whole_line(self, v: np.ndarray, path: str, entries: Any, direction: np.ndarray) -> Callable[[np.ndarray], Any]:
        """The same, with all operations up to the value at each step."""

        def values(steps: np.ndarray) -> tuple[np.ndarray, float]:
            found = np.empty(len(steps))
            for k, step in enumerate(steps):
                moved = v.copy()
                moved[self.parts[path].slice][entries] += step * direction
                found[k] = np.sum(np.real(self.value(moved)))
            return found, float(np.abs(found).max())

        return values

    def tensor_derivatives(self, path: str, method: Differentiation, v: np.ndarray | None = None) -> np.ndarray:
        """The derivatives by all entries of one tensor, in its shape: at v, by default at the point."""
        part = self.parts[path]
        found = self.derivatives(self.point if v is None else v, path, np.arange(part.size), method)
        return found.reshape(part.shape)


class PlainSubject(Subject):
    """f(theta) -> number for one array theta, and the function that is claimed to be its gradient.

    weights  of the rows, if f is a weighted loss
    """

    weights: np.ndarray | None = None

    def __init__(self, f: Function, gradient: Function, theta: np.ndarray, path: str, counts: dict[str, int]) -> None:
        self.f, self.claimed, self.counts = f, gradient, counts
        self.point, self.theta = theta.astype(np.float64).ravel(), Part(slice(0, theta.size), theta.shape)
        self.parts = {path: self.theta}

    def value(self, v: np.ndarray) -> Any:
        self.evaluations += 1
        return self.f(self.theta.of(v))

    def gradient(self, v: np.ndarray) -> np.ndarray:
        return np.array(self.claimed(self.theta.of(v)), np.float64).ravel()


def penalty_subject(penalties: Iterable[tuple[Any, Penalty]], w: np.ndarray, m: float) -> PlainSubject:
    """The sum of penalties, each on its region of the weights w, for a batch of m rows."""
    terms = list(penalties)

    def value(w: np.ndarray) -> Any:
        return sum(penalty.value(w[region], m) for region, penalty in terms)

    def gradient(w: np.ndarray) -> np.ndarray:
        whole = np.zeros(w.shape)
        for region, penalty in terms:
            whole[region] += penalty.gradient(w[region], m)
        return whole

    return PlainSubject(value, gradient, w, "weights", {"rows": int(m)})


class LossSubject(PlainSubject):
    """A loss as a function of its outputs p, for given targets and weights."""

    def __init__(self, loss: Loss, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> None:
        def gradient(p: np.ndarray) -> np.ndarray:
            return np.broadcast_to(loss.value_and_gradient(p, y, weights)[1], p.shape)

        counts = {"rows": len(p), "outputs": math.prod(p.shape[1:])}
        super().__init__(lambda p: loss.value(p, y, weights), gradient, p, "output", counts)
        self.loss, self.y, self.weights = loss, y, weights

    def outputs(self, v: np.ndarray) -> Any:
        return self.loss.terms(self.theta.of(v), self.y)[0]

    def unit(self, v: np.ndarray) -> float:
        # derivatives are differences of outputs and targets, with rounding errors of 1 / m, however small the loss is
        return max(1.0, largest(self.y), largest(v)) / len(self.y)
