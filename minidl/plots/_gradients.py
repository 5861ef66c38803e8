"""Plots of gradients: the report of a check, the steps of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..diagnostics import Monitor
from ..errors import DataError
from ..gradcheck import Report
from ._drawing import axes_for, refusal, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST, LARGEST = 1e-17, 1.0  # relative differences that are drawn


def gradient_report(report: Any, ax: Axes | None = None) -> Axes:
    """Draw the relative difference of every tensor on a logarithmic scale, wrong ones hatched: `report.plot()`.

    report  a Report, a GradientError, a GradientChecker, or a list of Reports: of several, each tensor's worst
    """
    who = "gradient_report"
    reports = _read_reports(who, report)
    names = list(dict.fromkeys(name for one in reports for name in one.tensors))[::-1]
    if not names:
        raise DataError(f"{who}: no gradient has been checked")
    worst = [max(_size(one.tensors[name].difference) for one in reports if name in one.tensors) for name in names]
    wrong = {name for one in reports for name in one.wrong}
    ax = axes_for(who, ax)
    for bar, name in zip(ax.barh(names, worst, color="0.8", edgecolor="black"), names, strict=True):
        if name in wrong:
            bar.set(hatch="///", facecolor="white")
    label = "relative difference of backward and derivative (hatched: wrong)"
    ax.set(xscale="log", xlim=(SMALLEST, 2), xlabel=label)
    ax.set_title(reports[0].title if len(reports) == 1 else f"{reports[0].title}: worst of {len(reports)} checks")
    return ax


def _read_reports(who: str, given: Any) -> list[Report]:
    """Return the Report, those of the object's attribute `reports` or `report`, or those of a list."""
    found = getattr(given, "reports", getattr(given, "report", given))
    reports = list(found) if isinstance(found, list | tuple) else [found]
    if not all(isinstance(one, Report) for one in reports):
        raise refusal(who, "a Report, as check_model returns it, a GradientChecker, or a list of Reports", given)
    if not reports:
        raise DataError(f"{who}: there are no reports; a GradientChecker has them after fit")
    return reports


def _size(difference: float) -> float:
    """The length of a bar. One that is not a number counts as entirely different."""
    return max(difference, SMALLEST) if math.isfinite(difference) else LARGEST


def update_ratios(monitor: Any, *, ax: Axes | None = None) -> Axes:
    """Draw |step| / |w| of every kernel against the step, from a Monitor. A grey line marks the usual 1e-3.

    monitor  a Monitor; or {label: Monitor}, and then the ratio is that of all kernels together
    """
    who = "update_ratios"
    several = isinstance(monitor, Mapping) and bool(monitor)
    monitors = monitor if several else {"": monitor}
    for one in monitors.values():
        if not isinstance(one, Monitor):
            raise refusal(who, "a Monitor that was among the callbacks of fit, or several by name", one)
    lines = _ratios_of_models(monitors) if several else _ratios_of_kernels(monitor)
    ax = axes_for(who, ax)
    for number, (label, (steps, ratios)) in enumerate(lines.items()):
        ax.plot(steps, ratios, label=label, **style(number))
    ax.axhline(1e-3, color="0.6", zorder=0)
    ax.set(yscale="log", xlabel="step", ylabel="|step| / |w|")
    ax.legend()
    return ax


def _ratios_of_kernels(monitor: Monitor) -> dict[str, tuple[list[int], np.ndarray]]:
    record = monitor.record
    return {record.paths[place]: (record.steps, record.ratios[:, place]) for place in np.flatnonzero(record.kernels)}


def _ratios_of_models(monitors: Mapping[str, Monitor]) -> dict[str, tuple[list[int], np.ndarray]]:
    return {str(name): (one.record.steps, one.record.kernel_ratio) for name, one in monitors.items()}
