"""The record of a training."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from ._base import Callback, Logs


class History(Callback):
    """What `fit` returns. `history` has a list per figure, a number per epoch; `epoch` the epochs' numbers.

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

    def _repr_html_(self) -> str:
        cells = ("figure", "first", "lowest", "highest", "last")
        head = "".join(f"<th>{cell}</th>" for cell in cells)
        rows = "".join(
            f"<tr><td>{escape(name)}</td>"
            + "".join(f"<td>{value:.4g}</td>" for value in (values[0], min(values), max(values), values[-1]))
            + "</tr>"
            for name, values in self._measured().items()
        )
        caption = f"<caption>History: {len(self.epoch)} epochs</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self._measured().items())
        return f"History({len(self.epoch)} epochs{': ' if last else ''}{last})"

    def _measured(self) -> dict[str, list[Any]]:
        """The figures of the epochs that have them: a GradientChecker's is NaN in those it leaves out."""
        measured = {name: [v for v in values if not math.isnan(v)] for name, values in self.history.items()}
        return {name: values or [math.nan] for name, values in measured.items()}
