"""Plots of attention: which steps each step looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, ShapeError
from ..layers import AdditiveAttention, Attention, MultiHeadAttention
from ..validation import check_choice
from ._drawing import axes_for
from ._mosaics import columns_for, draw, mosaic, without_frame
from ._networks import network_of, one_row, record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ATTENTION = (MultiHeadAttention, Attention, AdditiveAttention)


def attention_maps(
    model: Any,
    x: Any,
    layer: str | None = None,
    *,
    tokens: Sequence[Any] | None = None,
    keys: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the attention scores of a layer for one row: a grid with one map for each head. (Bahdanau et al. 2015)

    model   a model or an estimator
    x       one row of the shape that the model takes, or an array of one row; of several inputs arrays of one row
    layer   the path of a MultiHeadAttention, Attention or AdditiveAttention; None: the first
    tokens  labels of the queries, from top to bottom, such as characters; None: the numbers of the steps
    keys    labels of the keys, from left to right; None: those of the queries, if there are as many

    White is 0 and black is 1. Each row of a map adds up to 1, except those of queries that may see no key.
    """
    who = "attention_maps"
    network = network_of(who, model)
    row = one_row(who, network, network.ports.pack_x(who, x))
    found = {one.path: one.layer for one in record(who, network, row) if isinstance(one.layer, ATTENTION)}
    if not found:
        raise DataError(f"{who}: {network.name} has no attention layer")
    path = next(iter(found)) if layer is None else check_choice(who, "layer", layer, tuple(found))
    scores = found[path].attention_scores[0]
    maps = scores[None] if scores.ndim == 2 else scores
    queries, others = maps.shape[1:]
    labels = labels_of_steps(who, "tokens", tokens, queries)
    across = labels if keys is None and others == queries else labels_of_steps(who, "keys", keys, others)
    columns = columns_for(len(maps))
    ax = axes_for(who, ax)
    grid = mosaic(1 - maps[..., None], columns)
    draw(ax, grid)
    without_frame(ax)
    _outline(ax, maps.shape, columns)
    heads = "1 head" if len(maps) == 1 else f"{len(maps)} heads"
    title = path if scores.ndim == 2 else f"{path}: {heads}"
    down = -(-len(maps) // columns)
    ax.set_xticks(_places(columns, others), list(across) * columns)
    ax.set_yticks(_places(down, queries), list(labels) * down)
    ax.set(title=title, xlabel="key", ylabel="query")
    return ax


def labels_of_steps(who: str, name: str, given: Sequence[Any] | None, steps: int) -> list[str]:
    """Return a label for each step: those given, or the numbers of the steps, of which at most ten are shown."""
    if given is None:
        every = -(-steps // 10)
        return [str(step) if step % every == 0 else "" for step in range(steps)]
    if len(given) != steps:
        raise ShapeError(f"{who}: {name} must be a label for each of {steps} steps, got {len(given)}")
    return [str(label) for label in given]


def _places(maps: int, steps: int) -> np.ndarray:
    """The middles of the pixels of so many maps side by side, with one pixel between them."""
    return (np.arange(maps)[:, None] * (steps + 1) + np.arange(steps)).reshape(-1)


def _outline(ax: Axes, shape: tuple[int, ...], columns: int) -> None:
    """Draw a thin line around each map (maps, height, width): most weights may be 0, which is white."""
    from matplotlib.patches import Rectangle

    maps, height, width = shape
    for number in range(maps):
        corner = number % columns * (width + 1) - 0.5, number // columns * (height + 1) - 0.5
        ax.add_patch(Rectangle(corner, width, height, fill=False, color="0.7", linewidth=0.8, clip_on=False))
