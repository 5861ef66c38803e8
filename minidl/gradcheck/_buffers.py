"""Let the methods of an object make watched arrays with np.zeros and the like, so that what is stored is seen again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

MAKERS = ("zeros", "empty", "ones", "full")


class _Numpy(ModuleType):
    """NumPy, with other functions that make arrays."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


class Buffers:
    """Classes and functions like given ones, in which np.zeros and the like make watched arrays.

    watched  turns an array into a watched one
    """

    def __init__(self, watched: Callable[[Any], Any]) -> None:
        self.watched = watched
        self.numpy = _Numpy("numpy")
        vars(self.numpy).update({name: self._making(getattr(np, name)) for name in MAKERS})
        self._classes = dict[type, type]()
        self._globals = dict[int, dict[str, Any]]()

    def _making(self, make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **options: self.watched(make(*args, **options))

    @contextmanager
    def used_by(self, objects: Iterable[Any]) -> Iterator[None]:
        """Inside, the methods of the objects make watched arrays."""
        kinds = [(thing, type(thing)) for thing in objects]
        try:
            for thing, kind in kinds:
                thing.__class__ = self.kind(kind)
            yield
        finally:
            for thing, kind in kinds:
                thing.__class__ = kind

    def kind(self, kind: type) -> type:
        """A class like `kind`, with other methods."""
        if kind not in self._classes:
            members = dict[str, Any]()
            for base in reversed(kind.__mro__):
                for name, value in vars(base).items():
                    members.pop(name, None)
                    if isinstance(value, FunctionType) and not name.startswith("__"):
                        members[name] = self.function(value)
            self._classes[kind] = type(kind.__name__, (kind,), members)
        return self._classes[kind]

    def function(self, f: FunctionType) -> FunctionType:
        """A function like f, to which NumPy is another module."""
        new = FunctionType(f.__code__, self._names(f.__globals__), f.__name__, f.__defaults__, f.__closure__)
        new.__kwdefaults__ = f.__kwdefaults__
        return new

    def _names(self, names: dict[str, Any]) -> dict[str, Any]:
        """The global names of a module, those of NumPy and of its own functions changed."""
        if id(names) not in self._globals:
            found = self._globals[id(names)] = dict(names)
            makers = {id(getattr(np, name)): getattr(self.numpy, name) for name in MAKERS}
            for name, value in names.items():
                if value is np:
                    found[name] = self.numpy
                elif isinstance(value, FunctionType) and value.__globals__ is names:
                    found[name] = self.function(value)
                elif id(value) in makers:
                    found[name] = makers[id(value)]
        return self._globals[id(names)]
