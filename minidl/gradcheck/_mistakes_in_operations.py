"""Mistakes in the derivative of one operation of forward."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._edits import Change, Mistake, Mistakes, changed, everywhere, with_others, without_others
from ._forward import Forward, Way
from ._probe import Operation

BILINEAR = {"multiply", "matmul", "dot", "einsum", "tensordot", "inner", "outer"}
CHOOSING = {"maximum", "minimum", "where", "clip"}
MOVING = {"getitem", "flip", "roll", "transpose", "swapaxes", "moveaxis"}
MOST_INSTEAD = 20  # other arrays tried in the place of one


def other_factor(operation: Operation, j: int) -> tuple[str, int] | None:
    """The word for the second factor of a product, and its place among the arguments; None for other operations."""
    place = operation.places[j]
    if operation.name in BILINEAR and place >= 0:
        return "factor", (3 if operation.name == "einsum" else 1) - place
    return ("divisor", 1) if operation.name == "divide" and place == 0 else None


def left_out(forward: Forward) -> Mistakes:
    """A factor, a divisor, a mask, a change of order is left out."""
    for way in forward.ways:
        operation, place = forward.first(way), forward.place(way)
        if not _fits_result(operation, way.j):
            continue
        if found := other_factor(operation, way.j):
            words = f"the {found[0]} {forward.argument(way, found[1])} in {place} is left out"
        elif operation.name in CHOOSING:
            words = f"the mask of {place} is forgotten"
        elif operation.name in MOVING:
            words = f"the other order of {place} is forgotten on the way back"
        else:
            continue
        yield Mistake(words, everywhere(way.edges, without_others))


def _fits_result(operation: Operation, j: int) -> bool:
    shape = np.shape(operation.result)
    try:
        return np.broadcast_shapes(operation.operands[j].shape, shape) == shape
    except ValueError:
        return False


def product_for_quotient(forward: Forward) -> Mistakes:
    """A gradient is multiplied where it should be divided, or the other way round."""
    for way in forward.ways:
        operation, place = forward.first(way), forward.place(way)
        if not _fits_result(operation, way.j) or operation.name not in ("multiply", "divide"):
            continue
        if (found := other_factor(operation, way.j)) is None:
            continue
        done, right = ("divided", "multiplied") if operation.name == "multiply" else ("multiplied", "divided")
        words = (
            f"the gradient is {done} by {forward.argument(way, found[1])}, not {right}, on the way back through {place}"
        )
        yield Mistake(words, everywhere(way.edges, changed(_inverted)))


def _inverted(operation: Operation, j: int, part: np.ndarray) -> np.ndarray:
    """The part times a factor, where its inverse belongs."""
    ratio = operation.result / operation.operands[j]
    return np.asarray(part / (ratio * ratio))


def not_transposed(forward: Forward) -> Mistakes:
    for way in forward.ways:
        operation, j = forward.first(way), way.j
        if operation.name not in BILINEAR - {"multiply"} or len(operation.operands) != 2:
            continue
        other, shape = operation.operands[1 - j], np.shape(operation.result)
        if operation.name in ("matmul", "dot") and other.ndim > 1 and other.shape[-1] == other.shape[-2]:
            turned = {n: forward.operations[n].operands[1 - j].swapaxes(-1, -2) for n, _ in way.edges}
            text = forward.argument(way, operation.places[1 - j])
            words = f"{text} is not transposed on the way back through {forward.place(way)}"
            yield Mistake(words, everywhere(way.edges, with_others(turned)))
        if len(shape) > 1 and shape[-1] == shape[-2]:
            both = [edge for each in forward.ways if each.spot == way.spot for edge in each.edges]
            for edges, end in ((way.edges, forward.operand(way)), (both, "its factors")):
                words = f"the gradient of {forward.place(way)} is not transposed on the way back to {end}"
                yield Mistake(words, everywhere(edges, changed(lambda operation, j, part: part.swapaxes(-1, -2))))


Slope = Callable[[Any, Any], Any]  # of a function of single numbers, from x and y

SLOPES: dict[str, Slope] = {
    "1": lambda x, y: 1 + 0 * y,
    "y": lambda x, y: y,
    "1 - y": lambda x, y: 1 - y,
    "1 - y^2": lambda x, y: 1 - y * y,
    "y (1 - y)": lambda x, y: y * (1 - y),
    "x": lambda x, y: x,
    "1 - x": lambda x, y: 1 - x,
    "1 - x^2": lambda x, y: 1 - x * x,
    "x (1 - x)": lambda x, y: x * (1 - x),
    "1 / x": lambda x, y: 1 / x,
    "1 / y": lambda x, y: 1 / y,
}
RIGHT_SLOPES = {"tanh": "1 - y^2", "exp": "y", "log": "1 / x"}


def other_slope(forward: Forward) -> Mistakes:
    """Another derivative of a function of single numbers: those that NumPy has, and sigmoids however written."""
    for way in _functions(forward):
        name, place = forward.first(way).name, forward.place(way)
        right = RIGHT_SLOPES.get(name, "y (1 - y)")
        for text, slope in SLOPES.items():
            if text == right or (name not in RIGHT_SLOPES and "x" in text):
                continue
            words = f"the slope of {place} is forgotten"
            if text != "1":
                words = f"the slope of {place} is taken as {text}, where {right} belongs"
            yield Mistake(words, everywhere(way.edges, changed(_times(slope, SLOPES[right]))))
        if right in ("1 - y^2", "y (1 - y)"):
            again = np.tanh if right == "1 - y^2" else lambda y: 1 / (1 + np.exp(-y))
            words = f"the slope of {place} is taken at its result, as if it were what it reads"
            twice = lambda x, y, again=again, right=right: SLOPES[right](x, again(y))  # noqa: E731
            yield Mistake(words, everywhere(way.edges, changed(_times(twice, SLOPES[right]))))
        for text, arrays in itertools.islice(forward.instead_of(way, None) if "x" not in right else (), MOST_INSTEAD):
            words = f'the slope of {place}, {right}, is taken at y = "{text}"'
            yield Mistake(words, everywhere(way.edges, changed(_at(arrays, SLOPES[right]))))


def _functions(forward: Forward) -> Iterator[Way]:
    """The ways through tanh, exp and log, and those whose result is the sigmoid of something."""
    for way in forward.every_way:
        operation = forward.first(way)
        result = operation.result
        if result.size < 2 or operation.operands[way.j].shape != result.shape:
            continue
        is_visible = operation.name in RIGHT_SLOPES and forward.is_shown(operation)
        if is_visible or forward.is_sigmoid(operation):
            yield way


def _times(slope: Slope, right: Slope) -> Change:
    def change(operation: Operation, j: int, part: np.ndarray) -> np.ndarray:
        x, y = operation.operands[j], operation.result
        return np.asarray(part * (slope(x, y) / right(x, y)))

    return change


def _at(arrays: dict[int, np.ndarray], slope: Slope) -> Change:
    def change(operation: Operation, j: int, part: np.ndarray) -> np.ndarray:
        return np.asarray(part * (slope(None, arrays[operation.number]) / slope(None, operation.result)))

    return change


def other_array(forward: Forward) -> Mistakes:
    """A product with another array of the same shape, or with that of the step before or after."""
    for way in forward.ways:
        operation = forward.first(way)
        found = other_factor(operation, way.j)
        if found is None or found[0] != "factor" or len(operation.operands) != 2:
            continue
        other, place = forward.argument(way, found[1]), forward.place(way)
        if len(way.edges) > 1:
            for by, words in ((1, "next step"), (-1, "step before")):
                arrays = forward.of_other_step(way, 1 - way.j, by)
                yield Mistake(f"{other} in {place} is that of the {words}", everywhere(way.edges, with_others(arrays)))
        for text, arrays in itertools.islice(forward.instead_of(way, 1 - way.j), MOST_INSTEAD):
            words = f'on the way back through {place} "{text}" is taken for {other}'
            yield Mistake(words, everywhere(way.edges, with_others(arrays)))


def factors_exchanged(forward: Forward) -> Mistakes:
    """Two products of the same array have their second factors exchanged."""
    for ways in forward.forks:
        for one, two in itertools.combinations(ways, 2):
            pairs = forward.pairs(one, two)
            if not pairs or not all(_have_like_factors(a, b, one.j, two.j) for a, b in pairs):
                continue
            others = {a.number: b.operands[1 - two.j] for a, b in pairs}
            others |= {b.number: a.operands[1 - one.j] for a, b in pairs}
            words = f"on the way back the factors of {forward.place(one)} and {forward.place(two)} are exchanged"
            yield Mistake(words, everywhere([*one.edges, *two.edges], with_others(others)))


def _have_like_factors(a: Operation, b: Operation, j: int, k: int) -> bool:
    if not (a.name == b.name in BILINEAR and j == k and len(a.operands) == len(b.operands) == 2):
        return False
    return a.operands[1 - j].shape == b.operands[1 - k].shape
