"""One layer alone, as a function of its input and its parameters: the chain of one layer."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, cast

import numpy as np

from .._recording import Snapshot
from ..data import Examples
from ..layers import Chain, Graph, Layer, build_layer, run_masked
from ..losses import Loss
from ..parameters import Parameters
from ._chain_subject import INPUT, ChainSubject, check_output, holds_integers, ids_among, other_batch
from ._differentiation import Differentiation, largest
from ._probe import Tracer
from ._products import Bracket, exactly


class Projection(Loss):
    """L = sum(y * p): the targets are dL/dp."""

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (y * p).reshape(len(p), -1).sum(axis=1), y

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        return (y * p).sum(), y

    def masked_weights(self, p: np.ndarray, weights: np.ndarray | None, mask: Any) -> np.ndarray:
        """Return ones: the sum is over all steps, masked or not."""
        return np.ones(len(p))


class LayerSubject(ChainSubject):
    """sum(dy * layer(x)) with a fixed dy, as a function of the layer's input x and its parameters."""

    def __init__(
        self,
        layer: Layer,
        params: Parameters,
        x: np.ndarray,
        dy: np.ndarray,
        training: bool,
        mask: np.ndarray | None = None,
    ) -> None:
        super().__init__(Chain(layer), params, Projection(), Examples(x, dy), training, of_input=True, mask=mask)
        self.layer, self.counts = layer, _counts(x, dy.shape)

    def work(self, path: str) -> int:
        # in most layers one entry of all rows, or of all filters, moves at a time
        shape = self.parts[path].shape
        together = 1 if not shape else shape[0] if path == INPUT else shape[-1]
        return self.parts[path].size // together * self.rows.y.size

    tracer: Tracer | None = None  # of the operations in forward, while it is set

    def run(self, i: int, a: np.ndarray) -> np.ndarray:
        if self.tracer is None:
            theta = self.params.theta.copy()
            y = super().run(i, a)
            self.params.theta[:] = theta  # a layer that changes its parameters is told so elsewhere
            return y
        parameters = [(parameter, parameter.value.reshape(-1)) for parameter in self.params.values()]
        for parameter, values in parameters:
            parameter.open(self.tracer.probe(values), parameter.grad.reshape(-1))
        try:
            with self.tracer.buffers.used_by(inner for _, inner in self.layer.walk()):
                return np.asarray(self.tracer.run(partial(super().run, i), a))
        finally:
            for parameter, values in parameters:
                parameter.open(values, parameter.grad.reshape(-1))

    def outputs(self, v: np.ndarray) -> Any:
        """y at v."""
        with self.at(v, v.dtype):
            return self.run(0, self._x(v))

    def unit(self, v: np.ndarray) -> float:
        return largest(self.rows.y)

    def _loss_derivative(self, z: np.ndarray, method: Differentiation) -> np.ndarray:
        return self.rows.y

    def _loss_bracket(self, z: np.ndarray, step: float) -> Bracket:
        return exactly(self.rows.y)

    def gradient_of_two_backwards(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of a parameter after one backward pass from zeros, and after a second one."""
        parameter, found = self.params[path], []
        with self.at(self.point, np.float64):
            self.params.grad[:] = 0.0
            self.layers_forward(self.rows.x.copy())
            for _ in range(2):
                self.layers.backward(self.rows.y.copy())
                found.append(parameter.grad.copy())
        return found[0], found[1]

    def backward(self, dy: np.ndarray) -> Any:
        """The dx that backward makes of another dy, as it returns it."""
        self.state.restore()
        with self.at(self.point, np.float64):
            self.layers_forward(self.rows.x.copy())
            return self.layers.backward(dy.copy())

    def change_of_output(self, v: np.ndarray, path: str, direction: np.ndarray, method: Differentiation) -> np.ndarray:
        """The derivative of y at v along a direction of one tensor."""
        self.record(v)
        with self.at(v, method.dtype):
            output = self._output(v, path)
            return np.asarray(method.derivative(lambda offset: output(offset, slice(None)), direction.ravel()))

    def jacobian_of_first_row(self, method: Differentiation) -> np.ndarray:
        """dy / dx of the first row alone: (*shape of y, entries of x)."""
        self.record(self.point)
        with self.at(self.point, method.dtype):
            output = self._output(self.point, INPUT)

            def change(entry: int) -> np.ndarray:
                return np.asarray(method.derivative(lambda offset: output(offset, [entry]), np.ones(1)))[0]

            changes = [change(entry) for entry in range(self.rows.x[0].size)]
        return np.stack(changes, axis=-1)

    def with_setting(self, name: str, value: Any) -> LayerSubject | None:
        """The layer with another value of a setting, on the same rows and parameters; None if they do not fit it."""
        clone = self.layer.clone()
        setattr(clone, name, value)
        shape = build_layer(clone, self.rows.x.shape[1:])
        params = Parameters(clone.named_parameters(), np.dtype(np.float64))
        shapes = {path: parameter.shape for path, parameter in params.items()}
        if shapes != {path: parameter.shape for path, parameter in self.params.items()}:
            return None
        params.theta[:] = self.params.theta
        return LayerSubject(clone, params, self.rows.x, np.zeros((len(self.rows), *shape)), self.training, self.mask)

    def with_more_rows(self) -> LayerSubject:
        """The same layer on two more, random rows."""
        rng, m = np.random.default_rng(8), len(self.rows) + 2
        x = random_rows(self.layer, m, self.rows.x.shape[1:], rng)
        dy = rng.standard_normal((m, *self.rows.y.shape[1:]))
        mask = None if self.mask is None else random_mask(x)
        return LayerSubject(self.layer, self.params, x, dy, self.training, mask)

    def other(self, v: np.ndarray) -> np.ndarray:
        """The same layer with another input."""
        rows = other_batch(Examples(self._x(v), self.rows.y))
        return np.concatenate([rows.x.ravel(), self._theta(v)])


def _counts(x: np.ndarray, y: tuple[int, ...]) -> dict[str, int]:
    """The numbers of rows, features and outputs; of sequences also of steps, of images of positions and channels."""
    shape = (*x.shape, 1) if holds_integers(x) else x.shape
    if len(shape) <= 3:
        counts = {"rows": shape[0]} | ({"steps": shape[1]} if len(shape) == 3 else {})
        counts |= {} if holds_integers(x) else {"features": shape[-1]}
        if len(shape) == len(y) == 3 and y[1] != shape[1]:
            counts["steps of the output"] = y[1]
        return counts if y[-1] == counts.get("features") else counts | {"outputs": y[-1]}
    counts = {"rows": y[0], "positions": math.prod(y[1:-1])}
    if y[1:-1] != shape[1:-1]:
        counts["pixels"] = math.prod(shape[1:-1])
    counts["channels"] = shape[-1]
    return counts if y[-1] == shape[-1] else counts | {"filters": y[-1]}


def with_one_input(layer: Layer, shapes: tuple[tuple[int, ...], ...]) -> Layer:
    """A layer of several inputs or outputs as a graph that has them side by side in one array."""
    if isinstance(layer, Graph):
        return layer
    inputs = {f"input_{number}": shape for number, shape in enumerate(shapes)}
    if not layer.several_outputs:
        return Graph(inputs, {"output": (layer, *inputs)}, "output")
    made: Any = layer.clone().build(cast(Any, shapes if len(shapes) > 1 else shapes[0]))
    outputs = tuple(f"output_{number}" for number in range(len(made)))
    return Graph(inputs, {outputs: (layer, *inputs)}, outputs)


def build_clone(layer: Layer, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> tuple[Any, ...]:
    """A clone that belongs to no model, with random parameters: the clone, its Parameters, its output shape."""
    clone = layer.clone()
    output_shape = build_layer(clone, shape)
    params = Parameters(clone.named_parameters(), np.dtype(dtype))
    params.initialize(rng)
    for _, inner in clone.walk():
        inner.rng = rng
    return clone, params, output_shape


def layer_subject(
    layer: Layer,
    shape: tuple[int, ...],
    m: int,
    training: bool,
    seed: int,
    x: np.ndarray | None = None,
    *,
    masked: bool = False,
) -> LayerSubject:
    """A clone of the layer with random float64 parameters, on m random rows or on the rows x, with a random dy.

    masked  True: with a mask that leaves out some of the steps
    """
    rng = np.random.default_rng(seed)
    clone, params, _ = build_clone(layer, shape, np.float64, rng)
    # initializers make zeros and ones, which hide mistakes
    params.theta += 0.5 * rng.standard_normal(params.theta.size)
    x = random_rows(clone, m, shape, rng) if x is None else x if holds_integers(x) else x.astype(np.float64)
    mask = random_mask(x) if masked else None
    start = Snapshot(inner for _, inner in clone.walk())
    with np.errstate(all="ignore"):
        y = run_masked(clone, x.copy(), mask, training)[0] if masked else clone.forward(x.copy(), training)
        dy = rng.standard_normal(np.shape(check_output(clone, y)))
    start.restore()
    return LayerSubject(clone, params, x, dy, training, mask)


def random_rows(layer: Layer, m: int, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Rows of x for the layer: standard normal numbers, or ids. Several inputs of a graph stand side by side."""
    if layer.vocabulary_size is None:
        x, ids = rng.standard_normal((m, *shape)), ids_among(layer)
        if ids.any():
            below = min(size for size in cast(Graph, layer).vocabularies.values() if size is not None)
            x[:, ids] = rng.integers(0, below, (m, np.count_nonzero(ids)))
        return x
    return rng.integers(0, layer.vocabulary_size, (m, *shape))


def random_mask(x: np.ndarray) -> np.ndarray:
    """A mask (m, steps) of sequences: some are padded at the end, some at the beginning, one has a gap."""
    m, steps = x.shape[:2]
    rng, places = np.random.default_rng(3), np.arange(steps)
    mask = places < rng.integers(1, steps + 1, m)[:, None]
    mask[1::2] = mask[1::2, ::-1]
    if steps > 2:
        mask[0] = places != steps // 2
    return mask


def uses_mask(layer: Layer, shape: tuple[int, ...]) -> bool:
    """True if the layer, or one inside, does something else if steps of rows of this shape are masked."""
    kinds = {type(inner) for _, inner in layer.walk()}
    return len(shape) > 1 and any(kind.sees_masks and not issubclass(kind, Chain | Graph) for kind in kinds)
