"""Plots of a classifier: its decision boundary, its confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import finite, numeric
from ..errors import DataError, SettingError, ShapeError
from ..validation import check_integer
from ._classes import Classifier, Outputs, read_classifier
from ._drawing import MARKERS, axes_for, colors, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def decision_boundary(
    model: Any, x: Any, y: Any, *, features: Sequence[Any] | None = None, ax: Axes | None = None, resolution: int = 200
) -> Axes:
    """Draw the regions of the classes over the plane of two features, the lines between them, and the points x.

    model       a trained model, or a fitted classifier; of scikit-learn's, too
    x           (m, 2), an array or a frame
    y           class labels (m,) or (m, 1), or one-hot rows
    features    the numbers, or in a frame the names, of the two features to draw if x has more; the others are held at
                their means
    resolution  points of the plane on each side

    The class is the one with the largest score. A single output separates two classes at 1/2 if it is a probability,
    at 0 if it is a logit or a margin (Hinge), else in the middle of the two labels. A colour is the stronger the surer
    the model is. The plane extends 15 % beyond the range of the points.
    """
    who = "decision_boundary"
    resolution = check_integer(who, "resolution", resolution, 2)
    plane = _plane(who, x, features)
    classifier = read_classifier(who, model, y)
    _check_rows(who, len(plane.x), classifier)
    xx, yy = np.meshgrid(*(_side(values, resolution) for values in plane.points.T))
    outputs = classifier.predict(plane.rows(xx.ravel(), yy.ravel()))
    if not np.isfinite(outputs.values).all():
        raise DataError(f"{who}: the model's outputs are not finite; its training has diverged")
    ax = axes_for(who, ax)
    shades = colors(len(classifier.labels))
    _draw_regions(ax, xx, yy, outputs, shades)
    _draw_points(ax, plane.points, classifier, shades)
    ax.set(xlim=(xx.min(), xx.max()), ylim=(yy.min(), yy.max()), **plane.names)
    return ax


def confusion_matrix(model: Any, x: Any, y: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the counts of true and predicted classes: scikit-learn's ConfusionMatrixDisplay.

    model, y  as in `decision_boundary`
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    who = "confusion_matrix"
    classifier = read_classifier(who, model, y)
    predicted = classifier.predict(x).classes
    _check_rows(who, len(predicted), classifier)
    options = {"labels": range(len(classifier.labels)), "display_labels": classifier.labels, "cmap": "Greys"}
    ax = axes_for(who, ax)
    ConfusionMatrixDisplay.from_predictions(classifier.rows, predicted, ax=ax, colorbar=False, **options)
    return ax


def _check_rows(who: str, count: int, classifier: Classifier) -> None:
    if len(classifier.rows) != count:
        raise DataError(f"{who}: x has {count} examples, y has {len(classifier.rows)}")


# ---- the plane of two features


@dataclass(frozen=True)
class Plane:
    """The plane of two features of x (m, n).

    names  the labels of its axes
    frame  the user's x if it is a frame, or None
    """

    x: np.ndarray
    features: tuple[int, int]
    names: dict[str, str]
    frame: Any

    @property
    def points(self) -> np.ndarray:
        """The two features of all rows, (m, 2)."""
        return self.x[:, self.features]

    def rows(self, a: np.ndarray, b: np.ndarray) -> Any:
        """Return rows with these values of the two features and the means of the others, a frame if x is one."""
        rows = np.tile(self.x.mean(axis=0), (len(a), 1))
        rows[:, self.features] = np.column_stack([a, b])
        return rows if self.frame is None else type(self.frame)(rows, columns=self.frame.columns)


def _plane(who: str, x: Any, features: Sequence[Any] | None) -> Plane:
    array = numeric(who, "x", x)
    frame = x if hasattr(x, "iloc") and hasattr(x, "columns") else None
    wide = array.ndim == 2 and array.shape[1] > 2
    if features is None and array.shape[1:] != (2,):
        remedy = "; choose two features, as in features=(0, 1)" if wide else ""
        raise ShapeError(f"{who}: x must be (m, 2) to lie in a plane, got {array.shape}{remedy}")
    if array.ndim != 2 or not array.size:
        raise ShapeError(f"{who}: x must have rows of features, got {array.shape}")
    names = [f"feature {number}" for number in range(array.shape[1])] if frame is None else list(frame.columns)
    chosen = (0, 1) if features is None else _chosen(who, features, names)
    labelled = features is not None or frame is not None
    shown = {side: str(names[number]) for side, number in zip(("xlabel", "ylabel"), chosen, strict=True) if labelled}
    return Plane(finite(who, "x", array, np.dtype(float)), chosen, shown, frame)


def _chosen(who: str, features: Sequence[Any], names: list[Any]) -> tuple[int, int]:
    """Return the numbers of two features that are named or numbered."""
    given = list(features) if isinstance(features, list | tuple) else []
    numbers = [names.index(one) if one in names else one for one in given]
    known = [number % len(names) for number in numbers if number in range(-len(names), len(names))]
    if len(numbers) != 2 or len(set(known)) != 2:
        columns = ", ".join(map(str, names)) if any(isinstance(one, str) for one in given) else f"0 to {len(names) - 1}"
        raise SettingError(f"{who}: features must be two different ones of {columns}, got {features!r}")
    return known[0], known[1]


def _side(values: np.ndarray, resolution: int) -> np.ndarray:
    margin = 0.15 * (values.max() - values.min()) + 1e-3
    return np.linspace(values.min() - margin, values.max() + margin, resolution)


# ---- drawing


def _draw_regions(ax: Axes, xx: np.ndarray, yy: np.ndarray, outputs: Outputs, shades: list[Any]) -> None:
    """Colour the plane by class, stronger where the model is surer, and draw the lines between the classes."""
    from matplotlib.colors import to_rgb

    strength = (0.15 + 0.4 * outputs.certainty)[:, None]
    pixels = 1 - strength * (1 - np.array([to_rgb(shade) for shade in shades])[outputs.classes])
    extent = (xx.min(), xx.max(), yy.min(), yy.max())
    ax.imshow(pixels.reshape(*xx.shape, 3), extent=extent, origin="lower", aspect="auto")
    for values, level in outputs.surfaces():
        if values.min() < level < values.max():
            ax.contour(xx, yy, values.reshape(xx.shape), levels=[level], colors="black", linewidths=1)


def _draw_points(ax: Axes, points: np.ndarray, classifier: Classifier, shades: list[Any]) -> None:
    for number, (label, shade) in enumerate(zip(classifier.labels, shades, strict=True)):
        marker = MARKERS[number % len(MARKERS)]
        a, b = points[classifier.rows == number].T
        ax.scatter(a, b, marker=marker, s=16, color=shade, edgecolors="black", linewidths=0.6, label=label)
    legend(ax, len(shades), title="class")
