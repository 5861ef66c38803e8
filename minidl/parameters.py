"""One vector holds all parameters of a model, one all gradients; each parameter is a named view of both.

Storage is allocated once, flat, and never moved. So an optimizer is its formula on two arrays, a checkpoint is one
array, and the gradient checker runs through one vector.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, cast

import numpy as np

from . import validation
from .constraints import Constraint
from .errors import NotBuiltError, SettingError, ShapeError
from .initializers import Initializer, check_initializer


class Penalty(validation.Validated):
    """A term R(w) of the objective: w are weights in one vector, m is the number of rows that the model trains on.

    A subclass writes value(w, m) -> number (complex for complex w) and gradient(w, m) -> dR/dw, of the shape of w.
    With settings it is a frozen dataclass of them.

    m          a number that R is divided by, whatever the rows; None: the training must know its rows
    per_batch  True if m is the number of rows in each batch
    shaped     True if w is not one vector, but has the shape of a parameter
    """

    m = cast("float | None", None)
    per_batch = False
    shaped: bool = False

    def __repr__(self) -> str:
        names = getattr(self, "__dataclass_fields__", ())
        given = [f"{name}={value!r}" for name in names if (value := getattr(self, name)) is not None]
        return f"{type(self).__name__}({', '.join(given)})"

    def value(self, w: np.ndarray, m: float) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write value(w, m)")

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write gradient(w, m)")

    def of_vector(self, shape: tuple[int, ...]) -> Penalty:
        """Return the same penalty as a function of one vector, that of weights of this shape."""
        return VectorPenalty(self, shape) if self.shaped else self


class VectorPenalty(Penalty):
    """R(w), where `penalty` takes w in its shape, as a function of one vector."""

    def __init__(self, penalty: Penalty, shape: tuple[int, ...]) -> None:
        self.penalty, self.shape = penalty, shape
        self.m, self.per_batch = penalty.m, penalty.per_batch

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.penalty.value(w.reshape(self.shape), m)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.penalty.gradient(w.reshape(self.shape), m).reshape(-1)


class Changes:
    """Counts what can make a linked objective stale: a layer is frozen, or another model takes it over."""

    count = 0


class Parameter:
    """A named view of theta (`value`) and of the gradient vector (`grad`); a layer makes it in `build`.

    Assigning writes into the vectors: `p.grad = g` copies g into its part of the model's gradient vector.

    penalized    True if the penalties added to the loss apply to it; default: True for matrices (kernels), False for
                 vectors (biases)
    regularizer  a penalty on this parameter alone
    constraint   puts the value back into a set after every update
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        initializer: Initializer | str,
        *,
        penalized: bool | None = None,
        regularizer: Penalty | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        if not isinstance(shape, tuple | list):
            raise SettingError(f"Parameter: shape must be a tuple such as (3,), got {shape!r}")
        self.shape = tuple(validation.check_integer("Parameter", "each of shape", n, 1) for n in shape)
        self.initializer = check_initializer("Parameter", "initializer", initializer)
        self.penalized = len(self.shape) > 1 if penalized is None else penalized
        self.regularizer, self.constraint = regularizer, constraint
        self.size = math.prod(self.shape)

    def __repr__(self) -> str:
        return f"Parameter({self.shape}, {self.initializer!r})"

    def open(self, theta: np.ndarray, grad: np.ndarray) -> None:
        """Make `value` and `grad` views of these parts of the two vectors."""
        self._value, self._grad = theta.reshape(self.shape), grad.reshape(self.shape)

    def _write_value(self, value: Any) -> None:
        self.value[...] = value

    def _write_grad(self, grad: Any) -> None:
        try:
            self.grad[...] = grad
        except ValueError:
            raise ShapeError(f"a parameter of shape {self.shape} is given a grad of shape {np.shape(grad)}") from None

    @property
    def has_value(self) -> bool:
        """True once a model that contains the parameter has been built."""
        return "_value" in vars(self)

    # attrgetter instead of a Python function: every training step reads them
    value = property(attrgetter("_value"), _write_value, doc="The view of theta.")
    grad = property(attrgetter("_grad"), _write_grad, doc="The view of the gradient vector.")

    def __getattr__(self, name: str) -> Any:
        if name in ("_value", "_grad"):
            raise NotBuiltError("this parameter has no values yet: build its model first")
        raise AttributeError(f"a Parameter has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        # the copy's value is an array of its own, until the Parameters of a model make it a view of theirs
        return {key: value for key, value in vars(self).items() if key != "_grad"}


class Table(Parameter):
    """A parameter of which a batch uses some rows, such as the vectors of words. Its layer calls `write_rows`.

    rows  while they are recorded: the rows that can have a gradient; None: all. A training updates these rows alone.

    Reading `grad` sets `rows` to None, since the caller can write to all of it.
    """

    rows: np.ndarray | None = None
    _recorded = False

    def record(self, recorded: bool) -> None:
        """Begin or end to record the rows."""
        self.rows, self._recorded = None, recorded

    def write_rows(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Set the gradient to these values in these rows, each named once, and to 0 in all others."""
        self._grad[... if self.rows is None else self.rows] = 0
        self._grad[rows] = values
        self.rows = rows if self._recorded else None

    def open(self, theta: np.ndarray, grad: np.ndarray) -> None:
        super().open(theta, grad)
        self.rows = None

    def _read_grad(self) -> np.ndarray:
        self.rows = None
        return self._grad

    grad = property(_read_grad, Parameter._write_grad, doc="The view of the gradient vector.")

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key not in ("rows", "_recorded")}


class Parameters(Mapping[str, Parameter]):
    """The parameters of a model by path, in the order of its layers, and the two vectors that hold their numbers.

    theta    all values (n,); `theta[:] = saved` sets the model
    grad     all gradients (n,)
    slices   the part of both vectors that belongs to each path
    kernels  the leading part of both vectors, which the penalties added to the loss see

    Penalized parameters come first in the vectors, so that penalties work on one slice; both groups are in the order of
    the layers.

    A parameter of a layer that several models contain is a view of one model's vectors at a time. `claim` makes it a
    view of these and brings its newest values along.
    """

    def __init__(self, named: dict[str, Parameter], dtype: np.dtype) -> None:
        self._named = named
        self.seen = -1  # Changes.count when the views were last known to be these
        self._new = [path for path, parameter in named.items() if not parameter.has_value]
        size = sum(parameter.size for parameter in named.values())
        self._theta, self._grad = np.zeros(size, dtype), np.zeros(size, dtype)
        stored = sorted(named, key=lambda path: not named[path].penalized)
        ends = np.cumsum([0] + [named[path].size for path in stored]).tolist()
        self.slices = {path: slice(*ends[i : i + 2]) for i, path in enumerate(stored)}
        self.kernels = slice(0, sum(parameter.size for parameter in named.values() if parameter.penalized))
        self.claim()

    @property
    def is_open(self) -> bool:
        """True if the parameters are views of these vectors, not of another model's."""
        return all(parameter.value.base is self._theta for parameter in self._named.values())

    def claim(self) -> None:
        """Make the parameters views of these vectors, with the values that they have."""
        for path, parameter in self._named.items():
            if parameter.has_value:
                if parameter.value.dtype != self._theta.dtype:
                    both = f"{path} holds {parameter.value.dtype} weights, this model is {self._theta.dtype}"
                    raise SettingError(f"{both}; models that share a layer have one dtype")
                self._theta[self.slices[path]] = parameter.value.reshape(-1)
        self._open_views()

    def _open_views(self) -> None:
        Changes.count += 1
        for path, parameter in self._named.items():
            parameter.open(self._theta[self.slices[path]], self._grad[self.slices[path]])

    @property
    def theta(self) -> np.ndarray:
        return self._theta

    @theta.setter
    def theta(self, theta: Any) -> None:
        self._theta[...] = theta  # written into the storage: the views stay valid

    @property
    def grad(self) -> np.ndarray:
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad[...] = grad

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw the initial value of every parameter that had none, in the order of the layers."""
        for parameter in (self._named[path] for path in self._new):
            parameter.value = parameter.initializer(parameter.shape, rng)

    def entry(self, index: int) -> str:
        """Return the name of one entry of theta: "dense_1/kernel[3, 1]"."""
        for path, part in self.slices.items():
            if part.start <= index < part.stop:
                place = np.unravel_index(index - part.start, self._named[path].shape)
                return f"{path}[{', '.join(str(int(i)) for i in place)}]"
        raise IndexError(f"theta has {self._theta.size} entries; there is no entry {index}")

    def first_not_finite(self) -> str | None:
        """Return the path of the first parameter, in the order of the layers, with a gradient that is not finite."""
        for path, parameter in self._named.items():
            if not np.isfinite(parameter.grad).all():
                return path
        return None

    def convert(self, dtype: Any) -> None:
        """Replace both vectors by copies of another dtype. For private copies of a model: a model keeps its dtype."""
        real = np.dtype(dtype).kind != "c"  # .real avoids NumPy's warning about discarded imaginary parts
        self._theta, self._grad = ((v.real if real else v).astype(dtype) for v in (self._theta, self._grad))
        self._open_views()

    @contextmanager
    def cast(self, dtype: Any) -> Iterator[Parameters]:
        """Let all views show copies of another dtype within a with block. Afterwards they show the originals again."""
        originals = self._theta, self._grad
        try:
            self.convert(dtype)
            yield self
        finally:
            self._theta, self._grad = originals
            self._open_views()

    def __getitem__(self, path: str) -> Parameter:
        try:
            return self._named[path]
        except KeyError:
            raise KeyError(f"unknown parameter {path!r}; choose from {', '.join(self)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def __repr__(self) -> str:
        return f"Parameters({', '.join(f'{path} {p.shape}' for path, p in self._named.items())})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_theta"}  # the parameters hold the values

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.seen = -1  # another process counts for itself
        self._grad = np.array(self._grad)  # writable, also if joblib mapped a file into memory
        self._theta = np.zeros_like(self._grad)
        self.claim()
