"""The number of threads that NumPy's BLAS uses for the matrix products of a training step."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

# Multiplications in a product. From the first number on OpenBLAS uses every core. Up to the second, another core saves
# at most a seventh of a step; if other work keeps that core busy, the threads wait and the step takes twice as long.
SHARED, WORTH_SHARING = 1_000_000, 4_000_000


def for_products(largest: int) -> AbstractContextManager[Any]:
    """Use one thread in a with block whose largest product takes this many multiplications, if that is faster.

    The number of threads belongs to the whole process. Only the main thread changes it: two threads that lower it
    at the same time could not restore it.
    """
    if SHARED <= largest < WORTH_SHARING and threading.current_thread() is threading.main_thread():
        limit: AbstractContextManager[Any] = _blas().limit(limits=1)
        return limit
    return nullcontext()


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # comes with scikit-learn

    return ThreadpoolController().select(user_api="blas")
