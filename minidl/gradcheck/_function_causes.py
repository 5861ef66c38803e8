"""Describe what is wrong with a gradient of a foreign function, with the rules for layers as far as they apply.

One input and one output of the function are looked at as the x and the y of a layer; its other inputs are parameters.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from . import _causes, _routing
from ._differentiation import METHODS, Differentiation
from ._evidence import MANY_PAIRS, Evidence
from ._functions import FunctionSubject
from ._rearranged import axes_named, subsets

Table = Iterator[tuple[str, Any]]


class FunctionEvidence(Evidence):
    """The claimed gradient of one input of a function, through one of its outputs alone."""

    def __init__(self, subject: FunctionSubject, path: str, output: int, method: Differentiation) -> None:
        super().__init__(subject.through(output, path), path, f"dL/d{short(path)}", method)
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


def cause_of(subject: FunctionSubject, path: str, method: str) -> str | None:
    """Describe what is wrong with the gradient of one input."""
    if not subject.is_repeatable:
        return f"{subject.function.title} is not the same twice: it draws random numbers that cannot be drawn again"
    if simple := next(_of_result(subject, path), None):
        return simple
    names = subject.function.output_names
    for output, name in enumerate(names):
        e = FunctionEvidence(subject, path, output, METHODS[method])
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
        yield f"backward returns None for {short_name}, which stands for zeros, but the derivative is not 0"
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


def _settings(e: Evidence) -> Table:
    """A factor that is one of the numbers that the function is called with."""
    for name, value in e.subject.function.numbers.items():
        if value in (0, 1, -1, 2, 0.5):
            continue  # too frequent to tell anything
        ratios = {name: value, f"1 / {name}": 1 / value, f"1 - {name}": 1 - value, f"1 / (1 - {name})": 1 / (1 - value)}
        for words, ratio in ratios.items():
            yield f"{e.name} = {ratio:.6g} x derivative everywhere, and {ratio:.6g} = {words}", e.has_ratio(ratio)


def _simple_factors(e: Evidence) -> Table:
    """2 and 1/2, which are counts of something by chance, square roots of counts, and quotients of two."""
    for words, r in (("2", 2.0), ("1/2", 0.5)):
        yield (
            f"{e.name} = {words} x derivative everywhere: a factor of 2 too {'much' if r > 1 else 'little'}",
            e.has_ratio(r),
        )
    for name, n in e.counts.items():
        for r, words in ((math.sqrt(n), f"sqrt({n})"), (1 / math.sqrt(n), f"1 / sqrt({n})")):
            is_count = math.sqrt(n) in e.counts.values() or n == 1
            yield f"{e.name} = {words} x derivative everywhere, and {n} = {n} {name}", not is_count and e.has_ratio(r)
    for (name, n), (other, k) in itertools.permutations(e.counts.items(), 2):
        holds = math.gcd(n, k) < min(n, k) and e.has_ratio(n / k)
        yield f"{e.name} = {n} / {k} x derivative everywhere, and {n} = {n} {name}, {k} = {k} {other}", holds


def _reversed_mask(e: Evidence) -> Table:
    zeros = e.derivative == 0
    why = "the mask is the wrong way round"
    yield (
        f"{e.name} is 0 where the derivative is not, and not 0 where it is: {why}",
        bool(0 < zeros.sum() < zeros.size and ((e.claimed == 0) == ~zeros).all()),
    )


def _not_linear(e: Evidence) -> Table:
    if not e.subject.function.is_unit:
        yield from _routing.not_linear(e)


def _dy_forgotten(e: Evidence) -> Table:
    if not e.subject.function.is_unit:
        ones = np.ones(e.dy.shape)
        yield f"{e.name} is right for dy = 1: backward forgets dy", e.claims_products(ones, e.own_changes)


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
    _settings, _simple_factors, _dy_forgotten, _reversed_mask, *_causes.OF_FUNCTION, _at_other_points,
    *_causes.OF_FUNCTION_LAST, _not_linear,
)  # fmt: skip
