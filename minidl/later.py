"""Names that are fetched when they are first asked for, so that `import minidl` costs next to nothing.

They also let an inner room show what lives in an outer one, where users look for it, as `model.save`, without importing
outward: an import at the top would be a circle, and loads files for everybody who saves none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


class Later:
    """A method whose function lives in another room: class Model: save = Later("files", "save")."""

    def __init__(self, room: str, name: str) -> None:
        self.room, self.name = room, name

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.owner, self.attribute = owner, attribute

    def __get__(self, instance: Any, owner: type) -> Any:
        function = getattr(import_module(f"minidl.{self.room}"), self.name)
        setattr(self.owner, self.attribute, function)  # from now on it is an ordinary method
        return getattr(owner if instance is None else instance, self.attribute)


def names_from(module: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's __getattr__ (PEP 562) for names that live in rooms: {"Sequential": "sequential"}; a room is itself."""

    def __getattr__(name: str) -> Any:  # noqa: N807  Python's name for it
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        room = import_module(f"minidl.{places[name]}")
        return room if name == places[name] else getattr(room, name)

    return __getattr__
