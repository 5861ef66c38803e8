"""Settings inside settings: what `optimizer__learning_rate` and `layers__0__units` mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ..errors import SettingError


def pieces(setting: Any) -> dict[str, Any]:
    """The settings of a minidl object by name, the members of a list by number; nothing for all else."""
    if isinstance(setting, list | tuple):
        return {str(number): member for number, member in enumerate(setting)}
    if is_dataclass(setting) and not isinstance(setting, type):
        return {field.name: getattr(setting, field.name) for field in fields(setting) if field.init}
    return {}


def walk(name: str, setting: Any) -> Iterator[tuple[str, Any]]:
    """Every setting inside this one, by its name with double underscores, as deep as they go."""
    for inner, value in pieces(setting).items():
        yield f"{name}__{inner}", value
        yield from walk(f"{name}__{inner}", value)


def changed(setting: Any, name: str, value: Any) -> Any:
    """A copy of the setting in which the one called `name`, as "learning_rate" or "0__units", has this value."""
    first, _, rest = name.partition("__")
    inner = pieces(setting)
    if first not in inner:
        known = ", ".join(inner) or "none"
        raise SettingError(f"set_params: {setting!r} has no setting {first!r}; it has {known}")
    if rest:
        value = changed(inner[first], rest, value)
    if isinstance(setting, list | tuple):
        return type(setting)(value if str(number) == first else member for number, member in enumerate(setting))
    return replace(setting, **{first: value})
