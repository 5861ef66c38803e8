"""Derivatives of arrays by arrays, with few evaluations: products of a given dL/dy with dy/da.

If slice k of y along an axis depends only on slice k of a, one entry of every slice moves at a time, else a single
entry: in Dense one input of all rows, or one row of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ._differentiation import EPS, Differentiation, largest
from ._progress import told

Output = Callable[[Any, Any], np.ndarray]  # (offset, entries that it is added to) -> y
Change = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (entries, direction of them) -> derivative of y
Total = Callable[[np.ndarray], Any]  # of numbers like y, what belongs to each of the entries that move


@dataclass(frozen=True)
class Form:
    """sum(dy * output), as a function of one array a.

    spread  dy is uncertain: it lies between dy - spread and dy + spread, because of kinks further on
    axis    0 or -1: slice k of y along it may depend only on slice k of a
    """

    output: Output
    a: np.ndarray
    dy: np.ndarray
    spread: np.ndarray
    axis: int


@dataclass(frozen=True)
class Bracket:
    """The range of the derivatives by some entries, if those that depend on the side may have any value in between.

    center, radius  they lie between center - radius and center + radius
    noise           how far rounding may move both
    """

    center: np.ndarray
    radius: np.ndarray
    noise: np.ndarray


def exactly(dy: np.ndarray) -> Bracket:
    """The bracket of numbers that are known."""
    return Bracket(dy, np.zeros(dy.shape), np.zeros(dy.shape))


def moved(a: np.ndarray, offset: Any, chosen: Any) -> np.ndarray:
    """The array with an offset added to the chosen entries, numbered as in one long row."""
    flat = a.astype(np.result_type(a, offset)).ravel()
    flat[chosen] += offset
    return flat.reshape(a.shape)


def vjp(
    f: Output, a: np.ndarray, dy: np.ndarray, method: Differentiation, axis: int, entries: np.ndarray | None = None
) -> np.ndarray:
    """dL/da, or a vector of some of its entries, from dy = dL/dy, where y = f(offset, chosen entries of a)."""
    wanted, flat, found = _wanted(a, entries), a.ravel(), np.empty(a.size)

    def change(chosen: np.ndarray, direction: np.ndarray) -> np.ndarray:
        scale = max(1.0, largest(flat[chosen]))
        return np.asarray(method.derivative(lambda offset: f(offset, chosen), direction, scale))

    for chosen, direction, total in _moves(change, a, axis, wanted):
        found[chosen] = total(dy * change(chosen, direction))
    return found.reshape(a.shape) if entries is None else found[wanted]


def bracket(form: Form, step: float, entries: np.ndarray | None = None) -> Bracket:
    """The range of dL/da, from the derivatives of y on both sides.

    Each output y_k has a left and a right derivative. A kink of y_k allows all derivatives between these two, whatever
    the others are: those of the sum lie in the sum of the intervals, also where left and right derivative of the sum
    do not show that, because its kinks open to different sides.
    """
    a, dy, spread = form.a, form.dy, form.spread
    wanted, flat, n = _wanted(a, entries), a.ravel(), a.size
    center, radius, noise = np.empty(n), np.empty(n), np.empty(n)
    y = np.asarray(form.output(0.0, wanted[:1]))
    rounding = 8 * EPS * float(np.abs(dy * y).sum())

    def change(chosen: np.ndarray, direction: np.ndarray) -> np.ndarray:
        h = step * max(1.0, largest(flat[chosen]))
        before, after = (form.output(side * h * direction, chosen) for side in (-1, 1))
        return np.asarray(after - before) / (2 * h)

    for chosen, direction, total in _moves(change, a, form.axis, wanted):
        h = step * max(1.0, largest(flat[chosen]))
        left, right = sides(partial(_output, form, chosen), y, direction, h)
        slope, gap = (left + right) / 2, np.abs(right - left) / 2
        center[chosen] = total(dy * slope)
        radius[chosen] = total((np.abs(dy) + spread) * gap + spread * np.abs(slope))
        noise[chosen] = rounding / h
    if entries is None:
        return Bracket(*(found.reshape(a.shape) for found in (center, radius, noise)))
    return Bracket(center[wanted], radius[wanted], noise[wanted])


def bracket_along(form: Form, direction: np.ndarray, step: float) -> Bracket:
    """The same along one direction of all entries together."""
    y, everything = np.asarray(form.output(np.zeros(direction.shape), slice(None))), slice(None)
    left, right = sides(partial(_output, form, everything), y, direction, step)
    slope, gap = (left + right) / 2, np.abs(right - left) / 2
    radius = float(((np.abs(form.dy) + form.spread) * gap + form.spread * np.abs(slope)).sum())
    noise = 8 * EPS * float(np.abs(form.dy * y).sum()) / step
    return Bracket(np.array([(form.dy * slope).sum()]), np.array([radius]), np.array([noise]))


def _output(form: Form, chosen: Any, offset: Any) -> np.ndarray:
    return form.output(offset, chosen)


def sides(f: Callable[[Any], Any], y: np.ndarray, direction: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right derivative of f along a direction, y = f(0): (4 f(h) - f(2 h) - 3 f(0)) / 2 h.

    The slopes over h and over 2 h are extrapolated to 0, so that the error is of the order h^2.
    """
    left, right = (
        side * (4 * np.asarray(f(side * h * direction)) - f(side * 2 * h * direction) - 3 * y) / (2 * h)
        for side in (-1, 1)
    )
    return np.asarray(left), np.asarray(right)


def _wanted(a: np.ndarray, entries: np.ndarray | None) -> np.ndarray:
    return np.arange(a.size) if entries is None else entries


def _moves(
    change: Change, a: np.ndarray, axis: int, wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, Total]]:
    """Yield entries to move together until all wanted ones have moved, with their direction."""
    n = a.shape[axis]
    slices = _by_slice(np.arange(a.size).reshape(a.shape), axis).reshape(n, -1)
    if _are_independent(change, slices, axis):
        one_of_each, is_wanted = np.ones(n), np.zeros(a.size, bool)
        is_wanted[wanted] = True

        def by_slice(products: np.ndarray) -> np.ndarray:
            return np.asarray(_by_slice(products, axis).reshape(n, -1).sum(axis=1))

        for chosen in told(slices.T[is_wanted[slices].any(axis=0)], "derivatives"):
            yield chosen, one_of_each, by_slice
    else:
        one = np.ones(1)
        for k in told(range(len(wanted)), "derivatives"):
            yield wanted[[k]], one, np.sum


def _by_slice(array: np.ndarray, axis: int) -> np.ndarray:
    """The array with its first or last axis first."""
    return array if axis == 0 else array.T


def _are_independent(change: Change, slices: np.ndarray, axis: int) -> bool:
    """True if slice k of the outputs depends only on slice k of the inputs, for all k.

    Two numbers differ in some bit, so it is enough to move, for each bit, the slices whose number has it.
    """
    n = len(slices)
    if n == 1:
        return True
    step = np.random.default_rng(4).standard_normal(slices.shape)
    together = _by_slice(change(slices.ravel(), step.ravel()), axis)
    if len(together) != n:
        return False
    for bit in range((n - 1).bit_length()):
        has_bit = (np.arange(n) >> bit) & 1 == 1
        alone = _by_slice(change(slices[has_bit].ravel(), step[has_bit].ravel()), axis)
        if alone[~has_bit].any() or not np.array_equal(alone[has_bit], together[has_bit]):
            return False
    return True
