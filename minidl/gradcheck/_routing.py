"""Wrong input gradients that send dy to the wrong entries of x, or that keep one of several contributions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._evidence import Evidence
from ._rearranged import axes_named, subsets

SHARED = "where windows share an entry of x, add (+=), do not assign (=)"
Table = Iterator[tuple[str, Any]]


def overwritten(e: Evidence) -> Table:
    """Each entry of dx has only the last, or the first, of several contributions that add up."""
    if e.jacobian is None:
        return
    claimed, outputs = e.claimed[0].ravel(), range(e.y.ndim - 1)
    for axes in subsets(axis for axis in outputs if e.y.shape[axis + 1] > 1):
        shares = _shares(e, axes)
        for word, order in (("last", shares[::-1]), ("first", shares)):
            kept = np.take_along_axis(order, (order != 0).argmax(axis=0)[None], axis=0)[0]
            along, why = axes_named(axis + 1 for axis in axes), SHARED
            if axes == (0,) and e.dy.ndim == e.x.ndim == 3:
                along, why = "the steps", "add those of all steps"
            sentence = f"dL/dx has only the {word} contribution along {along} of dy: {why}"
            yield sentence, e.same(claimed, kept) and not e.same(claimed, e.derivative[0].ravel())
    if len(outputs) > 1:
        sentence = f"dL/dx has one contribution at most in each entry: {SHARED}"
        yield sentence, _one_each(e, claimed, _shares(e, tuple(outputs[:-1])))


def _shares(e: Evidence, axes: tuple[int, ...]) -> np.ndarray:
    """The contributions to dx of each index along some axes of a row of y: (indices, entries of x)."""
    products = np.asarray(e.jacobian) * e.dy[0][..., None]
    others = tuple(axis for axis in range(e.dy.ndim - 1) if axis not in axes)
    return products.sum(axis=others).reshape(-1, products.shape[-1])


def _one_each(e: Evidence, claimed: np.ndarray, shares: np.ndarray) -> bool:
    """True if each entry is one of its contributions or 0, and one of several at least twice."""
    least = e.closeness * np.abs(e.derivative).max()
    is_one = (np.abs(claimed - shares) <= least) & (shares != 0)
    several = (shares != 0).sum(axis=0) > 1
    kept = is_one.any(axis=0) & several & (np.abs(claimed - shares.sum(axis=0)) > least)
    return bool(kept.sum() > 1 and (is_one.any(axis=0) | (np.abs(claimed) <= least)).all())


def routed(e: Evidence) -> Table:
    """A single dy reaches other entries of x than those on which its y depends."""
    if e.jacobian is None or e.x.ndim < 2:
        return
    claimed, right = e.single
    reached, wanted = _reached(e)
    n, k = reached.sum(axis=1), wanted.sum(axis=1)
    if not np.isfinite(claimed).all() or not k.all():
        return
    top = claimed.max(axis=1, keepdims=True)
    alike = (np.where(reached, claimed, top) == top).all() and (n > 1).all() and (k == 1).all()
    size = f"{n.max()} entries" if len(set(n)) == 1 else f"{n.min()} to {n.max()} entries"
    why = "the place of the maximum (the mask of forward) is forgotten"
    yield f"a single dy reaches {size} of x alike, but its y depends on one of them: {why}", alike
    moved = (n == 1).all() and (k == 1).all() and e.same(claimed.sum(axis=1), right.sum(axis=1))
    wrong = int((reached != wanted).any(axis=1).sum())
    sentence = f"a single dy goes to one entry of x, but for {wrong} of {len(n)} outputs tried to another"
    yield f"{sentence} one than y depends on", moved and wrong > 0


def reached_in_part(e: Evidence) -> Table:
    """A single dy reaches some of the pixels on which its y depends."""
    if e.x.ndim < 4 or e.jacobian is None:
        return
    reached, wanted = _reached(e)
    n, k = reached.sum(axis=1), wanted.sum(axis=1)
    part = (n < k).all() and (n > 0).all() and not (reached & ~wanted).any() and len({*n}) == len({*k}) == 1
    yield f"a single dy reaches {n[0]} of {k[0]} entries of x that its y depends on", part


def _reached(e: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """True where a single dy reaches an entry of x, and where it should: (outputs, entries of x) each."""
    claimed, right = e.single
    least = e.closeness * np.abs(right).max()
    return np.abs(claimed) > least, np.abs(right) > least


def scaled_outputs(e: Evidence) -> Table:
    """The derivative, but with another factor for each output; of a function of single numbers it says nothing."""
    if e.jacobian is None or e.x.ndim < 2 or e.x.shape == e.y.shape:
        return
    claimed, right = e.single
    squares = (right * right).sum(axis=1)
    factors = (claimed * right).sum(axis=1) / np.where(squares > 0, squares, 1)
    holds = e.same(claimed, factors[:, None] * right) and (right != 0).any(axis=1).all() and np.ptp(factors) > 1e-3
    low, high = f"{factors.min():.3g}", f"{factors.max():.3g}"
    yield f"dL/dx of a single dy is the derivative times a factor that depends on the output ({low} to {high})", holds


def not_linear(e: Evidence) -> Table:
    """Any backward is linear in dy."""
    other = np.random.default_rng(6).standard_normal(e.dy.shape)
    first, second, both = (np.asarray(e.subject.backward(dy), float) for dy in (e.dy, other, e.dy + 2 * other))
    if first.shape == second.shape == both.shape == e.x.shape and np.isfinite(both).all():
        why = "it must multiply dy by what forward stored"
        yield f"backward is not linear in dy: {why}", not e.same(both, first + 2 * second)
