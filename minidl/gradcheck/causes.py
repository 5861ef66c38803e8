"""What a wrong gradient looks like, in words. Each cause rests on a fit that holds in every entry; without one,
"unknown" is the answer.

Causes are sought where the mistake is made: in the one layer (or the loss) whose backward is wrong, run alone on random
numbers, so that nothing else blurs them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layers.base import Layer
from .functions import Differentiable, LayerFunction, LossFunction

CLOSE = 1e-6


def fits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two tensors are the same up to a millionth of the larger."""
    return a.shape == b.shape and bool(np.linalg.norm(a - b) <= CLOSE * max(np.linalg.norm(a), np.linalg.norm(b)))


def factor(a: np.ndarray, n: np.ndarray) -> float | None:
    """r with a = r n in every entry, or None."""
    square = float(np.sum(n * n))
    if square == 0 or not np.isfinite(a).all():
        return None
    r = float(np.sum(a * n)) / square
    off = float(np.linalg.norm(a - r * n) / np.sqrt(square))
    # a factor close to 1 must explain nearly all of what little there is to explain
    return r if off <= 1e-3 * min(abs(r - 1), 1e-5) else None


def of_layer(function: LayerFunction, path: str, method: str) -> str | None:
    """What is wrong with one gradient of a layer."""
    part = function.parts[path]
    a = function.gradient(function.point)[part.slice].reshape(part.shape)
    entries = np.arange(part.size)
    n = function.slopes(function.point, path, entries, method).reshape(part.shape)
    name = "dL/dx" if path == "input" else path
    if not np.isfinite(a).all():
        return _not_written(function, path, name, n)
    counts = _counts(function, path)
    said = _as_factor(a, n, name, counts, _keep_rates(function.layer))
    if said is None and path != "input":
        said = _of_parameter(function, path, a, n, name)
    if said is None and path == "input":
        said = _as_rows(a, n, name) or _of_input(function, a, n)
    said = said or _as_shape(a, n, name)
    before = function.slopes(function.other(function.point), path, entries, method).reshape(part.shape)
    if said is None and fits(a, before):
        return f"{name} is that of the step before: it comes from numbers that forward did not renew"
    return said


def of_loss(function: Differentiable, name: str) -> str | None:
    """What is wrong with the slopes of a loss or the gradient of a penalty."""
    path = next(iter(function.parts))
    part = function.parts[path]
    a = function.gradient(function.point).reshape(part.shape)
    n = function.slopes(function.point, path, np.arange(part.size), "complex").reshape(part.shape)
    counts = {}
    if isinstance(function, LossFunction):
        counts = {"rows": part.shape[0], "outputs": part.shape[1]}
    elif hasattr(function, "m"):
        counts = {"rows": function.m}
    return _as_factor(a, n, name, counts, []) or _as_shape(a, n, name) or _as_rows(a, n, name)


# ---- the fits


def _as_factor(a: np.ndarray, n: np.ndarray, name: str, counts: dict[str, int], keeps: list[float]) -> str | None:
    if not a.any() and n.any():
        return f"{name} = 0 everywhere: it was never written, or multiplied by a zero"
    r = factor(a, n)
    if r is None:
        return None
    for keep in keeps:
        for value, words in ((keep, f"{keep:g}"), (1 / keep, f"1 / {keep:g}"), (keep**2, f"{keep:g}^2")):
            if abs(r / value - 1) < CLOSE and value != 1:
                return f"{name} = {words} x slope everywhere, and {keep:g} is the keep rate of dropout: scale backward like forward"
    if abs(r + 1) < CLOSE:
        return f"{name} = -slope everywhere: the sign is flipped"
    for words, count in _products(counts):
        if abs(r * count - 1) < CLOSE:
            return f"{name} = slope / {count} everywhere, and {count} = {words}: a mean where a sum belongs"
        if abs(r / count - 1) < CLOSE:
            return f"{name} = {count} x slope everywhere, and {count} = {words}: a sum where a mean belongs (1/{count} missing)"
    return f"{name} = {r:.9g} x slope everywhere: a constant factor too {'much' if abs(r) > 1 else 'little'}"


def _products(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    items = [(f"{count} {name}", count) for name, count in counts.items() if count > 1]
    yield from items
    for i, (first, one) in enumerate(items):
        for second, other in items[i + 1 :]:
            yield f"{first} x {second}", one * other


def _counts(function: LayerFunction, path: str) -> dict[str, int]:
    rows, *features = function.x_shape
    outputs = function.cotangent.shape[1:]
    counts = {"rows": rows, "features": int(np.prod(features))}
    if outputs != tuple(features):
        counts["outputs"] = int(np.prod(outputs))
    return counts


def _keep_rates(layer: Layer) -> list[float]:
    rates = [inner.rate for _, inner in layer.walk() if isinstance(getattr(inner, "rate", None), float)]
    return [1 - rate for rate in rates if 0 < rate < 1]


def _not_written(function: LayerFunction, path: str, name: str, n: np.ndarray) -> str | None:
    """Before every pass grad is filled with NaN, so what is NaN was not written, or was added to."""
    if path == "input":
        return None
    parameter = function.params[path]
    function.state.restore()
    with function.params.cast(np.float64):
        function.params.grad[:] = 0.0
        function.layer.forward(function._set(function.point), function.training)
        function.layer.backward(function.cotangent)
        first = parameter.grad.copy()
        function.layer.backward(function.cotangent)
        second = parameter.grad.copy()
    if not first.any():
        return f"{name} is never written: backward must set {name.split('/')[-1]}.grad"
    if fits(second, 2 * first):
        return f"{name} is added to what was there before (+=): backward must set gradients, not add to them"
    return None


def _of_parameter(function: LayerFunction, path: str, a: np.ndarray, n: np.ndarray, name: str) -> str | None:
    """A multiple of the parameter itself in the residual: a penalty that has no place in a layer."""
    w = function.point[function.parts[path].slice].reshape(a.shape)
    r = factor(a - n, w)
    if r is not None and abs(r) > CLOSE:
        return f"{name} - slope = {r:.6g} x {name} everywhere: a penalty inside backward, where only the loss's own belongs"
    if a.ndim == 1:
        return _of_vector(function, a, n, name)
    return None


def _of_vector(function: LayerFunction, a: np.ndarray, n: np.ndarray, name: str) -> str | None:
    dy = function.cotangent
    if a.size > 1 and np.allclose(a, a[0], rtol=CLOSE, atol=0) and fits(a, np.full(a.shape, n.sum())):
        return f"{name} has the sum over rows and columns in every entry: sum over the rows alone (axis 0)"
    if dy.ndim == 2 and dy.shape[1] == a.size:
        for row, words in ((0, "first"), (-1, "last")):
            if len(dy) > 1 and fits(a, dy[row]):
                return f"{name} is dy of the {words} row alone: sum dy over all rows (axis 0)"
    if dy.ndim == 2 and len(dy) == a.size and fits(a, dy.sum(axis=1)):
        return f"{name} is dy summed over the columns: sum it over the rows (axis 0)"
    return None


def _of_input(function: LayerFunction, a: np.ndarray, n: np.ndarray) -> str | None:
    dy = function.cotangent
    if a.shape == dy.shape:
        passed = fits(a, dy)
        zeros = n == 0
        if passed and zeros.any():
            return "dL/dx = dy: backward lets the whole gradient through; the mask (or slope) of forward is forgotten"
        if passed:
            return "dL/dx = dy: backward returns its argument, the slope of forward is forgotten"
        if fits(a, n - dy):
            return "dL/dx lacks dy itself: the residual's own x is forgotten (dx = dy + ...)"
        if zeros.any() and a[zeros].any():
            r = factor(a[~zeros], n[~zeros])
            if r is not None:
                return "dL/dx is not 0 where the output does not depend on the input: the mask of forward is forgotten"
        common = (a != 0) & ~zeros
        if common.any() and zeros.any() and fits(a[common], n[common]) and not fits(a, n):
            return "dL/dx has its zeros in other places than the slope: the mask of backward is not that of forward"
        if not zeros.all() and (lost := (a == 0) & ~zeros).any() and fits(a[~lost], n[~lost]):
            return "dL/dx is 0 in entries where the slope is not: the mask of backward is not that of forward"
    return None


def _as_shape(a: np.ndarray, n: np.ndarray, name: str) -> str | None:
    if a.ndim == 2 and a.size > 1:
        if a.shape[0] == a.shape[1] and fits(a, n.T):
            return f"{name} is the transpose of the slope"
        if fits(a.ravel(), n.T.ravel()) and min(a.shape) > 1:
            return f"{name} is the transpose of the slope, reshaped"
        if a.shape[0] > 1 and np.allclose(a, a[:1], rtol=CLOSE, atol=0):
            for words, value in (("sum", n.sum(axis=0)), ("mean", n.mean(axis=0))):
                if fits(a[0], value):
                    return f"{name} has the {words} over rows in every row: it is broadcast over the batch"
    return None


def _as_rows(a: np.ndarray, n: np.ndarray, name: str) -> str | None:
    if name == "dL/dx" and a.ndim == 2 and len(a) > 1:
        off = ~np.isclose(a, n, rtol=CLOSE, atol=CLOSE * np.abs(n).max(initial=0))
        wrong = off.any(axis=1)
        if wrong.any() and 2 * wrong.sum() < len(a) and off[wrong].all():
            listed = ", ".join(str(i) for i in np.flatnonzero(wrong)[:5])
            return f"{name} is wrong in rows {listed} alone; the others are right"
    return None
