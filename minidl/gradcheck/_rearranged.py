"""Wrong gradients that are right ones of something rearranged: flipped, with axes exchanged, moved, or cut elsewhere.

The derivative itself may be rearranged, or what it is made of: dy, x or a parameter. For these no rearranged gradient
is computed entry by entry: that a claimed gradient equals it along random directions is enough.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from ._chain_subject import INPUT
from ._evidence import Evidence
from ._layer_subject import LayerSubject

MOST_AXES = 5  # of an array whose axes are tried in every order
RUN_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)  # of a layer with unfit settings
Table = Iterator[tuple[str, Any]]


def axes_named(axes: Iterable[int]) -> str:
    """Return "axis 1", or "axes 0, 1 and 2"."""
    *others, last = map(str, axes)
    return f"axes {', '.join(others)} and {last}" if others else f"axis {last}"


def subsets(axes: Iterable[int]) -> list[tuple[int, ...]]:
    """Return the non-empty subsets, small ones first."""
    axes = tuple(axes)
    return [chosen for n in range(1, len(axes) + 1) for chosen in itertools.combinations(axes, n)]


def rearranged(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (words, array of the same shape) for each way to rearrange an array, equal ones together."""
    found = dict[bytes, tuple[str, np.ndarray]]()
    for words, value in itertools.chain(_flipped(a), _turned(a), _reordered(a), _rolled(a)):
        key = value.tobytes()
        found[key] = f"{found[key][0]}, or {words}" if key in found else words, value
    found.pop(a.tobytes(), None)
    yield from found.values()


def _flipped(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for axes in subsets(axis for axis, n in enumerate(a.shape) if n > 1):
        turned = " (turned by 180 degrees)" if len(axes) == 2 else ""
        yield f"in reverse order along {axes_named(axes)}{turned}", np.flip(a, axes)


def _turned(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for axes in itertools.combinations(range(a.ndim), 2):
        if a.shape[axes[0]] == a.shape[axes[1]] > 1:
            for times, degrees in ((1, 90), (3, 270)):
                yield f"turned by {degrees} degrees in {axes_named(axes)}", np.rot90(a, times, axes)


def _reordered(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    axes = [axis for axis, n in enumerate(a.shape) if n > 1]
    if len(axes) > MOST_AXES:
        return
    for places in itertools.permutations(axes):
        order = list(range(a.ndim))
        for axis, place in zip(axes, places, strict=True):
            order[axis] = place
        turned = a.transpose(order)
        moved = [axis for axis, place in enumerate(order) if axis != place]
        words = (
            f"with {axes_named(moved)} exchanged" if len(moved) == 2 else f"with its axes in the order {tuple(order)}"
        )
        if turned.shape == a.shape:
            yield words, turned
        else:
            yield f"{words}, reshaped", turned.reshape(a.shape)
            back = a.reshape(turned.shape).transpose(np.argsort(order))
            yield f"reshaped to {turned.shape} and its axes put back", back


def _rolled(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for axis, n in enumerate(a.shape):
        for by in (1, -1) if n > 2 else (1,):
            yield f"moved by {by} along axis {axis}", np.roll(a, by, axis)


def of_derivative(e: Evidence) -> Table:
    """The claimed gradient is the derivative, rearranged."""
    for words, value in rearranged(e.derivative):
        yield f"{e.name} is the derivative {words}", value


def broadcast(e: Evidence) -> Table:
    """The claimed gradient has a sum or a mean of the derivative over some axes in every entry along them."""
    d = e.derivative
    for axes in subsets(axis for axis, n in enumerate(d.shape) if n > 1):
        along = axes_named(axes)
        for word, value in (("sum", d.sum(axis=axes, keepdims=True)), ("mean", d.mean(axis=axes, keepdims=True))):
            sentence = f"{e.name} has the {word} over {along} in every entry along {'it' if len(axes) == 1 else 'them'}"
            yield sentence, np.broadcast_to(value, d.shape)


def of_dy(e: Evidence) -> Table:
    """The claimed gradient is right for a rearranged dy, or for dy with some entries alone."""
    if e.dy.ndim > 1:
        for words, dy in rearranged(e.dy):
            yield f"{e.name} is right for dy {words}: not for dy itself", e.claims_products(dy, e.own_changes)
        for words, dy in _one_of(e.dy):
            yield f"{e.name} is right for dy of {words} alone: sum over all", e.claims_products(dy, e.own_changes)


def _one_of(dy: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield dy with zeros everywhere but in its first or last row, position, ..."""
    positions = tuple(range(1, dy.ndim - 1))
    position = "step" if dy.ndim == 3 else "position"
    names = {positions: position, (0, *positions): f"row and {position}", (0,): "row"}
    for axes in subsets(axis for axis, n in enumerate(dy.shape) if n > 1):
        for word, place in (("first", 0), ("last", -1)):
            index = tuple(place if axis in axes else slice(None) for axis in range(dy.ndim))
            kept = np.zeros(dy.shape)
            kept[index] = dy[index]
            yield f"the {word} {names.get(axes, f'entry along {axes_named(axes)}')}", kept


def of_arguments(e: Evidence) -> Table:
    """The claimed gradient is right for another parameter or input."""
    for path, part in e.subject.parts.items():
        if path == e.path:
            continue
        array, name = part.of(e.subject.point), "x" if path == INPUT else path
        others = itertools.chain(rearranged(array), _pushed(array) if path == INPUT else [("= 1", np.ones(part.shape))])
        for words, value in others:
            v = e.subject.point.copy()
            v[part.slice] = value.ravel()
            why = f"{path} is forgotten" if words == "= 1" else f"not for {name} itself"
            yield f"{e.name} is right for {name} {words}: {why}", e.claims_products(e.dy, e.changes(v))


def _pushed(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield images moved by up to two pixels, with zeros behind: padded at other ends."""
    for by in itertools.product(range(-2, 3), repeat=a.ndim - 2):
        if any(by):
            yield f"moved by {_number(by)} along {axes_named(range(1, a.ndim - 1))}", _placed(a, a.shape, by)


def of_setting(e: Evidence) -> Table:
    """The claimed gradient is that of the layer with 1 for a setting, as strides, and the same dy at some place."""
    for setting in fields(e.subject.layer):
        value = getattr(e.subject.layer, setting.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(type(n) is int and n >= 1 for n in numbers) or all(n == 1 for n in numbers):
            continue
        one = (1,) * len(value) if isinstance(value, tuple) else 1
        try:
            holds = _is_that_of(e, e.subject.with_setting(setting.name, one))
        except RUN_ERRORS:
            continue
        yield f"{e.name} is that of the layer with {setting.name} = 1: backward forgets {setting.name}", holds


def _is_that_of(e: Evidence, other: LayerSubject | None) -> bool:
    """True if the claimed gradient is that of another layer, which may have fewer or more positions."""
    if other is None or other.rows.y.ndim != e.dy.ndim:
        return False
    changes = list(e.changes(subject=other))
    places = itertools.product(range(-4, 5), repeat=min(e.dy.ndim - 2, 2))
    return any(e.claims_products(_placed(e.dy, other.rows.y.shape, by), changes) for by in places)


def _placed(a: np.ndarray, shape: tuple[int, ...], by: tuple[int, ...]) -> np.ndarray:
    """The array in another shape, its middle axes moved, zeros around it; what does not fit in is cut off."""
    found, by = np.zeros(shape), (0, *by, *(0,) * (a.ndim - 1 - len(by)))
    ends = [min(n, k - move) for n, k, move in zip(a.shape, shape, by, strict=True)]
    source = tuple(slice(max(-move, 0), max(end, 0)) for move, end in zip(by, ends, strict=True))
    part = a[source]
    found[tuple(slice(max(move, 0), max(move, 0) + n) for move, n in zip(by, part.shape, strict=True))] = part
    return found


def cut_elsewhere(e: Evidence) -> Table:
    """The claimed dx has the right numbers at other places: padding is cut off at the wrong end, or not at all."""
    d = e.derivative
    spatial = range(1, d.ndim - 1)
    reach = [range(-(d.shape[axis] // 2), d.shape[axis] // 2 + 1) for axis in spatial]
    why = "cut padding off, or add it, at the end where forward does the opposite"
    for by in itertools.product(*reach):
        before, after = _overlap(by, -1), _overlap(by, 1)
        if any(by) and not e.same(d[before], d[after]) and _varies(d[before], by):
            sentence = f"dL/dx is the derivative moved by {_number(by)} along {axes_named(spatial)}: {why}"
            yield sentence, e.same(e.claimed[after], d[before])


def _overlap(by: tuple[int, ...], sign: int) -> tuple[slice, ...]:
    """The part of an array that is inside it before (sign -1) or after (1) it is moved."""
    inner = [slice(max(sign * n, 0), min(sign * n, 0) or None) for n in by]
    return (slice(None), *inner)


def _varies(d: np.ndarray, by: tuple[int, ...]) -> bool:
    """True if numbers differ along all axes along which they are moved, so that a move shows."""
    return all(np.ptp(d, axis=axis).any() for axis, n in enumerate(by, 1) if n)


def _number(by: tuple[int, ...]) -> str:
    return str(by[0] if len(set(by)) == 1 else by)


def not_cut(e: Evidence) -> Table:
    """The array that backward returns is larger than x, and has the derivative inside."""
    dx, shape = e.subject.backward(e.dy), e.derivative.shape
    if np.ndim(dx) != len(shape) or any(n < k for n, k in zip(np.shape(dx), shape, strict=True)):
        return
    starts = [range(n - k + 1) for n, k in zip(dx.shape, shape, strict=True)]
    for start in itertools.product(*starts):
        if e.same(dx[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))], e.derivative):
            inside = f"dL/dx is inside, from {list(start[1:])} on"
            yield f"backward returns dx of shape {dx.shape} for x of shape {shape}: cut off its padding; {inside}", True
