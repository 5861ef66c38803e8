"""Describe what a wrong gradient looks like. A cause is a relation that holds in every entry; if none does, the
cause is unknown.

Causes are looked for in the one layer, or the loss, whose backward is wrong, alone on random numbers, so that nothing
else hides them. Most causes are rows of a table: (sentence, what the claimed gradient is instead of the derivative).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._chain_subject import INPUT
from ._differentiation import METHODS, Differentiation
from ._layer_subject import LayerSubject
from ._subjects import LossSubject, PenaltySubject

NOT_REPEATABLE = "forward is not the same twice from one state: does it draw from another generator than self.rng?"
Table = Iterator[tuple[str, np.ndarray]]


@dataclass
class Evidence:
    """A claimed gradient that differs from the derivative.

    name       of the gradient in sentences
    counts     numbers of rows, features, outputs
    closeness  relative difference up to which two arrays are the same
    """

    name: str
    claimed: np.ndarray
    derivative: np.ndarray
    counts: dict[str, int]
    closeness: float

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        """True if two arrays are equal up to rounding."""
        return a.shape == b.shape and _length(a - b) <= self.closeness * max(_length(a), _length(b))

    def claims(self, other: np.ndarray) -> bool:
        """True if the claimed gradient is this array, and the derivative is not."""
        return self.same(self.claimed, other) and not self.same(self.derivative, other)

    def factor(self, a: np.ndarray, b: np.ndarray) -> float | None:
        """The number r with a = r b in every entry, or None."""
        square = float(np.sum(b * b))
        if square == 0 or not np.isfinite(a).all():
            return None
        r = float(np.sum(a * b)) / square
        # a factor close to 1, or to 0, must explain nearly all of the little that there is to explain
        most = min(1e-3 * abs(r - 1), 1e-3 * abs(r), 10 * self.closeness)
        return r if _length(a - r * b) <= most * math.sqrt(square) else None

    @property
    def off(self) -> np.ndarray:
        """True where an entry is wrong."""
        least = self.closeness * np.abs(self.derivative).max(initial=0.0)
        return np.asarray(~np.isclose(self.claimed, self.derivative, rtol=self.closeness, atol=1e-3 * least))


@dataclass
class LayerEvidence(Evidence):
    """The gradient of a layer's parameter or input x, where sum(dy * y) is differentiated."""

    subject: LayerSubject
    path: str
    method: Differentiation

    def __post_init__(self) -> None:
        self.x, self.dy = self.subject.rows.x, self.subject.rows.y
        self.y = self.subject.outputs(self.subject.point)


def of_layer(subject: LayerSubject, path: str, method_name: str) -> str | None:
    """Describe what is wrong with one gradient of a layer."""
    method, part, name = METHODS[method_name], subject.parts[path], "dL/dx" if path == INPUT else path
    claimed, derivative = part.of(subject.gradient(subject.point)), subject.tensor_derivatives(path, method)
    rows, *features = subject.rows.x.shape
    outputs = subject.rows.y.shape[1:]
    counts = {"rows": rows, "features": math.prod(features)}
    if outputs != tuple(features):
        counts["outputs"] = math.prod(outputs)
    evidence = LayerEvidence(name, claimed, derivative, counts, method.closeness, subject, path, method)
    return _first(OF_INPUT if path == INPUT else OF_PARAMETER, evidence)


def of_loss(subject: LossSubject | PenaltySubject, name: str, method_name: str) -> str | None:
    """Describe what is wrong with the derivative of a loss or the gradient of a penalty."""
    ((path, part),), method = subject.parts.items(), METHODS[method_name]
    claimed, derivative = part.of(subject.gradient(subject.point)), subject.tensor_derivatives(path, method)
    if isinstance(subject, PenaltySubject):
        return _first(OF_LOSS, Evidence(name, claimed, derivative, {"rows": int(subject.m)}, method.closeness))
    counts, weights = {"rows": part.shape[0], "outputs": math.prod(part.shape[1:])}, subject.weights
    evidence = Evidence(name, claimed, derivative, counts, method.closeness)
    if weights is not None and evidence.same((claimed.T * weights).T, derivative):
        return f"{name} is that of unweighted rows: the weights are forgotten"
    return _first(OF_LOSS, evidence)


def _first(rules: Iterable[Callable[[Any], Any]], evidence: Evidence) -> str | None:
    """The sentence of the first rule that holds. A rule returns a sentence or None, or yields the rows of a table."""
    with np.errstate(all="ignore"):  # the claimed gradient may be NaN
        for rule in rules:
            found = rule(evidence)
            if found is not None and not isinstance(found, str):
                found = next((sentence for sentence, other in found if evidence.claims(other)), None)
            if found is not None:
                return str(found)
    return None


def _length(a: np.ndarray) -> float:
    return float(np.linalg.norm(a))


def _not_repeatable(e: LayerEvidence) -> str | None:
    return None if e.subject.is_repeatable else NOT_REPEATABLE


def _zero(e: Evidence) -> str | None:
    if not e.claimed.any() and e.derivative.any():
        return f"{e.name} = 0 everywhere: it was never written, or multiplied by a zero"
    return None


def _keep_rate(e: LayerEvidence) -> str | None:
    r = e.factor(e.claimed, e.derivative)
    rates = [getattr(inner, "rate", None) for _, inner in e.subject.layer.walk()]
    for keep in [1 - rate for rate in rates if isinstance(rate, float) and 0 < rate < 1]:
        for value, words in ((keep, f"{keep:g}"), (1 / keep, f"1 / {keep:g}"), (keep**2, f"{keep:g}^2")):
            if r is not None and abs(r / value - 1) < e.closeness:
                why = f"{keep:g} is the keep rate of dropout: scale backward like forward"
                return f"{e.name} = {words} x derivative everywhere, and {why}"
    return None


def _factor(e: Evidence) -> str | None:
    r = e.factor(e.claimed, e.derivative)
    if r is None:
        return None
    if abs(r + 1) < e.closeness:
        return f"{e.name} = -derivative everywhere: the sign is flipped"
    counts = {f"{count} {name}": count for name, count in e.counts.items() if count > 1}
    pairs = itertools.combinations(counts.items(), 2)
    counts |= {f"{first} x {second}": one * other for (first, one), (second, other) in pairs}
    for words, count in counts.items():
        if abs(r * count - 1) < e.closeness:
            return f"{e.name} = derivative / {count} everywhere, and {count} = {words}: a mean where a sum belongs"
        if abs(r / count - 1) < e.closeness:
            why = f"a sum where a mean belongs (1/{count} missing)"
            return f"{e.name} = {count} x derivative everywhere, and {count} = {words}: {why}"
    if e.derivative.size == 1 and min(abs(r - 2), abs(r - 0.5)) > e.closeness:
        return None  # a single number always has a factor
    return f"{e.name} = {r:.9g} x derivative everywhere: a constant factor too {'much' if abs(r) > 1 else 'little'}"


def _rearranged(e: Evidence) -> Table:
    """The derivative without signs, transposed, broadcast or moved."""
    d, name = e.derivative, e.name
    yield f"{name} = |derivative|: its signs are lost", np.abs(d)
    if d.ndim == 2 and min(d.shape) > 1:
        yield f"{name} is the transpose of the derivative", d.T
        yield f"{name} is the transpose of the derivative, reshaped", d.T.reshape(d.shape)
    if d.ndim == 2 and len(d) > 1:
        for word, value in (("sum", d.sum(axis=0)), ("mean", d.mean(axis=0))):
            sentence = f"{name} has the {word} over rows in every row: it is broadcast over the batch"
            yield sentence, np.broadcast_to(value, d.shape)
    for axis in range(d.ndim):
        for by in (1, -1):
            yield f"{name} is the derivative moved by {by} along axis {axis}", np.roll(d, by, axis)
        yield f"{name} is the derivative in reverse order along axis {axis}", np.flip(d, axis)


def _not_written(e: LayerEvidence) -> str | None:
    """Before every pass grad is filled with NaN: it stays NaN if it is not written, or if something is added to it."""
    if np.isfinite(e.claimed).all():
        return None
    first, second = e.subject.gradient_of_two_backwards(e.path)
    if not first.any():
        return f"{e.name} is never written: backward must set {e.name.split('/')[-1]}.grad"
    if e.same(second, 2 * first):
        return f"{e.name} is added to what was there before (+=): backward must set gradients, not add to them"
    return None


def _penalty_inside(e: LayerEvidence) -> str | None:
    w = e.subject.parts[e.path].of(e.subject.point)
    r = None if w.size == 1 else e.factor(e.claimed - e.derivative, w)
    if r is not None and abs(r) > e.closeness:
        why = "a penalty inside backward, where only the gradient of the loss belongs"
        return f"{e.name} - derivative = {r:.6g} x {e.name} everywhere: {why}"
    return None


def _other_sum(e: LayerEvidence) -> Table:
    """The gradient of another parameter, or for a vector some sum of dy itself."""
    for path, part in e.subject.parts.items():
        if path not in (e.path, INPUT) and part.shape == e.claimed.shape:
            yield f"{e.name} has the gradient of {path}", e.subject.tensor_derivatives(path, e.method)
    if e.claimed.ndim != 1 or e.dy.ndim != 2:
        return
    total = np.full(e.claimed.shape, e.derivative.sum())
    yield f"{e.name} has the sum over rows and columns in every entry: sum over the rows alone (axis 0)", total
    yield f"{e.name} is dy of the first row alone: sum dy over all rows (axis 0)", e.dy[0]
    yield f"{e.name} is dy of the last row alone: sum dy over all rows (axis 0)", e.dy[-1]
    yield f"{e.name} is dy summed over the columns: sum it over the rows (axis 0)", e.dy.sum(axis=1)
    why = f"what forward does after adding {e.name} is forgotten"
    yield f"{e.name} is dy summed over the rows: {why}", e.dy.sum(axis=0)


def _not_returned(e: LayerEvidence) -> str | None:
    """A dx that does not have the shape of x is recorded as NaN."""
    return "dL/dx is not an array like x: backward must return dL/dx" if np.isnan(e.claimed).all() else None


def _made_of_dy(e: LayerEvidence) -> Table:
    """Frequent mistakes in the derivative of an elementwise function, of y = x + f(x), and of a matrix product."""
    dy, x, y, d = e.dy, e.x, e.y, e.derivative
    if (d == 0).any():
        yield "dL/dx = dy: the whole gradient passes; the mask (or derivative) of forward is forgotten", dy
    yield "dL/dx = dy: backward returns its argument, the derivative of forward is forgotten", dy
    if e.claimed.shape == dy.shape and d.all():
        yield "dL/dx lacks dy itself: the x of the residual is forgotten (dx = dy + ...)", d - dy
        yield "dL/dx has dy once too often (dx = dy + ...)", d + dy
        yield "dL/dx is dy minus what should be added to it (dx = dy + ...)", 2 * dy - d
    if e.claimed.shape == dy.shape == x.shape:
        written = {"x": x, "y": y, "1 - y": 1 - y, "1 - y^2": 1 - y**2, "y (1 - y)": y * (1 - y)}
        for words, derivative in written.items():
            yield f"dL/dx = dy * ({words}): that is not the derivative of forward", dy * derivative
            yield f"dL/dx = {words}: dy is forgotten", derivative
        if d.all():
            yield "dL/dx = dy / derivative: divided where a product belongs", dy * dy / d
    for path in e.subject.params:
        W = e.subject.parts[path].of(e.subject.point)
        if W.ndim == dy.ndim == 2 and dy.shape[1] == len(W):
            yield f"dL/dx = dy @ {path}: its transpose belongs there", dy @ W


def _mask(e: LayerEvidence) -> str | None:
    """A gradient that is 0 in the wrong places."""
    zeros, lost = e.derivative == 0, (e.claimed == 0) & (e.derivative != 0)
    if e.claimed.shape != e.dy.shape or zeros.all():
        return None
    if zeros.any() and e.claimed[zeros].all() and e.factor(e.claimed[~zeros], e.derivative[~zeros]) is not None:
        return "dL/dx is not 0 where the output does not depend on the input: the mask of forward is forgotten"
    common = (e.claimed != 0) & ~zeros
    if zeros.any() and common.any() and e.same(e.claimed[common], e.derivative[common]):
        return "dL/dx has its zeros in other places than the derivative: backward and forward use different masks"
    if lost.any() and e.same(e.claimed[~lost], e.derivative[~lost]):
        return "dL/dx is 0 in entries where the derivative is not: backward and forward use different masks"
    return None


def _statistics(e: LayerEvidence) -> str | None:
    """The missing part is, along one axis, a combination of 1 and x: the paths through mean and deviation."""
    if e.x.ndim != 2:
        return None
    missing = e.claimed - e.derivative
    for axis, words in ((0, "rows"), (1, "features")):
        if e.x.shape[axis] < 4:
            continue
        rest = missing - missing.mean(axis=axis, keepdims=True)
        if _length(rest) <= e.closeness * _length(missing):
            return f"dL/dx - derivative is the same for all {words}: the path through their mean is forgotten"
        centred = e.x - e.x.mean(axis=axis, keepdims=True)
        along = (rest * centred).sum(axis=axis, keepdims=True) / (centred**2).sum(axis=axis, keepdims=True)
        if _length(rest - along * centred) <= e.closeness * _length(missing):
            also = "" if _length(missing - rest) <= e.closeness * _length(missing) else "mean and "
            why = f"the path through their {also}deviation is forgotten"
            return f"dL/dx - derivative is linear in x over the {words}: {why}"
    return None


def _one_side(e: LayerEvidence) -> str | None:
    """Wrong on one side of x = 0 alone."""
    if e.x.size < 8 or not e.off.any():
        return None
    for words, side in (("< 0", e.x < 0), ("> 0", e.x > 0)):
        if (e.off == side & ((e.derivative != 0) | (e.claimed != 0))).all():
            r = e.factor(e.claimed[e.off], e.derivative[e.off])
            fit = "is wrong" if r is None else f"= {r:.9g} x derivative"
            return f"dL/dx {fit} where x {words}, and right elsewhere: look at that branch of forward"
    return None


def _lines(e: Evidence) -> str | None:
    """A few whole rows or columns are wrong."""
    if e.claimed.ndim != 2:
        return None
    for lines, words in ((e.off, "rows"), (e.off.T, "columns")):
        wrong = np.asarray(lines.any(axis=1))
        if 0 < 2 * wrong.sum() < len(wrong) and lines[wrong].all():
            return f"{e.name} is wrong in {words} {_joined(np.flatnonzero(wrong))} alone; the others are right"
    return None


def _entries(e: Evidence) -> str | None:
    """A few entries are wrong."""
    if not 0 < e.off.sum() <= min(3, e.off.size // 4):
        return None
    entries = _joined([int(i) for i in place] for place in np.argwhere(e.off))
    return f"{e.name} is wrong in entries {entries} alone; the others are right"


def _joined(numbers: Iterable[Any]) -> str:
    """The first five of the numbers, and three dots for the others."""
    texts = [str(number) for number in itertools.islice(numbers, 6)]
    return ", ".join(texts[:5] + ["..."] * (len(texts) > 5))


def _coarse(e: Evidence) -> str | None:
    if 2 * e.off.sum() > e.off.size and _length(e.claimed - e.derivative) < 3e-7 * _length(e.derivative):
        return f"{e.name} agrees with the derivative to seven digits: something is computed in float32"
    return None


def _stale(e: LayerEvidence) -> Table:
    before = e.subject.tensor_derivatives(e.path, e.method, e.subject.other(e.subject.point))
    yield f"{e.name} is that of the step before: it uses an array that forward did not renew", before


OF_PARAMETER = (
    _not_repeatable, _not_written, _zero, _keep_rate, _factor, _penalty_inside, _other_sum, _rearranged, _lines,
    _entries, _coarse, _stale,
)  # fmt: skip
OF_INPUT = (
    _not_repeatable, _not_returned, _zero, _keep_rate, _factor, _made_of_dy, _lines, _mask, _statistics, _one_side,
    _rearranged, _entries, _coarse, _stale,
)  # fmt: skip
OF_LOSS = (_zero, _factor, _rearranged, _lines, _entries)
