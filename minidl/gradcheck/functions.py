"""What can be checked: a function of one vector, its claimed gradient, and how that vector falls into tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ..layers import Layer
from ..losses import Loss
from ..parameters import Parameters, Penalty
from .numeric import CENTRAL_STEP, EPS, complex_arithmetic, number, point_of, probe, slope

OFTEN = 10  # two masks of few entries may be equal by chance, but not so many
NOISE = 32  # a sum of many rounded terms is off by a few rounding units of the largest


@dataclass(frozen=True)
class Part:
    """One gradient tensor's place in the vector."""

    slice: slice
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return self.slice.stop - self.slice.start

    def index(self, entry: int) -> tuple[int, ...]:
        """The tensor's index of its flat entry."""
        return tuple(int(i) for i in np.unravel_index(entry, self.shape))


def parts_of(shapes: dict[str, tuple[int, ...]]) -> dict[str, Part]:
    """Tensors of these shapes, end to end."""
    parts, start = {}, 0
    for path, shape in shapes.items():
        stop = start + int(np.prod(shape, dtype=np.int64))
        parts[path] = Part(slice(start, stop), shape)
        start = stop
    return parts


class Differentiable(ABC):
    """value(v) of a vector v, and the gradient it is claimed to have at `point`. Counts its evaluations."""

    point: np.ndarray
    parts: dict[str, Part]
    evaluations = 0

    @abstractmethod
    def value(self, v: np.ndarray) -> Any:
        """The number at v, complex for complex v."""

    @abstractmethod
    def gradient(self, v: np.ndarray) -> np.ndarray:
        """The gradient that is claimed at v."""

    def floors(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        """Per tensor, how far rounding alone may take its gradient from the slope."""
        size = float(np.abs(np.real(self.value(v)))) / max(1.0, largest(v))
        return {path: NOISE * EPS * max(size, largest(gradient[part.slice])) for path, part in self.parts.items()}

    def counted(self, v: np.ndarray) -> Any:
        """The value, counted."""
        self.evaluations += 1
        return self.value(v)

    def central_floor(self, v: np.ndarray) -> float:
        """The rounding of a central difference: that of the value, over the step."""
        return NOISE * EPS * float(np.abs(np.real(self.value(v)))) / CENTRAL_STEP

    def hold(self, v: np.ndarray, method: str) -> AbstractContextManager[Any]:
        """A with block in which many slopes at v are taken; what can be done once for all of them is done there."""
        return nullcontext()

    @cached_property
    def complex_safe(self) -> bool:
        """Whether the complex step may be used here."""
        return probe(self.outputs, self.point)

    def outputs(self, v: np.ndarray) -> Any:
        """What the complex step is judged on: as many numbers as the function can show."""
        return self.value(v)

    def along(self, v: np.ndarray, direction: np.ndarray, method: str, step: float = 1.0) -> float:
        """The slope at v along a direction through the whole vector. `step` scales the central step."""
        with complex_arithmetic():
            return float(slope(self.counted, v, direction, method, step))

    def directional(self, v: np.ndarray, path: str, direction: np.ndarray, method: str, step: float = 1.0) -> float:
        """The slope at v along a direction in one tensor."""
        whole = np.zeros_like(v)
        whole[self.parts[path].slice] = direction
        return self.along(v, whole, method, step)

    def slopes(self, v: np.ndarray, path: str, entries: np.ndarray, method: str, step: float = 1.0) -> np.ndarray:
        """The slopes at v of entries of one tensor. `step` scales the central step."""
        found, start = np.empty(len(entries)), self.parts[path].slice.start
        with complex_arithmetic():
            for number, entry in enumerate(start + entries):
                direction = np.zeros_like(v)
                direction[entry] = 1.0
                found[number] = slope(self.counted, v, direction, method, step * max(1.0, abs(float(v[entry]))))
        return found

    def all_slopes(self, v: np.ndarray, path: str, method: str) -> np.ndarray:
        """The slopes at v of a whole tensor, in its shape."""
        part = self.parts[path]
        return self.slopes(v, path, np.arange(part.size), method).reshape(part.shape)


def in_double(layer: Layer, y: Any) -> Any:
    """What the layer put out for a float64 input, as precise as slopes need it."""
    if not isinstance(y, np.ndarray | np.generic):
        got = "nothing" if y is None else f"a {type(y).__name__}"
        raise ShapeError(f"{type(layer).__name__}: forward returns {got}; it must return an array, y")
    if y.dtype.kind == "f" and y.dtype.itemsize < 8:
        raise DataError(
            f"{type(layer).__name__}: forward turns float64 into {y.dtype}, too coarse for slopes; keep the dtype of x"
        )
    return y


def largest(array: np.ndarray) -> float:
    """The largest finite modulus in the array, 0 if there is none."""
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max(initial=0.0))


class PlainFunction(Differentiable):
    """f(theta) -> number and gradient(theta) or its value at theta, for theta a number or an array."""

    def __init__(self, f: Callable[[Any], Any], gradient: Any, theta: Any) -> None:
        array = point_of("check_gradient", theta)
        self.f, self.claimed, self.shape = f, gradient, array.shape
        self.point = array.reshape(-1).copy()
        self.parts = parts_of({"theta": array.shape})

    def _given(self, v: np.ndarray) -> Any:
        return v.reshape(self.shape).copy() if self.shape else v[0]

    def value(self, v: np.ndarray) -> Any:
        return number("check_gradient", self.f(self._given(v)))

    def gradient(self, v: np.ndarray) -> np.ndarray:
        claimed = np.asarray(self.claimed(self._given(v)) if callable(self.claimed) else self.claimed, np.float64)
        if claimed.shape != self.shape:
            raise ShapeError(f"check_gradient: gradient has shape {claimed.shape}, theta {self.shape}")
        return claimed.reshape(-1).copy()


class LayerFunction(Differentiable):
    """sum(c * layer(x)) with a random cotangent c, of the layer's parameters and its input, in float64."""

    def __init__(
        self, layer: Layer, params: Parameters, x: np.ndarray, training: bool, rng: np.random.Generator
    ) -> None:
        self.layer, self.params, self.training = layer, params, training
        self.x_shape = x.shape
        shapes = {path: parameter.shape for path, parameter in params.items()}
        self.parts = parts_of({"input": x.shape, **shapes})
        self.point = np.concatenate([x.ravel(), *(parameter.value.ravel() for parameter in params.values())])
        self.point = self.point.astype(np.float64)
        self.state = Snapshot([inner for _, inner in layer.walk()])
        self.cotangent = rng.standard_normal(np.shape(in_double(layer, self.outputs(self.point))))

    def _set(self, v: np.ndarray) -> np.ndarray:
        for path, parameter in self.params.items():
            parameter.value = v[self.parts[path].slice].reshape(parameter.shape)
        return v[self.parts["input"].slice].reshape(self.x_shape)

    def outputs(self, v: np.ndarray) -> Any:
        self.state.restore()
        with self.params.cast(v.dtype):
            return self.layer.forward(self._set(v), self.training)

    def value_of(self, path: str) -> np.ndarray:
        """The input or a parameter at the point."""
        part = self.parts[path]
        return self.point[part.slice].reshape(part.shape)

    def value(self, v: np.ndarray) -> Any:
        return (self.cotangent * self.outputs(v)).sum()

    def gradient(self, v: np.ndarray) -> np.ndarray:
        """Of the input and every parameter; NaN where backward wrote nothing."""
        return stale_or_fresh(self.state, lambda: self._pass(v), lambda: self._pass(self.other(v)))

    def other(self, v: np.ndarray) -> np.ndarray:
        """The same layer with another input."""
        before, part = v.copy(), self.parts["input"].slice
        before[part] = 0.7 * v[part][::-1] + 0.1
        return before

    def twice_backward(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """A parameter's grad after one backward from zeros, and after a second one."""
        self.state.restore()
        with self.params.cast(np.float64):
            self.params.grad[:] = 0.0
            self.layer.forward(self._set(self.point), self.training)
            found = []
            for _ in range(2):
                self.layer.backward(self.cotangent)
                found.append(self.params[path].grad.copy())
        return found[0], found[1]

    def _pass(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with self.params.cast(np.float64), np.errstate(all="ignore"):
            self.params.grad[:] = np.nan
            y = self.layer.forward(self._set(v), self.training)
            dx = self.layer.backward(self.cotangent)
            grads = [parameter.grad.ravel() for parameter in self.params.values()]
            claimed = dx if np.shape(dx) == self.x_shape else np.full(self.x_shape, np.nan)  # None, or no dL/dx of x
            return y, np.concatenate([np.ravel(claimed), *grads])

    def floors(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        unit = largest(self.cotangent)
        return {path: NOISE * EPS * max(unit, largest(gradient[part.slice])) for path, part in self.parts.items()}


class LossFunction(Differentiable):
    """A loss of its outputs p, for given targets and weights."""

    def __init__(self, loss: Loss, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.loss, self.y, self.weights, self.shape = loss, y, weights, p.shape
        self.point = p.astype(np.float64).ravel()
        self.parts = parts_of({"output": p.shape})

    def value(self, v: np.ndarray) -> Any:
        return self.loss.value(v.reshape(self.shape), self.y, self.weights)

    def outputs(self, v: np.ndarray) -> Any:
        return self.loss.terms(v.reshape(self.shape), self.y)[0]

    def gradient(self, v: np.ndarray) -> np.ndarray:
        claimed = self.loss.value_and_gradient(v.reshape(self.shape), self.y, self.weights)[1]
        return np.broadcast_to(claimed, self.shape).ravel()

    def floors(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        # slopes are differences of outputs and targets, so of rounding 1 / m, however small the loss is
        unit = max(1.0, largest(self.y), largest(v)) / self.shape[0]
        return {"output": NOISE * EPS * max(unit, largest(gradient))}


class PenaltyFunction(Differentiable):
    """The sum of penalties, each on its slice of the weights w, for a batch of m rows."""

    def __init__(self, penalties: Iterable[tuple[slice, Penalty]], w: np.ndarray, m: int) -> None:
        self.penalties, self.m, self.point = list(penalties), m, w.astype(np.float64)
        self.parts = parts_of({"weights": w.shape})

    def value(self, v: np.ndarray) -> Any:
        return sum(penalty.value(v[part], self.m) for part, penalty in self.penalties)

    def gradient(self, v: np.ndarray) -> np.ndarray:
        whole = np.zeros(v.shape)
        for part, penalty in self.penalties:
            whole[part] += penalty.gradient(v[part], self.m)
        return whole


def stale_or_fresh(
    state: Snapshot, this: Callable[[], tuple[np.ndarray, np.ndarray]], other: Callable[[], Any]
) -> np.ndarray:
    """The gradient of `this` pass; as it is after an `other` pass if that shows something left over from there.

    A pass is (outputs, gradient). Where forward itself remembers, as it may, nothing is left over: the outputs change
    too, or the gradient changes even after the very same pass.
    """

    def after(first: Callable[[], Any]) -> tuple[np.ndarray, np.ndarray]:
        state.restore()
        first()
        state.rewind()
        return this()

    state.restore()
    outputs, fresh = this()
    again, left = after(other)
    if _equal(left, fresh) or not _equal(again, outputs) or not _equal(after(this)[1], fresh):
        return fresh
    return left


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


class Snapshot:
    """The state of layers that a pass may change: their attributes and their generators."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = [(layer, _kept(vars(layer))) for layer in layers]
        generators = {id(layer._rng): layer._rng for layer, _ in self.layers if hasattr(layer, "_rng")}
        self.generators = [(rng, rng.bit_generator.state) for rng in generators.values()]

    def drawn(self) -> bool:
        """Whether anything was drawn since."""
        return any(repr(rng.bit_generator.state) != repr(state) for rng, state in self.generators)

    def restore(self) -> None:
        """Put everything back, so that the next pass sees the same masks and statistics."""
        for layer, attributes in self.layers:
            vars(layer).clear()
            vars(layer).update(_kept(attributes))
        self.rewind()

    def rewind(self) -> None:
        """Put only the generators back."""
        for rng, state in self.generators:
            rng.bit_generator.state = state


def _kept(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes, with arrays and dicts copied, lest a layer that changes its own in place changes these."""
    return {name: value.copy() if type(value) in (np.ndarray, dict) else value for name, value in attributes.items()}
