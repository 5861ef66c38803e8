"""Find the mistake in the derivative of forward that gives the claimed gradient.

Forward runs with one mistake in the derivative of one of its operations, along random directions of a tensor. If the
derivatives equal those that the claimed gradient gives, backward makes the same mistake.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from . import _mistakes_in_operations as operations
from . import _mistakes_in_parts as parts
from . import _mistakes_in_ways as ways
from ._chain_subject import INPUT
from ._differentiation import Differentiation
from ._edits import Mistake, Mistakes, everywhere, scaled
from ._forward import Edge, Forward
from ._probe import Compute, Edit, Operation, Plan, Tracer

RUN_ERRORS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
MOST_EFFORT = 400_000  # of a search: operations, and thousands of numbers that they read
DIRECTIONS = 3  # two gradients with equal products with all of them are equal

Tier = tuple[Callable[[Forward], Mistakes], ...]
OPERATIONS: tuple[Tier, ...] = (
    (
        ways.next_step,
        ways.softmax,
        ways.way_forgotten,
        ways.all_but_one_forgotten,
        ways.result_forgotten,
        ways.opposite_sign,
    ),
    (
        operations.left_out,
        operations.not_transposed,
        operations.other_slope,
        ways.exchanged,
        parts.repeats,
        operations.product_for_quotient,
    ),
    (parts.one_execution, operations.factors_exchanged, operations.other_array),
)
PLACES: tuple[Tier, ...] = ((parts.one_place, parts.truncated, parts.moved, parts.reshaped),)


class Search:
    """The search for mistakes in a subject's forward.

    subject  has a tracer and a point; its claimed gradient is wrong
    known    the mistakes that were found for other tensors
    """

    def __init__(self, subject: Any, method: Differentiation) -> None:
        self.subject, self.method = subject, method
        self.known: list[Mistake] = []
        self.spent = 0
        self._right = dict[tuple[str, int], float]()

    @cached_property
    def claimed(self) -> np.ndarray:
        return np.asarray(self.subject.gradient(self.subject.point))

    @cached_property
    def directions(self) -> dict[str, list[np.ndarray]]:
        """Random directions of each tensor."""
        rng = np.random.default_rng(9)
        parts = self.subject.parts.items()
        return {path: [rng.standard_normal(part.size) for _ in range(DIRECTIONS)] for path, part in parts}

    # ---- derivatives with a mistake

    @cached_property
    def tracer(self) -> Tracer:
        """A tracer that has recorded forward; without operations if it cannot follow it."""
        tracer, subject = Tracer(), self.subject
        path, part = next(iter(subject.parts.items()))
        subject.tracer = tracer
        try:
            tracer.record(lambda: subject.tensor_derivative(subject.point, path, np.zeros(part.size), self.method))
        except RUN_ERRORS:
            return Tracer()
        finally:
            subject.tracer = None
        return tracer

    def close(self) -> None:
        """Let the objects that ran forget that they were watched."""
        if "tracer" in vars(self):
            self.tracer.is_over = True

    def derivative(self, path: str, direction: np.ndarray, plan: Plan) -> float:
        """The derivative along a direction of a tensor, with a plan of changes."""
        tracer, subject = self.tracer, self.subject
        tracer.plan, subject.tracer = plan, tracer
        self.spent += len(tracer.operations) + tracer.numbers // 1000
        try:
            return float(subject.tensor_derivative(subject.point, path, direction, self.method))
        except RUN_ERRORS:
            return math.nan
        finally:
            subject.tracer = None

    def product(self, mistake: Mistake, path: str, number: int) -> float:
        """The derivative along a direction of a tensor, with a mistake."""
        direction = self.directions[path][number]
        if not mistake.parts:
            return self.derivative(path, direction, mistake.plan)
        return sum(self.derivative(path, self._of_step(path, direction, step), plan) for step, plan in mistake.parts)

    def _of_step(self, path: str, direction: np.ndarray, step: int) -> np.ndarray:
        """The direction of one step of x alone; that of a parameter as it is."""
        if path != INPUT:
            return direction
        whole = direction.reshape(self.subject.parts[path].shape)
        found = np.zeros_like(whole)
        found[:, step] = whole[:, step]
        return found.ravel()

    def right(self, path: str, number: int) -> float:
        if (path, number) not in self._right:
            self._right[path, number] = self.derivative(path, self.directions[path][number], {})
        return self._right[path, number]

    def wanted(self, path: str, number: int) -> float:
        """The product of the claimed gradient with a direction."""
        return float(self.claimed[self.subject.parts[path].slice] @ self.directions[path][number])

    def tolerance(self, path: str, number: int) -> float:
        size = float(np.linalg.norm(self.claimed[self.subject.parts[path].slice]))
        length = float(np.linalg.norm(self.directions[path][number]))
        return 0.1 * self.method.closeness * max(size * length, abs(self.right(path, number)))

    def explains(self, mistake: Mistake, path: str, numbers: Iterator[int] | range = range(DIRECTIONS)) -> bool:
        """True if the derivative with the mistake is the claimed gradient of a tensor."""
        return all(
            abs(self.product(mistake, path, number) - self.wanted(path, number)) <= self.tolerance(path, number)
            for number in numbers
        )

    def is_wrong(self, path: str) -> bool:
        numbers = range(DIRECTIONS)
        off = [abs(self.right(path, number) - self.wanted(path, number)) for number in numbers]
        return any(value > 10 * self.tolerance(path, number) for value, number in zip(off, numbers, strict=True))

    # ---- the recorded forward

    @cached_property
    def active(self) -> dict[str, set[Edge]]:
        """Per tensor, the edges on which it has an influence."""
        found = dict[str, set[Edge]]()
        for path in self.subject.parts:
            found[path] = set()
            spy = _spying(found[path])
            plan = {
                operation.number: {j: spy for j, a in enumerate(operation.operands) if a.dtype.kind == "f"}
                for operation in self.tracer.operations
            }
            self.derivative(path, self.directions[path][0], plan)
        return found

    def forward(self, path: str) -> Forward:
        subject = self.subject
        owner = type(subject.layer) if hasattr(subject, "layer") else None
        shape: tuple[int, ...] = subject.parts[INPUT].shape if INPUT in subject.parts else ()
        parameters = [part.of(subject.point) for path, part in subject.parts.items() if path != INPUT]
        steps = shape[1] if len(shape) == 3 else None
        influenced = set[Edge]().union(*self.active.values())
        return Forward(self.tracer.operations, self.active[path], influenced, parameters, owner, steps)

    def arrays(self, path: str) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the arrays of forward that exist once, with their source."""
        if self.tracer.operations:
            yield from ((port.text, port.arrays[0]) for port in self.forward(path).ports if len(port.arrays) == 1)

    # ---- the search

    def causes(self, path: str, tiers: tuple[Tier, ...]) -> list[str]:
        """The mistakes that explain the claimed gradient of a tensor, the likeliest ones."""
        if not self.tracer.operations or not np.isfinite(self.claimed).all() or not self.is_wrong(path):
            return []
        found = self._found(path, tiers)
        if not found:
            return []
        self.known.append(found[0])
        return [mistake.words for mistake in [found[0], *self._others(path, found)]]

    def known_causes(self, path: str) -> list[str]:
        """The mistake that was found for another tensor, if it explains this one, too."""
        return [mistake.words for mistake in self.known if self.is_wrong(path) and self.explains(mistake, path)]

    def _found(self, path: str, tiers: tuple[Tier, ...]) -> list[Mistake]:
        """The mistakes that explain the most tensors, wrong and right ones."""
        forward, best, most = self.forward(path), list[Mistake](), 0
        for tier in tiers:
            for mistake in itertools.chain.from_iterable(rule(forward) for rule in tier):
                if self.spent > MOST_EFFORT:
                    return best
                if not self.explains(mistake, path):
                    continue
                count = sum(self.explains(mistake, other, range(1)) for other in self.subject.parts)
                if count > most:
                    best, most = [mistake], count
                elif count == most:
                    best.append(mistake)
            if most == len(self.subject.parts):
                break
        return best or (self._with_factor(forward, path) if tiers == PLACES else [])

    def _with_factor(self, forward: Forward, path: str) -> list[Mistake]:
        """A way that is taken with a wrong factor."""
        for way in [*forward.beginnings, *forward.results]:
            if self.spent > MOST_EFFORT:
                break
            right, cut = (
                self.right(path, 0),
                self.derivative(path, self.directions[path][0], everywhere(way.edges, scaled(0))),
            )
            r = (self.wanted(path, 0) - cut) / (right - cut) if right != cut else math.nan
            where = forward.place(way) if way.j < 0 else f"{forward.operand(way)} in {forward.place(way)}"
            mistake = Mistake(f"the way through {where} has the factor {r:.9g}", everywhere(way.edges, scaled(r)))
            if math.isfinite(r) and self.explains(mistake, path, range(1, DIRECTIONS)):
                return [mistake]
        return []

    def _others(self, path: str, found: list[Mistake]) -> list[Mistake]:
        """The first of the other mistakes that is made elsewhere, not further along the way of the first one."""
        first = found[0]
        for other in found[1:]:
            if first.parts or other.parts or not first.plan.keys().isdisjoint(other.plan.keys()):
                continue
            both = self.product(Mistake("", first.plan | other.plan), path, 0)
            tolerance = 10 * self.tolerance(path, 0)
            if min(abs(both - self.wanted(path, 0)), abs(both - self.right(path, 0))) > tolerance:
                return [other]
        return []


def _spying(seen: set[Edge]) -> Edit:
    """An edit that changes nothing, and notes where there is a derivative."""

    def edit(operation: Operation, j: int, deviation: np.ndarray, compute: Compute) -> tuple[Any, Any]:
        if deviation.any():
            seen.add((operation.number, j))
        return deviation, None

    return edit
