"""Describe what is wrong with a gradient of a foreign function, with the rules for layers as far as they apply.

One input and one output of the function are looked at as the x and the y of a layer; its other inputs are parameters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from . import _causes, _function_factors, _routing
from ._differentiation import METHODS, Differentiation
from ._evidence import MANY_PAIRS, Evidence
from ._functions import FunctionSubject
from ._rearranged import axes_named, subsets
from ._search import Search

Table = Iterator[tuple[str, Any]]


class FunctionEvidence(Evidence):
    """The claimed gradient of one input of a function, through one of its outputs alone."""

    def __init__(
        self, subject: FunctionSubject, path: str, output: int, method: Differentiation, search: Search | None = None
    ) -> None:
        super().__init__(subject.through(output, path), path, f"dL/d{short(path)}", method, search)
        self.output = output

    @cached_property
    def y(self) -> np.ndarray:
        return self.subject.first_outputs[self.output]

    @property
    def x(self) -> np.ndarray:
        return self.subject.parts[self.path].of(self.subject.point)

    @property
    def dy(self) -> np.ndarray:
        return self.subject.dy[self.output]

    @property
    def counts(self) -> dict[str, int]:
        return self.subject.counts

    forgotten = "is forgotten or wrong"

    def axis_words(self, axes: tuple[int, ...]) -> str:
        return f"entries along {axes_named(axes)}"

    def of(self, subject: FunctionSubject) -> FunctionEvidence:
        """The same gradient of the same function with other inputs."""
        return FunctionEvidence(subject, self.path, self.output, self.method)

    def _change(self, entry: int) -> np.ndarray:
        direction = np.zeros(self.x.size)
        direction[entry] = 1.0
        return self.subject.change_of_output(self.subject.point, self.path, direction, self.method)

    @cached_property
    def mixed_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, places in enumerate(np.nonzero(self._change(0))) if places.any())

    @cached_property
    def jacobian(self) -> np.ndarray | None:
        """dy / dx of the first row, (*shape of y, entries of x); None without rows, or if it is too large."""
        x, y = self.x, self.y
        if not (x.ndim and y.ndim and len(x) == len(y)) or x[0].size * y.size > MANY_PAIRS:
            return None
        found = np.stack([self._change(entry)[0] for entry in range(x[0].size)], axis=-1)
        total = np.tensordot(self.dy[0], found, self.dy.ndim - 1)
        return found if self.same(total.reshape(x[0].shape), self.derivative[0]) else None


def short(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


class Causes:
    """The search for what is wrong with the gradients of a function."""

    def __init__(self, subject: FunctionSubject, method: str) -> None:
        self.subject, self.method = subject, METHODS[method]
        self._searches = dict[int, Search]()

    def search(self, output: int) -> Search | None:
        """The search through one output, for all inputs."""
        if not self.subject.function.runs_on_numpy:
            return None
        if output not in self._searches:
            self._searches[output] = Search(self.subject.through(output, ""), self.method)
        return self._searches[output]

    def close(self) -> None:
        """Let the function forget that it was watched."""
        for search in self._searches.values():
            search.close()


def cause_of(causes: Causes, path: str) -> str | None:
    """Describe what is wrong with the gradient of one input."""
    subject = causes.subject
    if not subject.is_repeatable:
        return f"{subject.function.title} is not the same twice: it draws random numbers that cannot be drawn again"
    if simple := next(_of_result(subject, path), None):
        return simple
    names = subject.function.output_names
    for output, name in enumerate(names):
        e = FunctionEvidence(subject, path, output, causes.method, causes.search(output))
        if len(names) > 1 and e.same(e.claimed, e.derivative):
            continue
        if len(names) > 1 and not e.claimed.any():
            return f"what comes through output {name} is forgotten: backward does not use its dy"
        cause = _worded(_causes.first_that_holds(_RULES, e), e)
        return f"through output {name}: {cause}" if cause and len(names) > 1 else cause
    return None


def _worded(cause: str | None, e: Evidence) -> str | None:
    """A sentence that was made for layers: there x is any input, and a parameter's name that of its gradient."""
    if cause is None:
        return None
    cause = re.sub(r"\bdL/dx\b", e.name, cause)
    own = re.escape(e.name)
    return re.sub(rf"(?<= x ){own}(?= everywhere: a penalty)|(?<=after adding ){own}", short(e.path), cause)


def _of_result(subject: FunctionSubject, path: str) -> Iterator[str]:
    """Mistakes that show in the returned gradient alone."""
    short_name, shape = short(path), subject.parts[path].shape
    if path in subject.absent:
        yield f"{subject.function.if_none.format(name=short_name)}, but the derivative is not 0"
    claimed = subject.parts[path].of(subject.gradient(subject.point))
    if path in subject.misshapen and np.isnan(claimed).all():
        got = subject.misshapen[path]
        yield f"dL/d{short_name} has shape {got.shape}, {short_name} {shape}{_way_to(subject, path, got, shape)}"
    if not np.isfinite(claimed).all():
        wrong = int((~np.isfinite(claimed)).sum())
        yield f"dL/d{short_name} is not finite in {wrong} of {claimed.size} entries, the derivative is"


def _way_to(subject: FunctionSubject, path: str, got: np.ndarray, shape: tuple[int, ...]) -> str:
    """The way from a gradient of another shape to the derivative, or the input whose gradient it is; "" if unknown."""
    method = METHODS["complex" if subject.supports_complex else "central"]

    def is_derivative(value: np.ndarray, path: str) -> bool:
        wanted = subject.tensor_derivatives(path, method)
        least = 1e-6 * max(float(np.linalg.norm(wanted)), 1e-300)
        return value.shape == wanted.shape and float(np.linalg.norm(value - wanted)) <= least

    if is_derivative(got.T, path):
        return ": it is the transpose of the derivative"
    for axes in subsets(range(got.ndim)):
        if (total := got.sum(axis=axes)).size == math.prod(shape) and is_derivative(total.reshape(shape), path):
            return f": sum it over {axes_named(axes)}"
    if got.size == math.prod(shape) and is_derivative(got.reshape(shape), path):
        return ": it is the derivative, reshaped"
    other = next((other for other in subject.parts if other != path and is_derivative(got, other)), None)
    return "" if other is None else f": it is the gradient of {short(other)}"


def _reversed_mask(e: Evidence) -> Table:
    zeros = e.derivative == 0
    why = "the mask is the wrong way round"
    yield (
        f"{e.name} is 0 where the derivative is not, and not 0 where it is: {why}",
        bool(0 < zeros.sum() < zeros.size and ((e.claimed == 0) == ~zeros).all()),
    )


def _unused_dy(e: Evidence) -> Table:
    if not e.subject.function.is_unit:
        sentence = f"{e.name} does not depend on dy: backward does not use it"
        yield sentence, e.claimed.any() and e.same(e.subject.backward(np.zeros(e.dy.shape)), e.claimed)


def _without_dy(e: Evidence) -> Table:
    """A part of the gradient that is there for dy = 0, too."""
    if e.subject.function.is_unit:
        return
    part = e.subject.backward(np.zeros(e.dy.shape))
    if not part.any() or not np.isfinite(part).all():
        return
    words = f"{e.name} is not 0 for dy = 0"
    why = "backward adds something that does not depend on dy, such as a penalty"
    yield f"{words}: {why}; without it {e.name} is right", e.same(e.claimed - part, e.derivative)
    yield f"{words}: somewhere backward does not multiply by dy, or adds something", True


def _not_linear(e: Evidence) -> Table:
    if not e.subject.function.is_unit:
        yield from _routing.not_linear(e)


def _dy_forgotten(e: Evidence) -> Table:
    if not e.subject.function.is_unit:
        ones = np.ones(e.dy.shape)
        yield f"{e.name} is right for dy = 1: backward forgets dy", e.claims_products(ones, e.own_changes)


def _factor_outside(e: Evidence) -> Table:
    """A factor that is multiplied at the end, where it should be at the beginning, as the scale of a normalization."""
    for path, part in e.subject.parts.items():
        factor = part.of(e.subject.point)
        if (
            path == e.path
            or np.ptp(factor) == 0
            or np.broadcast_shapes(factor.shape, e.claimed.shape) != e.claimed.shape
        ):
            continue
        w = e.subject.point.copy()
        w[part.slice] = 1.0
        inner = e.claimed / factor
        products = [float((e.dy * change).sum()) for change in e.changes(w)]
        found = [float((inner * direction).sum()) for direction in e.directions]
        least = e.closeness * max(map(abs, products))
        holds = bool(np.allclose(found, products, rtol=0, atol=least)) and not e.same(e.claimed, e.derivative)
        name = short(path)
        yield f"{e.name} is that for {name} = 1, times {name}: multiply dy by {name} first, not at the end", holds


def _at_other_points(e: Evidence) -> Table:
    """The right derivative at another point: what backward keeps of forward is another array."""
    v, own = e.subject.point, e.subject.parts[e.path]
    for path, part in e.subject.parts.items():
        others = {"the output": e.y} | {short(other): e.subject.parts[other].of(v) for other in e.subject.parts}
        for name, array in others.items():
            if name == short(path) or array.shape != part.shape:
                continue
            w = v.copy()
            w[part.slice] = array.ravel()
            sentence = f"{e.name} is right for {short(path)} = {name}: backward uses {name} where {short(path)} belongs"
            yield sentence, e.claims_products(e.dy, e.changes(w))
        if path != e.path and part.shape == own.shape:
            w = v.copy()
            w[part.slice], w[own.slice] = v[own.slice], v[part.slice]
            sentence = f"{e.name} is right with {short(path)} and {short(e.path)} exchanged"
            yield sentence, e.claims_products(e.dy, e.changes(w))


_RULES = (
    _causes.known, _dy_forgotten, _unused_dy, _function_factors.of_settings, _function_factors.of_counts,
    _reversed_mask, *_causes.OF_FUNCTION, _without_dy, *_causes.OF_INPUT_OF_FUNCTION, _factor_outside, _at_other_points,
    *_causes.OF_FUNCTION_LAST, _not_linear,
)  # fmt: skip
