"""Any function of arrays, with the gradient that is claimed for it, as a number that can be differentiated.

The outputs are multiplied with random numbers dy and added up: L = sum(dy * y). The gradient of L, dy times the
Jacobian, is what a backward pass computes (a vector-Jacobian product).
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ..seeding import new_sequence
from ._buffers import Buffers
from ._differentiation import EPS, Differentiation, complex_arithmetic, largest
from ._probe import Tracer, plain
from ._products import Form, moved, vjp
from ._rearranged import axes_named
from ._rounding import bound
from ._subjects import Part, Subject, equal

MOST_NOISE = 1e-4  # a gradient that moves more than this with the last digit of its inputs is not only rounded
MOVES = 2  # of the last digit, to see that

Arrays = Sequence[np.ndarray]


class AnyFunction(ABC):
    """A function of arrays in some library.

    title          its name in the report
    inputs         the arrays that it is differentiated by, by path, float64 or complex128
    numbers        settings that a wrong gradient may have as a factor, by name
    output_names   of the outputs that have a derivative
    tries_complex  True if it may be called with complex numbers in the place of real ones
    is_unit        True if its gradient is that of the sum of its outputs: dy is 1
    runs_on_numpy  True if the operations in it can be watched
    if_none        what a gradient of None means
    """

    title: str
    inputs: dict[str, np.ndarray]
    numbers: dict[str, float]
    output_names: list[str]
    tries_complex = False
    is_unit = False
    runs_on_numpy = False
    if_none = "backward returns None for {name}, which stands for zeros"

    @abstractmethod
    def outputs(self, inputs: Arrays) -> list[np.ndarray]:
        """The outputs that have a derivative."""

    @abstractmethod
    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        """The outputs of the forward pass that belongs to backward, and the claimed gradient of each input or None.

        cotangents  dL/dy of each output
        """

    def notes(self) -> list[str]:
        """Sentences on what was seen while it ran."""
        return []

    def grown(self, n: int) -> AnyFunction | None:
        """The same function of arrays that are longer along all axes of length n; None if that is not possible."""
        return None

    def watched(self, buffers: Buffers) -> AbstractContextManager[Any]:
        """Inside, arrays that the function makes itself are watched, too."""
        return nullcontext()

    def broken(self) -> list[str]:
        """Sentences on what makes its gradient wrong in some circumstances."""
        return []

    def close(self) -> None:  # noqa: B027  most have nothing to put back
        """Put back what it changed."""


class FunctionSubject(Subject):
    """sum(dy * y) of a function's outputs y with fixed random dy, as a function of its inputs.

    A complex number is two real ones, side by side along a last axis.

    dy         of each output, as real numbers
    lengths    of all axes and numbers of places, with a name for each
    left_out   how many outputs are not finite at the point; they do not count
    misshapen  gradients whose shape is not that of their input, by path
    absent     paths of the inputs whose gradient is None
    """

    many = 2_000  # each may take a call of its own

    def __init__(self, function: AnyFunction, seed: int) -> None:
        self.function, self.seed = function, seed
        self.are_complex = [np.iscomplexobj(a) for a in function.inputs.values()]
        arrays = [as_real(np.asarray(a)) for a in function.inputs.values()]
        ends = np.cumsum([0, *(a.size for a in arrays)]).tolist()
        places = map(slice, ends[:-1], ends[1:])
        self.parts = {
            path: Part(place, a.shape) for path, place, a in zip(function.inputs, places, arrays, strict=True)
        }
        self.point = np.concatenate([a.ravel() for a in arrays]).astype(np.float64)
        self.misshapen, self.absent = dict[str, np.ndarray](), set[str]()
        self._draw(seed)
        self.lengths = list(_lengths(dict(zip(self.parts, arrays, strict=True)), self.dy))
        self.counts = _counts(self.lengths)

    def _draw(self, seed: int) -> None:
        # other numbers than the directions of the comparison: along dy a Jacobian and its transpose have one derivative
        rng = np.random.default_rng(new_sequence(seed).spawn(1)[0])
        with np.errstate(all="ignore"):
            outputs = self.function.outputs(self._inputs(self.point))
        self.first_outputs, finite = [np.array(as_real(y)) for y in outputs], [np.isfinite(y) for y in outputs]
        self.left_out = sum(int((~numbers).sum()) for numbers in finite)
        if not any(numbers.any() for numbers in finite):
            problem = "no finite floating-point number" if outputs else "no array of floating-point numbers"
            raise DataError(f"{self.function.title} returns {problem}: there is no derivative to compare with")
        dys = [np.ones(y.shape) if self.function.is_unit else _random_like(y, rng) for y in outputs]
        self.cotangents = [np.where(known, dy, 0) for dy, known in zip(dys, finite, strict=True)]
        self.dy = [as_real(dy) for dy in self.cotangents]

    def _inputs(self, v: np.ndarray) -> list[np.ndarray]:
        """New arrays of the inputs at v."""
        arrays = [part.of(v).copy() for part in self.parts.values()]
        return [a.view(np.complex128)[..., 0] if c else a for a, c in zip(arrays, self.are_complex, strict=True)]

    def run(self, v: np.ndarray) -> list[np.ndarray]:
        """The outputs at v as real numbers; complex ones for a complex v."""
        self.evaluations += 1
        with np.errstate(all="ignore"):
            found = self._outputs(self._inputs(v))
        if v.dtype.kind != "c":
            found = [as_real(y) for y in found]
        if [y.shape for y in found] != [dy.shape for dy in self.dy]:
            shapes = f"{[dy.shape for dy in self.dy]}, then {[y.shape for y in found]}"
            raise ShapeError(f"{self.function.title} returns other shapes for other numbers: {shapes}")
        if self.left_out:
            return [np.where(np.isfinite(first), y, 0) for y, first in zip(found, self.first_outputs, strict=True)]
        return found

    tracer: Tracer | None = None  # of the operations in the function, while it is set

    def _outputs(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        tracer = self.tracer
        if tracer is None:
            return self.function.outputs(inputs)
        found, others = list[np.ndarray](), [tracer.probe(a) for a in inputs[1:]]

        def run(first: np.ndarray) -> np.ndarray:
            with self.function.watched(tracer.buffers):
                found.extend(map(plain, self.function.outputs([first, *others])))
            return first

        tracer.run(run, inputs[0])
        return found

    def outputs(self, v: np.ndarray) -> np.ndarray:
        return _flat(self.run(v))

    @cached_property
    def flat_dy(self) -> np.ndarray:
        return _flat(self.dy)

    def value(self, v: np.ndarray) -> Any:
        return self.flat_dy @ self.outputs(v)

    # ---- the claimed gradient

    def gradient(self, v: np.ndarray) -> np.ndarray:
        found = self.gradients_of(v, self.cotangents)
        return _flat([self._fitting(path, g) for path, g in zip(self.parts, found, strict=True)])

    def gradients_of(self, v: np.ndarray, cotangents: Arrays) -> list[Any]:
        """The claimed gradients of sum(cotangents * y), as they are returned."""
        with np.errstate(all="ignore"):
            outputs, found = self.function.gradients(self._inputs(v), [dy.copy() for dy in cotangents])
        if v is self.point:
            self.backward_outputs = [as_real(y) for y in outputs]
        return found

    def _fitting(self, path: str, gradient: Any) -> np.ndarray:
        """The gradient as an array like the input: NaN if its shape is another one."""
        shape = self.parts[path].shape
        if gradient is None:
            self.absent.add(path)
            return np.zeros(shape)
        g = np.asarray(gradient)
        if g.dtype.kind not in "biufc":
            got = type(gradient).__name__
            raise DataError(f"{self.function.title}: the gradient of {path} is of type {got}; return an array")
        is_complex = self.are_complex[list(self.parts).index(path)]
        g = as_real(g.astype(np.complex128)) if is_complex else np.asarray(g.real, np.float64)
        if g.shape == shape:
            return g
        self.misshapen[path] = g
        # (1, n) in the place of (n,) has the right numbers
        return g.reshape(shape) if _without_ones(g) == _without_ones(np.empty(shape)) else np.full(shape, np.nan)

    @property
    def forwards_differ(self) -> bool:
        """True if the forward pass that belongs to backward returns other outputs."""
        first, second = _flat(self.first_outputs), _flat(self.backward_outputs)
        least = 1e-6 * largest(first)
        return first.shape != second.shape or not np.allclose(first, second, rtol=1e-6, atol=least, equal_nan=True)

    # ---- one output alone, for the search for causes

    weights = None  # of rows, as losses have them
    output, path = 0, ""

    @property
    def params(self) -> list[str]:
        """The paths of the other inputs."""
        return [path for path in self.parts if path != self.path]

    def through(self, output: int, path: str) -> FunctionSubject:
        """The same function with dy = 0 for all outputs but one; `backward` returns the gradient at the path."""
        found = copy.copy(self)
        found.output, found.path = output, path
        found.cotangents = [dy if k == output else np.zeros_like(dy) for k, dy in enumerate(self.cotangents)]
        found.dy = [as_real(dy) for dy in found.cotangents]
        vars(found).pop("flat_dy", None)
        return found

    def grown(self, n: int) -> FunctionSubject | None:
        """The same function of longer arrays, with new random dy; None if it cannot have them."""
        try:
            function = self.function.grown(n)
            return None if function is None else FunctionSubject(function, self.seed).through(self.output, self.path)
        except Exception:  # any, because the function is not ours
            return None

    def change_of_output(self, v: np.ndarray, path: str, direction: np.ndarray, method: Differentiation) -> np.ndarray:
        """The derivative of the output at v along a direction of one input."""
        whole = np.zeros_like(v)
        whole[self.parts[path].slice] = direction.ravel()
        with complex_arithmetic():
            return np.asarray(method.derivative(lambda offset: np.array(self.run(v + offset)[self.output]), whole))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """The gradient at the path that backward makes of another dy of the output."""
        cotangents = list(self.cotangents)
        is_complex = np.iscomplexobj(cotangents[self.output])
        cotangents[self.output] = np.ascontiguousarray(dy).view(np.complex128)[..., 0] if is_complex else dy
        found = self.gradients_of(self.point, cotangents)
        return self._fitting(self.path, found[list(self.parts).index(self.path)])

    # ---- rounding

    def unit(self, v: np.ndarray) -> float:
        if not self.function.is_unit or self.dy[0].ndim:
            return largest(self.flat_dy)
        # terms may cancel in the value, but not in its rounding errors
        return max(super().unit(v), self._scatter(v) / EPS / max(1.0, largest(v)))

    def _scatter(self, v: np.ndarray) -> float:
        """The change of the value with the last digit of the inputs."""
        rng, here = np.random.default_rng(7), self.value(v)
        near = [self.value(v * (1 + EPS * rng.choice([-1.0, 1.0], v.shape))) for _ in range(MOVES)]
        return largest(np.array(near) - here)

    def gradient_bounds(self, v: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
        """Rounding errors of the size of dy and of the gradient, or as far as the last digit of the inputs moves it."""
        bounds, noise = super().gradient_bounds(v, gradient), np.zeros(v.shape)
        if equal(self.gradient(v), gradient):
            rng = np.random.default_rng(7)
            for _ in range(MOVES):
                other = self.gradient(v * (1 + EPS * rng.choice([-1.0, 1.0], v.shape)))
                with np.errstate(invalid="ignore"):
                    noise = np.fmax(noise, np.abs(other - gradient))
        for path, part in self.parts.items():
            size, its_noise = largest(gradient[part.slice]), largest(noise[part.slice])
            if its_noise < MOST_NOISE * size:
                bounds[path] = max(bounds[path], 4 * its_noise)
        return bounds

    def value_bound(self, v: np.ndarray) -> float:
        return bound(float(np.linalg.norm(self.flat_dy * self.outputs(v))) + self._scatter(v) / EPS)

    # ---- derivatives

    @cached_property
    def supports_complex(self) -> bool:
        is_real = not any(self.are_complex) and not any(map(np.iscomplexobj, self.cotangents))
        return self.function.tries_complex and is_real and super().supports_complex

    def _keeps_derivatives(self, rng: np.random.Generator) -> bool:
        try:
            return super()._keeps_derivatives(rng)
        except Exception:  # a function that is written for real numbers may raise anything
            return False

    def work(self, path: str) -> int:
        shape = self.parts[path].shape
        together = shape[0] if self._has_rows(shape) else 1
        return self.parts[path].size // max(together, 1) * self.flat_dy.size

    def _has_rows(self, shape: tuple[int, ...]) -> bool:
        """True if an input of this shape has as many rows as all outputs."""
        return bool(shape) and all(dy.shape[:1] == shape[:1] for dy in self.dy)

    def derivative(self, v: np.ndarray, direction: np.ndarray, method: Differentiation, scale: float = 1.0) -> float:
        with complex_arithmetic():
            changes = method.derivative(lambda offset: self.outputs(v + offset), direction, scale)
        return float(self.flat_dy @ changes)

    def derivatives(self, v: np.ndarray, path: str, entries: np.ndarray, method: Differentiation) -> np.ndarray:
        form = self.form(v, path, 0.0)
        if not form.a.size:
            return np.zeros(0)
        with complex_arithmetic():
            return vjp(form.output, form.a, form.dy, method, form.axis, entries)

    def form(self, v: np.ndarray, path: str, step: float) -> Form:
        part = self.parts[path]
        axis, joined = self._arrangement(part.shape)
        a, dy = np.atleast_1d(part.of(v)), joined(self.dy)

        def output(offset: Any, chosen: Any) -> np.ndarray:
            w = v.astype(np.result_type(v, offset))
            w[part.slice] = moved(a, offset, chosen).ravel()
            return joined(self.run(w))

        return Form(output, a, dy, np.zeros(dy.shape), axis)

    def _arrangement(self, shape: tuple[int, ...]) -> tuple[int, Callable[[Arrays], np.ndarray]]:
        """An axis of an input, and a way to arrange all outputs in one array whose slices may belong to its slices."""
        if self._has_rows(shape):
            return 0, lambda arrays: np.concatenate([a.reshape(shape[0], -1) for a in arrays], axis=1)
        if shape and all(dy.shape[-1:] == shape[-1:] for dy in self.dy):
            return -1, lambda arrays: np.concatenate([a.reshape(-1, shape[-1]) for a in arrays])
        return 0, _flat


def as_real(a: np.ndarray) -> np.ndarray:
    """An array of real numbers: of complex ones the real and the imaginary parts along a last axis."""
    if not np.iscomplexobj(a):
        return a
    return np.ascontiguousarray(a, np.complex128)[..., None].view(np.float64)


def _flat(arrays: Arrays) -> np.ndarray:
    """One new vector of all: a function may return the same array each time."""
    return np.concatenate([a.ravel() for a in arrays])


def _random_like(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    dy = np.asarray(rng.standard_normal(y.shape))
    return dy + 1j * rng.standard_normal(y.shape) if np.iscomplexobj(y) else dy


def _without_ones(a: np.ndarray) -> tuple[int, ...]:
    return tuple(n for n in a.shape if n != 1)


def _counts(lengths: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The lengths of the axes, each once, with names for them."""
    found = dict[int, list[str]]()
    for name, n in lengths:
        names = found.setdefault(n, [])
        if not names or name.split()[0] not in {known.split()[0] for known in names}:
            names.append(name)
    return {" or ".join(names[:2]): n for n, names in found.items()}


def _lengths(inputs: dict[str, np.ndarray], outputs: Arrays) -> Iterator[tuple[str, int]]:
    """Yield the length of every axis with its name; an axis that all outputs have in common with an input: rows."""
    rows = {a.shape[0] for a in inputs.values() if a.ndim and all(dy.shape[:1] == a.shape[:1] for dy in outputs)}
    yield from (("rows", n) for n in rows)
    named = [*inputs.items(), *(("the output", dy) for dy in outputs)]
    for path, a in named:
        for axis, n in enumerate(a.shape):
            if axis or n not in rows:
                words = {1: "entries", 2: ("rows", "columns")[axis] if axis < 2 else ""}.get(a.ndim)
                yield f"{words} of {path}" if words else f"along axis {axis} of {path}", n
    for path, a in named:
        for axes in (range(1, a.ndim - 1), range(2, a.ndim)):  # the positions of images, channels last or first
            if len(axes) > 1:
                yield f"places along {axes_named(axes)} of {path}", math.prod(a.shape[axis] for axis in axes)
