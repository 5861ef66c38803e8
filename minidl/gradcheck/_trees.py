"""Arguments and results that contain arrays: tuples, lists and dicts of them, nested to any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..naming import join_path


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of everything in a tree that contains nothing else, in order. A path joins keys with "/"."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, join_path(path, str(key)))
    elif isinstance(tree, tuple | list):
        for number, value in enumerate(tree):
            yield from leaves(value, join_path(path, str(number)))
    else:
        yield path, tree


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree like this one, with function(leaf) in the place of every leaf; it is called in their order."""
    if isinstance(tree, dict):
        found = {key: mapped(function, value) for key, value in tree.items()}
        return found if type(tree) is dict else _of_class(tree, found)
    if isinstance(tree, tuple | list):
        values = [mapped(function, value) for value in tree]
        if hasattr(tree, "_fields"):  # a named tuple
            return type(tree)(*values)
        return values if isinstance(tree, list) else tuple(values)
    return function(tree)


def _of_class(tree: Any, values: dict[Any, Any]) -> Any:
    """An OrderedDict, a defaultdict, ... with these values."""
    found = tree.copy()
    found.update(values)
    return found


def replaced(tree: Any, values: Iterator[Any]) -> Any:
    """Return a tree like this one with other leaves."""
    return mapped(lambda _: next(values), tree)
