"""Settings and states as JSON values, and back.

What JSON has not is an object with one key, or with "class":

    {"class": "layers.Dense", "units": 8, ...}   an object by its class and its dataclass fields, all of them
    {"function": "roc_auc_score"}                 a function, found in custom_objects
    {"tuple": [...]}, {"dict": [[key, value], ...]}, {"float": "nan"}, {"float32": 0.1}
    {"array": [number, dtype, shape]}             an array, which lies in the file at /minidl/arrays/<number>
    {"series": [number, dtype, length]}           the same of a list of numbers
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..errors import ModelFileError, SettingError
from ..initializers import Initializer
from ..layers import Chain, Layer
from ..losses import Loss
from ..metrics import Metric
from ..optimizers import Optimizer
from ..parameters import Penalty
from ..schedules import Schedule
from .tables import CLASSES, NAMES, RENAMED
from .tree import HDF5_TYPES, said, shown

SERIES = 8  # lists of more numbers than this lie in arrays

Objects = Mapping[str, Any]


class Encoder:
    """Makes JSON values of Python's; `arrays` are those they name, `customs` the classes that are not minidl's."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.customs: dict[str, Any] = {}

    def value(self, who: str, given: Any) -> Any:
        """The JSON value. `who` has it, for the message where there is none."""
        if given is None or isinstance(given, bool | str):
            return given
        if isinstance(given, np.ndarray):
            return {"array": [*self._kept(who, given), list(given.shape)]}
        if isinstance(given, np.float32):
            return {"float32": self.value(who, float(given))}
        if isinstance(given, np.bool | np.integer | np.float16 | np.float64):
            return self.value(who, given.item())
        if isinstance(given, int):
            return given
        if isinstance(given, float):
            return given if math.isfinite(given) else {"float": str(given)}
        if isinstance(given, list):
            return self._series(who, given) or [self.value(who, part) for part in given]
        if isinstance(given, tuple):
            return {"tuple": [self.value(who, part) for part in given]}
        if isinstance(given, dict):
            return {"dict": [[self._key(who, key), self.value(who, part)] for key, part in given.items()]}
        return self._object(who, given)

    def _key(self, who: str, given: Any) -> str | int:
        key = self.value(who, given)
        if not isinstance(key, str | int):
            raise SettingError(f"save: {who} has the key {shown(given)}; files hold keys that are strings or integers")
        return key

    def _kept(self, who: str, array: np.ndarray) -> list[Any]:
        if array.dtype.name not in HDF5_TYPES:
            raise SettingError(f"save: {who} holds an array of {array.dtype}; files take {', '.join(HDF5_TYPES)}")
        self.arrays.append(array.reshape(-1))
        return [len(self.arrays) - 1, array.dtype.name]

    def _series(self, who: str, given: list[Any]) -> Any:
        kinds = {type(part) for part in given}
        if len(given) <= SERIES or kinds not in ({float}, {int}):
            return None
        if kinds == {int} and max(map(abs, given)) >= 2**63:
            return None
        return {"series": [*self._kept(who, np.array(given)), len(given)]}

    def _object(self, who: str, given: Any) -> Any:
        cls = type(given)
        if not (isinstance(given, FAMILIES) or is_dataclass(cls)):
            name = getattr(given, "__name__", "")
            if isinstance(given, type) or not callable(given) or not name.isidentifier():
                raise SettingError(f"save: {who} is {shown(given)}, which no file can hold. {_HOLDABLE}")
            self._call_custom(name, given)
            return {"function": name}
        name = NAMES.get(cls, cls.__name__)
        if cls not in NAMES:
            self._call_custom(name, cls)
        return {"class": name} | {
            setting: self.value(f"{name}.{setting}", getattr(given, setting)) for setting in settings_of(cls)
        }

    def _call_custom(self, name: str, given: Any) -> None:
        if self.customs.setdefault(name, given) != given:
            raise SettingError(f"save: {name} is the name of two things; a file knows them by their names alone")


FAMILIES = (Layer, Initializer, Penalty, Loss, Metric, Optimizer, Schedule)

_HOLDABLE = "Settings are numbers, strings, None, lists, and objects that are dataclasses of such settings"


def settings_of(cls: type) -> list[str]:
    """The names of an object's settings: what its constructor takes, which must be its dataclass fields."""
    names = list(inspect.signature(cls).parameters)
    kept = {field.name for field in fields(cls)} if is_dataclass(cls) else set()
    if issubclass(cls, Optimizer):  # without settings of its own it is no dataclass
        kept.add("learning_rate")
    if not set(names) <= kept:
        what = f"{cls.__name__} takes {', '.join(names)}, and its fields are {', '.join(sorted(kept)) or 'none'}"
        raise SettingError(f"save: {what}: make all it takes dataclass fields")
    return names


class Decoder:
    """Makes Python's values of JSON's. `array` reads one from the file: (number, dtype, shape) -> array."""

    def __init__(self, customs: Objects, array: Callable[[int, str, tuple[int, ...]], np.ndarray]) -> None:
        self.customs, self.array = customs, array
        self.known: set[int] = set()  # the numbers of the arrays that were asked for

    def value(self, given: Any) -> Any:
        """The Python value."""
        if isinstance(given, list):
            return [self.value(part) for part in given]
        if not isinstance(given, dict):
            return given
        if "class" in given:
            return self._object(given)
        kinds: dict[str, Callable[[Any], Any]] = {
            "function": self._function,
            "tuple": lambda parts: tuple(self.value(_list(parts))),
            "dict": self._dict,
            "float": self._float,
            "float32": lambda number: np.float32(_number(self.value(number))),
            "array": self._array,
            "series": self._series,
        }
        if len(given) != 1 or next(iter(given)) not in kinds:
            raise ModelFileError(f"its configuration holds the keys {shown(sorted(given))}, which mean nothing")
        ((kind, content),) = given.items()
        return kinds[kind](content)

    def of_kind(self, kind: type, given: Any) -> Any:
        """The Python value, which must be of the kind."""
        found = self.value(given)
        if type(found) is not kind and (kind in (int, bool, float, str, list, dict) or not isinstance(found, kind)):
            raise ModelFileError(f"its configuration holds {shown(found)} where {kind.__name__} belongs")
        return found

    def _object(self, given: dict[str, Any]) -> Any:
        name = given["class"]
        cls = {**self.customs, **RENAMED, **CLASSES}.get(name) if isinstance(name, str) else None
        if not isinstance(cls, type):
            remedy = "if it is yours, pass custom_objects={name: class}"
            raise ModelFileError(f"it names the class {shown(name)}, which is unknown here; {remedy}")
        if set(given) - {"class"} != (wanted := set(settings_of(cls))):
            raise ModelFileError(
                f"{name} has the settings {shown(sorted(set(given) - {'class'}))}, not {sorted(wanted)}"
            )
        chosen = {setting: self.value(part) for setting, part in given.items() if setting != "class"}
        try:
            if issubclass(cls, Chain):
                return cls(*chosen.pop("layers"), **chosen)
            return cls(**chosen)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelFileError(f"{name} cannot be made: {said(error)}") from None

    def _function(self, name: Any) -> Any:
        if not isinstance(name, str) or not callable(self.customs.get(name)):
            remedy = "pass custom_objects={name: function}"
            raise ModelFileError(f"it names the function {shown(name)}, which is unknown here; {remedy}")
        return self.customs[name]

    def _dict(self, pairs: Any) -> dict[Any, Any]:
        found = {}
        for pair in _list(pairs):
            if len(_list(pair)) != 2 or not isinstance(pair[0], str | int):
                raise ModelFileError(f"its configuration holds {shown(pair)} where a pair belongs")
            found[pair[0]] = self.value(pair[1])
        return found

    def _float(self, name: Any) -> float:
        if name not in ("nan", "inf", "-inf"):
            raise ModelFileError(f"its configuration holds {shown(name)} where a float belongs")
        return float(name)

    def _array(self, given: Any) -> np.ndarray:
        number, dtype, shape = _list(given) if len(_list(given)) == 3 else (None, None, [])
        if type(number) is not int or number in self.known or dtype not in list(HDF5_TYPES) or not _is_shape(shape):
            raise ModelFileError(f"its configuration holds {shown(given)} where an array belongs")
        self.known.add(number)
        return self.array(number, dtype, (math.prod(shape),)).reshape(shape)

    def _series(self, given: Any) -> list[Any]:
        number, dtype, length = _list(given) if len(_list(given)) == 3 else (None, None, None)
        return self._array([number, dtype, [length]]).tolist()


def _list(given: Any) -> list[Any]:
    if not isinstance(given, list):
        raise ModelFileError(f"its configuration holds {shown(given)} where a list belongs")
    return given


def _number(given: Any) -> float:
    if not isinstance(given, float):
        raise ModelFileError(f"its configuration holds {shown(given)} where a float belongs")
    return given


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(n) is int and 0 <= n < 2**48 for n in shape) and len(shape) <= 32
