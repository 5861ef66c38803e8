"""Keras's `keras.backend`: settings of numbers and names, and Keras 2's functions of arrays."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import _names, ops
from ._absent import absent
from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "get_value",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
]


_uids: Counter[str] = Counter()


def clear_session(free_memory: bool = True) -> None:
    """Let automatic names begin again: dense, dense_1, ..."""
    _names.reset()
    _uids.clear()


def get_uid(prefix: str = "") -> int:
    """Return 1, 2, ... for each prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


def get_value(variable: Any) -> Any:
    """Return the numbers of a weight, or a learning rate."""
    return variable.numpy() if hasattr(variable, "numpy") else variable


def set_value(variable: Any, value: Any) -> None:
    """Set a weight or a learning rate: set_value(model.optimizer.learning_rate, 0.01)."""
    variable.assign(value)


def is_float_dtype(dtype: Any) -> bool:
    """Return True for the names of dtypes of real numbers."""
    return str(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Return True for the names of dtypes of integers."""
    return str(dtype).startswith(("int", "uint"))


# Keras 2 had the functions of `keras.ops` here
_absent = absent(
    __name__, {"function": "minidl has no graphs to compile", "learning_phase": "pass training to a layer"}
)


def __getattr__(name: str) -> Any:
    return getattr(ops, name) if name in ops.__all__ else _absent(name)
