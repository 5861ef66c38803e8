"""The base class of layers: Keras's settings, and the core's layers that they become."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypedDict, Unpack

import numpy as np

from ..errors import NotBuiltError, SettingError
from ..layers import ActivityRegularization as CoreActivityRegularization
from ..layers import Chain, build_layer
from ..layers import Layer as CoreLayer
from ..model import Model as CoreModel
from . import regularizers
from ._answers import OWN_LAYERS
from ._encoding import encoded, policy
from ._former import check_former, unknown_argument
from ._operation import Operation
from ._tensors import Shape
from ._translation import core_of
from ._variables import Variable


class Common(TypedDict, total=False):
    """The arguments that every layer takes: those of Keras 3, and those that give the shape of the input in Keras 2."""

    name: str | None
    trainable: bool
    dtype: Any
    autocast: bool
    activity_regularizer: Any
    input_shape: Any
    batch_input_shape: Any
    batch_shape: Any
    input_dim: int | None
    input_length: int | None
    weights: Any


class Layer(Operation):
    """A layer with Keras's settings. `core` are the layers of the core that it becomes, one or several.

    A subclass keeps its settings on attributes of their names, calls `super().__init__(**common)` and writes `make()`,
    which returns the core's layers.
    """

    core: tuple[CoreLayer, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "call" in vars(cls):
            raise SettingError(f"{cls.__name__}: minidl derives no Python code of layers, so {OWN_LAYERS}")

    def __new__(cls, *given: Any, **settings: Any) -> Self:
        # before Python complains that units or rate are missing
        check_former(cls.__name__, settings, (*inspect.signature(cls.__init__).parameters, *Common.__annotations__))
        return super().__new__(cls)

    def __init__(self, **common: Unpack[Common]) -> None:
        self._check(common)
        super().__init__(common.get("name"))
        self.expected = _batch_shape(type(self).__name__, common)  # (None, ...) of the input, None if not given
        self.activity_regularizer = regularizers.get(common.get("activity_regularizer"))
        self.core = (*self.make(), *self._penalty_on_outputs())
        if self.core and self.core[0].name is None:
            self.core[0].name = self.name
        self.trainable = common.get("trainable", True)
        self.first_weights = common.get("weights")

    def _check(self, common: Common) -> None:
        who = type(self).__name__
        if unknown := [name for name in common if name not in Common.__annotations__]:
            raise unknown_argument(who, unknown[0], [*settings_of(type(self)), *Common.__annotations__])
        if not isinstance(common.get("trainable", True), bool):
            raise SettingError(f"{who}: trainable must be True or False, got {common['trainable']!r}")
        if _name_of_dtype(common.get("dtype")) not in (None, "float32", "float64"):
            raise SettingError(f"{who}: dtype must be float32 or float64, got {common['dtype']!r}")

    def make(self) -> Iterable[CoreLayer]:
        """Return the core's layers, which run one after the other."""
        raise SettingError(f"{type(self).__name__}: {OWN_LAYERS}")

    def _penalty_on_outputs(self) -> Iterator[CoreLayer]:
        if self.activity_regularizer is not None:
            yield CoreActivityRegularization(core_of(self.activity_regularizer))

    @property
    def core_layers(self) -> tuple[CoreLayer, ...]:
        return self.core

    # ---- shapes and weights

    @property
    def built(self) -> bool:
        return all(layer.built for layer in self.core)

    def build(self, input_shape: Any) -> None:
        """Make the weights for an input of shape (None, ...)."""
        self.compute_shapes((tuple(input_shape),))

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        if len(shapes) > 1:
            raise SettingError(f"{self.name} takes one input, got {len(shapes)}; join them with Concatenate or Add")
        shape = row_shape(self.name, shapes[0])
        if not self.built:
            self._draw(shape)
        for layer in self.core:
            shape = build_layer(layer, shape)
        return ((None, *shape),)

    def _draw(self, shape: tuple[int, ...]) -> None:
        """Draw the weights. A model of the layer alone draws them; the models that contain the layer take them over."""
        CoreModel(Chain(*self.core), dtype=self.dtype).build(shape)
        if self.first_weights is not None:
            self.set_weights(self.first_weights)

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        for part in self.core:
            for path, layer in part.walk():
                if not layer.built:
                    continue
                for name, holder in layer.parameters.items():
                    yield self._variable(holder, "value", path, name, prefix)
                for name in layer.state_names:
                    yield self._variable(layer, name, path, name, prefix)

    def _variable(self, holder: Any, attribute: str, path: str, name: str, prefix: str) -> Variable:
        parts = [part for part in (prefix, self.name, path, name) if part]
        return Variable(holder, attribute, name, "/".join(parts), self)

    def __getattr__(self, name: str) -> Any:
        """Return a weight by its name: `layer.kernel`."""
        if name.startswith("_") or name in ("core", "nodes"):
            raise AttributeError(name)
        if name in OF_FIRST_CALL:  # the property has raised an AttributeError
            raise self._uncalled(name)
        for weight in self.weights:
            if weight.name == name:
                return weight
        who = f"{type(self).__name__} {self.name!r}"
        if name in UNUSED and not vars(self).get(UNUSED[name], True):
            return None
        if name in WEIGHT_NAMES and not self.built:
            raise NotBuiltError(f"{who} has no {name} yet: give the model an Input, or call build((None, features))")
        raise AttributeError(f"{who} has no attribute {name!r}; it has {', '.join(settings_of(type(self)))}")

    # ---- in a model

    trains_alone = False  # a call on arrays without `training` computes as in training

    def place(self, plan: Any, sources: list[str]) -> list[str]:
        value = sources
        for number, layer in enumerate(self.core):
            name = self.name if number == len(self.core) - 1 else f"{self.name}_{number}"
            value = [plan.add(name, layer, value)]
        return value

    def compute(self, arrays: list[np.ndarray], training: bool | None) -> list[np.ndarray]:
        y = arrays[0]
        for layer in self.core:
            y = layer.forward(y, self.trains_alone if training is None else bool(training))
        return [y]

    # ---- config

    def get_config(self) -> dict[str, Any]:
        """Return the settings, from which `from_config` makes a layer like this one."""
        names = [name for name in settings_of(type(self)) if name not in self.not_in_config]
        own = {name: encoded(getattr(self, name)) for name in names}
        return self.general_config() | own

    def general_config(self) -> dict[str, Any]:
        """Return the part of the config that every layer has."""
        general = {"name": self.name, "trainable": self.trainable, "dtype": policy(self.dtype)}
        if self.activity_regularizer is not None:
            general["activity_regularizer"] = encoded(self.activity_regularizer)
        return general

    not_in_config: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Return a new layer with these settings."""
        return cls(**config)


OF_FIRST_CALL = ("input", "output", "input_shape", "output_shape")
UNUSED = {"bias": "use_bias", "gamma": "scale", "beta": "center"}  # False: the layer has no such weight
WEIGHT_NAMES = (
    "kernel",
    "depthwise_kernel",
    "pointwise_kernel",
    "bias",
    "gamma",
    "beta",
    "moving_mean",
    "moving_variance",
    "alpha",
)


def settings_of(kind: type[Layer]) -> tuple[str, ...]:
    """Return the names of the settings that the class declares, in the order of its arguments.

    Of a script's own class they are those of the class here that it is derived from.
    """
    kind = next(base for base in kind.__mro__ if base.__module__.startswith(__package__))
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD)


def row_shape(who: str, shape: Shape) -> tuple[int, ...]:
    """Return the shape of a row, (None, 4) -> (4,)."""
    row = tuple(shape[1:])
    if any(n is None for n in row):
        raise SettingError(f"{who}: only the first axis may be None, got {shape}; minidl needs the size of a row")
    return tuple(int(n) for n in row if n is not None)


def _batch_shape(who: str, common: Common) -> Shape | None:
    for name in ("batch_shape", "batch_input_shape"):
        if common.get(name) is not None:
            return tuple(common[name])
    if common.get("input_shape") is not None:
        given = common["input_shape"]
        return (None, *(given if isinstance(given, list | tuple) else (given,)))
    if common.get("input_dim") is not None:
        return (None, common["input_dim"])
    return None


def _name_of_dtype(given: Any) -> str | None:
    if isinstance(given, dict):
        given = given.get("config", {}).get("name")
    name = getattr(given, "name", None) or getattr(given, "__name__", None) or given
    return None if name is None else str(name)


def only(who: str, name: str, value: Any, *allowed: Any) -> None:
    """Raise SettingError if the value of an argument is not the one that minidl computes."""
    if value not in allowed:
        raise SettingError(f"{who}: minidl has only {name}={allowed[0]!r}, got {value!r}")


def channels_last(who: str, data_format: Any) -> str:
    """Return "channels_last", the data format of None too. Raise SettingError for another one."""
    if data_format not in (None, "channels_last"):
        remedy = "move the channels: np.moveaxis(x, 1, -1), and leave data_format out"
        raise SettingError(f"{who}: minidl has the channels last, got data_format={data_format!r}; {remedy}")
    return "channels_last"
