"""The user's classes and functions by name: files hold names, and `load_model` finds here what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_custom: dict[str, Any] = {}


def get_custom_objects() -> dict[str, Any]:
    """Return the registered classes and functions by name."""
    return _custom


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Return a decorator that registers a class or a function under package>name."""

    def register(thing: Any) -> Any:
        _custom[f"{package}>{name or thing.__name__}"] = thing
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """Return the name under which a class or a function is registered, else its own."""
    return next((name for name, thing in _custom.items() if thing is obj), obj.__name__)


def get_registered_object(name: str | None, custom_objects: Any = None, module_objects: Any = None) -> Any:
    """Return the class or function that has the name, or None."""
    return {**(module_objects or {}), **_custom, **(custom_objects or {})}.get(name or "")


@contextmanager
def custom_object_scope(custom_objects: dict[str, Any]) -> Iterator[None]:
    """A with block in which these classes and functions are registered."""
    before = dict(_custom)
    _custom.update(custom_objects)
    try:
        yield
    finally:
        _custom.clear()
        _custom.update(before)


CustomObjectScope = custom_object_scope


def by_own_names() -> dict[str, Any]:
    """Return the registered classes and functions by the names that they have in the script."""
    return {getattr(thing, "__name__", name): thing for name, thing in _custom.items()}
