"""What a setting may be: numbers in their ranges, and Keras's strings, which are understood here and nowhere deeper."""

import math
import numbers
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from .errors import SettingError

T = TypeVar("T")


def integer(who: str, name: str, value: Any, low: int) -> int:
    """The value as an int of at least `low`. True is no number here, nor is 2.0."""
    try:
        whole = low - 1 if isinstance(value, bool | np.bool) else operator.index(value)
    except TypeError:
        whole = low - 1
    if whole < low:
        raise SettingError(f"{who}: {name} must be an integer of at least {low}, got {value!r}")
    return whole


def number(who: str, name: str, value: Any, interval: str = "(-inf, inf)") -> float:
    """The value as a finite float inside the interval, which is written as in mathematics: "[0, 1)"."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not _inside(_as_float(value), interval):
        raise SettingError(f"{who}: {name} must be in {interval}, got {value!r}")
    return float(value)


def keep_number(holder: Any, name: str, interval: str) -> None:
    """Check a setting of the holder, and keep it as Python's float: NumPy's would make float64 of a float32 model."""
    object.__setattr__(holder, name, number(type(holder).__name__, name, getattr(holder, name), interval))


def _inside(value: float, interval: str) -> bool:
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value > low or (value == low and interval[0] == "[")
    below = value < high or (value == high and interval[-1] == "]")
    return math.isfinite(value) and above and below


def _as_float(value: numbers.Real) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond every float
        return math.inf


def boolean(who: str, name: str, value: Any) -> bool:
    """The value, which must be True or False."""
    if value is not True and value is not False:
        raise SettingError(f"{who}: {name} must be True or False, got {value!r}")
    return value


def choice(who: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """The value, which must be one of the choices."""
    if value not in choices:
        raise SettingError(f"{who}: {name} must be one of {', '.join(choices)}, got {value!r}")
    return value


def resolve(what: str, given: Any, kind: type[T], table: Mapping[str, Callable[[], T]]) -> T:
    """An object of the kind: the one given, or the one that a Keras string such as "he_normal" stands for."""
    if isinstance(given, kind):
        return given
    if isinstance(given, str):
        if given not in table:
            raise SettingError(f"{what}: {given!r} is unknown here; known are {', '.join(table)}")
        return table[given]()
    hint = f"; write {given.__name__}()" if isinstance(given, type) and issubclass(given, kind) else ""
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    raise SettingError(f"{what} must be {article} {kind.__name__} object or a string, got {given!r}{hint}")


def snake_case(name: str) -> str:
    """A class's name as Keras writes it in paths: Dense -> dense, ReLU -> re_lu."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(name: str, taken: Iterable[str]) -> str:
    """The name, or name_1, name_2, ... as Keras numbers them."""
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
