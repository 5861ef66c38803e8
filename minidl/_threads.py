"""Threads: how many NumPy's BLAS uses in a training step, and work on blocks of rows that is shared among them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

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


def over_blocks(work: Callable[[slice], T], blocks: Sequence[slice]) -> list[T]:
    """Return [work(block) for block in blocks], computed on all cores that NumPy's BLAS may use.

    The results do not depend on the number of cores. In other threads than the main one, and for one block, the blocks
    are computed one after the other.
    """
    if len(blocks) < 2 or threading.current_thread() is not threading.main_thread() or _cores() == 1:
        return [work(block) for block in blocks]
    with _blas().limit(limits=1):
        return list(_workers().map(work, blocks))


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="minidl")


@cache
def _cores() -> int:
    return max((library["num_threads"] for library in _blas().info()), default=1)


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # comes with scikit-learn

    return ThreadpoolController().select(user_api="blas")
