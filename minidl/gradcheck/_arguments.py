"""The arguments of a foreign function: which of them have a gradient, and which of the gradients returned is whose."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ._trees import leaves, replaced

PREFIXES, SUFFIXES = ("", "d", "d_", "grad_", "g_"), ("", "_grad", "_gradient")  # of names of gradients


@dataclass
class Leaf:
    """A value in the arguments. argument: the number of the argument that contains it."""

    path: str
    argument: int
    value: Any


class Arguments:
    """The arguments of a function, and the arrays in them that have a gradient.

    A number that is an argument of its own may have one, too: if as many gradients are returned, or if there are no
    arrays. Integers, strings, None and all numbers inside tuples and dicts are held fixed.

    has_gradient  True for the leaves with a gradient, of which there may be none; None: for NumPy arrays
    chosen        those leaves
    """

    def __init__(
        self, who: str, names: list[str], values: tuple[Any, ...], has_gradient: Callable[[Any], bool] | None = None
    ) -> None:
        self.who, self.names, self.values = who, names, values
        self.leaves = [
            Leaf(path, number, value)
            for number, (name, argument) in enumerate(zip(names, values, strict=True))
            for path, value in leaves(argument, "" if len(values) == 1 and isinstance(argument, dict) else name)
        ]
        self.chosen = [leaf for leaf in self.leaves if (has_gradient or is_array)(leaf.value)]
        if not self.chosen and has_gradient is None:
            self.differentiate_numbers()
        if not self.chosen and has_gradient is None:
            raise DataError(f"{who}: no input is an array of floating-point numbers, which a gradient needs")

    @property
    def _numbers(self) -> list[Leaf]:
        """The numbers that are arguments of their own."""
        return [leaf for leaf in self.leaves if is_number(leaf.value) and leaf.value is self.values[leaf.argument]]

    def differentiate_numbers(self) -> None:
        """Let the numbers that are arguments of their own have a gradient, too."""
        chosen = [id(leaf) for leaf in (*self.chosen, *self._numbers)]
        self.chosen = [leaf for leaf in self.leaves if id(leaf) in chosen]

    def hold(self, paths: Iterable[str]) -> None:
        """Hold the arrays at these paths fixed."""
        fixed = set(paths)
        self.chosen = [leaf for leaf in self.chosen if leaf.path not in fixed]
        if not self.chosen:
            raise DataError(f"{self.who}: backward returns no gradient of an array of floating-point numbers")

    @property
    def settings(self) -> dict[str, float]:
        """The numbers that are held fixed, by the last part of their path."""
        fixed = [leaf for leaf in self.leaves if leaf not in self.chosen]
        numbers = [leaf for leaf in fixed if isinstance(leaf.value, int | float) and not isinstance(leaf.value, bool)]
        return {leaf.path.rpartition("/")[2]: float(leaf.value) for leaf in numbers}

    def filled(self, arrays: Iterable[Any], copied: Callable[[Any], Any] = copy.copy) -> tuple[Any, ...]:
        """New arguments with these arrays where a gradient is taken, and copies of all else."""
        new = {
            leaf.path: array[()] if is_number(leaf.value) else array
            for leaf, array in zip(self.chosen, arrays, strict=True)
        }
        values = (new[leaf.path] if leaf.path in new else copied(leaf.value) for leaf in self.leaves)
        found: tuple[Any, ...] = replaced(self.values, values)
        return found

    # ---- whose is a gradient?

    def matched(self, result: Any) -> dict[str, Any]:
        """The gradients in what backward returned, by path. One that is missing or None is left out."""
        first = self.chosen[0]
        if isinstance(result, dict):
            return self._by_name(self.chosen, result)
        if isinstance(result, tuple | list) and not (len(self.chosen) == 1 and _has_shape_of(result, first.value)):
            return self._by_argument(list(result))
        return {} if result is None else {first.path: result}

    def _by_argument(self, results: list[Any]) -> dict[str, Any]:
        """The gradients of arguments in their order: of those with arrays, of those and numbers, or of all."""
        wanted = list(dict.fromkeys(leaf.argument for leaf in self.chosen))
        if len(results) == len(wanted) + len(self._numbers) and len(results) > len(wanted):
            self.differentiate_numbers()
            wanted = list(dict.fromkeys(leaf.argument for leaf in self.chosen))
        if len(results) != len(wanted) and len(results) == len(self.values):
            wanted = list(range(len(self.values)))
        if len(results) != len(wanted) and len(wanted) == 1:
            results = [results]  # a list for a list of arrays, or for one array
        if len(results) != len(wanted):
            names = ", ".join(self.names[number] for number in wanted)
            wants = f"return one for each of {names}, in this order, None for one that has none"
            raise ShapeError(f"{self.who}: backward returns {len(results)} gradients; {wants}")
        found = dict[str, Any]()
        for number, result in zip(wanted, results, strict=True):
            found |= self._inside(number, result)
        return found

    def _inside(self, number: int, result: Any) -> dict[str, Any]:
        """The gradients of the arrays in one argument."""
        own = [leaf for leaf in self.chosen if leaf.argument == number]
        if result is None or not own:
            return {}
        if own[0].value is self.values[number]:
            return {own[0].path: result}
        if isinstance(result, dict):
            return self._by_name(own, result)
        given = [value for _, value in leaves(result)]
        if len(given) != len(own):
            name = self.names[number]
            raise ShapeError(f"{self.who}: backward returns {len(given)} gradients for the {len(own)} arrays in {name}")
        return {leaf.path: value for leaf, value in zip(own, given, strict=True) if value is not None}

    def _by_name(self, own: list[Leaf], result: dict[Any, Any]) -> dict[str, Any]:
        """The gradients with the names of the arrays, or with such names as dW and W_grad."""
        given, found = dict(leaves(result)), dict[str, Any]()
        for leaf in own:
            last = leaf.path.rpartition("/")[2]
            names = [leaf.path, *(before + last + after for before in PREFIXES for after in SUFFIXES)]
            ends = [path for name in names for path in given if path == name or path.endswith(f"/{name}")]
            if ends and given[ends[0]] is not None:
                found[leaf.path] = given[ends[0]]
        return found


def _has_shape_of(result: Any, value: Any) -> bool:
    """True for a list of numbers in the place of an array."""
    try:
        return np.shape(result) == np.shape(value)
    except ValueError:  # arrays of several shapes
        return False


def is_array(value: Any) -> bool:
    """True for an array of floating-point numbers."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc"


def is_number(value: Any) -> bool:
    """True for a floating-point number."""
    return isinstance(value, float | complex | np.inexact)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` positional parameters; "input", or input_0, input_1, ... without such names."""
    named = [p.name for p in positional_parameters(function) if p.kind is not p.VAR_POSITIONAL][:count]
    if len(named) == count:
        return named
    return named + (["input"] if count == 1 else [f"input_{number}" for number in range(len(named), count)])


def positional_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that may be given by position; none if they are not known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a function written in C
        return []
    return [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]


def name_of(function: Any) -> str:
    """The name of a function in reports."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return "function" if "<lambda>" in name else str(name).rpartition("<locals>.")[2]
