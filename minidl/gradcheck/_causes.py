"""Describe what a wrong gradient looks like. A cause is a relation that holds in every entry; if none does, the
cause is unknown.

Causes are looked for in the one layer, or the loss, whose backward is wrong, alone on random numbers, so that nothing
else hides them. A rule yields rows of a table: (sentence, what the claimed gradient is instead of the derivative), or
(sentence, True if it holds).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..layers import Graph, apart
from . import _rearranged, _routing
from ._chain_subject import INPUT
from ._differentiation import METHODS
from ._evidence import Evidence, length
from ._layer_subject import LayerSubject
from ._subjects import PlainSubject

NOT_REPEATABLE = "forward is not the same twice from one state: does it draw from another generator than self.rng?"
Table = Iterator[tuple[str, Any]]
Rule = Callable[[Evidence], Table]


def of_layer(subject: LayerSubject, path: str, method: str) -> str | None:
    """Describe what is wrong with one gradient of a layer."""
    rules, name = (OF_INPUT, "dL/dx") if path == INPUT else (OF_PARAMETER, path)
    return _first(rules, Evidence(subject, path, name, METHODS[method]))


def of_loss(subject: PlainSubject, name: str, method: str) -> str | None:
    """Describe what is wrong with the derivative of a loss or the gradient of a penalty."""
    (path,) = subject.parts
    return _first(OF_LOSS, Evidence(subject, path, name, METHODS[method]))


def first_that_holds(rules: Iterable[Rule], e: Evidence) -> str | None:
    """The sentence of the first row that holds, for a function that may not be a layer."""
    return _first(map(_forgiving, rules), e)


def _forgiving(rule: Rule) -> Rule:
    """The rule as far as it can be tried: a function may have arrays of any shapes."""

    def tried(e: Evidence) -> Table:
        try:
            yield from rule(e)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return

    return tried


def _first(rules: Iterable[Callable[[Evidence], Table]], e: Evidence) -> str | None:
    """The sentence of the first row that holds."""
    with np.errstate(all="ignore"):  # the claimed gradient may be NaN
        for sentence, found in itertools.chain.from_iterable(rule(e) for rule in rules):
            if _holds(e, found):
                return sentence
    return None


def _holds(e: Evidence, found: Any) -> bool:
    return bool(found) if isinstance(found, bool | np.bool_) else e.claims(np.asarray(found))


def _all_that_hold(*rules: Callable[[Evidence], Table]) -> Callable[[Evidence], Table]:
    """One rule of several equally special ones, with one sentence for all rows that hold."""

    def rule(e: Evidence) -> Table:
        if np.isfinite(e.claimed).all():
            fits = [sentence for rule in rules for sentence, found in rule(e) if _holds(e, found)]
            yield "; or ".join(fits[:3]), bool(fits)

    return rule


def _not_repeatable(e: Evidence) -> Table:
    yield NOT_REPEATABLE, not e.subject.is_repeatable


def _zero(e: Evidence) -> Table:
    yield f"{e.name} = 0 everywhere: it was never written, or multiplied by a zero", np.zeros(e.claimed.shape)


def _unweighted(e: Evidence) -> Table:
    if e.subject.weights is not None:
        sentence = f"{e.name} is that of unweighted rows: the weights are forgotten"
        yield sentence, e.same((e.claimed.T * e.subject.weights).T, e.derivative)


def _keep_rate(e: Evidence) -> Table:
    rates = [getattr(inner, "rate", None) for _, inner in e.subject.layer.walk()]
    for keep in [1 - rate for rate in rates if isinstance(rate, float) and 0 < rate < 1]:
        why = f"{keep:g} is the keep rate of dropout: scale backward like forward"
        for value, words in ((keep, f"{keep:g}"), (1 / keep, f"1 / {keep:g}"), (keep**2, f"{keep:g}^2")):
            yield f"{e.name} = {words} x derivative everywhere, and {why}", e.has_ratio(value)


def _factor(e: Evidence) -> Table:
    yield f"{e.name} = -derivative everywhere: the sign is flipped", e.has_ratio(-1)
    if math.isnan(e.ratio):
        return
    few, many = (" or ".join(_products(e, r)) for r in (1 / e.ratio, e.ratio))
    n, mean, total = round(1 / e.ratio) if few else 0, "a mean where a sum belongs", "a sum where a mean belongs"
    yield f"{e.name} = derivative / {n} everywhere, and {n} = {few}: {mean}", bool(few)
    n = round(e.ratio) if many else 0
    yield f"{e.name} = {n} x derivative everywhere, and {n} = {many}: {total} (1/{n} missing)", bool(many)
    amount = "much" if abs(e.ratio) > 1 else "little"
    # a single number always has a factor
    holds = e.derivative.size > 1 or e.has_ratio(2) or e.has_ratio(0.5)
    yield f"{e.name} = {e.ratio:.9g} x derivative everywhere: a constant factor too {amount}", holds


def _products(e: Evidence, number: float) -> list[str]:
    """The counts that are this number, or the products of as few as possible of them."""
    if not 1.5 < number < 1e15 or abs(number / round(number) - 1) > e.closeness:
        return []
    counts = [(f"{count} {name}", count) for name, count in e.counts.items() if count > 1]
    for terms in range(1, len(counts) + 1):
        chosen = [c for c in itertools.combinations(counts, terms) if math.prod(n for _, n in c) == round(number)]
        if chosen:
            return [" x ".join(words for words, _ in c) for c in chosen[:3]]
    return []


def _rearranged_simply(e: Evidence) -> Table:
    """The derivative without signs, transposed or broadcast."""
    d, name = e.derivative, e.name
    yield f"{name} = |derivative|: its signs are lost", np.abs(d)
    if d.ndim == 2 and min(d.shape) > 1:
        yield f"{name} is the transpose of the derivative", d.T
        yield f"{name} is the transpose of the derivative, reshaped", d.T.reshape(d.shape)
    if d.ndim == 2 and len(d) > 1:
        for word, value in (("sum", d.sum(axis=0)), ("mean", d.mean(axis=0))):
            sentence = f"{name} has the {word} over rows in every row: it is broadcast over the batch"
            yield sentence, np.broadcast_to(value, d.shape)


def _not_written(e: Evidence) -> Table:
    """Before every pass grad is filled with NaN: it stays NaN if it is not written, or if something is added to it."""
    if np.isfinite(e.claimed).all():
        return
    first, second = e.subject.gradient_of_two_backwards(e.path)
    yield f"{e.name} is never written: backward must set {e.name.split('/')[-1]}.grad", not first.any()
    why = "backward must set gradients, not add to them"
    yield f"{e.name} is added to what was there before (+=): {why}", e.same(second, 2 * first)


def _penalty_inside(e: Evidence) -> Table:
    w = e.subject.parts[e.path].of(e.subject.point)
    r = e.factor(e.claimed - e.derivative, w)
    why = "a penalty inside backward, where only the gradient of the loss belongs"
    yield f"{e.name} - derivative = {r:.6g} x {e.name} everywhere: {why}", w.size > 1 and abs(r) > e.closeness


def _other_sum(e: Evidence) -> Table:
    """The gradient of another parameter, or for a vector some sum of dy itself."""
    for path, part in e.subject.parts.items():
        if path not in (e.path, INPUT) and part.shape == e.claimed.shape:
            yield f"{e.name} has the gradient of {path}", e.subject.tensor_derivatives(path, e.method)
    if e.claimed.ndim != 1:
        return
    total = np.full(e.claimed.shape, e.derivative.sum())
    if e.dy.ndim != 2:
        yield f"{e.name} has the sum over all axes in every entry: sum over all but the last", total
        for kept in reversed(range(e.dy.ndim)):
            others = tuple(axis for axis in range(e.dy.ndim) if axis != kept)
            last = kept == e.dy.ndim - 1
            why = f"what forward does after adding {e.name} is forgotten" if last else "sum over all but the last"
            yield f"{e.name} is dy summed over {_rearranged.axes_named(others)}: {why}", e.dy.sum(axis=others)
        return
    yield f"{e.name} has the sum over rows and columns in every entry: sum over the rows alone (axis 0)", total
    yield f"{e.name} is dy of the first row alone: sum dy over all rows (axis 0)", e.dy[0]
    yield f"{e.name} is dy of the last row alone: sum dy over all rows (axis 0)", e.dy[-1]
    yield f"{e.name} is dy summed over the columns: sum it over the rows (axis 0)", e.dy.sum(axis=1)
    why = f"what forward does after adding {e.name} is forgotten"
    yield f"{e.name} is dy summed over the rows: {why}", e.dy.sum(axis=0)


def _not_returned(e: Evidence) -> Table:
    """A dx that does not have the shape of x is recorded as NaN."""
    if np.isnan(e.claimed).all():
        yield from _rearranged.not_cut(e)
    yield "dL/dx is not an array like x: backward must return dL/dx", np.isnan(e.claimed).all()


def _made_of_dy(e: Evidence) -> Table:
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


def _several_inputs(e: Evidence) -> Table:
    """Of several inputs one has a wrong factor, or two are exchanged."""
    layer = e.subject.layer
    if not (isinstance(layer, Graph) and layer.several_inputs):
        return
    names, shapes = list(layer.input_shapes), [layer.shapes[name] for name in layer.input_shapes]
    claimed, derivatives = apart(e.claimed, shapes), apart(e.derivative, shapes)
    wrong = [i for i in range(len(names)) if not e.same(claimed[i], derivatives[i])]
    if len(wrong) == 1:
        r = e.factor(claimed[wrong[0]], derivatives[wrong[0]])
        sentence = f"dL/dx of {names[wrong[0]]} = {r:.9g} x derivative everywhere, and those of the others are right"
        yield sentence, not math.isnan(r)
    if len(wrong) == 2:
        i, j = wrong
        exchanged = e.same(claimed[i], derivatives[j]) and e.same(claimed[j], derivatives[i])
        yield f"dL/dx of {names[i]} and of {names[j]} are exchanged", exchanged


def _mask(e: Evidence) -> Table:
    """A gradient that is 0 in the wrong places."""
    zeros, lost = e.derivative == 0, (e.claimed == 0) & (e.derivative != 0)
    if e.claimed.shape != e.dy.shape or zeros.all():
        return
    if zeros.any():
        elsewhere = e.factor(e.claimed[~zeros], e.derivative[~zeros])
        why = "the mask of forward is forgotten"
        holds = e.claimed[zeros].all() and not math.isnan(elsewhere)
        yield f"dL/dx is not 0 where the output does not depend on the input: {why}", holds
        common = (e.claimed != 0) & ~zeros
        why = "backward and forward use different masks"
        holds = common.any() and e.same(e.claimed[common], e.derivative[common])
        yield f"dL/dx has its zeros in other places than the derivative: {why}", holds
    holds = lost.any() and e.same(e.claimed[~lost], e.derivative[~lost])
    yield "dL/dx is 0 in entries where the derivative is not: backward and forward use different masks", holds


def _statistics(e: Evidence) -> Table:
    """The missing part is, along some axes, a combination of 1 and x: the paths through mean and deviation."""
    missing = e.claimed - e.derivative
    least = e.closeness * length(missing)
    if e.claimed.shape != e.dy.shape:
        return
    for axes in reversed(_rearranged.subsets(range(e.x.ndim))):
        if math.prod(e.x.shape[axis] for axis in axes) < 4 or len(axes) == e.x.ndim == 2:
            continue
        words, wrong = _named(axes, e.x.ndim), "is forgotten"
        if axes != e.mixed_axes:
            wrong = f"is not that of forward, which goes over the {_named(e.mixed_axes, e.x.ndim)}"
        rest = missing - missing.mean(axis=axes, keepdims=True)
        why = f"the path through their mean {wrong}"
        yield f"dL/dx - derivative is the same for all {words}: {why}", length(rest) <= least
        centred = e.x - e.x.mean(axis=axes, keepdims=True)
        along = (rest * centred).sum(axis=axes, keepdims=True) / (centred**2).sum(axis=axes, keepdims=True)
        why = f"the path through their {'' if length(missing - rest) <= least else 'mean and '}deviation {wrong}"
        yield f"dL/dx - derivative is linear in x over the {words}: {why}", length(rest - along * centred) <= least


def _named(axes: tuple[int, ...], ndim: int) -> str:
    """The names of axes of rows, as in "rows and positions"."""
    names = {0: "rows", ndim - 1: "features" if ndim == 2 else "channels"}
    found = [names.get(axis, f"positions along axis {axis}") for axis in axes]
    if ndim > 2 and set(range(1, ndim - 1)) <= set(axes):
        found = [*(["rows"] if 0 in axes else []), "positions", *(["channels"] if ndim - 1 in axes else [])]
    return " and ".join(found)


def _one_side(e: Evidence) -> Table:
    """Wrong on one side of x = 0 alone."""
    if e.x.size < 8 or not e.off.any():
        return
    r = e.factor(e.claimed[e.off], e.derivative[e.off])
    fit = "is wrong" if math.isnan(r) else f"= {r:.9g} x derivative"
    for words, side in (("< 0", e.x < 0), ("> 0", e.x > 0)):
        wrong = side & ((e.derivative != 0) | (e.claimed != 0))
        sentence = f"dL/dx {fit} where x {words}, and right elsewhere: look at that branch of forward"
        yield sentence, (e.off == wrong).all()


def _lines(e: Evidence) -> Table:
    """A few whole rows, columns, filters, ... are wrong."""
    for axis in range(e.off.ndim) if e.off.ndim > 1 else ():
        lines = np.moveaxis(e.off, axis, 0).reshape(e.off.shape[axis], -1)
        wrong = np.asarray(lines.any(axis=1))
        words = ("in rows", "in columns")[axis] if e.off.ndim == 2 else f"along axis {axis} at"
        numbers = _joined(np.flatnonzero(wrong))
        sentence = f"{e.name} is wrong {words} {numbers} alone; the others are right"
        yield sentence, 0 < 2 * wrong.sum() < len(wrong) and lines[wrong].all()


def _entries(e: Evidence) -> Table:
    """A few entries are wrong."""
    entries = _joined([int(i) for i in place] for place in np.argwhere(e.off))
    few = min(3, e.off.size // 4)
    yield f"{e.name} is wrong in entries {entries} alone; the others are right", 0 < e.off.sum() <= few


def _joined(numbers: Iterable[Any]) -> str:
    """The first five of the numbers, and three dots for the others."""
    texts = [str(number) for number in itertools.islice(numbers, 6)]
    return ", ".join(texts[:5] + ["..."] * (len(texts) > 5))


def _coarse(e: Evidence) -> Table:
    small = length(e.claimed - e.derivative) < 3e-7 * length(e.derivative)
    sentence = f"{e.name} agrees with the derivative to seven digits: something is computed in float32"
    yield sentence, 2 * e.off.sum() > e.off.size and small


def _stale(e: Evidence) -> Table:
    before = e.subject.tensor_derivatives(e.path, e.method, e.subject.other(e.subject.point))
    yield f"{e.name} is that of the step before: it uses an array that forward did not renew", before


_rearranged_parameter = _all_that_hold(_rearranged.broadcast, _rearranged.of_derivative)
_rearranged_input = _all_that_hold(
    _rearranged.broadcast, _rearranged.of_derivative, _rearranged.cut_elsewhere, _routing.routed
)
_right_for_another = _all_that_hold(_rearranged.of_dy, _rearranged.of_setting, _rearranged.of_arguments)

OF_PARAMETER = (
    _not_repeatable, _not_written, _zero, _keep_rate, _factor, _penalty_inside, _other_sum, _rearranged_simply,
    _rearranged_parameter, _lines, _entries, _right_for_another, _coarse, _stale,
)  # fmt: skip
OF_INPUT = (
    _not_repeatable, _not_returned, _zero, _keep_rate, _factor, _several_inputs, _made_of_dy, _routing.overwritten,
    _lines, _rearranged_simply, _rearranged_input, _right_for_another, _mask, _statistics, _one_side,
    _routing.scaled_outputs, _entries, _coarse, _stale, _routing.not_linear,
)  # fmt: skip
OF_LOSS = (_unweighted, _zero, _factor, _rearranged_simply, _all_that_hold(_rearranged.of_derivative), _lines, _entries)

# Of any function: it has no settings, no state and no gradients that are written. dL/dx stands for that of any input.
OF_FUNCTION = (
    _zero, _factor, _penalty_inside, _made_of_dy, _other_sum, _statistics, _rearranged_simply, _rearranged_input,
    _one_side,
)  # fmt: skip
OF_FUNCTION_LAST = (
    _all_that_hold(_rearranged.of_dy, _rearranged.of_arguments), _routing.overwritten, _lines, _mask,
    _routing.scaled_outputs, _entries, _coarse,
)  # fmt: skip
