"""Weights of layers, which scripts read and assign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..errors import ShapeError
from ..layers import Layer, Parameter


class Array(np.ndarray):
    """An array with the methods that scripts call on a tensor.

    _keras_mask  False at padded steps; None: all steps count. Computing with the array loses it, as in Keras
    """

    _keras_mask: Any = None

    def numpy(self) -> np.ndarray:
        """Return the array as a plain one of NumPy."""
        return np.asarray(self)


def as_tensor(value: Any, mask: Any = None) -> Any:
    """Return an array as an `Array`."""
    tensor = np.asarray(value).view(Array)
    if mask is not None:
        tensor._keras_mask = mask
    return tensor


def mask_of(value: Any) -> Any:
    """Return the mask that an array remembers, or None."""
    return getattr(value, "_keras_mask", None)


class Assignable(NDArrayOperatorsMixin):
    """An object that computes as the array in its `value` does. A subclass writes `value` and assign(value)."""

    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> str:
        return self.value.dtype.name

    def numpy(self) -> np.ndarray:
        """Return a copy of the array."""
        return self.value.copy()

    def assign(self, value: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write assign(value)")

    def assign_add(self, value: Any) -> None:
        """Add to the array."""
        self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the array."""
        self.assign(self.value - np.asarray(value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        arrays = [given.value if isinstance(given, Assignable) else given for given in inputs]
        return getattr(ufunc, method)(*arrays, **settings)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]


@dataclass(eq=False, repr=False)
class Variable(Assignable):
    """A weight: a parameter of the core, or an attribute that holds learned state such as a moving mean.

    It is a view: whatever trains the layer changes it.
    """

    holder: Parameter | Layer
    attribute: str
    name: str
    path: str
    layer: Any  # of this package

    @property
    def value(self) -> np.ndarray:
        array: np.ndarray = getattr(self.holder, self.attribute)
        return array

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return int(self.value.size)

    @property
    def trainable(self) -> bool:
        """True if training changes the weight."""
        return self.is_parameter and self.layer.trainable

    @property
    def penalty(self) -> Any:
        """R(w) of the weight's own regularizer; None without one."""
        regularizer = getattr(self.holder, "regularizer", None)
        return None if regularizer is None else as_tensor(regularizer.value(self.value.ravel(), 1.0))

    @property
    def constraint(self) -> Any:
        """The constraint that the layer has for the weight, or None."""
        return getattr(self.layer, f"{self.name}_constraint", None)

    @property
    def regularizer(self) -> Any:
        """The regularizer that the layer has for the weight, or None."""
        return getattr(self.layer, f"{self.name}_regularizer", None)

    @property
    def is_parameter(self) -> bool:
        return isinstance(self.holder, Parameter)

    def assign(self, value: Any) -> None:
        """Set the weight."""
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ShapeError(f"{self.path} has shape {self.shape}, got a value of shape {array.shape}")
        setattr(self.holder, self.attribute, array.astype(self.value.dtype))

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.value}>"
