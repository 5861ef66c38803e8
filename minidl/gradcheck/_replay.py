"""Put random generators back, so that a function draws the same numbers whenever it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..seeding import GlobalGenerators
from ._trees import leaves


class Replay:
    """The states of all generators that some functions may draw from.

    These are Python's and NumPy's global ones, and those among the arguments, on the object of a method, in closures
    and among the global names that the functions use.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]], arguments: Any) -> None:
        self._global: GlobalGenerators | None = GlobalGenerators()
        found = {id(g): g for g in _candidates(functions, arguments) if _is_generator(g)}
        self._own = [(g, _state(g)) for g in found.values()]

    def restore(self) -> None:
        if self._global is not None:
            self._global.restore()
        for generator, state in self._own:
            _set_state(generator, state)

    def forget_unused(self) -> None:
        """Leave those generators alone from now on from which nothing was drawn: to set them takes time."""
        if self._global is not None and self._global.are_unchanged:
            self._global = None
        self._own = [(generator, state) for generator, state in self._own if not _is_equal(_state(generator), state)]


def _candidates(functions: Iterable[Callable[..., Any]], arguments: Any) -> Iterator[Any]:
    yield from (value for _, value in leaves(arguments))
    for function in functions:
        yield from getattr(getattr(function, "__self__", None), "__dict__", {}).values()
        function = getattr(function, "__func__", function)
        yield from (cell.cell_contents for cell in getattr(function, "__closure__", None) or () if not _is_empty(cell))
        names = getattr(function, "__globals__", {})
        yield from (names.get(name) for name in getattr(getattr(function, "__code__", None), "co_names", ()))


def _is_empty(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  it raises if there are none yet
    except ValueError:
        return True
    return False


def _is_generator(value: Any) -> bool:
    """True for NumPy's new and old generators, and for PyTorch's."""
    has_state = hasattr(type(value), "bit_generator") or hasattr(type(value), "get_state")
    return has_state and type(value).__name__ in ("Generator", "RandomState")


def _state(generator: Any) -> Any:
    return generator.bit_generator.state if hasattr(generator, "bit_generator") else generator.get_state()


def _set_state(generator: Any, state: Any) -> None:
    if hasattr(generator, "bit_generator"):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _is_equal(a: Any, b: Any) -> bool:
    """True if two states are known to be equal: of PyTorch's generators, whose states are tensors."""
    return bool((a == b).all()) if hasattr(a, "numel") else False
