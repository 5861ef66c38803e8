"""Keras's names for things: classes in snake case, numbers behind names that repeat, paths."""

import re
from collections.abc import Iterable


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes it in paths: Dense -> dense, ReLU -> re_lu."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(name: str, taken: Iterable[str]) -> str:
    """Return the name, or name_1, name_2, ... as Keras numbers names that repeat."""
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def join_path(path: str, name: str) -> str:
    """Return the path of `name` inside the layer at `path`; the outermost layer has the empty path."""
    return f"{path}/{name}" if path else name
