"""The values that a setting may have: intervals, checks of single values, and fields that declare their domain."""

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

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Interval({self.text!r})"


REAL_LINE = Interval("(-inf, inf)")


# ---- checks of single values: each returns the value to keep, or raises SettingError


def check_real(who: str, name: str, value: Any, interval: Interval | str = REAL_LINE) -> float:
    """Return the value as a Python float inside the interval. NumPy's floats would turn float32 arrays into float64."""
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
    """Return the value as an int of at least `low`. True and 2.0 are refused."""
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
    """Return the value, which must be one of the choices."""
    if value not in choices:
        raise SettingError(f"{who}: {name} must be one of {', '.join(choices)}, got {value!r}")
    return value


def resolve(what: str, given: Any, kind: type[T], table: Mapping[str, Callable[[], T]]) -> T:
    """Return the given object of the kind, or make the one that a Keras string such as "he_normal" names."""
    if isinstance(given, kind):
        return given
    if isinstance(given, str):
        if given not in table:
            raise SettingError(f"{what}: unknown {kind.__name__.lower()} {given!r}; choose from {', '.join(table)}")
        return table[given]()
    hint = f"; write {given.__name__}()" if isinstance(given, type) and issubclass(given, kind) else ""
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    raise SettingError(f"{what} must be {article} {kind.__name__} object or a string, got {given!r}{hint}")


# ---- dataclass fields that declare their domain


def setting(check: Check, *, default: Any = MISSING, optional: bool = False, kw_only: bool = False) -> Any:
    """A dataclass field whose value goes through `check` when the object is made. optional: None is accepted too."""
    declared = partial(_unless_none, check) if optional else check
    if default is MISSING:
        return field(kw_only=kw_only, metadata={"check": declared})
    return field(default=default, kw_only=kw_only, metadata={"check": declared})


def _unless_none(check: Check, who: str, name: str, value: Any) -> Any:
    return None if value is None else check(who, name, value)


def real(
    interval: str = "(-inf, inf)", *, default: Any = MISSING, optional: bool = False, kw_only: bool = False
) -> Any:
    """Declare a float in the interval: `rate: float = real("[0, 1)")`."""
    check = partial(check_real, interval=Interval(interval))
    return setting(check, default=default, optional=optional, kw_only=kw_only)


def integer(low: int, *, default: Any = MISSING, optional: bool = False, kw_only: bool = False) -> Any:
    """Declare an int of at least `low`: `units: int = integer(1)`."""
    return setting(partial(check_integer, low=low), default=default, optional=optional, kw_only=kw_only)


def boolean(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """Declare a field that holds True or False."""
    return setting(check_boolean, default=default, kw_only=kw_only)


def choice(*choices: str, default: Any = MISSING, optional: bool = False, kw_only: bool = False) -> Any:
    """Declare a field that holds one of the strings."""
    return setting(partial(check_choice, choices=choices), default=default, optional=optional, kw_only=kw_only)


def keep_number(holder: Any, name: str, interval: str) -> None:
    """TEMPORARY: replaced by declared fields."""
    object.__setattr__(holder, name, check_real(type(holder).__name__, name, getattr(holder, name), interval))


class Validated:
    """Base of the dataclasses whose fields declare their domain: every value is checked when an object is made."""

    def __post_init__(self) -> None:
        for name, value in check_fields(self).items():
            object.__setattr__(self, name, value)  # also where the dataclass is frozen


def check_fields(holder: Any) -> dict[str, Any]:
    """Check the fields of a dataclass object that declare their domain. Return the values to keep by field name."""
    who, declared = type(holder).__name__, getattr(holder, "__dataclass_fields__", {})
    checks = {name: field.metadata["check"] for name, field in declared.items() if "check" in field.metadata}
    return {name: check(who, name, getattr(holder, name)) for name, check in checks.items()}
