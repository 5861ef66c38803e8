"""JSON as a file from a stranger may hold it: one reading for each text, nothing that runs away, nothing special."""

from __future__ import annotations

import json
import math
from typing import Any

from ..errors import ModelFileError
from .tree import said

DEPTH = 100  # of brackets; Python's own reader gives up, without a good word, somewhere beyond 1,000
DIGITS = 40  # the state of NumPy's generator has 39


def parse(part: str, raw: bytes) -> Any:
    """What the JSON text says. Refused are other encodings, repeated keys, NaN, numbers beyond reach, deep nesting."""
    try:
        text = raw.decode("utf-8")
        _refuse_deep(text)
        parsed = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_int=_short_integer,
            parse_float=_finite_float,
        )
        dump(parsed)  # half of a surrogate pair can be written in JSON, but it is no text
    except ValueError as error:  # of the decoder and of the encoder too
        raise ModelFileError(f"{part} is not JSON as it is written here ({said(error)})") from None
    return parsed


def dump(value: Any) -> bytes:
    """The value as JSON in UTF-8: the same value, the same bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _refuse_deep(text: str) -> None:
    # brackets inside strings count too: no honest file has many
    depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            if depth > DEPTH:
                raise ValueError(f"nested more than {DEPTH} deep")
        elif character in "]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _short_integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is beyond every float")
    return number
