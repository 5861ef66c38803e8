"""A function that describes a network: its parameters, and its call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import Any, TypeVar

from ..errors import SettingError

Class = TypeVar("Class", bound=type)

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def defaults(function: Any) -> dict[str, Any]:
    """Return the default, or Parameter.empty, of each parameter by name; {} for an object that is not a function."""
    if not callable(function):
        return {}
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind in NAMED}


def call(who: str, function: Callable[..., Any], values: dict[str, Any], outputs: int) -> Any:
    """Call the function, the argument `layers` of an estimator, with those of the values that it has parameters for.

    The one parameter of a function may have any name; if it has no value it receives the number of outputs.
    """
    taken = defaults(function)
    if "layers" in taken:
        raise SettingError(f"{who} has an argument 'layers' of its own; rename this parameter of the function")
    missing = [name for name, default in taken.items() if default is inspect.Parameter.empty and name not in values]
    if missing and len(taken) > 1:
        name = function_name(function)
        raise SettingError(f"{who}: {name} needs {missing[0]}; pass it: {who}({name}, {missing[0]}=...)")
    named = {name: value for name, value in values.items() if name in taken}
    network = function(outputs) if missing else function(**named)
    if network is None:
        raise SettingError(f"{who}: {function_name(function)} returned None; return a list of layers or a Sequential")
    return network


def function_name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def unknown_argument(who: str, name: str, own: Iterable[str], function: Any, taken: Iterable[str]) -> SettingError:
    """Return the error for an argument that neither the estimator nor its function has."""
    own, taken = list(own), list(taken)
    similar = get_close_matches(name, [*taken, *own], n=1)
    hint = f"did you mean {similar[0]!r}? " if similar else ""
    if callable(function):
        adds = f"{function_name(function)} takes {', '.join(taken) or 'no arguments'}"
    else:
        adds = "only a function as layers adds arguments"
    return SettingError(f"Invalid parameter {name!r} for {who}: {hint}{adds}; {who} takes {', '.join(own)}")


def takes_more(estimator: Class) -> Class:
    """Let `__init__` of the dataclass take arguments that it does not know, and set them as `set_params` does."""
    kind: Any = estimator
    declared = kind.__init__
    known = inspect.signature(declared).parameters

    @wraps(declared)  # scikit-learn reads the signature of the wrapped function
    def init(self: Any, *positional: Any, **arguments: Any) -> None:
        own = {name: arguments.pop(name) for name in list(arguments) if name in known}
        declared(self, *positional, **own)
        if arguments:
            self.set_params(**arguments)

    kind.__init__ = init
    return estimator
