"""What a layer is: an equation, its derivative, and the parameters in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import NotBuiltError, SettingError
from ..naming import join_path, snake_case, unique
from ..parameters import Parameter
from ..validation import check_boolean


@dataclass(eq=False)
class Layer:
    """y = f(x; parameters).   Rows are examples: x (m, ...) -> y (m, ...).

    A subclass is a dataclass of its settings and writes up to three methods:

    build(input_shape)          makes its Parameters, returns its output shape (shapes leave the batch axis out)
    forward(x, training=False)  returns y; keeps on self what backward needs, and never reads back what it has just kept
    backward(dy)                sets the grad of every parameter, returns dL/dx

    None of them writes into x or dy, nor into anything it returned before. Where the values are computed use neither
    abs nor sign nor a cast to float: the gradient checker runs forward with complex numbers.

    What a layer learns by other means than the gradient, as moving averages, it names in `state_names`: arrays on self
    that `build` makes and `forward` replaces, in training only. They travel with the model, in files as in copies.

    A layer object has one place in one model; `clone()` makes another one with the same settings.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    name: str | None = field(default=None, kw_only=True, repr=False)

    # The model marks the layer that receives the data: it owes nobody dL/dx, and its backward may return None.
    is_first = False
    _trainable = True

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write forward(x, training=False)")

    def backward(self, dy: np.ndarray) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write backward(dy)")

    @property
    def rng(self) -> np.random.Generator:
        """The model's one generator, for layers that draw."""
        try:
            return self._rng
        except AttributeError:
            message = f"{type(self).__name__} draws random numbers: put it into a model, or set its rng"
            raise NotBuiltError(message) from None

    @rng.setter
    def rng(self, generator: np.random.Generator) -> None:
        self._rng = generator

    @property
    def has_rng(self) -> bool:
        """True if the layer belongs to a model, whose generator it uses."""
        return hasattr(self, "_rng")

    @property
    def trainable(self) -> bool:
        """False freezes the layer and all inside it: training and penalties leave its parameters as they are."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        check_boolean(type(self).__name__, "trainable", trainable)
        for _, layer in self.walk():
            layer._trainable = trainable

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The layer's own parameters by name, in the order they were made."""
        return {name: member for name, member in _members(self) if isinstance(member, Parameter)}

    @property
    def children(self) -> dict[str, Layer]:
        """The layers inside this one by name: Keras's names, numbered where they repeat."""
        found: dict[str, Layer] = {}
        for name, member in _members(self):
            if isinstance(member, Layer):
                found[unique(name, found)] = member
        return found

    def walk(self, path: str = "") -> Iterator[tuple[str, Layer]]:
        """This layer and all inside it, each with its path ("residual/dense_1"), in the order of the children."""
        yield path, self
        for name, child in self.children.items():
            yield from child.walk(join_path(path, name))

    def named_parameters(self) -> dict[str, Parameter]:
        """All parameters here and inside by path ("dense_1/kernel"), in the order of the layers."""
        found = {}
        for path, layer in self.walk():
            for name, parameter in layer.parameters.items():
                found[join_path(path, name)] = parameter
        return found

    def named_state(self) -> dict[str, np.ndarray]:
        """All state here and inside by path ("batch_normalization/moving_mean"), in the order of the layers."""
        found = {}
        for path, layer in self.walk():
            for name in layer.state_names:
                found[join_path(path, name)] = getattr(layer, name)
        return found

    def mark_first(self) -> None:
        """Called once by the model on the layer that receives the data."""
        self.is_first = True

    def clone(self) -> Self:
        """A new layer with the same settings: not built, in no model."""
        for kind in type(self).__mro__[: type(self).__mro__.index(Layer)]:
            if "__init__" in vars(kind) and "__dataclass_params__" not in vars(kind):
                raise SettingError(
                    f"{kind.__name__} cannot be cloned: make it a dataclass of its settings, without __init__"
                )
        new = object.__new__(type(self))
        for setting in fields(self):
            setattr(new, setting.name, _cloned(getattr(self, setting.name)))
        if hasattr(new, "__post_init__"):
            new.__post_init__()
        return new


def child_name(layer: Layer) -> str:
    """The name a container gives a layer before numbering: its own, or its class's in snake case."""
    return layer.name or snake_case(re.sub(r"\W", "", type(layer).__name__))


def _members(layer: Layer) -> Iterator[tuple[str, Layer | Parameter]]:
    """Layers and parameters that the layer holds, in its attributes or in lists, tuples and dicts there."""
    for attribute, value in list(vars(layer).items()):
        if isinstance(value, Layer | Parameter):
            yield attribute, value
        elif isinstance(value, list | tuple | dict):
            held = value.values() if isinstance(value, dict) else value
            for number, member in enumerate(held):
                if isinstance(member, Layer):
                    yield child_name(member), member
                elif isinstance(member, Parameter):
                    yield f"{attribute}_{number}", member


def _cloned(setting: Any) -> Any:
    if isinstance(setting, Layer):
        return setting.clone()
    if isinstance(setting, list | tuple):
        return type(setting)(_cloned(part) for part in setting)
    return setting
