"""Plots of recurrent layers: their gates and states over the steps of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from ..layers import GRU, LSTM, SimpleRNN
from ..validation import check_choice
from ._attention import labels_of_steps
from ._drawing import axes_for
from ._mosaics import draw, mosaic, without_frame
from ._networks import network_of, one_row, record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RECURRENT = (SimpleRNN, GRU, LSTM)


def gate_activations(
    model: Any, x: Any, layer: str | None = None, *, tokens: Sequence[Any] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the gates and states of a recurrent layer for one row: a line for each unit, a column for each step.

    model   a model or an estimator
    x       one row of the shape that the model takes, or an array of one row; of several inputs arrays of one row
    layer   the path of a SimpleRNN, GRU or LSTM; None: the first
    tokens  labels of the steps, such as characters; None: their numbers

    Gates: white is 0, black is 1. Candidates and states: white is -1, grey is 0, black is 1; a state beyond that is
    divided by its largest modulus, which its label says. (Karpathy et al. 2015)
    """
    who = "gate_activations"
    network = network_of(who, model)
    row = one_row(who, network, network.ports.pack_x(who, x))
    found = {one.path: one.layer for one in record(who, network, row) if isinstance(one.layer, RECURRENT)}
    if not found:
        raise DataError(f"{who}: {network.name} has no recurrent layer")
    path = next(iter(found)) if layer is None else check_choice(who, "layer", layer, tuple(found))
    named = {name: values[0].T for name, values in found[path].activations().items()}
    panels = dict(_shade(name, values) for name, values in named.items())
    units, steps = next(iter(named.values())).shape
    ax = axes_for(who, ax)
    draw(ax, mosaic(1 - np.stack(list(panels.values()))[..., None], columns=1))
    without_frame(ax)
    ax.set_xticks(range(steps), labels_of_steps(who, "tokens", tokens, steps))
    ax.set_yticks([number * (units + 1) + (units - 1) / 2 for number in range(len(panels))], list(panels))
    ax.set(title=f"{path}: {units} units", xlabel="step")
    return ax


def _shade(name: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    """The label of a panel, and its values from 0 to 1."""
    if name.endswith("gate"):
        return name, np.clip(values, 0, 1)
    largest = float(np.abs(values).max(initial=0.0))
    if largest <= 1:
        return name, (values + 1) / 2
    return f"{name} / {largest:.3g}", (values / largest + 1) / 2
