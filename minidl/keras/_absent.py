"""Answers to the names of Keras that minidl.keras does not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any


def absent(module: str, reasons: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module: {name of Keras: reason that it is not here}.

    A name of Keras raises ImportError, because `from keras.layers import LSTM` would hide the message of an
    AttributeError. Any other name raises AttributeError.
    """
    title = "keras" + module.partition(".keras")[2]

    def __getattr__(name: str) -> Any:  # noqa: N807
        there = ", ".join(public for public in sys.modules[module].__all__ if public != name)
        if name in reasons:
            raise ImportError(f"{title}.{name} is not in minidl.keras: {reasons[name]}; there are {there}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}; there are {there}")

    return __getattr__
