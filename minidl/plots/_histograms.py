"""Histograms of weights, activations and gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import Comparison
from ..diagnostics import Distributions
from ..errors import DataError
from ..validation import check_choice, check_integer
from ._drawing import axes_for, refusal
from ._networks import is_network, tensors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WANTED = "numbers, {label: numbers}, the callback Distributions, a model with x, or several models by name"


def histograms(
    values: Any,
    x: Any = None,
    y: Any = None,
    *,
    what: str = "activation",
    path: str | None = None,
    ax: Axes | None = None,
    bins: int = 40,
) -> Axes:
    """Draw histograms one above the other, the first at the bottom.

    values  {label: numbers}, as {epoch: numbers}, or a list of arrays; or the callback Distributions: every epoch of
            one path, or every path at its last epoch; or a model or an estimator, a Comparison, or models by name
    x, y    the rows that a model computes on, at most 300; y is needed for gradients
    what    "activation", "gradient" or "weight" of the models
    path    the layer ("re_lu") or the tensor ("dense/kernel") to draw; None: all
    """
    who = "histograms"
    bins = check_integer(who, "bins", bins, 1)
    check_choice(who, "what", what, ("activation", "gradient", "weight"))
    rows = {label: _finite(who, label, row) for label, row in _rows(who, values, x, y, what, path).items()}
    if not rows:
        raise DataError(f"{who}: there are no values; a Distributions has them after fit")
    edges = np.histogram_bin_edges(np.concatenate(list(rows.values())), bins)
    ax = axes_for(who, ax)
    for level, row in enumerate(rows.values()):
        heights = np.histogram(row, edges)[0]
        line = level + 0.9 * heights / heights.max()
        line = np.append(line, line[-1])
        ax.fill_between(edges, level, line, step="post", color="0.85", edgecolor="black", zorder=-level)
    epochs = all(isinstance(label, int | np.integer) for label in rows)
    ax.set(yticks=range(len(rows)), yticklabels=list(map(str, rows)), xlabel="value", ylabel="epoch" if epochs else "")
    ax.locator_params("x", nbins=6)
    return ax


def _rows(who: str, values: Any, x: Any, y: Any, what: str, path: str | None) -> dict[Any, Any]:
    """Return the numbers of each histogram by its label."""
    if is_network(values):
        return _chosen(who, tensors(who, values, x, y, what), path)
    if isinstance(values, Comparison):
        values = {name: values.model(name) for name in values.runs}
    if isinstance(values, Distributions):
        values = values.values
    if not isinstance(values, Mapping):
        return _of_list(values)
    if values and all(map(is_network, values.values())):
        found = {name: _chosen(who, tensors(who, one, x, y, what), path) for name, one in values.items()}
        return {name if path else f"{name}, {key}": row for name, rows in found.items() for key, row in rows.items()}
    if values and all(isinstance(rows, Mapping) for rows in values.values()):
        return _of_epochs(who, values, path)
    return _chosen(who, values, path)


def _of_list(values: Any) -> dict[Any, Any]:
    """Return each item of a list of arrays, or the numbers themselves."""
    several = isinstance(values, list | tuple) and any(np.ndim(row) for row in values)
    return {str(number): row for number, row in enumerate(values)} if several else {"": values}


def _of_epochs(who: str, values: Mapping[str, Mapping[int, Any]], path: str | None) -> dict[Any, Any]:
    """Return every epoch of the path, or the last epoch of every path."""
    if path is not None:
        return dict(values[check_choice(who, "path", path, tuple(values))])
    return {name: epochs[max(epochs)] for name, epochs in values.items() if epochs}


def _chosen(who: str, rows: Mapping[Any, Any], path: str | None) -> dict[Any, Any]:
    return dict(rows) if path is None else {path: rows[check_choice(who, "path", path, tuple(map(str, rows)))]}


def _finite(who: str, label: Any, row: Any) -> np.ndarray:
    """Return the finite numbers of a row in one dimension."""
    array = np.asarray(row)
    if array.dtype.kind not in "biuf":
        raise refusal(who, WANTED, row)
    flat = array.ravel()
    numbers: np.ndarray = flat[np.isfinite(flat)]
    if not numbers.size:
        raise DataError(f"{who}: {label} has no finite numbers")
    return numbers
