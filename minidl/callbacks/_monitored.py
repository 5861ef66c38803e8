"""The base of callbacks that watch one figure."""

from __future__ import annotations

import difflib
import math
import sys
import warnings

from .. import metrics
from ..errors import SettingError
from ..validation import check_choice, check_real
from ._base import Callback, Logs, TrainedModel, split_arrays

LOSSES = ("loss", "data_loss", "penalty")


class Monitored(Callback):
    """Watches the figure `monitor` in the logs. `mode` is "min", "max", or "auto": by the name of the figure.

    The numbers of an array are "val_precision[0]", "val_precision[1]", ...
    """

    monitor: str
    mode: str
    min_delta: float
    verbose: int

    def __post_init__(self) -> None:
        super().__post_init__()
        who = type(self).__name__
        if not isinstance(self.monitor, str):
            raise SettingError(f"{who}: monitor must be a name in the logs, as 'val_loss', got {self.monitor!r}")
        check_choice(who, "mode", self.mode, ("auto", "min", "max"))
        self.min_delta = abs(check_real(who, "min_delta", self.min_delta))

    def current(self, logs: Logs | None, *, within_epoch: bool = False) -> float | None:
        """Return the figure in these logs. If it is missing, warn with the names that exist and return None."""
        logs = split_arrays(logs or {})
        value: float | None = logs.get(self.monitor)
        if value is None:
            who, others = type(self).__name__, ", ".join(logs)
            hint = missing_figure(self.model, self.monitor, logs, within_epoch=within_epoch)
            warnings.warn(f"{who}: there is no {self.monitor!r} in the logs, only {others}{hint}", stacklevel=3)
        return value

    def better(self, value: float, than: float | None) -> bool:
        """Return True if the value is better than the other by min_delta. NaN never is."""
        rises = self.mode == "max" or (self.mode == "auto" and self._direction() == "up")
        if math.isnan(value):
            return False
        if than is None:
            return True
        return value - self.min_delta > than if rises else value + self.min_delta < than

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_").partition("[")[0]
        if name in LOSSES:
            return "down"
        if name in self.model.metrics:
            return self.model.metrics[name].direction
        raise SettingError(f"{type(self).__name__}: is more {self.monitor!r} better or worse? Pass mode='max' or 'min'")

    def say(self, text: str) -> None:
        """Print the text if `verbose` is set."""
        if self.verbose:
            sys.stdout.write(text + "\n")


def missing_figure(model: TrainedModel, name: str, logs: Logs, *, within_epoch: bool = False) -> str:
    """Return the reason why the logs have no figure of this name, or the remedy, as the end of a message."""
    bare = name.removeprefix("val_")
    validated = bare == name or (model.trainer is not None and model.trainer.validation is not None)
    if not validated:
        return "; give fit validation_split or validation_data"
    if within_epoch and bare.partition("[")[0] in (*LOSSES, *model.metrics):
        return f"; {name} is known at the end of an epoch: use save_freq='epoch'"
    if bare != name and not any(other.startswith("val_") for other in logs):
        return "; this epoch has no validation, because fit has validation_freq > 1"
    prefix = name[: len(name) - len(bare)]
    others = [other.removeprefix(prefix) for other in logs if other.startswith(prefix)]
    if similar := difflib.get_close_matches(bare, others, n=1, cutoff=0.5):
        return f"; did you mean {prefix + similar[0]!r}?"
    return f"; compile the model with metrics=[{bare!r}]" if bare in metrics.METRICS else ""
