"""Keras's `keras.backend`: settings of numbers and names, and Keras 2's functions of arrays."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from . import _names, ops
from ._absent import absent
from ._tensors import KerasTensor
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
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "standardize_dtype",
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


def is_keras_tensor(x: Any) -> bool:
    """Return True for symbolic tensors."""
    return isinstance(x, KerasTensor)


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype; None is `config.floatx()`, and Python's int and float have 32 bits."""
    if dtype is None:
        return floatx()
    python = {int: "int32", "int": "int32", float: "float32", "float": "float32"}
    return str(python.get(dtype) or np.dtype(getattr(dtype, "name", dtype)).name)


def result_type(*dtypes: Any) -> str:
    """Return the name of the dtype of a computation with arrays of these dtypes: at most 32 bits, as in Keras."""
    names = [standardize_dtype(dtype) for dtype in dtypes] or ["float32"]
    kinds = [name for name in names if is_float_dtype(name)] or names
    return np.result_type(*kinds).name.replace("64", "32")


# Keras 2 had the functions of `keras.ops` here
_absent = absent(
    __name__, {"function": "minidl has no graphs to compile", "learning_phase": "pass training to a layer"}
)


def __getattr__(name: str) -> Any:
    return getattr(ops, name) if name in ops.__all__ else _absent(name)
