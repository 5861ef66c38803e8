"""Pictures. The only room that knows matplotlib; each function draws on the Axes given, or on one it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .callbacks.history import History
from .errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .gradcheck.report import Report
    from .model import Model

LINES = ("-", "--", "-.", ":")  # told apart in black and white too


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    return ax


def cost_curves(histories: Mapping[str, Any] | Any, *, key: str = "loss", ax: Axes | None = None) -> Axes:
    """The cost against the epoch, a line a training: a History, or {label: History or list of costs}."""
    ax = _axes(ax)
    named = histories if isinstance(histories, Mapping) else {"": histories}
    for number, (label, history) in enumerate(named.items()):
        costs = history.history[key] if isinstance(history, History) else history
        ax.plot(costs, LINES[number % len(LINES)], label=label)
    ax.set(xlabel="epoch", ylabel=key)
    if any(named):
        ax.legend()
    return ax


def decision_boundary(model: Model, x: Any, y: Any, *, ax: Axes | None = None, resolution: int = 200) -> Axes:
    """Where the model's output passes 0.5, over the plane of two features, with the points (m, 2) on top.

    Drawn 15 % of the points' own range beyond it.
    """
    x, y = np.asarray(x), np.asarray(y).ravel()
    if x.ndim != 2 or x.shape[1] != 2:
        raise ShapeError(f"decision_boundary: x must be (m, 2) to lie in a plane, got {x.shape}")
    ax = _axes(ax)
    margin = 0.15 * (x.max(axis=0) - x.min(axis=0)) + 1e-3
    sides = [np.linspace(x[:, i].min() - margin[i], x[:, i].max() + margin[i], resolution) for i in (0, 1)]
    xx, yy = np.meshgrid(*sides)
    outputs = model.predict(np.column_stack([xx.ravel(), yy.ravel()]))[:, 0].reshape(xx.shape)
    ax.contourf(xx, yy, outputs, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6, extend="both")
    ax.contour(xx, yy, outputs, levels=[0.5], colors="black", linewidths=1)
    for label, marker in zip(np.unique(y), "os^Dv", strict=False):
        points = x[y == label]
        ax.scatter(points[:, 0], points[:, 1], marker=marker, s=14, c="white", edgecolors="black", linewidths=0.7)
    return ax


def gradient_report(report: Report, ax: Axes | None = None) -> Axes:
    """The relative difference of every tensor on a logarithmic scale, wrong ones hatched. `report.plot()` is this."""
    ax = _axes(ax)
    names = list(report.tensors)[::-1]
    shown = [max(report.tensors[name].difference, 1e-17) for name in names]
    bars = ax.barh(names, shown, color="0.8", edgecolor="black")
    for bar, name in zip(bars, names, strict=True):
        if not report.tensors[name].passed:
            bar.set(hatch="///", facecolor="white")
    ax.set(xscale="log", xlim=(1e-17, 2), xlabel="relative difference of backward and slope (hatched: wrong)")
    ax.set_title(report.title)
    return ax
