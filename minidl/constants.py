"""Arrays of one number, kept: every step of a training wants the same again."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=16)
def filled(value: float, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array full of the value, that nobody can write into."""
    # zeros that were never written to take no memory, however many they are
    array = np.full(shape, value, dtype) if value else np.zeros(shape, dtype)
    array.flags.writeable = False
    return array
