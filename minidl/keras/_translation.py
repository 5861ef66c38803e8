"""The core's objects behind settings of layers and of `compile`.

Each module of names has `get`, which takes an object, Keras's string, Keras's config or a function. What it returns is
an object of the core, or has one as `core`.
"""

from __future__ import annotations

from typing import Any

from . import initializers


def core_of(given: Any) -> Any:
    """Return the core's object of an object of this package; other values as they are."""
    return getattr(given, "core", given)


def initializer(given: Any) -> Any:
    """Return the initializer of an object, a string, a config or a function."""
    return initializers.get(_without_none(given))


def _without_none(given: Any) -> Any:
    """Remove each None from the settings of a config: Keras writes some that minidl does not have."""
    if not isinstance(given, dict):
        return given
    settings = {name: value for name, value in (given.get("config") or {}).items() if value is not None}
    return given | {"config": settings}
