"""One vector: all parameters of a model in `theta`, all gradients in `grad`, and a named window on both for each.

Storage is allocated once, flat, and never moved. So an optimiser is its formula on two arrays, a checkpoint is one
array, and the gradient checker walks one vector.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from . import initializers, validation
from .errors import NotBuiltError, SettingError, ShapeError
from .initializers import Initializer


class Penalty:
    """A term of the objective that sees only weights w, in one vector, and the number m of rows in the batch.

    A subclass writes value(w, m) -> number (complex for complex w) and gradient(w, m) -> array like w.
    """

    def value(self, w: np.ndarray, m: float) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write value(w, m)")

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write gradient(w, m)")


class Parameter:
    """A window on theta (`value`) and on grad (`grad`); a layer makes it in `build`.

    Assigning writes through: after `p.grad = g` the numbers of g lie in the model's gradient vector.
    `penalized` says whether the penalties added to the loss see it: matrices (kernels) do unless told otherwise,
    vectors (biases) do not. `regularizer` is a penalty on this parameter alone.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        initializer: Initializer | str,
        *,
        penalized: bool | None = None,
        regularizer: Penalty | None = None,
    ) -> None:
        if not isinstance(shape, tuple | list):
            raise SettingError(f"Parameter: shape must be a tuple such as (3,), got {shape!r}")
        self.shape = tuple(validation.check_integer("Parameter", "each of shape", n, 1) for n in shape)
        self.initializer = initializers.get("Parameter: initializer", initializer)
        self.penalized = len(self.shape) > 1 if penalized is None else penalized
        self.regularizer = regularizer
        self.size = math.prod(self.shape)

    def __repr__(self) -> str:
        return f"Parameter({self.shape}, {self.initializer!r})"

    def open(self, theta: np.ndarray, grad: np.ndarray) -> None:
        """Point the window at its part of the two vectors."""
        self._value, self._grad = theta.reshape(self.shape), grad.reshape(self.shape)

    def _write_value(self, value: Any) -> None:
        self.value[...] = value

    def _write_grad(self, grad: Any) -> None:
        try:
            self.grad[...] = grad
        except ValueError:
            raise ShapeError(f"a parameter of shape {self.shape} is given a grad of shape {np.shape(grad)}") from None

    # read in every step of a training, hence no Python function in between
    value = property(attrgetter("_value"), _write_value, doc="The window on theta.")
    grad = property(attrgetter("_grad"), _write_grad, doc="The window on grad.")

    def __getattr__(self, name: str) -> Any:
        if name in ("_value", "_grad"):
            raise NotBuiltError("this parameter has no storage yet: it gets it when its model is built")
        raise AttributeError(f"a Parameter has no {name}")

    def __getstate__(self) -> dict[str, Any]:
        # A view would be copied as an array of its own; Parameters opens the window again.
        return {key: value for key, value in vars(self).items() if key not in ("_value", "_grad")}


class Parameters(Mapping[str, Parameter]):
    """The parameters of a model by path, in the order of its layers, and the two vectors they are windows on.

    theta    all values (n,)         `theta[:] = saved` sets the model
    grad     all gradients (n,)
    kernels  the leading slice of both that penalties see

    Penalised parameters lie first, so that a penalty is one slice; within each part the order is the layers'.
    """

    def __init__(self, named: dict[str, Parameter], dtype: np.dtype) -> None:
        self._named = named
        size = sum(parameter.size for parameter in named.values())
        self._theta, self._grad = np.zeros(size, dtype), np.zeros(size, dtype)
        ends = np.cumsum([0] + [parameter.size for parameter in self._stored().values()]).tolist()
        self.slices = {path: slice(*ends[i : i + 2]) for i, path in enumerate(self._stored())}
        self.kernels = slice(0, sum(parameter.size for parameter in named.values() if parameter.penalized))
        self._open_windows()

    def _stored(self) -> dict[str, Parameter]:
        return dict(sorted(self._named.items(), key=lambda item: not item[1].penalized))

    def _open_windows(self) -> None:
        for path, parameter in self._named.items():
            parameter.open(self._theta[self.slices[path]], self._grad[self.slices[path]])

    @property
    def theta(self) -> np.ndarray:
        return self._theta

    @theta.setter
    def theta(self, theta: Any) -> None:
        self._theta[...] = theta  # a window cannot be detached

    @property
    def grad(self) -> np.ndarray:
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad[...] = grad

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw every parameter anew, in the order of the layers."""
        for parameter in self._named.values():
            parameter.value = parameter.initializer(parameter.shape, rng)

    def entry(self, index: int) -> str:
        """The name of one entry of theta: "dense_1/kernel[3, 1]"."""
        for path, part in self.slices.items():
            if part.start <= index < part.stop:
                place = np.unravel_index(index - part.start, self._named[path].shape)
                return f"{path}[{', '.join(str(int(i)) for i in place)}]"
        raise IndexError(f"theta has {self._theta.size} entries, asked for entry {index}")

    def first_not_finite(self) -> str | None:
        """The path of the first parameter, in the order of the layers, whose gradient is not finite."""
        for path, parameter in self._named.items():
            if not np.isfinite(parameter.grad).all():
                return path
        return None

    @contextmanager
    def cast(self, dtype: Any) -> Iterator[Parameters]:
        """All windows on copies in another dtype, for the length of a with block. The originals come back untouched."""
        originals = self._theta, self._grad
        try:
            real = np.dtype(dtype).kind != "c"  # from complex to real is no accident here
            self._theta, self._grad = ((v.real if real else v).astype(dtype) for v in originals)
            self._open_windows()
            yield self
        finally:
            self._theta, self._grad = originals
            self._open_windows()

    def __getitem__(self, path: str) -> Parameter:
        try:
            return self._named[path]
        except KeyError:
            raise KeyError(f"there is no parameter {path!r}; there are {', '.join(self)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def __repr__(self) -> str:
        return f"Parameters({', '.join(f'{path} {p.shape}' for path, p in self._named.items())})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open_windows()  # deepcopy and pickle turn views into copies: point them back
