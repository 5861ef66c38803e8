"""Mistakes in the derivative of forward: ways through it that are forgotten, or that have the wrong sign."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._edits import Change, Mistake, Mistakes, added, changed, everywhere, scaled
from ._forward import Forward
from ._probe import Compute, Edit, Operation

JOINING = {"concatenate", "stack", "hstack", "vstack", "column_stack", "dstack"}


def next_step(forward: Forward) -> Mistakes:
    """Nothing, or not all, comes back from the next step."""
    groups = forward.to_next_step
    if len(groups) > 1:
        groups = [list(dict.fromkeys(way for group in groups for way in group)), *groups]
    for ways in groups:
        edges = [edge for way in ways for edge in way.edges]
        what = f"the gradient of the next step, through {' and '.join(forward.place(way) for way in ways)},"
        yield Mistake(f"{what} is forgotten", everywhere(edges, scaled(0)))
        yield Mistake(f"{what} has the opposite sign", everywhere(edges, scaled(-1)))
        yield Mistake(f"{what} is taken 2 x", everywhere(edges, scaled(2)))


def softmax(forward: Forward) -> Mistakes:
    """The row term of softmax, dz = p (dp - sum(p dp)), is forgotten or wrong."""
    for way in forward.every_way:
        axis = forward.softmax_axis(forward.first(way))
        if way.j != 1 or axis is None:
            continue
        of = f"of softmax, {forward.place(way)},"
        for words, r in (
            ("is forgotten: dz = p (dp - sum(p dp))", 0.0),
            ("has the opposite sign", -1.0),
            ("is a mean, where a sum belongs", 1 / forward.first(way).result.shape[axis]),
        ):
            yield Mistake(f"the row term {of} {words}", everywhere(way.edges, scaled(r)))
        for words, change in _softmax_changes(of, np.ndim(forward.first(way).result), axis):
            row = everywhere(way.edges, scaled(0))
            yield Mistake(words, {number: edits | {0: changed(change)} for number, edits in row.items()})


def _softmax_changes(of: str, ndim: int, axis: int) -> Iterator[tuple[str, Change]]:
    """Changes of p dz, of which softmax takes p sum(p dz)."""
    yield (
        f"only the diagonal p (1 - p) {of} is there: dz = p (dp - sum(p dp))",
        lambda operation, j, part: np.asarray(part * (1 - operation.result)),
    )
    yield f"the derivative {of} is forgotten", lambda operation, j, part: np.asarray(part / operation.result)
    yield (
        f"the row term {of} lacks p: dz = p (dp - sum(p dp))",
        lambda operation, j, part: part - part.sum(axis=axis, keepdims=True),
    )
    for other in (other for other in range(ndim) if other != axis):
        yield f"the row term {of} is summed over axis {other}, where axis {axis} belongs", _row_term_over(other)


def _row_term_over(axis: int) -> Change:
    return lambda operation, j, part: part - operation.result * part.sum(axis=axis, keepdims=True)


def way_forgotten(forward: Forward) -> Mistakes:
    for way in forward.beginnings:
        words = f"the way through {forward.operand(way)} in {forward.place(way)} is forgotten"
        yield Mistake(words, everywhere(way.edges, scaled(0)))


def all_but_one_forgotten(forward: Forward) -> Mistakes:
    for ways in forward.forks:
        for kept in ways if len(ways) > 2 else ():
            others = [edge for way in ways if way is not kept for edge in way.edges]
            words = f"of the ways of {forward.operand(kept)} only that through {forward.place(kept)} is there"
            yield Mistake(f"{words}, the others are forgotten", everywhere(others, scaled(0)))


def result_forgotten(forward: Forward) -> Mistakes:
    for way in forward.results:
        yield Mistake(f"the gradient of {forward.place(way)} is forgotten", everywhere(way.edges, scaled(0)))


def opposite_sign(forward: Forward) -> Mistakes:
    for way in forward.beginnings:
        words = f"the way through {forward.operand(way)} in {forward.place(way)} has the opposite sign"
        yield Mistake(words, everywhere(way.edges, scaled(-1)))
    for way in forward.results:
        yield Mistake(f"the gradient of {forward.place(way)} has the opposite sign", everywhere(way.edges, scaled(-1)))


def exchanged(forward: Forward) -> Mistakes:
    """The gradients of two parts of one array are exchanged, as those of gates side by side."""
    parts = [way for way in forward.ways if forward.first(way).key is not None]
    for one, two in itertools.combinations(parts, 2):
        pairs = forward.pairs(one, two)
        if pairs and all(_are_parts(a, b) for a, b in pairs):
            plan = {a.number: _part_of(b) for a, b in pairs} | {b.number: _part_of(a) for a, b in pairs}
            yield Mistake(f"the gradients of {forward.place(one)} and {forward.place(two)} are exchanged", plan)
    joined = [way for way in forward.ways if forward.first(way).name in JOINING]
    for one, two in itertools.combinations(joined, 2):
        operation = forward.first(one)
        if one.spot == two.spot and operation.operands[one.j].shape == operation.operands[two.j].shape:
            plan = {number: {one.j: _joined_as(two.j), two.j: _joined_as(one.j)} for number, _ in one.edges}
            words = f"the gradients of parts {one.j} and {two.j} of {forward.place(one)} are exchanged"
            yield Mistake(words, plan)


def _are_parts(a: Operation, b: Operation) -> bool:
    """True if two operations take different parts, of one shape, of the same arrays."""
    same = len(a.operands) == len(b.operands) and all(map(np.array_equal, a.operands, b.operands))
    return same and a.number != b.number and np.shape(a.result) == np.shape(b.result)


def _part_of(other: Operation) -> dict[int, Edit]:
    """The edits that let an operation have the derivative of what another one takes of the same arrays."""
    if other.name == "getitem":
        return {0: added(lambda operation, j, deviation: deviation[other.key])}
    return {j: added(lambda operation, j, deviation: deviation * (j == other.key)) for j in range(len(other.operands))}


def _joined_as(other: int) -> Edit:
    """The edit that puts the derivative of one part in the place of another."""

    def edit(operation: Operation, j: int, deviation: np.ndarray, compute: Compute) -> tuple[Any, Any]:
        parts = [deviation if number == other else 0 * part for number, part in enumerate(operation.operands)]
        return 0 * deviation, compute(parts)

    return edit
