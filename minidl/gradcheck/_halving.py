"""Find the wrong entries of a large tensor: directions through halves, not entries one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from ._progress import told

SMALLEST = 4  # entries of a block that are compared one by one
MOST = 32  # wrong blocks of one size: if there are more, the tensor is wrong in many places
BLOCKS = 32  # to begin with, where one direction through all entries would show too little

Block = tuple[int, int]


def wrong_entries(size: int, is_right: Callable[[np.ndarray], bool], *, in_blocks: bool) -> np.ndarray | None:
    """The numbers of entries among which all wrong ones are; None if they are in too many places.

    is_right   judges some entries along one direction
    in_blocks  True: begin with blocks; False: all entries together are known to be wrong

    One wrong entry of n takes 2 log2(n / 4) directions.
    """
    blocks: list[Block] = [(0, size)]
    if in_blocks:
        edges = np.linspace(0, size, BLOCKS + 1).astype(int).tolist()
        blocks = _wrong(list(itertools.pairwise(edges)), is_right)
    found = list[Block]()
    most = max(1, min(MOST, size // (4 * SMALLEST)))
    while blocks and len(blocks) + len(found) <= most:
        found += [block for block in blocks if block[1] - block[0] <= SMALLEST]
        large = [block for block in blocks if block[1] - block[0] > SMALLEST]
        halves = [half for start, end in large for half in ((start, (start + end) // 2), ((start + end) // 2, end))]
        blocks = _wrong(halves, is_right)
    if blocks:
        return None
    return np.concatenate([np.arange(0), *(np.arange(start, end) for start, end in found)]).astype(int)


def _wrong(blocks: list[Block], is_right: Callable[[np.ndarray], bool]) -> list[Block]:
    found = list[Block]()
    for start, end in told(blocks, "directions"):
        if not is_right(np.arange(start, end)):
            found.append((start, end))
        if len(found) > MOST:
            break
    return found
