"""Sequences of several lengths as one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..validation import check_choice, check_integer

SIDES = ("pre", "post")
WHO = "pad_sequences"


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Return sequences of several lengths as one array (m, maxlen, ...), as Keras's function of this name.

    sequences   m lists or arrays (steps, ...) with the same features at each step
    maxlen      steps in a row; None: those of the longest sequence
    dtype       of the array; for values that are not whole numbers pass "float32", for strings object
    padding     the side on which short sequences get the value: "pre" or "post"
    truncating  the side on which long sequences lose steps: "pre" or "post"
    value       of the steps that are added

    Raises DataError for what is not a sequence, and for values that the dtype cannot hold (Keras cuts 1.5 to 1);
    ShapeError if the features differ; SettingError for other settings.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        check_choice(WHO, name, side, SIDES)
    kind = np.dtype(dtype)
    _check_value(value, kind)
    _check_sequences(sequences)
    longest = max(len(sequence) for sequence in sequences)
    size = longest if maxlen is None else check_integer(WHO, "maxlen", maxlen, 1)
    part = slice(-size, None) if truncating == "pre" else slice(size)
    kept = [_steps(number, sequence, part, kind) for number, sequence in enumerate(sequences)]
    full = [steps for steps in kept if len(steps)]
    padded = np.full((len(kept), size, *(full[0].shape[1:] if full else ())), value, kind)
    if full:
        lengths = np.array([len(steps) for steps in kept])[:, None]
        places = np.arange(size) < lengths if padding == "post" else np.arange(size) >= size - lengths
        padded[places] = _joined(kept, full, kind)
    return padded


def _check_value(value: Any, kind: np.dtype[Any]) -> None:
    """Raise SettingError for a value of padding that the dtype cannot hold."""
    if isinstance(value, str | bytes) != (kind.kind in "US") and kind.kind != "O":
        raise SettingError(f"{WHO}: value {value!r} does not fit dtype {kind}; for strings pass dtype=object")
    if kind.kind in "iu" and not _fits(np.asarray(value), kind):
        raise SettingError(f"{WHO}: value {value!r} does not fit dtype {kind}; pass dtype='float32'")


def _check_sequences(sequences: Any) -> None:
    """Raise DataError unless this is a list of sequences."""
    if not hasattr(sequences, "__len__") or not len(sequences):
        got = f"none in {sequences!r}" if hasattr(sequences, "__len__") else f"got {type(sequences).__name__}"
        raise DataError(f"{WHO}: sequences must be a list with at least one sequence, {got}")
    for number, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__") or isinstance(sequence, str):
            remedy = "for one sequence pass a list that holds it: pad_sequences([sequence])"
            raise DataError(f"{WHO}: sequence {number} is {sequence!r}, wanted a list or an array; {remedy}")


def _steps(number: int, sequence: Any, part: slice, kind: np.dtype[Any]) -> np.ndarray:
    """Return some steps of a sequence as an array; for a dtype of objects or strings in this dtype."""
    try:
        steps = sequence[part] if isinstance(sequence, list | tuple) else np.asarray(sequence)[part]
        return np.asarray(steps, None if kind.kind in "biuf" else kind)
    except ValueError as error:
        raise DataError(f"{WHO}: the steps of sequence {number} have different lengths ({error})") from None


def _joined(kept: list[np.ndarray], full: list[np.ndarray], kind: np.dtype[Any]) -> np.ndarray:
    """Return the steps of all sequences, one after the other, in the dtype.

    kept, full  the steps of each sequence; of those that have any
    """
    shapes = {steps.shape[1:] for steps in full}
    if len(shapes) > 1:
        number = next(n for n, steps in enumerate(kept) if len(steps) and steps.shape[1:] != full[0].shape[1:])
        shape = kept[number].shape[1:]
        raise ShapeError(f"{WHO}: sequence {number} has steps of shape {shape}, those before it {full[0].shape[1:]}")
    joined = np.concatenate(full)
    if kind.kind in "biuf" and not _fits(joined, kind):
        number, steps = next((n, steps) for n, steps in enumerate(kept) if not _fits(steps, kind))
        wrong = next(entry for entry in steps.ravel().tolist() if not _fits(np.asarray(entry), kind))
        remedy = "pass dtype='float32'"
        if steps.dtype.kind not in "biuf":
            remedy = "give each string a number first, as minidl.text does, or pass dtype=object"
        raise DataError(f"{WHO}: sequence {number} holds {wrong!r}, which dtype {kind} cannot hold; {remedy}")
    return joined.astype(kind)


def _fits(array: np.ndarray, kind: np.dtype[Any]) -> bool:
    """Return True if the dtype holds every value; floats are rounded, booleans are tests for 0."""
    if array.dtype.kind not in "biuf":
        return not array.size
    if kind.kind in "bf" or np.can_cast(array.dtype, kind):
        return True
    with np.errstate(invalid="ignore"):
        return bool((array.astype(kind) == array).all())
