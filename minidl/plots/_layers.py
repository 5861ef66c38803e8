"""Plots of a network, layer by layer: the sizes of activations and gradients."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import Comparison
from ..diagnostics import Diagnosis
from ..errors import DataError
from ..validation import check_choice
from ._drawing import MARKERS, axes_for, is_axes, legend, style
from ._networks import measure, network_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sizes = Mapping[str, Mapping[str, float]]  # {path: {"activation": root mean square, "gradient": ...}}


def signal(diagnosis: Any, x: Any = None, y: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw the size of every kernel layer's output, and of the gradient at it: `diagnosis.plot()`.

    diagnosis  a Diagnosis; or a model or an estimator, which is measured on at most 300 rows of x, dropout switched off
    y          the targets, which gradients need
    """
    who = "signal"
    if is_axes(x):  # version 0.1 took the Axes here
        warnings.warn("signal: pass the Axes by name, ax=...; 0.3 takes x here", DeprecationWarning, stacklevel=2)
        x, ax = None, x
    sizes = _sizes(who, diagnosis, x, y)
    ax = axes_for(who, ax)
    for what, line, marker in (("activation", "-", "o"), ("gradient", "--", "s")):
        shown = {path: size[what] for path, size in sizes.items() if what in size}
        if shown:
            ax.plot(list(shown), list(shown.values()), line, marker=marker, color="black", label=what)
    title = diagnosis.headline if isinstance(diagnosis, Diagnosis) else network_of(who, diagnosis).name
    ax.set(ylabel="root mean square", title=title)
    return _finish(ax, entries=len(ax.lines))


def layer_sizes(
    comparison: Any, x: Any = None, y: Any = None, *, what: str = "activation", ax: Axes | None = None
) -> Axes:
    """Draw the size of every kernel layer's activation (or "gradient"), one line per variant.

    comparison  a Comparison, measured before training; or {label: what `signal` takes}, or one of these
    x, y        the rows to measure models on
    """
    who = "layer_sizes"
    check_choice(who, "what", what, ("activation", "gradient"))
    found = _sizes_by_name(who, comparison, x, y)
    if not all(what in size for sizes in found.values() for size in sizes.values()):
        raise DataError(f"{who}: the gradient needs the targets; pass y")
    ax = axes_for(who, ax)
    for number, (name, layers) in enumerate(found.items()):
        sizes = [size[what] for size in layers.values()]
        ax.plot(list(layers), sizes, marker=MARKERS[number % len(MARKERS)], label=name, **style(number))
    ax.set_ylabel(f"{what}, root mean square")
    return _finish(ax, entries=len(found) if any(found) else 0)


def _sizes_by_name(who: str, given: Any, x: Any, y: Any) -> dict[str, Sizes]:
    if isinstance(given, Comparison):
        return dict(given.layers)
    named = given if isinstance(given, Mapping) and given else {"": given}
    return {str(name): _sizes(who, one, x, y) for name, one in named.items()}


def _sizes(who: str, given: Any, x: Any, y: Any) -> Sizes:
    """Return the sizes in a Diagnosis, or measure those of a model on the rows."""
    sizes = given.layers if isinstance(given, Diagnosis) else measure(who, given, x, y).sizes
    if not sizes:
        raise DataError(f"{who}: there are no sizes of layers; they are measured in layers that have kernels")
    return sizes


def _finish(ax: Axes, entries: int) -> Axes:
    """Choose the scale, turn long names of layers, and add the legend."""
    sizes = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
    if (sizes > 0).all():
        ax.set_yscale("log")
    else:  # 0 has a place below the smallest size
        ax.set_yscale("symlog", linthresh=float(min(sizes[sizes > 0], default=1.0)))
        ax.set_ylim(bottom=0)
    if sum(len(label.get_text()) for label in ax.get_xticklabels()) > 60:
        ax.tick_params("x", labelrotation=90)
    if entries:
        legend(ax, entries)
    return ax
