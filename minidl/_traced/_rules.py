"""The table of the functions whose derivatives are known. It completes `Traced`, so the package names stand here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._array import FUNCTIONS, SLOPES, SPECIAL, Traced, backpropagate, constant, value_of
from ._products import dot, inner, matmul, outer, vdot
from ._shapes import (
    append,
    broadcast_to,
    clip,
    concatenate,
    diagonal_matrix,
    expand_dims,
    hstack,
    of_part,
    ordered,
    padded,
    rearranged,
    reshape,
    squeeze,
    stack,
    transpose,
    vstack,
    where,
)
from ._sums import (
    average,
    deviation,
    difference,
    largest,
    length,
    mean,
    median,
    product,
    running_total,
    smallest,
    spread,
    total,
    variance,
)


def of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of the real values, as a plain array, whose derivative is 0."""
    return lambda a, *args, **options: function(np.real(value_of(a)), *args, **options)


# functions that choose, repeat and move entries
REARRANGING = (
    *(np.flip, np.fliplr, np.flipud, np.roll, np.rot90, np.swapaxes, np.moveaxis, np.tile, np.repeat, np.take),
    *(np.take_along_axis, np.diagonal, np.split, np.array_split, np.hsplit, np.vsplit),
)

__all__ = ["RULES", "SLOPES", "SPECIAL", "Traced", "backpropagate", "constant", "value_of"]

RULES: dict[Any, Callable[..., Any]] = {
    np.sum: total,
    np.mean: mean,
    np.var: variance,
    np.std: deviation,
    np.linalg.norm: length,
    np.max: largest,
    np.min: smallest,
    np.reshape: reshape,
    np.ravel: lambda a: reshape(a, (-1,)),
    np.transpose: transpose,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.broadcast_to: broadcast_to,
    np.clip: clip,
    np.where: where,
    np.concatenate: concatenate,
    np.stack: stack,
    np.hstack: hstack,
    np.vstack: vstack,
    np.append: append,
    np.matmul: matmul,
    np.dot: dot,
    np.vdot: vdot,
    np.inner: inner,
    np.outer: outer,
    np.prod: product,
    np.cumsum: running_total,
    np.average: average,
    np.median: median,
    np.ptp: spread,
    np.diff: difference,
    np.sort: ordered,
    np.pad: padded,
    np.tril: of_part(np.tril),
    np.triu: of_part(np.triu),
    np.diag: diagonal_matrix,
    np.trace: lambda a, offset=0, axis1=0, axis2=1: total(rearranged(np.diagonal)(a, offset, axis1, axis2), -1),
    **{function: rearranged(function) for function in REARRANGING},
    np.argmax: of_values(np.argmax),
    np.argmin: of_values(np.argmin),
    np.argsort: of_values(np.argsort),
    np.round: of_values(np.round),
    np.count_nonzero: of_values(np.count_nonzero),
    np.all: of_values(np.all),
    np.any: of_values(np.any),
    np.isclose: of_values(np.isclose),
    np.searchsorted: lambda a, v, side="left": np.searchsorted(value_of(a), np.real(value_of(v)), side),
    np.zeros_like: of_values(np.zeros_like),
    np.ones_like: of_values(np.ones_like),
    np.full_like: of_values(np.full_like),
    np.copy: lambda a: a,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
}
FUNCTIONS.update(RULES)
