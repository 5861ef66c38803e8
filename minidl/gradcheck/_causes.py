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
from . import _rearranged, _routing, _where
from ._chain_subject import INPUT
from ._differentiation import METHODS
from ._evidence import Evidence, length
from ._layer_subject import LayerSubject
from ._search import OPERATIONS, PLACES, Search
from ._subjects import PlainSubject

NOT_REPEATABLE = "forward is not the same twice from one state: does it draw from another generator than self.rng?"
Table = Iterator[tuple[str, Any]]
Rule = Callable[[Evidence], Table]


def of_layer(subject: LayerSubject, path: str, method: str, search: Search) -> str | None:
    """Describe what is wrong with one gradient of a layer. search: for the gradients of all of the layer's tensors."""
    rules, name = (OF_INPUT, "dL/dx") if path == INPUT else (OF_PARAMETER, path)
    return _first(rules, Evidence(subject, path, name, METHODS[method], search))


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
    few, many = (" or ".join(_products(e, power)) for power in (-1, 1))
    n, mean, total = round(1 / e.ratio) if few else 0, "a mean where a sum belongs", "a sum where a mean belongs"
    yield f"{e.name} = derivative / {n} everywhere, and {n} = {few}: {mean}", bool(few)
    n = round(e.ratio) if many else 0
    yield f"{e.name} = {n} x derivative everywhere, and {n} = {many}: {total} (1/{n} missing)", bool(many)


def _constant(e: Evidence) -> Table:
    amount = "much" if abs(e.ratio) > 1 else "little"
    # a single number always has a factor
    holds = not math.isnan(e.ratio) and (e.derivative.size > 1 or e.has_ratio(2) or e.has_ratio(0.5))
    causes = e.search.causes(e.path, OPERATIONS) if holds and e.search else []
    why = "; or ".join(causes) or f"a constant factor too {amount}"
    yield f"{e.name} = {e.ratio:.9g} x derivative everywhere: {why}", holds


def _products(e: Evidence, power: int) -> list[str]:
    """The counts that are the factor, or 1 / it (power -1), or the products of as few as possible of them."""
    number = e.ratio**power
    if not 1.5 < number < 1e15 or abs(number / round(number) - 1) > e.closeness:
        return []
    counts = [(name, count) for name, count in e.counts.items() if count > 1]
    for terms in range(1, len(counts) + 1):
        chosen = [c for c in itertools.combinations(counts, terms) if math.prod(n for _, n in c) == round(number)]
        if chosen := [c for c in chosen if _holds_for_other_rows(e, [name for name, _ in c], power)]:
            return [" x ".join(f"{count} {name}" for name, count in c) for c in chosen[:3]]
    return []


def _holds_for_other_rows(e: Evidence, names: list[str], power: int) -> bool:
    """True if the factor is the product of these counts for another number of rows, too."""
    other = e.of_other_rows
    if other is None or math.isnan(other.ratio):
        return other is None
    return abs(other.ratio**power / math.prod(other.counts.get(name, 0) for name in names or [""]) - 1) < e.closeness


def _rearranged_simply(e: Evidence) -> Table:
    """The derivative without signs, transposed or broadcast."""
    d, name = e.derivative, e.name
    yield f"{name} = |derivative|: its signs are lost", np.abs(d)
    if d.ndim == 2 and min(d.shape) > 1:
        yield f"{name} is the transpose of the derivative", d.T
        yield f"{name} is the transpose of the derivative, reshaped", d.T.reshape(d.shape)
    if d.ndim == 2 and len(d) > 1:
        for word, value in (("sum", d.sum(axis=0)), ("mean", d.mean(axis=0))):
            over = " over the batch" if e.path == INPUT else ""
            sentence = f"{name} has the {word} over rows in every row: it is broadcast{over}"
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
        written |= {"1 - x": 1 - x, "1 - x^2": 1 - x**2, "x (1 - x)": x * (1 - x)}
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


def known(e: Evidence) -> Table:
    """The mistake that was found for another tensor of the layer."""
    for cause in e.search.known_causes(e.path) if e.search else ():
        yield f"{_where.with_steps(e)}: {cause}", True


def _operation(e: Evidence) -> Table:
    """A mistake in the derivative of one operation of forward."""
    causes = e.search.causes(e.path, OPERATIONS) if e.search else []
    yield f"{_where.with_steps(e)}: {'; or '.join(causes)}", bool(causes)


def _place_in_operation(e: Evidence) -> Table:
    """A mistake in a part of it."""
    causes = e.search.causes(e.path, PLACES) if e.search else []
    yield f"{_where.with_steps(e)}: {'; or '.join(causes)}", bool(causes)


def _times_array(e: Evidence) -> Table:
    """The derivative times an array of forward, or divided by one, once or twice."""
    if e.search is None or not (e.derivative.all() and np.isfinite(e.claimed).all()):
        return
    ratio = e.claimed / e.derivative
    for text, array in e.search.arrays(e.path):
        if array.ndim != ratio.ndim or any(n not in (1, k) for n, k in zip(array.shape, ratio.shape, strict=True)):
            continue
        for words, power in (("x", 1), ("/", -1), ("x the square of", 2), ("/ the square of", -2)):
            yield f'{e.name} = derivative {words} "{text}" everywhere', e.same(ratio, array**power + 0 * ratio)


def _coarse(e: Evidence) -> Table:
    small = length(e.claimed - e.derivative) < 3e-7 * length(e.derivative)
    sentence = f"{e.name} agrees with the derivative to seven digits: something is computed in float32"
    yield sentence, 2 * e.off.sum() > e.off.size and small


def _nearly_right(e: Evidence) -> Table:
    """The derivative to some digits: a small number is left out."""
    size = length(e.claimed - e.derivative) / max(length(e.derivative), 1e-300)
    digits = max(math.floor(-math.log10(size)), 0) if size > 0 else 0
    sentence = f"{e.name} agrees with the derivative to {digits} digits"
    why = "a constant is rounded, a small number that forward adds is left out, or few digits are computed"
    yield f"{sentence}: {why}", digits >= 3 and 2 * e.off.sum() > e.off.size


def _stale(e: Evidence) -> Table:
    before = e.subject.tensor_derivatives(e.path, e.method, e.subject.other(e.subject.point))
    yield f"{e.name} is that of the step before: it uses an array that forward did not renew", before


_rearranged_parameter = _all_that_hold(_rearranged.broadcast, _rearranged.of_derivative)
_rearranged_input = _all_that_hold(
    _rearranged.broadcast,
    _rearranged.of_derivative,
    _rearranged.cut_elsewhere,
    _routing.routed,
    _routing.reached_in_part,
)
_right_for_another = _all_that_hold(_rearranged.of_dy, _rearranged.of_setting, _rearranged.of_arguments)

OF_PARAMETER = (
    _not_repeatable, _not_written, known, _zero, _keep_rate, _factor, _constant, _penalty_inside, _other_sum,
    _rearranged_simply, _rearranged_parameter, _right_for_another, _operation, _times_array, _where.lines,
    _where.entries, _place_in_operation, _coarse, _stale,
)  # fmt: skip
OF_INPUT = (
    _not_repeatable, _not_returned, known, _zero, _keep_rate, _factor, _constant, _several_inputs, _made_of_dy,
    _where.statistics, _rearranged_simply, _rearranged_input, _where.mask, _where.one_side, _right_for_another,
    _operation, _times_array, _routing.overwritten, _where.lines, _routing.scaled_outputs, _where.entries,
    _place_in_operation, _coarse, _stale, _routing.not_linear,
)  # fmt: skip
OF_LOSS = (
    _unweighted, _zero, _factor, _constant, _rearranged_simply, _all_that_hold(_rearranged.of_derivative),
    _where.lines, _where.entries,
)  # fmt: skip

# Of any function: it has no settings, no state and no gradients that are written. dL/dx stands for that of any input.
OF_FUNCTION = (_zero, _constant, _penalty_inside)
OF_INPUT_OF_FUNCTION = (
    _made_of_dy, _other_sum, _where.statistics, _rearranged_simply, _rearranged_input, _where.one_side,
)  # fmt: skip
OF_FUNCTION_LAST = (
    _all_that_hold(_rearranged.of_dy, _rearranged.of_arguments), _operation, _times_array, _routing.overwritten,
    _where.lines, _where.mask, _routing.scaled_outputs, _where.entries, _place_in_operation, _nearly_right,
)  # fmt: skip
