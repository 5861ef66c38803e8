"""Inputs that find mistakes, for tests with hypothesis, which is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..validation import check_integer

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Shape = tuple[int, ...]
_VALUES: dict[str, Callable[[np.random.Generator, Shape], np.ndarray]] = {
    "ordinary": lambda rng, shape: rng.standard_normal(shape),
    "zeros": lambda rng, shape: np.zeros(shape),
    "ones": lambda rng, shape: np.ones(shape),
    "negative": lambda rng, shape: -1 - rng.random(shape),
    "ties": lambda rng, shape: rng.integers(-1, 2, shape).astype(float),
    "equal rows": lambda rng, shape: np.repeat(rng.standard_normal((1, *shape[1:])), shape[0], axis=0),
    "a row of zeros": lambda rng, shape: np.concatenate([np.zeros((1, *shape[1:])), rng.standard_normal(shape)])[:-1],
    "large": lambda rng, shape: 50 * rng.standard_normal(shape),
    "small": lambda rng, shape: 1e-6 * rng.standard_normal(shape),
}


def layer_inputs(*shape: int | None, rows: int = 5, longest: int = 6) -> SearchStrategy[Any]:
    """A hypothesis strategy for inputs x (m, *shape) of a layer: float64, m from 1 to `rows`.

    shape    of a row; None: any length from 1 to `longest`
    rows, longest  the most rows, and the largest length

    x is ordinary, all zeros or ones, negative, large or small; has ties, equal rows, or a row of zeros. A failure is
    reduced to one row and the shortest lengths for which the test still fails.
    """
    from hypothesis import strategies as st

    sizes = [None if n is None else check_integer("layer_inputs", "shape", n, 1) for n in shape]
    most = check_integer("layer_inputs", "longest", longest, 1)
    shapes = st.tuples(
        st.integers(1, check_integer("layer_inputs", "rows", rows, 1)),
        *(st.integers(1, most) if n is None else st.just(n) for n in sizes),
    )

    def drawn(shape: Shape, kind: str, seed: int) -> np.ndarray:
        return _VALUES[kind](np.random.default_rng(seed), shape)

    return st.builds(drawn, shapes, st.sampled_from(list(_VALUES)), st.integers(0, 2**32 - 1))
