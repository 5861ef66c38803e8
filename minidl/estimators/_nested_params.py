"""Parameters inside parameters: `optimizer__learning_rate`, `layers__0__units`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ..errors import SettingError


def children(setting: Any) -> dict[str, Any]:
    """Return the fields of a minidl object by name or the items of a list by number; {} for any other value."""
    if isinstance(setting, list | tuple):
        return {str(number): item for number, item in enumerate(setting)}
    if is_dataclass(setting) and not isinstance(setting, type):
        return {field.name: getattr(setting, field.name) for field in fields(setting) if field.init}
    return {}


def descendants(name: str, setting: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name, with double underscores, and the value of every parameter inside this one, at any depth."""
    for child, value in children(setting).items():
        yield f"{name}__{child}", value
        yield from descendants(f"{name}__{child}", value)


def replaced(setting: Any, name: str, value: Any) -> Any:
    """Return a copy of the setting in which the parameter `name`, such as "0__units", has this value."""
    first, _, rest = name.partition("__")
    known = children(setting)
    if first not in known:
        raise SettingError(f"set_params: {setting!r} has no setting {first!r}; it has {', '.join(known) or 'none'}")
    if rest:
        value = replaced(known[first], rest, value)
    if isinstance(setting, list | tuple):
        return type(setting)((known | {first: value}).values())
    return replace(setting, **{first: value})
