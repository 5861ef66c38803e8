"""Layers that run one after the other, as a function of their parameters: those of a model, or one layer alone.

A parameter of one layer leaves all layers before it as they were, so its derivatives are evaluated from that layer on:
the change of the layer's own output, times dL/dy there. That dL/dy is found once for each layer by the same means, from
the end of the chain backwards. No backward pass has a part in it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .._recording import Snapshot
from ..data import Examples
from ..errors import ShapeError
from ..layers import Chain, Graph, Layer, run_masked
from ..losses import Loss
from ..objective import Objective
from ..parameters import Parameters
from ._differentiation import (
    CENTRAL,
    Differentiation,
    complex_arithmetic,
    keeps_derivatives,
    largest,
    random_step,
)
from ._products import Bracket, Form, Output, bracket, exactly, moved, vjp
from ._rounding import bound, chain_bounds
from ._subjects import NEAR, Part, Subject, equal

INPUT = "input"  # the path of x, where it is a part of the vector


@dataclass
class Recording:
    """One pass at v: leaf i, from the state before[i] if it has one, maps inputs[i] to inputs[i + 1]."""

    v: np.ndarray
    inputs: list[np.ndarray]
    before: list[Snapshot | None]
    cotangents: dict[Differentiation, dict[int, np.ndarray]] = field(default_factory=dict)
    brackets: dict[float, dict[int, Bracket]] = field(default_factory=dict)  # the same with kinks, by step


LARGEST_BRACKET = 1000  # numbers between layers, each of which moves on its own in a proof of kinks


class ChainSubject(Subject):
    """loss(layers(x), y) in float64 as a function of theta, or of x and theta. It uses the layers themselves.

    of_input  True if x is a part of the vector, before theta, unless it holds integers: they have no derivative
    mask      of x, None if all steps count
    """

    def __init__(
        self,
        layers: Chain,
        params: Parameters,
        loss: Loss,
        rows: Examples,
        training: bool,
        of_input: bool,
        mask: np.ndarray | None = None,
    ) -> None:
        self.mask = mask
        of_input = of_input and not holds_integers(rows.x)
        self.layers, self.leaves, self.params, self.loss, self.training = layers, layers.layers, params, loss, training
        self.ids = ids_among(layers.layers[0]) if layers.layers else np.zeros(0, bool)
        leaf_of = {id(p): i for i, leaf in enumerate(self.leaves) for p in leaf.named_parameters().values()}
        self.leaf_of = {INPUT: 0} | {path: leaf_of[id(parameter)] for path, parameter in params.items()}
        self.before_theta = n = rows.x.size if of_input else 0
        self.parts = {INPUT: Part(slice(0, n), rows.x.shape)} if of_input else {}
        for path, parameter in params.items():
            place = params.slices[path]
            self.parts[path] = Part(slice(place.start + n, place.stop + n), parameter.shape)
        self.adding = {i for i, leaf in enumerate(self.leaves) if any(inner.adds_penalty for _, inner in leaf.walk())}
        self._steady = dict[int, bool]()
        self._held: tuple[Any, np.ndarray] | None = None
        self._depends_on_other_batch = True  # until the first gradient shows that it does not
        self.start(params.theta, rows)

    def start(self, theta: np.ndarray, rows: Examples) -> None:
        """Begin at a point, with a batch."""
        weight = None if rows.weight is None else rows.weight.astype(np.float64)
        x = rows.x if holds_integers(rows.x) else rows.x.astype(np.float64)
        self.rows = Examples(x, rows.y.astype(np.float64), weight)
        self.point = np.concatenate([self.rows.x.reshape(-1)[: self.before_theta], theta]).astype(np.float64)
        self.state = self._changing = self._snapshot_of_changing()
        self._recorded: Recording | None = None
        self.evaluations = 0
        self.masks: list[Any] = [None] * (len(self.leaves) + 1)  # of the inputs of the leaves, and of the last output
        if self.mask is not None or self.layers.makes_mask:
            self._find_masks()

    def _find_masks(self) -> None:
        """Run all leaves at the point. Set the masks, and the weights 0 where they are False."""
        self.masks, a = [self.mask], self.rows.x
        with self.at(self.point, np.float64):
            for leaf in self.leaves:
                a, mask = run_masked(leaf, a, self.masks[-1], self.training)
                self.masks.append(mask)
        if self.masks[-1] is not None:
            self.rows.weight = self.loss.masked_weights(a, self.rows.weight, self.masks[-1])

    def _snapshot_of_changing(self) -> Snapshot:
        """The state of the leaves that may change outputs from pass to pass, as far as is known."""
        changing = (leaf for i, leaf in enumerate(self.leaves) if not self._steady.get(i))
        return Snapshot(inner for leaf in changing for _, inner in leaf.walk())

    @property
    def is_steady(self) -> bool:
        """True if no layer draws random numbers or remembers earlier passes."""
        return all(self._steady.get(i) for i in range(len(self.leaves)))

    def _theta(self, v: np.ndarray) -> np.ndarray:
        return v[self.before_theta :]

    def _x(self, v: np.ndarray) -> np.ndarray:
        if not self.before_theta:
            return self.rows.x
        x = self.parts[INPUT].of(v)
        return np.where(self.ids, self.rows.x, x) if self.ids.any() else x  # ids stay

    # ---- the claimed gradient

    def gradient(self, v: np.ndarray) -> np.ndarray:
        """The claimed gradient; NaN where backward wrote nothing.

        The first time another batch runs before, so that what backward takes from an earlier pass shows.
        """
        rows = Examples(self._x(v), self.rows.y, self.rows.weight)
        with self.params.cast(np.float64), np.errstate(all="ignore"):
            self.params.theta[:] = self._theta(v)
            if not self._depends_on_other_batch:
                return self.gradient_alone(v)
            this, other = partial(self._pass, rows), partial(self._pass, other_batch(rows, self.ids))
            found, self._depends_on_other_batch = gradient_after_other_batch(self.state, this, other)
            return found

    def gradient_alone(self, v: np.ndarray) -> np.ndarray:
        rows = Examples(self._x(v), self.rows.y, self.rows.weight)
        with self.params.cast(np.float64), np.errstate(all="ignore"):
            self.params.theta[:] = self._theta(v)
            self.state.restore()
            return self._pass(rows)[1]

    def _pass(self, rows: Examples) -> tuple[np.ndarray, np.ndarray]:
        """The outputs and the gradient of one training step."""
        self.params.grad[:] = np.nan
        # copies, because a layer may write into its arguments, which is another matter than its gradient
        z = self.layers_forward(rows.x.copy())
        dx = self.layers.backward(self._dz(z, rows).copy())
        if not self.before_theta:
            return z, self.params.grad.copy()
        if np.shape(dx) != rows.x.shape:
            dx = np.full(rows.x.shape, np.nan)
        return z, np.concatenate([np.ravel(dx), self.params.grad])

    def layers_forward(self, x: np.ndarray) -> np.ndarray:
        """The last output for x, as training computes it."""
        if self.mask is None:
            return self.layers.forward(x, self.training)
        y: np.ndarray = self.layers.masked_forward(x, self.mask, self.training)[0]
        return y

    def _dz(self, z: np.ndarray, rows: Examples) -> np.ndarray:
        return self.loss.value_and_gradient(z, rows.y, rows.weight)[1]

    # ---- values

    def value(self, v: np.ndarray) -> Any:
        with self.at(v, v.dtype):
            x = self._x(v)
            return self._onward(0, x if holds_integers(x) else x.astype(v.dtype))

    def _onward(self, start: int, a: np.ndarray) -> Any:
        """The objective without what the leaves before add, where the leaf before has just returned a."""
        added = self._added(start - 1)
        for i in range(start, len(self.leaves)):
            a = self.run(i, a)
            added = added + self._added(i)
        return self.loss.value(a, self.rows.y, self.rows.weight) + added

    def _added(self, i: int) -> Any:
        """The penalty that leaf i adds to the objective for what has just passed through it."""
        return self.leaves[i].activity_penalty() if i in self.adding else 0.0

    def run(self, i: int, a: np.ndarray) -> np.ndarray:
        """The output of leaf i, with the masks and statistics it had when the point was recorded."""
        if self._recorded is not None and (before := self._recorded.before[i]) is not None:
            before.restore()
        self.evaluations += 1
        return self._leaf(i, a.copy())

    def _leaf(self, i: int, a: np.ndarray) -> np.ndarray:
        """The output of leaf i for a, which has the mask that it has at the point."""
        if self.masks[i] is None:
            return self.leaves[i].forward(a, self.training)
        y: np.ndarray = run_masked(self.leaves[i], a, self.masks[i], self.training)[0]
        return y

    @contextmanager
    def at(self, v: np.ndarray, dtype: Any) -> Iterator[None]:
        """The layers at v, in this dtype. Those that draw or remember come back to the state they were in."""
        if self._held is not None and self._held[0] == dtype and self._held[1] is v:
            yield
            self.params.theta[:] = self._theta(v)
            return
        outer, self._held = self._held, (dtype, v)
        self._changing.restore()
        try:
            with self.params.cast(dtype), complex_arithmetic():
                self.params.theta[:] = self._theta(v)
                yield
        finally:
            self._held = outer
            self._changing.restore()

    def record(self, v: np.ndarray) -> Recording:
        """The inputs of all leaves at v, the last output, and the states that the leaves start from."""
        if self._recorded is None or not (self._recorded.v is v or np.array_equal(self._recorded.v, v)):
            self._recorded = None
            inputs, before = [self._x(v)], list[Snapshot | None]()
            with self.at(v, np.float64):
                for i, leaf in enumerate(self.leaves):
                    steady = self._is_steady(i, inputs[i])
                    before.append(None if steady else Snapshot([inner for _, inner in leaf.walk()]))
                    inputs.append(check_output(leaf, self._leaf(i, inputs[i].copy())))
            self._recorded = Recording(v, inputs, before)
            self._changing.restore()
            self._changing = self._snapshot_of_changing()  # steady leaves need not be restored from now on
        return self._recorded

    def _is_steady(self, i: int, a: np.ndarray) -> bool:
        """True if leaf i draws nothing and remembers nothing, so that its state need not be restored."""
        if i not in self._steady:
            leaf, near = self.leaves[i], a + NEAR * self._step(i, a, np.random.default_rng(5))
            start = Snapshot([inner for _, inner in leaf.walk()])
            once, again = (self._leaf(i, near) for _ in range(2))
            self._steady[i] = equal(once, again) and not start.drawn
            start.restore()
        return self._steady[i]

    def _step(self, i: int, a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A random step of the input of leaf i, which leaves ids where they are."""
        step = random_step(a, rng)
        if i == 0 and self.ids.any():
            step[:, self.ids] = 0
        return step

    # ---- derivatives

    def _output(self, v: np.ndarray, path: str) -> Output:
        """The output of the leaf that has the tensor, as a function of an offset of some entries, for use in `at`."""
        i = self.leaf_of[path]
        # complex like theta, because a layer may make its output in the dtype of x
        a = self.record(v).inputs[i]
        if not holds_integers(a):
            a = a.astype(self.params.theta.dtype, copy=False)
        if path == INPUT:
            return self._output_of_input(i, a)
        kept, window = v[self.parts[path].slice], self.params[path].value.reshape(-1)

        def output(offset: Any, chosen: Any) -> np.ndarray:
            window[chosen] = kept[chosen] + offset
            y = self.run(i, a)
            window[chosen] = kept[chosen]
            return y

        return output

    def _output_of_input(self, i: int, a: np.ndarray) -> Output:
        if i or not self.ids.any():
            return lambda offset, chosen: self.run(i, moved(a, offset, chosen))
        return lambda offset, chosen: self.run(i, np.where(self.ids, a, moved(a, offset, chosen)))  # ids stay

    def tensor_derivative(self, v: np.ndarray, path: str, direction: np.ndarray, method: Differentiation) -> float:
        after, everything = self.leaf_of[path] + 1, slice(None)
        self.record(v)
        with self.at(v, method.dtype):
            output = self._output(v, path)
            return float(method.derivative(lambda offset: self._onward(after, output(offset, everything)), direction))

    def derivatives(self, v: np.ndarray, path: str, entries: np.ndarray, method: Differentiation) -> np.ndarray:
        tensor, dy = np.atleast_1d(self.parts[path].of(v)), self.cotangent(self.leaf_of[path], v, method)
        with self.at(v, method.dtype):
            i, axis = self.leaf_of[path], 0 if path == INPUT else -1
            return self._vjp(i, self._output(v, path), tensor, dy, method, axis, entries)

    def _vjp(
        self,
        i: int,
        output: Output,
        a: np.ndarray,
        dy: np.ndarray,
        method: Differentiation,
        axis: int,
        entries: np.ndarray | None = None,
    ) -> np.ndarray:
        """dL/da of what leaf i depends on, from the derivatives by its outputs and the penalty that it adds."""
        form = self._form(i, output, a, exactly(dy), axis)
        return vjp(form.output, form.a, form.dy, method, form.axis, entries)

    def cotangent(self, i: int, v: np.ndarray, method: Differentiation) -> np.ndarray:
        """dL/dy of leaf i's output, by derivatives from the end of the chain backwards."""
        recording = self.record(v)
        found = recording.cotangents.setdefault(method, {})
        with self.at(v, method.dtype):
            if not found:
                found[len(self.leaves) - 1] = self._loss_derivative(recording.inputs[-1], method)
            for lower in range(min(found), i, -1):
                a = recording.inputs[lower]
                found[lower - 1] = self._vjp(lower, self._output_of_input(lower, a), a, found[lower], method, 0)
        return found[i]

    def narrowing(self) -> str:
        outputs = self.record(self.point).inputs[1:]
        kinds = ((type(leaf).__name__, np.asarray(y).dtype) for leaf, y in zip(self.leaves, outputs, strict=True))
        found = (f"{name}: forward turns float64 into {dtype}" for name, dtype in kinds if dtype.itemsize < 8)
        return next(found, "")

    def can_bracket(self, path: str) -> bool:
        later = self.record(self.point).inputs[self.leaf_of[path] + 1 :]
        return sum(np.size(a) for a in later) <= LARGEST_BRACKET

    def form(self, v: np.ndarray, path: str, step: float) -> Form:
        i = self.leaf_of[path]
        dy = self._cotangent_bracket(i, v, step)
        a, axis = np.atleast_1d(self.parts[path].of(v)), 0 if path == INPUT else -1
        return self._form(i, self._output(v, path), a, dy, axis)

    def _form(self, i: int, output: Output, a: np.ndarray, dy: Bracket, axis: int) -> Form:
        """The part of the objective that comes through leaf i: its outputs, and the penalty that it adds."""
        if i not in self.adding:
            return Form(output, a, dy.center, dy.radius, axis)

        def with_penalty(offset: Any, chosen: Any) -> np.ndarray:
            y = output(offset, chosen)
            return np.append(y, self._added(i))

        return Form(with_penalty, a, np.append(dy.center, 1.0), np.append(dy.radius, 0.0), axis)

    def _cotangent_bracket(self, i: int, v: np.ndarray, step: float) -> Bracket:
        """The range of dL/dy of leaf i's output: `cotangent`, if kinks further on allow several values."""
        recording = self.record(v)
        found = recording.brackets.setdefault(step, {})
        with self.at(v, np.float64):
            if not found:
                found[len(self.leaves) - 1] = self._loss_bracket(recording.inputs[-1], step)
            for lower in range(min(found), i, -1):
                a = recording.inputs[lower]
                found[lower - 1] = bracket(self._form(lower, self._output_of_input(lower, a), a, found[lower], 0), step)
        return found[i]

    def _terms(self, z: np.ndarray) -> np.ndarray:
        """The losses of the rows, or of their positions, without weights."""
        p, y, _ = self.loss.by_position(z, self.rows.y)
        return self.loss.terms(p, y)[0]

    @abstractmethod
    def _loss_derivative(self, z: np.ndarray, method: Differentiation) -> np.ndarray:
        """dL/dz of the last output."""

    @abstractmethod
    def _loss_bracket(self, z: np.ndarray, step: float) -> Bracket:
        """The range of dL/dz, if the loss has kinks."""

    def _keeps_derivatives(self, rng: np.random.Generator) -> bool:
        """Judged at every leaf and at the loss."""
        along = random_step(self.point, rng)
        near, inputs = self.point + NEAR * along, self.record(self.point).inputs
        directions = [self._step(i, a, rng) for i, a in enumerate(inputs)]
        inputs = [a + NEAR * direction for a, direction in zip(inputs, directions, strict=True)]
        if self.loss.link is not None and not self.loss.from_logits:
            inputs[-1] = np.clip(inputs[-1], 1e-3, 1 - 1e-3)  # probabilities

        def outputs(step: Any) -> list[Any]:
            with self.at(near, np.asarray(step).dtype):
                self.params.theta += step * self._theta(along)
                *moved, z = (a + step * direction for a, direction in zip(inputs, directions, strict=True))
                values = [self.run(i, a) for i, a in enumerate(moved)]
                added = [np.asarray(self._added(i)) for i in sorted(self.adding)]
                return [*values, self._terms(z), *added]

        with self.at(near, np.float64):
            return keeps_derivatives(outputs)


class DataLoss(ChainSubject):
    """The data loss of a private copy of an objective on some rows."""

    trials = 1  # a network has many outputs, all of which are judged

    def __init__(self, objective: Objective, rows: Examples) -> None:
        self.source, self.objective = objective, objective.copy()
        super().__init__(self.objective.layers, self.objective.params, objective.loss, rows, True, of_input=False)

    def follow(self, objective: Objective, rows: Examples) -> DataLoss:
        """The subject for an objective after more training, with what is known of its layers already."""
        if self.is_steady and objective is self.source:
            self.start(objective.params.theta, rows)
            return self
        new = DataLoss(objective, rows)
        known = ("_steady", "_depends_on_other_batch", "supports_complex")
        vars(new).update({name: vars(self)[name] for name in known if name in vars(self)})
        return new

    def _loss_derivative(self, z: np.ndarray, method: Differentiation) -> np.ndarray:
        form = self._loss_form(z)
        return vjp(form.output, form.a, form.dy, method, axis=0).reshape(z.shape)

    def _loss_bracket(self, z: np.ndarray, step: float) -> Bracket:
        found = bracket(self._loss_form(z), step)
        return Bracket(*(part.reshape(z.shape) for part in (found.center, found.radius, found.noise)))

    def _loss_form(self, z: np.ndarray) -> Form:
        p, y, weight = self.loss.by_position(z, self.rows.y, self.rows.weight)
        terms = self.loss.weighted_terms

        def weighted(offset: Any, chosen: Any) -> np.ndarray:
            return terms(moved(p, offset, chosen), y, weight)

        shape = terms(p, y, weight).shape
        return Form(weighted, p, np.full(shape, 1 / math.prod(shape)), np.zeros(shape), 0)

    def unit(self, v: np.ndarray) -> float:
        z = self.record(v).inputs[-1]
        size = max(1.0, largest(self.rows.y), largest(z) if self.loss.link is None else 1.0)
        return size / len(self.loss.by_position(z, self.rows.y)[0])

    def gradient_bounds(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        claimed = {id(self.params[path]): gradient[part.slice] for path, part in self.parts.items()}
        inputs, unit = self.record(v).inputs, self.unit(v)
        self.state.restore()  # no layer holds complex numbers from an earlier pass
        with self.at(v, np.float64):
            dz = self._dz(self.layers_forward(self.rows.x), self.rows)
            bounds = chain_bounds(self.leaves, inputs[:-1], dz, unit, claimed)
        return {path: bounds[id(parameter)] for path, parameter in self.params.items()}

    def value_bound(self, v: np.ndarray) -> float:
        """That of the value, or of the outputs of any leaf on the way to it."""
        sizes = [largest(a) for a in self.record(v).inputs]
        leaves = range(len(self.leaves))
        errors = (max(sizes[i : i + 2]) * np.abs(self.cotangent(i, v, CENTRAL)).sum() for i in leaves)
        return super().value_bound(v) + bound(float(max(errors, default=0.0)))


def other_batch(rows: Examples, ids: np.ndarray | None = None) -> Examples:
    """Another batch of numbers like these. ids: True at the numbers of a row that are ids, which stay ids."""
    x = rows.x[::-1]
    if not holds_integers(x):
        x = 0.7 * x + 0.1
        if ids is not None and ids.any():
            x[:, ids] = rows.x[::-1][:, ids]
    return Examples(x, rows.y[::-1], rows.weight)


def holds_integers(x: np.ndarray) -> bool:
    """True for ids, which have no derivative."""
    return x.dtype.kind in "iu"


def ids_among(layer: Layer) -> np.ndarray:
    """True at the numbers of a row that are ids, where a graph has several inputs side by side; else empty."""
    if not (isinstance(layer, Graph) and layer.several_inputs):
        return np.zeros(0, bool)
    sizes = layer.vocabularies.items()
    return np.concatenate([np.full(math.prod(layer.shapes[name]), size is not None) for name, size in sizes])


def gradient_after_other_batch(
    state: Snapshot, this: Callable[[], tuple[np.ndarray, np.ndarray]], other: Callable[[], Any]
) -> tuple[np.ndarray, bool]:
    """The gradient of `this` pass after the `other` one, and True if it differs from that without the other one.

    A pass is (outputs, gradient). A layer whose forward remembers, which is allowed, does not count: its outputs change
    too, or its gradient changes even after the very same pass.
    """

    def after(first: Callable[[], Any]) -> tuple[np.ndarray, np.ndarray]:
        state.restore()
        first()
        state.restore_generators()
        return this()

    state.restore()
    outputs, fresh = this()
    again, left = after(other)
    if equal(left, fresh) or not equal(again, outputs) or not equal(after(this)[1], fresh):
        return fresh, False
    return left, True


def check_output(layer: Layer, y: Any) -> Any:
    """Return the layer's output; raise ShapeError if it is not an array."""
    if not isinstance(y, np.ndarray | np.generic):
        got = "nothing" if y is None else f"a {type(y).__name__}"
        raise ShapeError(f"{type(layer).__name__}: forward returns {got}; it must return an array, y")
    return y
