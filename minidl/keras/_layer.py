"""The base class of layers: Keras's settings, and the core's layers that they become."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self, TypedDict, Unpack

import numpy as np

from ..errors import NotBuiltError, SettingError
from ..layers import ActivityRegularization as CoreActivityRegularization
from ..layers import Chain, build_layer, run_masked
from ..layers import Layer as CoreLayer
from ..model import Model as CoreModel
from . import regularizers
from ._answers import OWN_LAYERS
from ._encoding import encoded, policy
from ._former import check_former, unknown_argument
from ._operation import Masks, Operation
from ._tensors import KerasTensor, Shape, over_lengths
from ._translation import core_of
from ._variables import Variable
from ._wiring import Plan, model_of_graph


class General(TypedDict, total=False):
    """The arguments that no layer has one of its own in the place of."""

    name: str | None
    trainable: bool
    dtype: Any
    autocast: bool
    input_shape: Any
    batch_input_shape: Any
    batch_shape: Any
    input_length: int | None


class Common(General, total=False):
    """The arguments that every layer takes: those of Keras 3, and those that give the shape of the input in Keras 2."""

    activity_regularizer: Any
    input_dim: int | None
    weights: Any


Run = Callable[[CoreLayer, Any], Any]


class Pair(NamedTuple):
    """An array and its mask, or None."""

    value: np.ndarray
    mask: Any


def applied(layer: CoreLayer, values: list[Any], run: Run) -> list[Any]:
    """Return the values that run(layer, value) makes; a layer of several inputs takes all values at once."""
    given = [tuple(values)] if layer.several_inputs and len(values) > 1 else values
    made = [run(layer, value) for value in given]
    return [part for parts in made for part in parts] if layer.several_outputs else made


def _run(layer: CoreLayer, given: Any, training: bool) -> Any:
    """Return the Pair of y for that of x, each perhaps several."""
    x, mask = given if isinstance(given, Pair) else tuple(zip(*given, strict=True))
    y, made = run_masked(layer, x, mask, training)
    return list(map(Pair, y, made or (None,) * len(y))) if layer.several_outputs else Pair(y, made)


@contextmanager
def changed(layer: CoreLayer, **settings: Any) -> Iterator[None]:
    """A with block in which a layer of the core has other settings."""
    before = {name: getattr(layer, name) for name in settings}
    vars(layer).update(settings)
    try:
        yield
    finally:
        vars(layer).update(before)


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
        if name_of_dtype(common.get("dtype")) not in (None, "float32", "float64"):
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
        if len(shapes) > 1 and not self.takes_several:
            raise SettingError(f"{self.name} takes one input, got {len(shapes)}; join them with Concatenate or Add")
        made = over_lengths(self._shapes_of_rows, tuple(shape[1:] for shape in shapes))
        return tuple((None, *row) for row in made)

    def _shapes_of_rows(self, rows: Any) -> Any:
        if not self.built:
            self._draw(rows)
        return tuple(self.through(list(rows), build_layer))

    def _draw(self, rows: Any) -> None:
        """Draw the weights. A model of the layer alone draws them; the models that contain the layer take them over."""
        if len(rows) == 1 and not any(layer.several_outputs for layer in self.core):
            CoreModel(Chain(*self.core), dtype=self.dtype).build((None, *rows[0]))
        else:
            plan = Plan(inputs=[f"x{number}" for number in range(len(rows))])
            model_of_graph(plan, rows, self.place(plan, plan.inputs), dtype=self.dtype)
        if self.first_weights is not None:
            self.set_weights(self.first_weights)

    def through(self, values: list[Any], run: Run) -> list[Any]:
        """Return what the core's layers make of the values. run(layer, value) is what one makes of a value.

        run gets a tuple for a layer that takes several values, and returns one of those that it makes.
        """
        for layer in self.core:
            values = applied(layer, values, run)
        return values

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
        return Variable(holder, attribute, name.rpartition("/")[2], "/".join(parts), self)

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
        def add(layer: CoreLayer, given: Any) -> Any:
            name = self.name if layer is self.core[-1] else f"{self.name}_{self.core.index(layer)}"
            taken = list(given) if isinstance(given, tuple) else [given]
            made = plan.add(name, layer, taken, self.count_outputs(layer) if layer.several_outputs else 1)
            return tuple(made) if layer.several_outputs else made[0]

        return self.through(sources, add)

    def count_outputs(self, layer: CoreLayer) -> int:
        """Return the number of outputs of a layer of the core that has several."""
        raise SettingError(f"{self.name}: a layer with several outputs is a part of minidl's Graph: {layer!r}")

    takes_ids = False  # True for layers whose arrays may stay integers

    def compute(self, arrays: list[np.ndarray], masks: Masks, training: bool | None) -> tuple[list[np.ndarray], Masks]:
        if not self.takes_ids:
            arrays = [x.astype(self.dtype) if x.dtype.kind in "iub" else x for x in arrays]
        trains = self.trains_alone if training is None else bool(training)
        pairs = [Pair(x, mask) for x, mask in zip(arrays, masks, strict=True)]
        made = self.through(pairs, lambda layer, given: _run(layer, given, trains))
        return [pair.value for pair in made], [pair.mask for pair in made]

    @property
    def supports_masking(self) -> bool:
        """True if the output has a mask, one of its own or that of the input."""
        return all(layer.keeps_mask or layer.sees_masks or layer.makes_mask for layer in self.core)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output for inputs with this mask; None if all steps count."""
        given = inputs if isinstance(inputs, KerasTensor) or not self.takes_several else tuple(inputs)
        mask = tuple(previous_mask) if isinstance(previous_mask, list) else previous_mask
        for layer in self.core:
            mask = layer.compute_mask(given, mask)
        return mask

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
    "embeddings",
    "recurrent_kernel",
    "scale",
    "concat_score_weight",
)


def settings_of(kind: type[Layer]) -> tuple[str, ...]:
    """Return the names of the settings that the class declares, in the order of its arguments.

    Of a script's own class they are those of the class here that it is derived from.
    """
    kind = next(base for base in kind.__mro__ if base.__module__.startswith(__package__))
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD)


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


def name_of_dtype(given: Any) -> str | None:
    """Return the name of a dtype, of a class of NumPy, or of a config; None for None."""
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
