"""Public names that load their module on first use (PEP 562): `import minidl` and small scripts start fast.

The names of a package stand once, in the `__init__.pyi` beside its `__init__.py`, where type checkers read them too
(the convention of SPEC 1).

Imports go downwards only. Where an inner package offers what an outer one does, as `model.save` or
`minidl.callbacks.GradientChecker`, the outer one is registered by `minidl/__init__.py`, which stands above them all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

_IMPORT = re.compile(r"^from (\.\S*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)
_outer_names: dict[str, dict[str, str]] = {}
_extensions: dict[str, str] = {}


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the package's `__getattr__`, `__dir__` and `__all__`, read from the stub beside its `__init__.py`."""
    loader: Any = sys.modules[package].__loader__  # reads the stub from a zip file too
    places = _places(package, loader.get_data(str(Path(file).with_suffix(".pyi"))).decode())
    places |= _outer_names.get(package, {})

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(places[name])
        value = module if places[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)  # from now on Python finds it without this function
        return value

    return __getattr__, lambda: sorted(places), sorted(places)


def show(package: str, modules: dict[str, str]) -> None:
    """Let an inner package show names from outer ones: {name: module}."""
    _outer_names[package] = modules


def register(role: str, module: str) -> None:
    """Name the module that plays a role for inner packages: "model files" is played by "minidl.files"."""
    _extensions[role] = module


def extension(role: str) -> Any:
    """Return the module registered for the role."""
    return import_module(_extensions[role])


def _places(package: str, stub: str) -> dict[str, str]:
    """The public names of a stub with the module of each, from its lines `from .module import Name as Name`."""
    found = {}
    for module, bracketed, plain in _IMPORT.findall(stub):
        for part in (bracketed or plain).split(","):
            name, _, alias = part.strip().partition(" as ")
            if name and alias == name:
                found[name] = f"{package}.{name}" if module == "." else resolve_name(module, package)
    return found
