"""Settings as Keras writes them into a config: numbers, strings, and nodes {module, class_name, config}."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from ._registry import get_custom_objects, get_registered_name

Config = dict[str, Any]


def node(module: str, class_name: str, config: Config, registered_name: str | None = None) -> Config:
    """Return the config of an object with that of its settings."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered_name}


def policy(dtype: str) -> Config:
    """Return the config of a dtype."""
    return node("keras", "DTypePolicy", {"name": dtype})


def encoded(value: Any) -> Any:
    """Return a setting as a config holds it: an object as a node, a function as its name."""
    if hasattr(value, "get_config"):
        return node(_module(value), type(value).__name__, value.get_config(), registered_name(value))
    if is_dataclass(value) and not isinstance(value, type):
        return node(_module(value), type(value).__name__, {f.name: getattr(value, f.name) for f in fields(value)})
    return getattr(value, "__name__", value)


def registered_name(value: Any) -> str | None:
    """Return the name under which the script has registered the class; None for the other classes."""
    name = get_registered_name(type(value))
    return name if name in get_custom_objects() else None


def _module(value: Any) -> str:
    """Return Keras's module: of minidl.keras.regularizers "keras.regularizers", of a private one "keras.layers"."""
    names = [name for name in type(value).__module__.split(".")[1:] if name != "keras" and not name.startswith("_")]
    return ".".join(["keras", *(names or ["layers"])])
