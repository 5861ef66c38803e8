"""Strict JSON: every text has one meaning, and reading it takes little time and memory."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from ..errors import ModelFileError
from ._untrusted import describe_error

DEPTH = 100  # of brackets; Python's own reader fails beyond 1,000, with an obscure error
DIGITS = 40  # the state of NumPy's generator has 39


def parse(part: str, raw: bytes) -> Any:
    """Parse JSON in UTF-8. `part` names it in errors.

    Raises ModelFileError for another encoding, repeated keys, NaN, numbers that are too large, and deep nesting.
    """
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        parsed = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_reject_constant,
            parse_int=_short_integer,
            parse_float=_finite_float,
        )
        dump(parsed)  # fails for half of a surrogate pair, which JSON can express and UTF-8 cannot
    except ValueError as error:  # of the decoder and of the encoder too
        raise ModelFileError(f"{part} is not the strict JSON that minidl writes ({describe_error(error)})") from None
    return parsed


def dump(value: Any) -> bytes:
    """Format the value as JSON in UTF-8: the same value gives the same bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _check_depth(text: str) -> None:
    # brackets inside strings count too: no file written by minidl has many
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
        raise ValueError("a key is repeated")
    return found


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _short_integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large for a float")
    return number
