"""Arrays of tokens, strings or integers, from what users pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from ..validation import check_integer


def token_array(who: str, name: str, given: Any, kind: type) -> np.ndarray:
    """Return an array of str, or of int, in the shape of what is given. Raise DataError for other values."""
    return _integers(who, name, given) if kind is int else _strings(who, name, given)


def _integers(who: str, name: str, given: Any) -> np.ndarray:
    array = np.asarray(given)
    if array.size and array.dtype.kind not in "iu":
        raise DataError(f"{who}: {name} has dtype {array.dtype}, wanted integers")
    return array.astype(np.int64)


def _strings(who: str, name: str, given: Any) -> np.ndarray:
    array = np.array(given, dtype=object)
    flat = array.reshape(-1)
    for number, entry in enumerate(flat):
        if isinstance(entry, bytes):
            flat[number] = entry.decode()
        elif not isinstance(entry, str):
            place = [int(index) for index in np.unravel_index(number, array.shape)]
            remedy = "pass strings" if np.ndim(entry) == 0 else "lists of several lengths have no shape: pass strings"
            raise DataError(f"{who}: {name}{place} is {entry!r}, not a string; {remedy}")
    return array


def batches(who: str, data: Any, steps: int | None) -> Iterator[Any]:
    """Yield an array or a list whole, and of another iterable the batches, as many as `steps`; None: all."""
    limit = None if steps is None else check_integer(who, "steps", steps, 1)
    if isinstance(data, str | bytes | list | tuple) or hasattr(data, "__array__"):
        if limit is not None:
            raise SettingError(f"{who}: steps is for data that yields batches, not for {type(data).__name__}")
        yield data
    elif isinstance(data, Iterable):
        yield from islice(data, limit)
    else:
        raise DataError(f"{who}: adapt needs an array, a list or batches, got {type(data).__name__}")


def tokens_in_file(path: str | Path, kind: type) -> list[Any]:
    """Return the tokens in a file, one in each line."""
    lines = Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [kind(line) for line in lines]
