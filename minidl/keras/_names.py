"""Names of layers and models: given ones, or Keras's, numbered through the whole script: dense, dense_1, ..."""

from __future__ import annotations

from collections import Counter

from ..naming import snake_case

_used: Counter[str] = Counter()


def automatic(kind: str) -> str:
    """Return the next name for an object of this class: "dense", then "dense_1"."""
    return numbered(snake_case(kind))


def numbered(name: str) -> str:
    """Return the name, or with the number of times that it was asked for before."""
    number = _used[name]
    _used[name] += 1
    return f"{name}_{number}" if number else name


def reset() -> None:
    """Begin to count from 0 again, as `backend.clear_session` does."""
    _used.clear()
