"""A model as a function of theta, taken layer by layer.

A parameter of layer l leaves everything before l as it was, so a slope is evaluated from l on. And a slope along an
entry is the change of the layer's own output times what a change there does to the loss: that second factor, dL/dy of
each layer, is found once by the same numeric means, column by column, from the loss backwards. No backward pass of the
model has any part in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import Examples
from ..layers import Layer
from ..parameters import Parameter
from .functions import NOISE, Differentiable, Part, PenaltyFunction, Snapshot, in_double, largest, stale_or_fresh
from .numeric import CENTRAL_STEP, COMPLEX_STEP, EPS, NOT_COMPLEX, agree, beside, complex_arithmetic, scattered, slope

if TYPE_CHECKING:
    from ..model import Model

UNDERFLOW = float(np.finfo(np.float64).tiny) / EPS  # below it numbers lose their digits one by one
DTYPES = {"complex": np.complex128, "central": np.float64}


class ModelFunction(Differentiable):
    """The data loss of a model (a private copy of it) on some rows, as a function of theta."""

    def __init__(self, model: Model, rows: Examples) -> None:
        self.model = model.twin()
        self.params, self.leaves, self.loss = self.model.params, self.model.body.layers, self.model.body_loss
        self.parts = {path: Part(self.params.slices[path], p.shape) for path, p in self.params.items()}
        homes = {id(p): i for i, leaf in enumerate(self.leaves) for p in leaf.named_parameters().values()}
        self.home = {path: homes[id(p)] for path, p in self.params.items()}
        self.paths = [[path for path, home in self.home.items() if home == i] for i in range(len(self.leaves))]
        self.renewed = False
        self.held: tuple[Any, Any] | None = None
        self.steady: dict[int, bool] = {}
        self._start(rows)

    def renew(self, model: Model, rows: Examples) -> None:
        """Bring the copy to where the model is now, for another check."""
        remembering = [i for i in range(len(self.leaves)) if not self.steady.get(i)]
        for i in remembering:
            for (_, mine), (_, theirs) in zip(self.leaves[i].walk(), model.body.layers[i].walk(), strict=True):
                state = {name: _copied(value) for name, value in vars(theirs).items() if _is_state(value)}
                vars(mine).update(state)
        self.model.rng.bit_generator.state = model.rng.bit_generator.state
        self.params.theta[:] = model.params.theta
        self._start(rows)
        self.renewed = True

    def _start(self, rows: Examples) -> None:
        weight = None if rows.weight is None else rows.weight.astype(np.float64)
        self.rows = Examples(rows.x.astype(np.float64), rows.y.astype(np.float64), weight)
        self.point = self.params.theta.astype(np.float64)
        remembering = (leaf for i, leaf in enumerate(self.leaves) if not self.steady.get(i))
        self.state = Snapshot(inner for leaf in remembering for _, inner in leaf.walk())
        self.recorded: Recording | None = None
        self.evaluations = 0

    # ---- the claimed gradient

    def gradient(self, v: np.ndarray) -> np.ndarray:
        """Of the data loss, as training computes it: NaN where nothing was written.

        Other rows have gone through before, as in a training, so that what is left of them shows.
        """
        with self.params.cast(np.float64), np.errstate(all="ignore"):
            self.params.theta[:] = v
            if self.renewed:  # the last check's rows have gone through
                self.state.restore()
                whole = self._pass(self.rows)[1]
            else:
                other = Examples(0.7 * self.rows.x[::-1] + 0.1, self.rows.y[::-1], self.rows.weight)
                whole = stale_or_fresh(self.state, lambda: self._pass(self.rows), lambda: self._pass(other))
            self.renewed = False
        penalty = self.penalty(v)
        if penalty is not None:
            whole -= penalty.gradient(penalty.point)
        return whole

    def _pass(self, rows: Examples) -> tuple[np.ndarray, np.ndarray]:
        self.params.grad[:] = np.nan
        z = self.model.objective_and_gradient(rows)[2]
        return z, self.params.grad.copy()

    def penalty(self, v: np.ndarray | None = None) -> PenaltyFunction | None:
        """The penalties at v, as a function of theta; None if there are none."""
        terms, w = self.model.penalties, self.point if v is None else v
        return PenaltyFunction(terms, w, len(self.rows)) if terms and w.size else None

    def floors(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        """Each layer adds rounding of the gradient that reaches it; the sum is carried down by backward itself."""
        noises = {path: EPS * largest(gradient[part.slice]) for path, part in self.parts.items()}
        if (penalty := self.penalty(v)) is not None:  # it was subtracted from the whole
            slopes = penalty.gradient(penalty.point)
            noises = {path: noise + EPS * largest(slopes[self.parts[path].slice]) for path, noise in noises.items()}
        rng, inputs = np.random.default_rng(2), self.record(v).inputs
        self.state.restore()
        with self.params.cast(np.float64), np.errstate(all="ignore"):
            self.params.theta[:] = v
            z = self.model.body.forward(self.rows.x, training=True)
            dy = self.loss.value_and_gradient(z, self.rows.y, self.rows.weight)[1]
            unit = max(1.0, largest(self.rows.y), largest(z) if self.loss.link is None else 1.0) / len(z)
            noise: Any = unit * _signs(dy.shape, rng)  # in rounding units
            for i in reversed(range(len(self.leaves))):
                incoming, leaf = max(largest(dy), largest(noise)), self.leaves[i]
                sizes = [largest(inputs[i]), *(largest(self.params[path].value) for path in self.paths[i])]
                inside = incoming * max(1.0, sizes[0]) * max(1.0, *sizes)
                below = leaf.backward(noise)
                grads = {path: self.params[path].grad.copy() for path in self.paths[i]}
                at_zero = leaf.backward(np.zeros_like(noise))  # 0, if backward is linear in dy as it should be
                for path in self.paths[i]:
                    noises[path] += EPS * max(largest(grads[path] - self.params[path].grad), inside)
                dy = leaf.backward(dy)
                if below is None or dy is None:
                    break
                noise = below - at_zero + max(incoming, largest(dy)) * _signs(below.shape, rng)
        return {path: NOISE * noise + UNDERFLOW for path, noise in noises.items()}

    # ---- numeric slopes

    def along(self, v: np.ndarray, direction: np.ndarray, method: str, step: float = 1.0) -> float:
        return float(slope(self.value, v, direction, method, step))  # value enters complex arithmetic itself

    def value(self, v: np.ndarray) -> Any:
        with self._at(v.dtype, v):
            return self._onward(0, self.rows.x.astype(v.dtype))

    def _onward(self, start: int, a: np.ndarray) -> Any:
        for i in range(start, len(self.leaves)):
            a = self.run(i, a)
        return self.loss.value(a, self.rows.y, self.rows.weight)

    @contextmanager
    def _at(self, dtype: Any, v: np.ndarray) -> Iterator[np.ndarray]:
        """The model at v, in this dtype; yields its theta, which comes back to v at the end."""
        if self.held is not None and self.held[0] == dtype and self.held[1] is v:
            yield self.params.theta
            self.params.theta[:] = v
            return
        outer, self.held = self.held, (dtype, v)
        self.state.restore()
        try:
            with self.params.cast(dtype), complex_arithmetic():
                self.params.theta[:] = v
                yield self.params.theta
        finally:
            self.held = outer
            self.state.restore()

    def hold(self, v: np.ndarray, method: str) -> AbstractContextManager[Any]:
        """A with block in which many slopes at v are taken: the model is brought there once."""
        self.record(v)
        return self._at(DTYPES[method], v)

    def run(self, i: int, a: np.ndarray) -> np.ndarray:
        """Leaf i in training, with the masks and statistics it had when the point was recorded."""
        if self.recorded is not None and (before := self.recorded.before[i]) is not None:
            before.restore()
        self.evaluations += 1
        return self.leaves[i].forward(a, training=True)

    def record(self, v: np.ndarray) -> Recording:
        """Inputs and outputs of every leaf at v, and the states they start from."""
        if self.recorded is None or not np.array_equal(self.recorded.v, v):
            self.recorded = None
            inputs, before = [self.rows.x], list[Snapshot | None]()
            with self._at(np.float64, v):
                for i, leaf in enumerate(self.leaves):
                    before.append(None if self._steady(i, inputs[i]) else Snapshot([inner for _, inner in leaf.walk()]))
                    inputs.append(in_double(leaf, leaf.forward(inputs[i], training=True)))
            self.recorded = Recording(v.copy(), inputs, before, {})
        return self.recorded

    def _steady(self, i: int, a: np.ndarray) -> bool:
        """Whether leaf i draws nothing and remembers nothing, so that its state need not be put back."""
        if i not in self.steady:
            leaf, near = self.leaves[i], beside(a, np.random.default_rng(5))
            start = Snapshot([inner for _, inner in leaf.walk()])
            once, again = (leaf.forward(near, training=True) for _ in range(2))
            self.steady[i] = np.array_equal(once, again, equal_nan=True) and not start.drawn()
            start.restore()
        return self.steady[i]

    def directional(self, v: np.ndarray, path: str, direction: np.ndarray, method: str, step: float = 1.0) -> float:
        part, start, recording = self.parts[path], self.home[path], self.record(v)
        a = recording.inputs[start]
        with self._at(DTYPES[method], v) as theta:
            if method == "complex":
                theta[part.slice] += 1j * COMPLEX_STEP * direction
                return float(np.imag(self._onward(start, a)) / COMPLEX_STEP)
            h, values = step * CENTRAL_STEP, []
            for move in (h, -h):
                theta[part.slice] = v[part.slice] + move * direction
                values.append(self._onward(start, a))
            return float((values[0] - values[1]) / (2 * h))

    def slopes(self, v: np.ndarray, path: str, entries: np.ndarray, method: str, step: float = 1.0) -> np.ndarray:
        part, i, recording = self.parts[path], self.home[path], self.record(v)
        cotangent = self.cotangent(i, v, method, step)
        a = recording.inputs[i]
        with self._at(DTYPES[method], v) as theta:
            window = theta[part.slice]

            def changed(chosen: np.ndarray) -> np.ndarray:
                return self._change(window, chosen, lambda: self.run(i, a), method, step)

            units = part.shape[-1] if part.shape else 1
            if self._by_column(window, units, cotangent.shape, changed):
                found = np.empty(part.size)
                for row in np.unique(entries // units):
                    chosen = np.arange(row * units, (row + 1) * units)
                    found[chosen] = (cotangent * changed(chosen)).sum(axis=0)
                return found[entries]
            return np.array([(cotangent * changed(entries[[k]])).sum() for k in range(len(entries))])

    @staticmethod
    def _change(
        window: np.ndarray, chosen: np.ndarray, f: Callable[[], np.ndarray], method: str, step: float
    ) -> np.ndarray:
        """The slope of f's outputs when the chosen entries of the window move together."""
        kept = window[chosen].copy()
        if method == "complex":
            window[chosen] = kept + 1j * COMPLEX_STEP
            change = np.imag(f()) / COMPLEX_STEP
        else:
            h = step * CENTRAL_STEP * max(1.0, largest(kept))
            window[chosen] = kept + h
            after = f()
            window[chosen] = kept - h
            change = (after - f()) / (2 * h)
        window[chosen] = kept
        return change

    @staticmethod
    def _by_column(
        window: np.ndarray, units: int, shape: tuple[int, ...], changed: Callable[[np.ndarray], np.ndarray]
    ) -> bool:
        """Whether output column j depends on the entries with last index j alone, as in Dense: then all columns of a
        row of the kernel can be moved at once, each read from its own output."""
        if len(shape) != 2 or shape[1] != units or window.size == 1:
            return False
        for j in range(units):
            others = changed(np.arange(j, window.size, units))
            others[:, j] = 0
            if others.any():
                return False
        return True

    def cotangent(self, i: int, v: np.ndarray, method: str, step: float = 1.0) -> np.ndarray:
        """dL/dy of leaf i's output, numerically."""
        recording = self.record(v)
        found = recording.cotangents.setdefault((method, step), {})
        if not found:
            m, weight = len(self.rows), self.rows.weight
            z = recording.inputs[-1]
            with self._at(DTYPES[method], v):
                share = (np.ones(m) if weight is None else weight) / m
                found[len(self.leaves) - 1] = pull(lambda p: self.loss.terms(p, self.rows.y)[0], z, share, method, step)
        for lower in range(min(found), i, -1):
            with self._at(DTYPES[method], v):
                f = self._runner(lower)
                found[lower - 1] = pull(f, recording.inputs[lower], found[lower], method, step)
        return found[i]

    def _runner(self, i: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda a: self.run(i, a)

    def central_floor(self, v: np.ndarray) -> float:
        """That of the value, or of any leaf's outputs on the way to it."""
        sizes = [largest(a) for a in self.record(v).inputs]
        leaves = range(len(self.leaves))
        rounding = (max(sizes[i : i + 2]) * np.abs(self.cotangent(i, v, "central")).sum() for i in leaves)
        return super().central_floor(v) + NOISE * EPS / CENTRAL_STEP * float(max(rounding, default=0.0))

    # ---- may the complex step be used?

    @cached_property
    def complex_safe(self) -> bool:
        """Judged leaf by leaf, and on the loss, a little beside the point, where no kink hides the answer."""
        recording, rng = self.record(self.point), np.random.default_rng(3)
        point, along = beside(self.point, rng), scattered(self.point, rng)
        inputs = [beside(a, rng) for a in recording.inputs]
        directions = [scattered(a, rng) for a in inputs]
        if self.loss.link is not None and not getattr(self.loss, "from_logits", False):
            inputs[-1] = np.clip(inputs[-1], 1e-3, 1 - 1e-3)  # probabilities

        def outputs(step: Any) -> list[Any]:
            with self._at(np.asarray(step).dtype, point) as theta:
                theta += step * along
                moved = [a + step * direction for a, direction in zip(inputs, directions, strict=True)]
                found = [self.run(i, a) for i, a in enumerate(moved[:-1])]
                return [*found, self.loss.terms(moved[-1], self.rows.y)[0]]

        try:
            exact = [np.imag(y) / COMPLEX_STEP for y in outputs(1j * COMPLEX_STEP)]
        except NOT_COMPLEX:
            return False
        return agree(exact, outputs)


def _is_state(value: Any) -> bool:
    """Whether a layer's attribute is something a pass may have left there, and not what the layer is made of."""
    if isinstance(value, Layer | Parameter | np.random.Generator):
        return False
    return not (isinstance(value, list | tuple | dict) and value)


def _signs(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers of size 1 to 2 and either sign: they do not cancel."""
    return rng.uniform(1, 2, shape) * rng.choice([-1.0, 1.0], shape)


def _copied(value: Any) -> Any:
    return value.copy() if type(value) is np.ndarray else copy.deepcopy(value)


def pull(f: Callable[[np.ndarray], Any], a: np.ndarray, dy: np.ndarray, method: str, step: float) -> np.ndarray:
    """dL/da from dL/dy for y = f(a), by moving a column of all rows at once; row by row where f mixes them."""
    flat = a.reshape(len(a), -1)
    da = np.empty(flat.shape)
    for column in range(flat.shape[1]):
        if column == 0:
            mixing = _mixes_rows(f, a, method, step)
        moves = [np.array([row]) for row in range(len(a))] if mixing else [np.arange(len(a))]
        for rows in moves:
            direction = np.zeros(flat.shape)
            direction[rows, column] = 1.0
            change = dy * _slope_along(f, a, direction.reshape(a.shape), method, step)
            da[rows, column] = change.sum() if mixing else change.reshape(len(a), -1).sum(axis=1)
    return da.reshape(a.shape)


def _mixes_rows(f: Callable[[np.ndarray], Any], a: np.ndarray, method: str, step: float) -> bool:
    direction = np.zeros(a.shape)
    direction[0] = np.random.default_rng(4).standard_normal(a.shape[1:])
    return len(a) > 1 and bool(np.any(_slope_along(f, a, direction, method, step)[1:]))


def _slope_along(f: Callable[[np.ndarray], Any], a: np.ndarray, direction: np.ndarray, method: str, step: float) -> Any:
    if method == "complex":
        return np.imag(f(a + 1j * COMPLEX_STEP * direction)) / COMPLEX_STEP
    h = step * CENTRAL_STEP * max(1.0, largest(a))
    return (f(a + h * direction) - f(a - h * direction)) / (2 * h)


@dataclass
class Recording:
    """One pass at v: leaf i, from the state before[i] if it has one, maps inputs[i] to inputs[i + 1]."""

    v: np.ndarray
    inputs: list[np.ndarray]
    before: list[Snapshot | None]
    cotangents: dict[Any, Any]


def suspects(function: ModelFunction) -> Iterator[tuple[str, Layer, np.ndarray]]:
    """Every layer that a training step runs, the innermost first, from the loss backwards: its path, it, its input."""
    paths = {id(layer): path for path, layer in function.model.layer.walk()}
    recording = function.record(function.point)
    for i in reversed(range(len(function.leaves))):
        leaf, inputs = function.leaves[i], dict[int, np.ndarray]()
        inner = [layer for _, layer in leaf.walk()]
        for layer in inner:
            vars(layer)["forward"] = _noting(layer, inputs)
        with function.params.cast(np.float64), complex_arithmetic():
            leaf.forward(recording.inputs[i], training=True)
        for layer in inner:
            del vars(layer)["forward"]
        function.state.restore()
        for layer in reversed(inner):
            if id(layer) in inputs:
                yield paths[id(layer)], layer, inputs[id(layer)]


def _noting(layer: Layer, inputs: dict[int, np.ndarray]) -> Callable[..., np.ndarray]:
    forward = layer.forward

    def noting(x: np.ndarray, training: bool = False) -> np.ndarray:
        inputs[id(layer)] = x
        return forward(x, training)

    return noting
