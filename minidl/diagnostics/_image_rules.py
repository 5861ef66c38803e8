"""Rules on images and sequences: the order of their axes, and what kernels see of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from .._recording import LayerPass
from ..layers import Conv1D, Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D, Flatten, SeparableConv2D
from ._evidence import Signals
from ._findings import Observation

CONVOLUTIONS = (Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D)
COLORS = (1, 3)  # channels of grey and of coloured images
FEWEST_PIXELS = 8  # along each side of an image
BLANK = 0.1  # share of the rows
LARGE, NEARLY_ALL = 1_000_000, 0.9  # parameters; share of all of them


def channels_first(signals: Signals) -> Iterator[Observation]:
    """Images (channels, height, width), whose rows of pixels a convolution would take for channels."""
    first = next((one for one in signals.kernel_layers), None)
    row = signals.rows.x.shape[1:]
    if first is None or len(row) != 3 or first.x.shape[1:] != row:
        return
    channels, height, width = row
    square = height == width or channels == max(COLORS)
    if channels in COLORS and square and min(height, width) >= FEWEST_PIXELS:
        words = (
            f"Rows of shape {row} look like (channels, height, width): {first.path} sees images of "
            f"{channels} x {height} pixels with {width} channels."
        )
        advice = "minidl has channels last: x.transpose(0, 2, 3, 1), or Permute((2, 3, 1)) as first layer."
        yield Observation("warning", "input", words, advice, {"shape": list(row)})


def blank_images(signals: Signals) -> Iterator[Observation]:
    """Images or sequences in which every place is the same, while they differ from each other."""
    x = signals.all_rows.x
    if not signals.has_channels or x.ndim < 3 or (x == x[0]).all():
        return
    places = x.reshape(len(x), -1, x.shape[-1])
    share = float((places == places[:, :1]).all(axis=(1, 2)).mean())
    if places.shape[1] > 1 and share > BLANK:
        words = f"{share:.0%} of the rows are blank: every place of an image or a sequence is the same."
        advice = "Check how x was read; leave out blank rows."
        yield Observation("warning", "input", words, advice, {"share": share})


def kernel_beyond_image(signals: Signals) -> Iterator[Observation]:
    """Kernels larger than the image that they see: some of their cells meet nothing but padding."""
    beyond = {one.path: one for one in signals.kernel_layers if _cells(one)[0] < _cells(one)[1]}
    if not beyond:
        return
    path, one = min(beyond.items(), key=lambda item: _cells(item[1])[0] / _cells(item[1])[1])
    reached, cells = _cells(one)
    places = " x ".join(map(str, one.x.shape[1:-1]))
    words = (
        f"{cells - reached} of the {cells} cells of {path}'s kernel see only padding: its input has {places} places. "
        "Their weights get no gradient."
    )
    advice = "Pool less before it, use smaller strides, or a smaller kernel."
    severity = "warning" if math.prod(one.x.shape[1:-1]) == 1 else "note"
    figures = {path: dict(zip(("reached", "cells"), _cells(one), strict=True)) for path, one in beyond.items()}
    yield Observation(severity, ", ".join(beyond), words, advice, figures)


def _cells(one: LayerPass) -> tuple[int, int]:
    """The number of a kernel's cells that meet the image, and the number of all."""
    if not isinstance(one.layer, CONVOLUTIONS):
        return 1, 1
    windows = one.layer.correlation.windows
    return math.prod(windows.reached), math.prod(windows.size)


def large_flatten(signals: Signals) -> Iterator[Observation]:
    """A Dense behind Flatten that holds nearly all parameters of the network."""
    total = signals.model.params.theta.size
    for flatten, dense in pairwise(one for one in signals.layers if isinstance(one.layer, Flatten | Dense)):
        size = dense.x.shape[-1] * dense.y.shape[-1]
        is_pair = isinstance(flatten.layer, Flatten) and flatten.x.ndim > 2 and isinstance(dense.layer, Dense)
        if is_pair and flatten.y.shape == dense.x.shape and size >= max(LARGE, NEARLY_ALL * total):
            places = " x ".join(map(str, flatten.x.shape[1:]))
            words = (
                f"{dense.path} has {size:,} of the {total:,} parameters: {flatten.path} hands it {places} = "
                f"{dense.x.shape[-1]:,} numbers."
            )
            pooling = f"GlobalAveragePooling{flatten.x.ndim - 2}D()"
            advice = f"Pool more before {flatten.path}, or put {pooling} in its place."
            yield Observation("note", dense.path, words, advice, {"parameters": size, "all": int(total)})
