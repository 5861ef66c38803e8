"""Updates that cost what a batch uses of large tables, such as the vectors of words, not what the tables have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .optimizers import Optimizer
from .parameters import Parameters, Table


class TableRows:
    """The entries of theta that a step can change: rows of tables that have a gradient, and everything else.

    An optimizer for which `skips_zeros` is True leaves the other entries as they are. So its `update` of a vector of
    these entries alone gives the theta and the state that its `update` of the whole vector gives.
    """

    def __init__(self, params: Parameters, tables: list[tuple[slice, Table]]) -> None:
        self.params, self.tables = params, tables
        ends = [end for part, _ in tables for end in (part.start, part.stop)]
        pairs = zip([0, *ends[1::2]], [*ends[::2], params.theta.size], strict=True)
        self.rest = [slice(start, stop) for start, stop in pairs if start < stop]  # theta outside of the tables

    def _parts(self, vector: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield views of the vector, each with the rows that a step can change; None: all."""
        for part in self.rest:
            yield vector[part], None
        for part, table in self.tables:
            yield vector[part].reshape(table.shape), table.rows

    def gather(self, vector: np.ndarray) -> np.ndarray:
        """Return the entries of a vector like theta in a new vector."""
        parts = self._parts(vector)
        return np.concatenate([(view if rows is None else view.take(rows, axis=0)).reshape(-1) for view, rows in parts])

    def scatter(self, values: np.ndarray, vector: np.ndarray) -> None:
        """Write what `gather` returned back into the vector."""
        start = 0
        for view, rows in self._parts(vector):
            shape = view.shape if rows is None else (len(rows), *view.shape[1:])
            stop = start + math.prod(shape)
            view[... if rows is None else rows] = values[start:stop].reshape(shape)
            start = stop

    def update(self, optimizer: Optimizer) -> None:
        """Let the optimizer change these entries of theta, with its state of the same entries."""
        theta = self.gather(self.params.theta)
        with self._gathered_state(optimizer):
            optimizer.update(theta, self.gather(self.params.grad))
        self.scatter(theta, self.params.theta)

    @contextmanager
    def _gathered_state(self, optimizer: Optimizer) -> Iterator[None]:
        whole = {
            (inner, name): state
            for inner in optimizer.walk()
            for name in inner.state_names
            if np.shape(state := getattr(inner, name)) == self.params.theta.shape
        }
        try:
            for (inner, name), state in whole.items():
                setattr(inner, name, self.gather(state))
            yield
            for (inner, name), state in whole.items():
                self.scatter(getattr(inner, name), state)
        finally:
            for (inner, name), state in whole.items():
                setattr(inner, name, state)


@contextmanager
def table_rows(params: Parameters, optimizer: Optimizer) -> Iterator[TableRows | None]:
    """Let tables record the rows that have a gradient, within a with block, if that makes the updates cheaper.

    It does if the optimizer skips zeros and tables are most of theta. Otherwise the block gets None.
    """
    tables = [(params.slices[path], table) for path, table in params.items() if isinstance(table, Table)]
    tables = sorted((pair for pair in tables if not pair[1].penalized and pair[1].regularizer is None), key=_start)
    if not optimizer.skips_zeros or sum(table.size for _, table in tables) <= params.theta.size / 2:
        yield None
        return
    try:
        for _, table in tables:
            table.record(True)
        yield TableRows(params, tables)
    finally:
        for _, table in tables:
            table.record(False)


def _start(pair: tuple[slice, Table]) -> int:
    start: int = pair[0].start
    return start
