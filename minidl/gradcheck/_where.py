"""Wrong gradients that are right in some entries: where they are wrong, and how."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ._chain_subject import INPUT
from ._evidence import Evidence, length
from ._rearranged import subsets

Table = Iterator[tuple[str, Any]]


def mask(e: Evidence) -> Table:
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
    holds = lost.any() and not _in_lines(lost) and e.same(e.claimed[~lost], e.derivative[~lost])
    yield "dL/dx is 0 in entries where the derivative is not: backward and forward use different masks", holds


def _in_lines(chosen: np.ndarray) -> bool:
    """True if the chosen entries are whole rows, columns, steps, ..."""
    lines = (np.moveaxis(chosen, axis, 0).reshape(n, -1) for axis, n in enumerate(chosen.shape) if n > 1)
    return any((line.all(axis=1) == line.any(axis=1)).all() for line in lines)


def statistics(e: Evidence) -> Table:
    """The missing part is, along some axes, a combination of 1 and x: the paths through mean and deviation."""
    missing = e.claimed - e.derivative
    least = e.closeness * length(missing)
    if e.claimed.shape != e.dy.shape:
        return
    for axes in reversed(subsets(range(e.x.ndim))):
        if math.prod(e.x.shape[axis] for axis in axes) < 4 or len(axes) == e.x.ndim == 2:
            continue
        words, wrong = e.axis_words(axes), e.forgotten
        if axes != e.mixed_axes:
            wrong = f"is not that of forward, which goes over the {e.axis_words(e.mixed_axes)}"
        rest = missing - missing.mean(axis=axes, keepdims=True)
        why = f"the path through their mean {wrong}"
        yield f"dL/dx - derivative is the same for all {words}: {why}", length(rest) <= least
        centred = e.x - e.x.mean(axis=axes, keepdims=True)
        along = (rest * centred).sum(axis=axes, keepdims=True) / (centred**2).sum(axis=axes, keepdims=True)
        why = f"the path through their {'' if length(missing - rest) <= least else 'mean and '}deviation {wrong}"
        yield f"dL/dx - derivative is linear in x over the {words}: {why}", length(rest - along * centred) <= least


def one_side(e: Evidence) -> Table:
    """Wrong on one side of x = 0 alone."""
    if e.x.size < 8 or not e.off.any():
        return
    r = e.factor(e.claimed[e.off], e.derivative[e.off])
    fit = "is wrong" if math.isnan(r) else f"= {r:.9g} x derivative"
    for words, side in (("< 0", e.x < 0), ("> 0", e.x > 0)):
        counts = (e.derivative != 0) | (e.claimed != 0)
        wrong, right = side & counts, ~side & counts
        sentence = f"dL/dx {fit} where x {words}, and right elsewhere: look at that branch of forward"
        yield sentence, (e.off == wrong).all() and wrong.sum() > 2 and right.sum() > 2


def lines(e: Evidence) -> Table:
    """A few whole rows, columns, filters, ... are wrong."""
    for axis in range(e.off.ndim) if e.off.ndim > 1 else ():
        lines = np.moveaxis(e.off, axis, 0).reshape(e.off.shape[axis], -1)
        wrong = np.asarray(lines.any(axis=1))
        words = ("in rows", "in columns")[axis] if e.off.ndim == 2 else f"along axis {axis} at"
        numbers = _joined(np.flatnonzero(wrong))
        sentence = f"{e.name} is wrong {words} {numbers} alone; the others are right"
        yield sentence, 0 < 2 * wrong.sum() < len(wrong) and lines[wrong].all()


def entries(e: Evidence) -> Table:
    """A few entries are wrong."""
    entries = _joined([int(i) for i in place] for place in np.argwhere(e.off))
    few = min(3, e.off.size // 4)
    yield f"{e.name} is wrong in entries {entries} alone; the others are right", 0 < e.off.sum() <= few


def _joined(numbers: Iterable[Any]) -> str:
    """The first five of the numbers, and three dots for the others."""
    texts = [str(number) for number in itertools.islice(numbers, 6)]
    return ", ".join(texts[:5] + ["..."] * (len(texts) > 5))


def with_steps(e: Evidence) -> str:
    """The name of the gradient and the steps at which it is wrong, if they tell something."""
    wrong = np.asarray(e.off.any(axis=(0, 2)) if e.path == INPUT and e.off.ndim == 3 else [True])
    n, first, last = len(wrong), int(wrong.argmax()), len(wrong) - 1 - int(wrong[::-1].argmax())
    if wrong.all() or not wrong.any():
        return e.name
    if not wrong[first : last + 1].all() or (first > 0 and last < n - 1):
        return f"{e.name} is wrong at steps {_joined(np.flatnonzero(wrong))} alone"
    if first == 0:
        right = f"at step {last + 1}" if last == n - 2 else f"from step {last + 1} on"
        return f"{e.name} is right {right}, wrong from step {last} back"
    right = "at step 0" if first == 1 else f"up to step {first - 1}"
    return f"{e.name} is right {right}, wrong from step {first} on"
