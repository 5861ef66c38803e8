"""Changes of the derivative of one operation of forward, and the mistakes that they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._forward import Edge
from ._probe import Compute, Edit, Operation, Plan

Change = Callable[[Operation, int, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Mistake:
    """A change of the derivative of forward.

    words  what it is, for a sentence about a gradient
    plan   the changes
    parts  several plans whose derivatives are added instead, each with the one step of x that moves
    """

    words: str
    plan: Plan
    parts: tuple[tuple[int, Plan], ...] = ()


Mistakes = Iterator[Mistake]


def scaled(r: float) -> Edit:
    """The derivative of an operand times r; 0 cuts the way through it."""
    return lambda operation, j, deviation, compute: (r * deviation, None)


def added(change: Change) -> Edit:
    """Let an operand add to the derivative of the result a function of its own derivative alone."""
    return lambda operation, j, deviation, compute: (0 * deviation, change(operation, j, deviation))


def changed(change: Change) -> Edit:
    """Change what an operand adds to the derivative of the result."""

    def edit(operation: Operation, j: int, deviation: np.ndarray, compute: Compute) -> tuple[Any, Any]:
        operands: list[np.ndarray] = list(operation.operands)
        operands[j] = operands[j] + deviation
        return 0 * deviation, change(operation, j, compute(operands) - operation.result)

    return edit


def with_others(others: dict[int, np.ndarray]) -> Edit:
    """A product with another second factor. others: by the number of the operation."""

    def edit(operation: Operation, j: int, deviation: np.ndarray, compute: Compute) -> tuple[Any, Any]:
        operands = [deviation, others[operation.number]]
        return 0 * deviation, compute(operands if j == 0 else operands[::-1])

    return edit


without_others = added(lambda operation, j, deviation: np.broadcast_to(deviation, np.shape(operation.result)))


def everywhere(edges: Iterable[Edge], edit: Edit) -> Plan:
    """The plan with one edit at all of these edges."""
    plan = defaultdict[int, dict[int, Edit]](dict)
    for number, j in edges:
        plan[number][j] = edit
    return dict(plan)
