"""Plots of convolutional networks: kernels, feature maps, and the pixels that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..layers import Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, Layer, SeparableConv2D
from ..validation import check_choice, check_integer
from ._classes import read_classifier
from ._drawing import axes_for, refusal
from ._mosaics import as_photograph, columns_for, draw, mosaic, without_frame
from ._networks import is_network, network_of, one_row, record, targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONVOLUTIONS = (Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D)
SHOWN = 8  # rows of saliency
BAND = 0.25  # height of the channels of a sequence, in units of the width
GAP = 0.1  # between two images, in units of one


def filters(model: Any, layer: str | None = None, *, channel: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the kernels of a convolution as a grid, one image for each filter; middle grey is 0.

    model    a model or an estimator, or a built layer
    layer    the path of a convolution in the model; None: the first
    channel  the input channel whose part of the kernels is drawn; None: kernels of three channels in colour, others as
             the mean over their channels

    All images have one scale, from minus to plus the largest weight. Kernels of Conv1D are drawn with the steps from
    left to right and the channels below each other.
    """
    who = "filters"
    path, chosen = _convolution(who, model, layer)
    kernels, parts = _kernels(chosen), ""  # (filters, height, width, channels)
    channels = kernels.shape[-1]
    if isinstance(chosen, Conv1D):
        kernels = kernels.transpose(0, 3, 2, 1)
    elif channel is not None:
        number = check_integer(who, "channel", channel, 0)
        if number >= channels:
            raise SettingError(f"{who}: channel must be 0 to {channels - 1}, got {number}")
        kernels, parts = kernels[..., number : number + 1], f", channel {number}"
    elif channels not in (1, 3):
        kernels, parts = kernels.mean(axis=-1, keepdims=True), f", mean of {channels} channels"
    largest = float(np.abs(kernels).max()) or 1.0
    grid = mosaic(0.5 + kernels / (2 * largest), columns_for(len(kernels)))
    ax = axes_for(who, ax)
    draw(ax, grid)
    without_frame(ax)
    size = " x ".join(map(str, kernels.shape[1:3]))
    ax.set(xticks=[], yticks=[], title=f"{path}: {len(kernels)} filters {size}{parts}")
    return ax


def _convolution(who: str, given: Any, path: str | None) -> tuple[str, Layer]:
    """Return the convolution and its name: the layer itself, or the one at the path in the model."""
    if isinstance(given, CONVOLUTIONS):
        if not given.parameters:
            raise SettingError(f"{who}: {type(given).__name__} has no kernels yet; build its model first")
        return given.name or type(given).__name__, given
    if not is_network(given):
        raise refusal(who, "a model, a fitted estimator or a convolution", given)
    model = network_of(who, given)
    model.params  # noqa: B018  raises NotBuiltError
    found = {place: layer for place, layer in model.layer.walk() if isinstance(layer, CONVOLUTIONS)}
    if not found:
        raise DataError(f"{who}: {model.name} has no convolution; histograms(model, what='weight') draws its kernels")
    place = next(iter(found)) if path is None else check_choice(who, "layer", path, tuple(found))
    return place, found[place]


def _kernels(layer: Any) -> np.ndarray:
    """Return the kernels as images (filters, height, width, channels). Those of Conv1D have height 1."""
    if isinstance(layer, DepthwiseConv2D | SeparableConv2D):
        kernel = layer.depthwise_kernel.value if isinstance(layer, SeparableConv2D) else layer.kernel.value
        return np.moveaxis(kernel.reshape(*kernel.shape[:2], -1), -1, 0)[..., None]
    kernel = layer.kernel.value
    if isinstance(layer, Conv2DTranspose):
        return np.moveaxis(kernel, -2, 0)
    images = np.moveaxis(kernel, -1, 0)
    return images[:, None] if isinstance(layer, Conv1D) else images


def feature_maps(model: Any, x: Any, layer: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the outputs of layers for one row: a grid with one image for each channel. (Zeiler & Fergus 2014)

    model  a model or an estimator
    x      one row of the shape that the model takes, such as an image (height, width, channels), or an array of one row
    layer  the path of the layer; None: all layers whose outputs have channels, the first on top

    Black is the smallest output of a layer, white its largest. Of sequences, the steps lie from left to right and the
    channels below each other.
    """
    who = "feature_maps"
    network = network_of(who, model)
    passes = {one.path: one.y[0] for one in record(who, network, one_row(who, network, x)) if one.y.ndim > 2}
    if not passes:
        raise DataError(f"{who}: no layer of {network.name} returns images or sequences; histograms draws its outputs")
    paths = list(passes) if layer is None else [check_choice(who, "layer", layer, tuple(passes))]
    grids = [_maps(passes[path]) for path in paths]
    ax = axes_for(who, ax, height=None if len(grids) < 4 else 1.2 * len(grids))
    top, ticks = 0.0, list[float]()
    for path, grid in zip(paths, grids, strict=True):
        height = BAND if passes[path].ndim == 2 else grid.shape[0] / grid.shape[1]
        draw(ax, grid, (0, 1, top + height, top))
        ticks.append(top + height / 2)
        top += height + GAP / 2
    without_frame(ax)
    names = [f"{path}\n{_size(passes[path])}" for path in paths]
    ax.set(xlim=(0, 1), ylim=(top - GAP / 2, 0), xticks=[], yticks=ticks, yticklabels=names)
    return ax


def _maps(y: np.ndarray) -> np.ndarray:
    """Return the grid of the channels of one output (height, width, channels) or (steps, channels), from 0 to 1."""
    span = float(y.max() - y.min()) or 1.0
    maps = np.moveaxis((y - y.min()) / span, -1, 0)
    if y.ndim == 2:
        return maps[..., None]
    return mosaic(maps[..., None], columns_for(len(maps), wide=True))


def _size(y: np.ndarray) -> str:
    return " x ".join(map(str, y.shape))


def saliency(model: Any, x: Any, y: Any, *, ax: Axes | None = None) -> Axes:
    """Draw images, and beside each |dL/dx|, the largest of its channels: the pixels that change the loss most.

    model  a model or an estimator
    x      images (m, height, width, channels) as the model takes them, of which the first eight are drawn; or one image
    y      their targets, as for fit; of one image, its target

    White is the largest |dL/dx| of an image. See `model.input_gradient`. (Simonyan et al. 2014)
    """
    who = "saliency"
    network = network_of(who, model)
    rows, labels = np.asarray(x), np.asarray(y)
    if rows.ndim == 3:
        rows, labels = rows[None], labels[None]
    if rows.ndim != 4:
        raise ShapeError(f"{who} draws images (m, height, width, channels), got x of shape {rows.shape}")
    rows, labels = rows[:SHOWN], labels[:SHOWN]
    slopes = np.abs(network.input_gradient(rows, targets(who, model, network, labels))).max(axis=-1, keepdims=True)
    slopes = slopes / np.maximum(slopes.max(axis=(1, 2, 3), keepdims=True), np.finfo(slopes.dtype).tiny)
    height, width = rows.shape[1] / rows.shape[2], 1.0
    ax = axes_for(who, ax, height=None if len(rows) < 4 else 1.5 * len(rows))
    for number, (image, slope) in enumerate(zip(as_photograph(who, rows), slopes, strict=True)):
        top = number * (height + GAP)
        draw(ax, image, (0, width, top + height, top))
        draw(ax, slope, (width + GAP, 2 * width + GAP, top + height, top))
    ends = (0, 2 * width + GAP), (len(rows) * (height + GAP) - GAP, 0)
    ax.set(xlim=ends[0], ylim=ends[1], xticks=[width / 2, 1.5 * width + GAP], xticklabels=["x", "|dL/dx|"], yticks=[])
    ax.xaxis.tick_top()
    without_frame(ax)
    return ax


def mistakes(model: Any, x: Any, y: Any, *, count: int = 25, ax: Axes | None = None) -> Axes:
    """Draw the images whose class is predicted wrongly, with the predicted and the true class; the surest come first.

    model, y  as in `decision_boundary`
    x         images (m, height, width, channels) as the model takes them
    count     the most images to draw
    """
    who = "mistakes"
    count = check_integer(who, "count", count, 1)
    rows = np.asarray(x)
    if rows.ndim != 4:
        raise ShapeError(f"{who} draws images (m, height, width, channels), got x of shape {rows.shape}")
    classifier = read_classifier(who, model, y)
    if len(classifier.rows) != len(rows):
        raise DataError(f"{who}: x has {len(rows)} examples, y has {len(classifier.rows)}")
    outputs = classifier.predict(rows)
    wrong = np.flatnonzero(outputs.classes != classifier.rows)
    shown = wrong[np.argsort(-outputs.certainty[wrong], kind="stable")][:count]
    ax = axes_for(who, ax)
    title = f"{len(wrong)} of {len(rows)} predicted wrongly"
    ax.set(title=title if len(shown) == len(wrong) else f"{title}, the surest {len(shown)}", xticks=[], yticks=[])
    names, across = classifier.labels, columns_for(len(shown))
    height = rows.shape[1] / rows.shape[2] + 4 * GAP
    for place, row in enumerate(shown):
        left, top = place % across * (1 + GAP), place // across * height
        draw(ax, as_photograph(who, rows[row : row + 1])[0], (left, left + 1, top + height - 4 * GAP, top))
        words = f"{names[outputs.classes[row]]}, not {names[classifier.rows[row]]}"
        ax.text(left + 0.5, top + height - 3 * GAP, words, ha="center", va="center", fontsize="small")
    without_frame(ax)
    if len(shown):
        ax.set(xlim=(0, across * (1 + GAP) - GAP), ylim=(-(-len(shown) // across) * height, -GAP))
    return ax
