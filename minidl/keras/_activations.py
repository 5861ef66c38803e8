"""Activations: names, functions and layers of Keras, and the core's layers that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from .._traced import Traced, value_of
from ..errors import SettingError
from . import constraints, ops, regularizers
from ._calculations import Calculation
from ._compositions import COMPOSITIONS, limited
from ._functions import FunctionLayer
from ._layer import Common, Layer
from ._operation import Operation, classes
from ._registry import by_own_names, get_custom_objects
from ._rows import as_floats
from ._tensors import Call, KerasTensor
from ._translation import core_of, initializer
from ._variables import as_tensor

Made = list[core.Layer]


class OfAnyRank(Layer):
    """Base class of layers that also take a vector or a number, where no model is in between."""

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        x = np.asarray(given["inputs"])
        if x.ndim > 1:
            return super().on_arrays(given, training)
        return super().on_arrays({"inputs": x.reshape(1, -1)}, training).reshape(x.shape)


class Activation(OfAnyRank):
    """The layer of a function: its name, `keras.activations.relu`, or a layer."""

    def __init__(self, activation: Any, **common: Unpack[Common]) -> None:
        self.activation = get(activation)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return made_of(self.activation)


class ReLU(OfAnyRank):
    """y = x if x > 0, else negative_slope x."""

    def __init__(
        self, max_value: Any = None, negative_slope: Any = 0.0, threshold: Any = 0.0, **common: Unpack[Common]
    ) -> None:
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return rectified("ReLU", self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(OfAnyRank):
    """y = x if x > 0, else negative_slope x. `alpha` is Keras 2's name of the slope."""

    def __init__(self, negative_slope: float = 0.3, alpha: float | None = None, **common: Unpack[Common]) -> None:
        self.negative_slope = negative_slope if alpha is None else alpha
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.LeakyReLU(self.negative_slope)]

    not_in_config = ("alpha",)

    @property
    def alpha(self) -> float:
        return self.negative_slope


class ELU(OfAnyRank):
    """y = x if x > 0, else alpha (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0, **common: Unpack[Common]) -> None:
        self.alpha = alpha
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.ELU(self.alpha)]


class PReLU(Layer):
    """y = x if x > 0, else alpha x, where alpha is learned."""

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.alpha_initializer = initializer(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint, self.shared_axes = constraints.get(alpha_constraint), shared_axes
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        layer = core.PReLU(
            alpha_initializer=core_of(self.alpha_initializer),
            alpha_regularizer=core_of(self.alpha_regularizer),
            alpha_constraint=core_of(self.alpha_constraint),
            shared_axes=self.shared_axes,
        )
        return [layer]


class Softmax(OfAnyRank):
    """y_j = exp(x_j) / sum_k exp(x_k), along an axis or several."""

    def __init__(self, axis: Any = -1, **common: Unpack[Common]) -> None:
        if 0 in np.atleast_1d(axis):
            raise SettingError(f"Softmax: axis 0 holds the rows, which are separate from each other, got axis={axis!r}")
        self.axis = axis
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return _softmax(self.axis)

    def symbolic(self, call: Call) -> Any:
        if call.kwargs.get("mask") is not None:
            raise SettingError(f"{self.name}: mask is for arrays; of tensors add -1e9 to those that are masked")
        return super().symbolic(call)

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        """Return y, 0 where the mask is False; of the others the sum is 1."""
        if given.get("mask") is None:
            return super().on_arrays(given, training)
        x = np.asarray(given["inputs"], self.dtype)
        counts = np.broadcast_to(np.asarray(given["mask"], bool), x.shape)
        return super().on_arrays({"inputs": np.where(counts, x, np.finfo(x.dtype).min / 2)}, training) * counts


# ---- functions: called on arrays they return numbers, on symbolic tensors a symbolic tensor


def linear(x: Any) -> Any:
    """y = x."""
    return x if isinstance(x, KerasTensor) else _applied("linear", [], x)


def relu(x: Any, negative_slope: float = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """y = x if x > 0, else negative_slope x."""
    return _applied("relu", rectified("relu", negative_slope, max_value, threshold), x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """y = x if x > 0, else negative_slope x."""
    return _applied("leaky_relu", [core.LeakyReLU(negative_slope)], x, negative_slope=negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """y = x if x > 0, else alpha (exp(x) - 1)."""
    return _applied("elu", [core.ELU(alpha)], x, alpha=alpha)


def gelu(x: Any, approximate: bool = False) -> Any:
    """y = x g(x), g the distribution function of N(0, 1)."""
    return _applied("gelu", [core.GELU(approximate=approximate)], x, approximate=approximate)


def sigmoid(x: Any) -> Any:
    """y = 1 / (1 + exp(-x))."""
    return _applied("sigmoid", [core.Sigmoid()], x)


def silu(x: Any) -> Any:
    """y = x sigmoid(x)."""
    return _applied("silu", [core.SiLU()], x)


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """y_j = exp(x_j) / sum_k exp(x_k), along an axis or several."""
    return _applied("softmax", _softmax(-1 if np.ndim(x) == 1 else axis), x, axis=axis)


def softplus(x: Any) -> Any:
    """y = log(1 + exp(x))."""
    return _applied("softplus", [core.Softplus()], x)


def tanh(x: Any) -> Any:
    """y = tanh(x)."""
    return _applied("tanh", [core.Tanh()], x)


def _applied(name: str, layers: Made, x: Any, **settings: Any) -> Any:
    """Return what the core's layers make of x; of a symbolic tensor an operation with these settings."""
    if isinstance(x, KerasTensor):
        call = Call((x,), settings)
        return Calculation(lambda x, **settings: _applied(name, layers, x), call, name, layers).symbolic(call)
    given = as_floats(x)
    for layer in layers:
        given = _applied_layer(layer, given)
    return given if isinstance(given, Traced) else as_tensor(given)


def _applied_layer(layer: core.Layer, x: Any) -> Any:
    """Return the layer's outputs for an array of any shape; for a traced array they know the layer's derivative."""
    value = value_of(x)
    y = layer.forward(value if value.ndim > 1 else value.reshape(1, -1)).reshape(value.shape)
    return Traced(y, [(x, lambda dy: layer.backward(dy))]) if isinstance(x, Traced) else y


def _softmax(axis: Any) -> Made:
    """Return the core's Softmax for the last axis, else the layer of a function."""
    axes = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    return [core.Softmax()] if axes == (-1,) else [FunctionLayer(partial(ops.softmax, axis=axes))]


def rectified(who: str, negative_slope: Any, max_value: Any, threshold: Any) -> Made:
    """Return the core's ReLU or LeakyReLU."""
    if max_value is not None or threshold:
        settings = float(negative_slope), max_value, float(threshold or 0)
        return [FunctionLayer(partial(limited, negative_slope=settings[0], max_value=max_value, threshold=settings[2]))]
    return [core.LeakyReLU(float(negative_slope))] if negative_slope else [core.ReLU()]


# Keras's functions by name, and the core's layers for them
MAKERS: dict[str, Callable[[], Made]] = {
    "linear": lambda: [],
    "relu": lambda: [core.ReLU()],
    "leaky_relu": lambda: [core.LeakyReLU(0.2)],
    "elu": lambda: [core.ELU()],
    "gelu": lambda: [core.GELU()],
    "sigmoid": lambda: [core.Sigmoid()],
    "silu": lambda: [core.SiLU()],
    "softmax": lambda: [core.Softmax()],
    "softplus": lambda: [core.Softplus()],
    "tanh": lambda: [core.Tanh()],
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (linear, relu, leaky_relu, elu, gelu, sigmoid, silu, softmax, softplus, tanh)
}
FUNCTIONS |= COMPOSITIONS | {"swish": silu}


def get(identifier: Any) -> Any:
    """Return the function that a string names; None is `linear`; functions of this package and layers as they are."""
    if identifier is None:
        return linear
    if isinstance(identifier, dict):
        return _from_config(identifier)
    if isinstance(identifier, str):
        known = FUNCTIONS | by_own_names() | get_custom_objects()
        name = identifier.lower() if identifier.lower() in FUNCTIONS else identifier
        if name not in known:
            raise SettingError(f"unknown activation {identifier!r}; minidl has {', '.join(FUNCTIONS)}")
        return known[name]
    if isinstance(identifier, Operation | core.Layer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Layer):
        raise SettingError(f"activation is a class: write {identifier.__name__}()")
    return _function(identifier)


def _from_config(config: dict[str, Any]) -> Any:
    """Return the layer that a config describes, or the function that it names."""
    kind, settings = classes.get(config.get("class_name", "")), config.get("config")
    return get(settings) if kind is None or not isinstance(settings, dict) else kind.from_config(settings)


def _function(given: Any) -> Any:
    """Return the function of this package for one that computes the same, such as `ops.relu`; others as they are."""
    name = getattr(given, "__name__", "")
    if not callable(given):
        raise SettingError(f"an activation is a name, a function or a layer, got {given!r}")
    ours = str(getattr(given, "__module__", "")).startswith(__package__) or given is np.tanh
    same = name != "gelu"  # that of keras.ops is approximate
    return FUNCTIONS[name] if ours and same and name in FUNCTIONS else given


def made_of(activation: Any) -> Made:
    """Return the core's layers of what `get` returned."""
    if isinstance(activation, core.Layer):
        return [activation]
    if isinstance(activation, Operation):
        return list(activation.core_layers)
    known = FUNCTIONS.get(getattr(activation, "__name__", "")) is activation
    make = MAKERS.get(activation.__name__) if known else None
    return make() if make else [FunctionLayer(activation)]


def serialize(activation: Any) -> Any:
    """Return the name of a function, or a layer's config."""
    return getattr(activation, "__name__", None) or activation
