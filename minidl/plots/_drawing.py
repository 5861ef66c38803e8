"""Axes, colours and errors that all plots share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("-", "--", "-.", ":")  # distinct in black and white, too
MARKERS = "os^Dv*P<X>"
# ten colours chosen to stay distinct with colour blindness (Petroff 2021, arXiv:2107.02270)
COLORS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
FEW = 6  # entries of a legend that find room inside the Axes

# the function that draws an object, by the name of its class or of a base class
DRAWN_BY = {
    "History": "cost_curves(history)",
    "Comparison": "cost_spread(comparison), accuracies(comparison) or layer_sizes(comparison)",
    "Diagnosis": "signal(diagnosis)",
    "Monitor": "update_ratios(monitor)",
    "Distributions": "histograms(distributions, path=...)",
    "Report": "gradient_report(report)",
    "GradientChecker": "gradient_report(checker)",
    "Model": "decision_boundary(model, x, y), signal(model, x, y) or cost_curves(model)",
    "BaseNetworkEstimator": "decision_boundary(estimator, x, y), signal(estimator, x, y) or cost_curves(estimator)",
}


def axes_for(who: str, ax: Any, *, height: float | None = None) -> Axes:
    """Return the given Axes, or new ones if None, of this height in inches or the usual one."""
    if ax is None:
        import matplotlib.pyplot as plt

        figure, new = plt.subplots(layout="constrained")
        if height is not None:
            figure.set_figheight(height)
        return new
    if not is_axes(ax):
        hint = "; pass one of them, axes[0]" if isinstance(ax, np.ndarray) else ""
        raise SettingError(f"{who}: ax must be one matplotlib Axes, got {_described(ax)}{hint}")
    return ax


def is_axes(given: Any) -> bool:
    """True for matplotlib's Axes."""
    return hasattr(given, "contourf")


def colors(count: int) -> list[Any]:
    """Return so many distinct colours: COLORS, or a sample of viridis if these are too few."""
    if count <= len(COLORS):
        return COLORS[:count]
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 1, count)))


def style(number: int) -> dict[str, Any]:
    """The colour and the line of the series with this number."""
    return {"color": COLORS[number % len(COLORS)], "linestyle": LINES[number % len(LINES)]}


def legend(ax: Axes, entries: int, title: str | None = None) -> None:
    """Add a legend: inside if it is short, else to the right of the Axes, where it hides nothing."""
    outside = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if entries > FEW else {"loc": "best"}
    ax.legend(title=title, fontsize="small", **outside)


def refusal(who: str, wanted: str, given: Any) -> SettingError:
    """The error for an object that the function does not draw: what was wanted, what came, which function draws it."""
    return SettingError(f"{who} takes {wanted}; got {_described(given)}{_hint(given)}")


def _hint(given: Any) -> str:
    known = [DRAWN_BY[cls.__name__] for cls in type(given).__mro__ if cls.__name__ in DRAWN_BY]
    if hasattr(given, "get_params") and not hasattr(given, "n_features_in_"):
        return ", which is not fitted yet: call its fit first"
    return f", which is drawn by {known[0]}" if known else ""


def _described(given: Any) -> str:
    """The class of an object, the shape of an array, or a short value itself."""
    if given is None or isinstance(given, str | int | float | type):
        return repr(given)
    shape = getattr(given, "shape", None)
    return f"{type(given).__name__}{f' of shape {shape}' if isinstance(shape, tuple) else ''}"
