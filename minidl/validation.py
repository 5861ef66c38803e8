"""Input validation of settings: intervals, checks of single values, and dataclass fields that declare their domain."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field
from functools import partial
from typing import Any, TypeVar

import numpy as np

from .errors import SettingError

T = TypeVar("T")
Check = Callable[[str, str, Any], Any]  # (class name, field name, value) -> the value to keep


class Interval:
    """An interval of real numbers, written as in mathematics: Interval("[0, 1)") holds 0 but not 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.low, self.high = (float(end) for end in text[1:-1].split(","))
        self.holds_low, self.holds_high = text[0] == "[", text[-1] == "]"

    def __contains__(self, value: float) -> bool:
        above = value > self.low or (value == self.low and self.holds_low)
        below = value < self.high or (value == self.high and self.holds_high)
        return math.isfinite(value) and above and below

    def within(self, other: Interval) -> bool:
        """Return True if every number of this interval lies in the other one."""
        above = (self.low, not self.holds_low) >= (other.low, not other.holds_low)
        return above and (self.high, self.holds_high) <= (other.high, other.holds_high)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Interval({self.text!r})"


REAL_LINE = Interval("(-inf, inf)")


# ---- checks of single values: each returns the value to keep or raises SettingError


def check_real(who: str, name: str, value: Any, interval: Interval | str = REAL_LINE) -> float:
    """Return the value as a Python float in the interval. A NumPy float would turn float32 arrays into float64."""
    domain = Interval(interval) if isinstance(interval, str) else interval
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or _as_float(value) not in domain:
        raise SettingError(f"{who}: {name} must be in {domain}, got {value!r}")
    return float(value)


def _as_float(value: numbers.Real) -> float:
    try:
        return float(value)
    except OverflowError:  # an int larger than every float
        return math.inf


def check_integer(who: str, name: str, value: Any, low: int) -> int:
    """Return the value as an int of at least `low`. True and 2.0 are rejected."""
    try:
        whole = low - 1 if isinstance(value, bool | np.bool) else operator.index(value)
    except TypeError:
        whole = low - 1
    if whole < low:
        raise SettingError(f"{who}: {name} must be an integer of at least {low}, got {value!r}")
    return whole


def check_boolean(who: str, name: str, value: Any) -> bool:
    """Return the value, which must be True or False."""
    if value is not True and value is not False:
        raise SettingError(f"{who}: {name} must be True or False, got {value!r}")
    return value


def check_choice(who: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return the value, which must be one of the strings."""
    if not (isinstance(value, str) and value in choices):
        raise SettingError(f"{who}: {name} must be one of {', '.join(choices)}, got {value!r}")
    return value


def check_instance(who: str, name: str, value: Any, kind: type[T]) -> T:
    """Return the value, which must be an object of the class."""
    if not isinstance(value, kind):
        raise SettingError(f"{who}: {name} must be {_object_of(kind)}, got {value!r}{_call_hint(value, kind)}")
    return value


def resolve(what: str, given: Any, kind: type[T], table: Mapping[str, Callable[[], T]]) -> T:
    """Return the given object of the class, or make the one that a Keras string such as "he_normal" names."""
    if isinstance(given, kind):
        return given
    if not isinstance(given, str):
        raise SettingError(f"{what} must be {_object_of(kind)} or a string, got {given!r}{_call_hint(given, kind)}")
    if given not in table:
        raise SettingError(f"{what}: unknown {kind.__name__.lower()} {given!r}; choose from {', '.join(table)}")
    return table[given]()


def _object_of(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__} object"


def _call_hint(given: Any, kind: type) -> str:
    """A remedy for a class that was given instead of an object of it."""
    return f"; write {given.__name__}()" if isinstance(given, type) and issubclass(given, kind) else ""


# ---- dataclass fields that declare their domain


def setting(check: Check, *, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING) -> Any:
    """Declare a field whose value is `check(class name, field name, value)`. optional: None is accepted too."""
    declared = partial(_unless_none, check) if optional else check
    if default is MISSING:
        return field(kw_only=kw_only, metadata={"check": declared})
    return field(default=default, kw_only=kw_only, metadata={"check": declared})


def _unless_none(check: Check, who: str, name: str, value: Any) -> Any:
    return None if value is None else check(who, name, value)


def real(
    interval: str = "(-inf, inf)", *, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING
) -> Any:
    """Declare a float in the interval: `rate: float = real("[0, 1)")`."""
    check = partial(check_real, interval=Interval(interval))
    return setting(check, default=default, optional=optional, kw_only=kw_only)


def integer(low: int, *, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING) -> Any:
    """Declare an int of at least `low`: `units: int = integer(1)`."""
    return setting(partial(check_integer, low=low), default=default, optional=optional, kw_only=kw_only)


def boolean(*, default: Any = MISSING, kw_only: Any = MISSING) -> Any:
    """Declare a field that holds True or False."""
    return setting(check_boolean, default=default, kw_only=kw_only)


def choice(*choices: str, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING) -> Any:
    """Declare a field that holds one of the strings."""
    return setting(partial(check_choice, choices=choices), default=default, optional=optional, kw_only=kw_only)


def instance(kind: type, *, kw_only: Any = MISSING) -> Any:
    """Declare a field that holds an object of the class: `schedule: Schedule = instance(Schedule)`."""
    return setting(partial(check_instance, kind=kind), kw_only=kw_only)


class Validated:
    """Base class of dataclasses whose fields declare their domain. Making an object checks every value."""

    def __post_init__(self) -> None:
        for name, value in check_fields(self).items():
            object.__setattr__(self, name, value)  # also if the dataclass is frozen


def check_fields(holder: Any) -> dict[str, Any]:
    """Check the fields of a dataclass object that declare their domain. Return the values to keep by field name."""
    who, declared = type(holder).__name__, getattr(holder, "__dataclass_fields__", {})
    checks = {name: field.metadata["check"] for name, field in declared.items() if "check" in field.metadata}
    return {name: check(who, name, getattr(holder, name)) for name, check in checks.items()}
