"""What a wrong gradient looks like, in words. Each cause is a fit that holds in every entry; where none does, the cause
is unknown.

Causes are sought where the mistake is made: in the one layer (or the loss) whose backward is wrong, run alone on random
numbers, so that nothing else blurs them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .functions import OFTEN, LayerFunction, LossFunction, PenaltyFunction

CLOSE = {"complex": 1e-9, "central": 1e-6}


@dataclass
class Evidence:
    """A claimed gradient that is not the slope, under its name; what can be counted; how closely a fit must hold."""

    name: str
    claimed: np.ndarray
    slope: np.ndarray
    counts: dict[str, int]
    close: float

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether two arrays are the same, up to rounding."""
        return a.shape == b.shape and _length(a - b) <= self.close * max(_length(a), _length(b))

    def claims(self, other: np.ndarray) -> bool:
        """Whether the claimed gradient is this one instead of the slope."""
        return self.same(self.claimed, other) and not self.same(self.slope, other)

    def factor(self, a: np.ndarray, b: np.ndarray) -> float | None:
        """The r with a = r b in every entry, or None."""
        square = float(np.sum(b * b))
        if square == 0 or not np.isfinite(a).all():
            return None
        r = float(np.sum(a * b)) / square
        # a factor close to 1, or to 0, must explain nearly all of what little there is to explain
        most = min(1e-3 * abs(r - 1), 1e-3 * abs(r), 10 * self.close)
        return r if _length(a - r * b) <= most * math.sqrt(square) else None

    @property
    def off(self) -> np.ndarray:
        """Which entries are wrong."""
        least = self.close * np.abs(self.slope).max(initial=0.0)
        return ~np.isclose(self.claimed, self.slope, rtol=self.close, atol=1e-3 * least)


@dataclass
class LayerEvidence(Evidence):
    """The gradient of a layer's parameter, or of its input x (path "input"), where sum(dy * y) was differentiated."""

    function: LayerFunction
    path: str
    method: str


def of_layer(function: LayerFunction, path: str, method: str) -> str | None:
    """What is wrong with one gradient of a layer."""
    part = function.parts[path]
    claimed = function.gradient(function.point)[part.slice].reshape(part.shape)
    slope = function.all_slopes(function.point, path, method)
    name = "dL/dx" if path == "input" else path
    evidence = LayerEvidence(name, claimed, slope, _counts(function), CLOSE[method], function, path, method)
    return _first(OF_INPUT if path == "input" else OF_PARAMETER, evidence)


def of_loss(function: LossFunction | PenaltyFunction, name: str, method: str) -> str | None:
    """What is wrong with the slopes of a loss or the gradient of a penalty."""
    path, part = next(iter(function.parts.items()))
    claimed = function.gradient(function.point).reshape(part.shape)
    slope = function.all_slopes(function.point, path, method)
    if isinstance(function, LossFunction):
        counts, weights = {"rows": part.shape[0], "outputs": part.shape[1]}, function.weights
    else:
        counts, weights = {"rows": function.m}, None
    evidence = Evidence(name, claimed, slope, counts, CLOSE[method])
    if weights is not None and evidence.same(claimed * weights[:, None], slope):
        return f"{name} is that of unweighted rows: the weights are forgotten"
    return _first(OF_LOSS, evidence)


def _first(fits: tuple[Callable[[Any], str | None], ...], evidence: Evidence) -> str | None:
    with np.errstate(all="ignore"):  # what is claimed may be NaN
        return next((said for fit in fits if (said := fit(evidence))), None)


def _counts(function: LayerFunction) -> dict[str, int]:
    rows, *features = function.x_shape
    outputs = function.cotangent.shape[1:]
    counts = {"rows": rows, "features": math.prod(features)}
    if outputs != tuple(features):
        counts["outputs"] = math.prod(outputs)
    return counts


def _length(a: np.ndarray) -> float:
    return float(np.linalg.norm(a))


def _not_the_same_twice(e: LayerEvidence) -> str | None:
    f, once = e.function, e.function.outputs(e.function.point)
    if all(np.array_equal(once, f.outputs(f.point), equal_nan=True) for _ in range(OFTEN)):
        return None
    return "forward is not the same twice from one state: does it draw from another generator than self.rng?"


# ---- one factor everywhere


def _zero(e: Evidence) -> str | None:
    if not e.claimed.any() and e.slope.any():
        return f"{e.name} = 0 everywhere: it was never written, or multiplied by a zero"
    return None


def _keep_rate(e: LayerEvidence) -> str | None:
    r = e.factor(e.claimed, e.slope)
    rates = [getattr(inner, "rate", None) for _, inner in e.function.layer.walk()]
    for keep in [1 - rate for rate in rates if isinstance(rate, float) and 0 < rate < 1]:
        for value, words in ((keep, f"{keep:g}"), (1 / keep, f"1 / {keep:g}"), (keep**2, f"{keep:g}^2")):
            if r is not None and abs(r / value - 1) < e.close:
                why = f"{keep:g} is the keep rate of dropout: scale backward like forward"
                return f"{e.name} = {words} x slope everywhere, and {why}"
    return None


def _factor(e: Evidence) -> str | None:
    r = e.factor(e.claimed, e.slope)
    if r is None:
        return None
    if abs(r + 1) < e.close:
        return f"{e.name} = -slope everywhere: the sign is flipped"
    for words, count in _products(e.counts):
        if abs(r * count - 1) < e.close:
            return f"{e.name} = slope / {count} everywhere, and {count} = {words}: a mean where a sum belongs"
        if abs(r / count - 1) < e.close:
            why = f"a sum where a mean belongs (1/{count} missing)"
            return f"{e.name} = {count} x slope everywhere, and {count} = {words}: {why}"
    if e.slope.size == 1 and min(abs(r - 2), abs(r - 0.5)) > e.close:
        return None  # a single number always has a factor
    return f"{e.name} = {r:.9g} x slope everywhere: a constant factor too {'much' if abs(r) > 1 else 'little'}"


def _products(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    items = [(f"{count} {name}", count) for name, count in counts.items() if count > 1]
    yield from items
    for (first, one), (second, other) in itertools.combinations(items, 2):
        yield f"{first} x {second}", one * other


# ---- parameters


def _not_written(e: LayerEvidence) -> str | None:
    """Before every pass grad is filled with NaN, so what is NaN was not written, or was added to."""
    if np.isfinite(e.claimed).all():
        return None
    first, second = e.function.twice_backward(e.path)
    if not first.any():
        return f"{e.name} is never written: backward must set {e.name.split('/')[-1]}.grad"
    if e.same(second, 2 * first):
        return f"{e.name} is added to what was there before (+=): backward must set gradients, not add to them"
    return None


def _penalty_inside(e: LayerEvidence) -> str | None:
    w = e.function.value_of(e.path)
    r = None if w.size == 1 else e.factor(e.claimed - e.slope, w)
    if r is not None and abs(r) > e.close:
        why = "a penalty inside backward, where only the loss's own belongs"
        return f"{e.name} - slope = {r:.6g} x {e.name} everywhere: {why}"
    return None


def _swapped(e: LayerEvidence) -> str | None:
    others = {path: part for path, part in e.function.parts.items() if path not in (e.path, "input")}
    for path, part in others.items():
        if part.shape == e.claimed.shape and e.claims(e.function.all_slopes(e.function.point, path, e.method)):
            return f"{e.name} has the gradient of {path}"
    return None


def _sum_of_dy(e: LayerEvidence) -> str | None:
    """A vector that is some sum of dy itself."""
    dy = e.function.cotangent
    if e.claimed.ndim != 1 or dy.ndim != 2:
        return None
    if e.claims(np.full(e.claimed.shape, e.slope.sum())):
        return f"{e.name} has the sum over rows and columns in every entry: sum over the rows alone (axis 0)"
    for row, words in ((0, "first"), (-1, "last")):
        if e.claims(dy[row]):
            return f"{e.name} is dy of the {words} row alone: sum dy over all rows (axis 0)"
    if e.claims(dy.sum(axis=1)):
        return f"{e.name} is dy summed over the columns: sum it over the rows (axis 0)"
    if e.claims(dy.sum(axis=0)):
        return f"{e.name} is dy summed over the rows: what forward does after adding {e.name} is forgotten"
    return None


# ---- inputs


def _dy_passed_on(e: LayerEvidence) -> str | None:
    if not e.claims(e.function.cotangent):
        return None
    if (e.slope == 0).any():
        return "dL/dx = dy: backward lets the whole gradient through; the mask (or slope) of forward is forgotten"
    return "dL/dx = dy: backward returns its argument, the slope of forward is forgotten"


def _beside_dy(e: LayerEvidence) -> str | None:
    """For y = x + f(x), where dL/dx is dy and something more."""
    dy = e.function.cotangent
    if e.claimed.shape != dy.shape or (e.slope == 0).any():
        return None
    if e.claims(e.slope - dy):
        return "dL/dx lacks dy itself: the residual's own x is forgotten (dx = dy + ...)"
    if e.claims(e.slope + dy):
        return "dL/dx has dy once too often (dx = dy + ...)"
    if e.claims(dy - (e.slope - dy)):
        return "dL/dx is dy minus what should be added to it (dx = dy + ...)"
    return None


def _mask(e: LayerEvidence) -> str | None:
    """A gradient that is 0 in the wrong places."""
    zeros, lost = e.slope == 0, (e.claimed == 0) & (e.slope != 0)
    if e.claimed.shape != e.function.cotangent.shape or zeros.all():
        return None
    if zeros.any() and e.claimed[zeros].any() and e.factor(e.claimed[~zeros], e.slope[~zeros]) is not None:
        return "dL/dx is not 0 where the output does not depend on the input: the mask of forward is forgotten"
    common = (e.claimed != 0) & ~zeros
    if zeros.any() and common.any() and e.same(e.claimed[common], e.slope[common]):
        return "dL/dx has its zeros in other places than the slope: the mask of backward is not that of forward"
    if lost.any() and e.same(e.claimed[~lost], e.slope[~lost]):
        return "dL/dx is 0 in entries where the slope is not: the mask of backward is not that of forward"
    return None


def _not_returned(e: LayerEvidence) -> str | None:
    """What is no dL/dx of the shape of x stands as NaN here."""
    return "dL/dx has no number in it: backward must return dL/dx" if np.isnan(e.claimed).all() else None


def _another_slope(e: LayerEvidence) -> str | None:
    """What people write for the slope of an elementwise function."""
    dy, x, y = e.function.cotangent, e.function.value_of("input"), e.function.outputs(e.function.point)
    if not e.claimed.shape == dy.shape == x.shape:
        return None
    written = {"x": x, "y": y, "1 - y": 1 - y, "1 - y^2": 1 - y**2, "y (1 - y)": y * (1 - y)}
    for words, slope in written.items():
        if e.claims(dy * slope):
            return f"dL/dx = dy * ({words}): that is not the slope of forward"
        if e.claims(slope):
            return f"dL/dx = {words}: dy is forgotten"
    if e.slope.all() and e.claims(dy * dy / e.slope):
        return "dL/dx = dy / slope: divided where a product belongs"
    return None


def _kernel_not_transposed(e: LayerEvidence) -> str | None:
    dy = e.function.cotangent
    for path in e.function.params:
        W = e.function.value_of(path)
        if W.ndim == dy.ndim == 2 and dy.shape[1] == len(W) and e.claims(dy @ W):
            return f"dL/dx = dy @ {path}: its transpose belongs there"
    return None


def _statistics(e: LayerEvidence) -> str | None:
    """What is missing lies, along one axis, in the span of 1 and x: the ways through mean and deviation."""
    x = e.function.value_of("input")
    if x.ndim != 2:
        return None
    missing = e.claimed - e.slope
    for axis, words in ((0, "rows"), (1, "features")):
        if x.shape[axis] < 4:
            continue
        rest = missing - missing.mean(axis=axis, keepdims=True)
        if _length(rest) <= e.close * _length(missing):
            return f"dL/dx - slope is the same for all {words}: what goes through their mean is forgotten"
        centred = x - x.mean(axis=axis, keepdims=True)
        along = (rest * centred).sum(axis=axis, keepdims=True) / (centred**2).sum(axis=axis, keepdims=True)
        if _length(rest - along * centred) <= e.close * _length(missing):
            also = "" if _length(missing - rest) <= e.close * _length(missing) else "mean and "
            return (
                f"dL/dx - slope is linear in x over the {words}: what goes through their {also}deviation is forgotten"
            )
    return None


# ---- places and shapes


def _absolute(e: Evidence) -> str | None:
    return f"{e.name} = |slope|: its signs are lost" if e.claims(np.abs(e.slope)) else None


def _transposed(e: Evidence) -> str | None:
    if e.claimed.ndim != 2 or min(e.claimed.shape) < 2:
        return None
    if e.claims(e.slope.T):
        return f"{e.name} is the transpose of the slope"
    if e.claims(e.slope.T.reshape(e.slope.shape)):
        return f"{e.name} is the transpose of the slope, reshaped"
    return None


def _broadcast(e: Evidence) -> str | None:
    if e.claimed.ndim == 2 and len(e.claimed) > 1:
        for words, value in (("sum", e.slope.sum(axis=0)), ("mean", e.slope.mean(axis=0))):
            if e.claims(np.broadcast_to(value, e.slope.shape)):
                return f"{e.name} has the {words} over rows in every row: it is broadcast over the batch"
    return None


def _moved(e: Evidence) -> str | None:
    for axis in range(e.slope.ndim):
        for by in (1, -1):
            if e.claims(np.roll(e.slope, by, axis)):
                return f"{e.name} is the slope moved by {by} along axis {axis}"
        if e.claims(np.flip(e.slope, axis)):
            return f"{e.name} is the slope turned round along axis {axis}"
    return None


def _one_side(e: LayerEvidence) -> str | None:
    """Wrong on one side of x = 0 alone."""
    x, off = e.function.value_of("input"), e.off
    if x.size < 8 or not off.any():
        return None
    for words, side in (("< 0", x < 0), ("> 0", x > 0)):
        if (off == side & ((e.slope != 0) | (e.claimed != 0))).all():
            r = e.factor(e.claimed[off], e.slope[off])
            fit = "is wrong" if r is None else f"= {r:.9g} x slope"
            return f"dL/dx {fit} where x {words}, and right elsewhere: look at that branch of forward"
    return None


def _lines(e: Evidence) -> str | None:
    """A few whole rows or columns that are wrong."""
    if e.claimed.ndim != 2:
        return None
    for lines, words in ((e.off, "rows"), (e.off.T, "columns")):
        wrong = np.asarray(lines.any(axis=1))
        if 0 < 2 * wrong.sum() < len(wrong) and lines[wrong].all():
            return f"{e.name} is wrong in {words} {_listed(np.flatnonzero(wrong))} alone; the others are right"
    return None


def _entries(e: Evidence) -> str | None:
    """A few entries that are wrong."""
    if not 0 < e.off.sum() <= min(3, e.off.size // 4):
        return None
    entries = _listed([int(i) for i in place] for place in np.argwhere(e.off))
    return f"{e.name} is wrong in entries {entries} alone; the others are right"


def _listed(numbers: Iterable[Any]) -> str:
    return ", ".join(str(number) for number in itertools.islice(numbers, 5))


def _stale(e: LayerEvidence) -> str | None:
    before = e.function.all_slopes(e.function.other(e.function.point), e.path, e.method)
    if e.claims(before):
        return f"{e.name} is that of the step before: it comes from numbers that forward did not renew"
    return None


def _coarse(e: Evidence) -> str | None:
    if 2 * e.off.sum() > e.off.size and _length(e.claimed - e.slope) < 3e-7 * _length(e.slope):
        return f"{e.name} agrees with the slope to seven digits: something is computed in float32"
    return None


OF_PARAMETER = (
    _not_the_same_twice, _not_written, _zero, _keep_rate, _factor, _penalty_inside, _swapped, _sum_of_dy,
    _absolute, _transposed, _broadcast, _moved, _lines, _entries, _coarse, _stale,
)  # fmt: skip
OF_INPUT = (
    _not_the_same_twice, _not_returned, _zero, _keep_rate, _factor, _dy_passed_on, _beside_dy, _another_slope,
    _kernel_not_transposed, _lines, _mask, _statistics, _one_side, _absolute, _transposed, _broadcast, _moved,
    _entries, _coarse, _stale,
)  # fmt: skip
OF_LOSS = (_zero, _factor, _absolute, _transposed, _broadcast, _moved, _lines, _entries)
