"""How many threads NumPy's BLAS may use for the products of a training step."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

# Multiplications in a product. From the first number on OpenBLAS uses every core. Up to the second, one more core saves
# a seventh of a step at most; where something else keeps it busy, each waits for the other, and it takes twice as long.
SHARED, WORTH_SHARING = 1_000_000, 4_000_000


def for_products(largest: int) -> AbstractContextManager[Any]:
    """One thread for a with block whose products take at most so many multiplications, if that is better.

    The number of threads is the whole process's. Only the main thread changes it: what two of them lower at the same
    time, neither could put back.
    """
    if SHARED <= largest < WORTH_SHARING and threading.current_thread() is threading.main_thread():
        limit: AbstractContextManager[Any] = _blas().limit(limits=1)
        return limit
    return nullcontext()


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # comes with scikit-learn

    return ThreadpoolController().select(user_api="blas")
