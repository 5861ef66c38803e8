"""The record of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._lazy import extension
from .._tables import html_table
from ._base import Callback, Logs, split_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class History(Callback):
    """The record that `fit` returns: `history` has a list for each figure, one number per epoch; `epoch` their numbers.
    A metric of several thresholds or outputs has an array per epoch.

    Keys as in Keras: the metrics, `loss`, then the same with `val_`; with a penalty also `data_loss` and `penalty`.
    """

    state_names = ("history", "epoch")

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def plot(
        self, ax: Axes | None = None, *, key: str | Sequence[str] = "loss", validation: bool = True, log: bool = False
    ) -> Axes:
        """Draw a figure, or several, against the epoch: see `minidl.plots.cost_curves`."""
        axes: Axes = extension("plots").cost_curves(self, key=key, validation=validation, log=log, ax=ax)
        return axes

    def _repr_html_(self) -> str:
        measured = self._measured().items()
        rows = [(name, *(f"{v:.4g}" for v in (vs[0], min(vs), max(vs), vs[-1]))) for name, vs in measured]
        return html_table(f"History: {len(self.epoch)} epochs", ("figure", "first", "lowest", "highest", "last"), rows)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self._measured().items())
        return f"History({len(self.epoch)} epochs{': ' if last else ''}{last})"

    def _measured(self) -> dict[str, list[Any]]:
        """The figures without NaN, which stands for an epoch without that figure."""
        split: dict[str, list[Any]] = {}
        for name, values in self.history.items():
            for part, number in (pair for value in values for pair in split_arrays({name: value}).items()):
                split.setdefault(part, []).append(number)
        measured = {name: [v for v in values if not math.isnan(v)] for name, values in split.items()}
        return {name: values or [math.nan] for name, values in measured.items()}
