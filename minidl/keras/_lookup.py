"""Objects by Keras's strings and configs, and back: `get`, `serialize` and `deserialize` of each module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from typing import Any

from ..errors import SettingError
from ..validation import Configured, settings_of
from ._registry import by_own_names, get_custom_objects, get_registered_object

Make = Callable[..., Any]


class StandIn(type):
    """The type of classes whose calls make objects of a class of the core: those objects count as instances."""

    def __instancecheck__(cls, item: Any) -> bool:
        return super().__instancecheck__(item) or type(item) is cls.__base__


class Lookup:
    """The names of one kind of objects: Keras's strings and classes."""

    def __init__(self, what: str, classes: tuple[Make, ...], **others: Make) -> None:
        self.what, self.table = what, {make.__name__: make for make in classes} | others

    def get(self, identifier: Any) -> Any:
        """Return the object of a string, of a class or of a config; None and other objects as they are."""
        if isinstance(identifier, str):
            return self.find(identifier)()
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        return identifier() if isinstance(identifier, type) else identifier

    def find(self, name: str, custom_objects: Mapping[str, Make] | None = None) -> Make:
        """Return what a string or a class name names, or raise SettingError with the choices."""
        table = {**by_own_names(), **self.table, **get_custom_objects(), **(custom_objects or {})}
        if name in table:
            return table[name]
        choices = ", ".join(sorted(key for key in self.table if key.islower()))
        near = get_close_matches(name, table, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingError(f"unknown {self.what} {name!r}; choose from {choices}{hint}")

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the object of a config {"class_name": ..., "config": {...}}, or of a string."""
        if not isinstance(config, dict):
            return self.get(config)
        if "class_name" not in config:
            raise SettingError(f"a config of {self.what} has the keys class_name and config, got {sorted(config)}")
        if config["class_name"] == "function":
            return self.find(config["config"], custom_objects)
        registered = get_registered_object(config.get("registered_name"), custom_objects)
        made: Any = registered or self.find(config["class_name"], custom_objects)
        settings = config.get("config") or {}
        return made.from_config(settings) if hasattr(made, "from_config") else made(**settings)


__all__ = ["Configured", "Lookup", "StandIn", "serialize", "settings_of"]


def serialize(item: Any) -> Any:
    """Return the config of an object, from which `deserialize` makes another one; of a function its name."""
    if item is None or isinstance(item, str):
        return item
    if not (hasattr(item, "get_config") or is_dataclass(item)):
        return getattr(item, "__name__", str(item))
    settings = item.get_config() if hasattr(item, "get_config") else settings_of(item)
    return {"class_name": type(item).__name__, "config": settings}
