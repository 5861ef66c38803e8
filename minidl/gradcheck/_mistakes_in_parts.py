"""Mistakes in the derivative of forward: one of several contributions, or all of them in another order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ._edits import Change, Mistake, Mistakes, added, changed, everywhere, scaled
from ._forward import Forward
from ._mistakes_in_operations import MOVING

GATHERING = {"getitem", "take"}


def one_execution(forward: Forward) -> Mistakes:
    """The contribution of one execution alone, without one, or with one twice."""
    for way in forward.beginnings:
        if (n := len(way.edges)) < 2:
            continue
        unit, place = forward.unit(way), forward.place(way)
        for number, word in ((n - 1, "last"), (0, "first")):
            others = [edge for i, edge in enumerate(way.edges) if i != number]
            words = f"only the contribution of the {word} {unit} of {place} is there: add those of all"
            yield Mistake(words, everywhere(others, scaled(0)))
        for number, edge in enumerate(way.edges):
            name = {0: f"the first {unit}", n - 1: f"the last {unit}"}.get(number, f"{unit} {number}")
            words = f"the contribution of {name} of {place}"
            yield Mistake(f"{words} is left out", everywhere([edge], scaled(0)))
            yield Mistake(f"{words} is taken twice", everywhere([edge], scaled(2)))


def one_place(forward: Forward) -> Mistakes:
    """The contribution of the first or last place along one axis of a result alone, or without it."""
    for way in [*forward.ways, *forward.results]:
        shape, place = np.shape(forward.first(way).result), forward.place(way)
        for axis, n in enumerate(shape if len(shape) > 1 else ()):
            name = forward.axis(way, axis)
            for index, word in ((n - 1, "last"), (0, "first")) if n > 1 else ():
                keeps = np.zeros((n, *(1,) * (len(shape) - axis - 1)))
                keeps[index] = 1.0
                words = f"only the contribution of the {word} {name} of {place} is there: add those of all"
                yield Mistake(words, everywhere(way.edges, changed(_masked(keeps))))
                words = f"the contribution of the {word} {name} of {place} is left out"
                yield Mistake(words, everywhere(way.edges, changed(_masked(1 - keeps))))


def _masked(mask: np.ndarray) -> Change:
    return lambda operation, j, part: np.asarray(part * mask)


def moved(forward: Forward) -> Mistakes:
    """The gradient of a result, in reverse order or moved along an axis."""
    for way in [*forward.ways, *forward.results]:
        shape, place = np.shape(forward.first(way).result), forward.place(way)
        for axis in (axis for axis, n in enumerate(shape) if n > 1 and len(shape) > 1):
            words = f"the gradient of {place} is in reverse order along axis {axis}"
            yield Mistake(words, everywhere(way.edges, changed(_flipped(axis))))
            for by in (1, -1) if shape[axis] > 2 else ():
                words = f"the gradient of {place} is moved by {by} along axis {axis}"
                yield Mistake(words, everywhere(way.edges, changed(_rolled(-by, axis))))


def _flipped(axis: int) -> Change:
    return lambda operation, j, part: np.flip(part, axis)


def _rolled(by: int, axis: int) -> Change:
    return lambda operation, j, part: np.roll(part, by, axis)


def truncated(forward: Forward) -> Mistakes:
    """The gradient of an output goes back some steps at most."""
    steps = forward.steps
    ways = [way for group in forward.to_next_step for way in group]
    if steps is None or not ways or any(len(forward.by_spot[way.spot]) != steps for way in ways):
        return
    recurrent = {edge for way in ways for edge in way.edges}
    others = [
        (number, j)
        for number, j in forward.influenced - recurrent
        if len(forward.by_spot[forward.operations[number].spot]) == steps and forward.is_parameter((number, j))
    ]
    for k in range(1, steps):
        parts = []
        for step in range(steps):
            cut = [edge for edge in recurrent if forward.operations[edge[0]].execution >= step + k]
            cut += [edge for edge in others if forward.operations[edge[0]].execution != step]
            parts.append((step, everywhere(cut, scaled(0))))
        back = f"{k} step{'s' * (k != 1)}"
        yield Mistake(f"the gradient of an output goes back {back} alone, its own included", {}, tuple(parts))


def repeats(forward: Forward) -> Mistakes:
    """Of rows that are read several times, as those of repeated ids, one contribution is kept."""
    for way in forward.ways:
        operation = forward.first(way)
        ids = next((a for a in operation.operands if a.dtype.kind in "iu"), None)
        if operation.name not in GATHERING or ids is None or ids.size < 2:
            continue
        place = forward.place(way)
        for words, mask in _kept(ids):
            weights = mask.reshape(*ids.shape, *(1,) * (np.ndim(operation.result) - ids.ndim))
            yield Mistake(f"of repeated ids in {place} {words}", everywhere(way.edges, changed(_masked(weights))))


def _kept(ids: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Weights of the ids, some of which are repeated."""
    values, add = ids.ravel().tolist(), "add up all (np.add.at)"
    count = {value: values.count(value) for value in values}
    yield f"only the last counts: {add}", np.array([v not in values[i + 1 :] for i, v in enumerate(values)], float)
    yield f"only the first counts: {add}", np.array([v not in values[:i] for i, v in enumerate(values)], float)
    if ids.ndim > 1:
        rows = ids.reshape(len(ids), -1).tolist()
        last = [v not in row[i + 1 :] for row in rows for i, v in enumerate(row)]
        yield f"only the last of each row counts: {add}", np.array(last, float)
    yield "the mean is taken, where their sum belongs", np.array([1 / count[v] for v in values])


def reshaped(forward: Forward) -> Mistakes:
    """Axes that were exchanged are not exchanged back, but reshaped."""
    for way in forward.ways:
        operation = forward.first(way)
        if operation.name in MOVING - {"getitem"} and operation.operands[way.j].size == np.size(operation.result):
            words = f"the axes of {forward.place(way)} are reshaped on the way back, not exchanged"
            back = added(lambda operation, j, deviation: deviation.reshape(np.shape(operation.result)))
            yield Mistake(words, everywhere(way.edges, back))
    for way in [*forward.ways, *forward.results]:
        shape = np.shape(forward.first(way).result)
        for axes in itertools.combinations(range(len(shape)), 2):
            if 1 not in (shape[axes[0]], shape[axes[1]]) and len(shape) > 2:
                for words, change in _reshapes(shape, axes):
                    words = f"the gradient of {forward.place(way)} is {words}"
                    yield Mistake(words, everywhere(way.edges, changed(change)))


def _reshapes(shape: tuple[int, ...], axes: tuple[int, int]) -> Iterator[tuple[str, Change]]:
    turned = np.empty(shape).swapaxes(*axes).shape
    which = f"axes {axes[0]} and {axes[1]}"
    yield (
        f"reshaped, where {which} belong exchanged",
        lambda operation, j, part: part.swapaxes(*axes).reshape(shape),
    )
    if turned != shape:
        yield (
            f"reshaped, where {which} belong exchanged back",
            lambda operation, j, part: part.reshape(turned).swapaxes(*axes),
        )
