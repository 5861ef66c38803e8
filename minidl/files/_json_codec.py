"""Settings and state as JSON values, and back. Numbers, strings, None and lists are themselves; other values are

{"class": name, setting: value, ...}          an object made of its settings: a layer, a loss, ...
{"layer": number}                             a layer that stands before, the number-th to be complete, counted from 0
{"function": name}                            a function of the user's
{"tuple": [...]}, {"dict": [[key, value], ...]}, {"float": "nan"}, {"float32": 0.1}
{"array": [number, dtype, shape]}             an array, stored in the file at /minidl/arrays/<number>
{"series": [number, dtype, length]}           a long list of numbers, stored in the same way
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from ..constraints import Constraint
from ..errors import ModelFileError, SettingError
from ..initializers import Initializer
from ..layers import Chain, Layer
from ..losses import Loss
from ..metrics import Metric
from ..optimizers import Optimizer
from ..parameters import Penalty
from ..schedules import Schedule
from ._classes import CLASSES, NAMES, RENAMED
from ._hdf5_reader import HDF5_TYPES
from ._untrusted import abbreviate, describe_error

T = TypeVar("T")
Json = Any  # what json.dumps takes
Customs = Mapping[str, Any]  # name -> class or function of the user's

LAYER_RUNS = 100_000  # of layers in one pass through a network, at most; graphs in graphs could multiply them
SERIES = 8  # longer lists of numbers are stored as arrays
FAMILIES = (Layer, Initializer, Penalty, Constraint, Loss, Metric, Optimizer, Schedule)


class Encoder:
    """Turns Python values into JSON values, and collects the arrays and the user's classes and functions in them."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.customs: dict[str, Any] = {}
        self.layers: dict[int, int] = {}  # the numbers of the layers so far, by their ids

    def encode(self, owner: str, value: Any) -> Json:
        """Return the JSON value. Raises SettingError, which names the owner, for a value that no file can hold."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.ndarray):
            return {"array": [*self._store(owner, value), list(value.shape)]}
        if isinstance(value, np.float32):
            return {"float32": self.encode(owner, float(value))}
        if isinstance(value, np.bool | np.integer | np.float16 | np.float64):
            return self.encode(owner, value.item())
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, list):
            return self._encode_series(owner, value) or [self.encode(owner, part) for part in value]
        if isinstance(value, tuple):
            return {"tuple": [self.encode(owner, part) for part in value]}
        if isinstance(value, dict):
            return {"dict": [[self._encode_key(owner, key), self.encode(owner, part)] for key, part in value.items()]}
        if isinstance(value, FAMILIES) or is_dataclass(type(value)):
            return self._encode_object(value)
        return self._encode_function(owner, value)

    def _encode_key(self, owner: str, value: Any) -> Json:
        key = self.encode(owner, value)
        strings = isinstance(value, tuple) and all(isinstance(part, str) for part in value)
        if not strings and not isinstance(key, str | int):
            wanted = "use strings, tuples of strings or integers as keys"
            raise SettingError(f"save: {owner} has the key {abbreviate(value)}; {wanted}")
        return key

    def _store(self, owner: str, array: np.ndarray) -> list[Json]:
        if array.dtype.name not in HDF5_TYPES:
            raise SettingError(f"save: {owner} holds an array of {array.dtype}; use {', '.join(HDF5_TYPES)}")
        self.arrays.append(array.reshape(-1))
        return [len(self.arrays) - 1, array.dtype.name]

    def _encode_series(self, owner: str, value: list[Any]) -> Json:
        kinds = {type(part) for part in value}
        if len(value) <= SERIES or kinds not in ({float}, {int}):
            return None
        if kinds == {int} and max(map(abs, value)) >= 2**63:
            return None
        return {"series": [*self._store(owner, np.array(value)), len(value)]}

    def _encode_object(self, value: Any) -> Json:
        if id(value) in self.layers:
            return {"layer": self.layers[id(value)]}
        cls = type(value)
        name = NAMES.get(cls, cls.__name__)
        if cls not in NAMES:
            self._add_custom(name, cls)
        encoded = {"class": name} | {
            setting: self.encode(f"{name}.{setting}", getattr(value, setting)) for setting in setting_names(cls)
        }
        if isinstance(value, Layer):
            self.layers[id(value)] = len(self.layers)
        return encoded

    def _encode_function(self, owner: str, value: Any) -> Json:
        name = getattr(value, "__name__", "")
        if isinstance(value, type) or not callable(value) or not name.isidentifier():
            allowed = "use numbers, strings, None, lists, and objects that are dataclasses of such settings"
            raise SettingError(f"save: {owner} is {abbreviate(value)}, which cannot be saved; {allowed}")
        self._add_custom(name, value)
        return {"function": name}

    def _add_custom(self, name: str, thing: Any) -> None:
        if self.customs.setdefault(name, thing) != thing:
            raise SettingError(f"save: two classes or functions are called {name}; rename one of them")


def setting_names(cls: type) -> list[str]:
    """Return the arguments of the constructor. Raises SettingError unless all of them are dataclass fields."""
    names = list(inspect.signature(cls).parameters)
    kept = {field.name for field in fields(cls)} if is_dataclass(cls) else set()
    if issubclass(cls, Optimizer):  # without settings of its own it is no dataclass
        kept.add("learning_rate")
    if not set(names) <= kept:
        what = f"{cls.__name__} takes {', '.join(names)}, and its fields are {', '.join(sorted(kept)) or 'none'}"
        raise SettingError(f"save: {what}: make every argument a dataclass field")
    return names


def _required_settings(cls: type) -> set[str]:
    """The settings without a default. An older file may lack the others, which came later."""
    return {name for name, setting in inspect.signature(cls).parameters.items() if setting.default is setting.empty}


class Decoder:
    """Turns JSON values into Python values. Raises ModelFileError for everything that Encoder does not write.

    customs     the user's classes and functions by name
    read_array  (number, dtype, shape) -> the array of the file with this number
    """

    def __init__(self, customs: Customs, read_array: Callable[[int, str, tuple[int, ...]], np.ndarray]) -> None:
        self.customs, self.read_array = customs, read_array
        self.classes = {**customs, **RENAMED, **CLASSES}
        self.numbers: set[int] = set()  # of the arrays read so far
        self.layers: list[tuple[Layer, int]] = []  # those that are complete, each with the layers that it runs
        self.runs = 0  # of layers, in one pass through those so far

    def decode(self, value: Json) -> Any:
        """Return the Python value."""
        if isinstance(value, list):
            return [self.decode(part) for part in value]
        if not isinstance(value, dict):
            return value
        if "class" in value:
            return self._decode_object(value)
        kinds: dict[str, Callable[[Json], Any]] = {
            "function": self._decode_function,
            "tuple": lambda parts: tuple(self.decode(_typed(list, parts))),
            "dict": self._decode_dict,
            "float": _decode_float,
            "float32": lambda number: np.float32(_typed(float, self.decode(number))),
            "array": self._decode_array,
            "layer": self._decode_layer,
            "series": self._decode_series,
        }
        if len(value) != 1 or next(iter(value)) not in kinds:
            raise ModelFileError(f"its configuration holds the unknown keys {abbreviate(sorted(value))}")
        ((kind, content),) = value.items()
        return kinds[kind](content)

    def decode_as(self, kind: type[T], value: Json) -> T:
        """Return the Python value, which must be of the kind."""
        return _typed(kind, self.decode(value))

    def _decode_object(self, value: dict[str, Json]) -> Any:
        cls, name, given = self._class(value["class"]), value["class"], set(value) - {"class"}
        wanted = set(setting_names(cls))
        if not _required_settings(cls) <= given <= wanted:
            raise ModelFileError(f"{name} has the settings {abbreviate(sorted(given))}, not {sorted(wanted)}")
        before = self.runs
        settings = {setting: self.decode(part) for setting, part in value.items() if setting != "class"}
        try:
            made = cls(*settings.pop("layers"), **settings) if issubclass(cls, Chain) else cls(**settings)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelFileError(f"{name} cannot be made: {describe_error(error)}") from None
        if isinstance(made, Layer):
            self.runs += 1
            self.layers.append((made, self.runs - before))
        return made

    def _decode_layer(self, number: Json) -> Layer:
        if type(number) is not int or not 0 <= number < len(self.layers):
            raise _misplaced(number, "the number of a layer before")
        layer, runs = self.layers[number]
        self.runs += runs
        if self.runs > LAYER_RUNS:
            raise ModelFileError(f"its layers run more than {LAYER_RUNS} times in one pass")
        return layer

    def _class(self, name: Json) -> type:
        cls = self.classes.get(name) if isinstance(name, str) else None
        if not isinstance(cls, type):
            remedy = "if it is yours, pass custom_objects={name: class}"
            raise ModelFileError(f"it names the unknown class {abbreviate(name)}; {remedy}")
        return cls

    def _decode_function(self, name: Json) -> Any:
        if not isinstance(name, str) or not callable(self.customs.get(name)):
            remedy = "pass custom_objects={name: function}"
            raise ModelFileError(f"it names the unknown function {abbreviate(name)}; {remedy}")
        return self.customs[name]

    def _decode_dict(self, pairs: Json) -> dict[Any, Any]:
        found = {}
        for pair in _typed(list, pairs):
            if len(_typed(list, pair)) != 2:
                raise _misplaced(pair, "a pair")
            found[_decode_key(pair[0])] = self.decode(pair[1])
        return found

    def _decode_array(self, value: Json) -> np.ndarray:
        number, dtype, shape = _triple(value)
        if type(number) is not int or number in self.numbers or dtype not in list(HDF5_TYPES) or not _is_shape(shape):
            raise _misplaced(value, "an array")
        self.numbers.add(number)
        return self.read_array(number, dtype, (math.prod(shape),)).reshape(shape)

    def _decode_series(self, value: Json) -> list[float]:
        number, dtype, length = _triple(value)
        return list(self._decode_array([number, dtype, [length]]).tolist())


def _typed(kind: type[T], value: Any) -> T:
    """Return the value, which must be of the kind; of simple kinds a subclass is not enough: True is not an int."""
    if type(value) is kind or (kind not in (int, bool, float, str, list, dict) and isinstance(value, kind)):
        return value
    raise _misplaced(value, kind.__name__)


def _misplaced(value: Any, wanted: str) -> ModelFileError:
    return ModelFileError(f"its configuration holds {abbreviate(value)}, wanted {wanted}")


def _decode_key(key: Json) -> Any:
    """Return a key of a dict: a string, an integer, or a tuple of strings."""
    parts = key.get("tuple") if isinstance(key, dict) and len(key) == 1 else None
    if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
        return tuple(parts)
    if not isinstance(key, str | int):
        raise _misplaced(key, "a key")
    return key


def _decode_float(name: Json) -> float:
    if name not in ("nan", "inf", "-inf"):
        raise _misplaced(name, "float")
    return float(name)


def _triple(value: Json) -> tuple[Json, Json, Json]:
    if len(_typed(list, value)) != 3:
        raise _misplaced(value, "an array")
    return value[0], value[1], value[2]


def _is_shape(shape: Json) -> bool:
    return isinstance(shape, list) and all(type(n) is int and 0 <= n < 2**48 for n in shape) and len(shape) <= 32
