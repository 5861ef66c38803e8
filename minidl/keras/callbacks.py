"""Keras's `keras.callbacks`: objects that watch a training. In a script's own, `self.model` is the dialect's model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import callbacks as core
from ..callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    History,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from ..errors import SettingError
from ._absent import absent
from ._owners import owner_of

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]


class Callback(core.Callback):
    """Keras's hooks. A subclass writes those it needs; `self.model` is the model that `fit` was called on."""

    model: Any

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # scripts set attributes of their callbacks from outside

    def set_model(self, model: Any) -> None:
        self.model = owner_of(model)


class LambdaCallback(Callback):
    """Functions as a callback: LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))."""

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **others: Callable[..., Any],
    ) -> None:
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        unknown = [name for name in others if name not in core.HOOKS]
        if unknown:
            raise SettingError(f"LambdaCallback: {unknown[0]} is not a hook; there are {', '.join(core.HOOKS)}")
        vars(self).update({name: hook for name, hook in (hooks | others).items() if hook is not None})


class Saved:
    """A model of the core that saves as the model of this package does."""

    def __init__(self, model: Any) -> None:
        owner = owner_of(model)
        self.core, self.save, self.save_weights = model, owner.save, owner.save_weights

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)


@dataclass(eq=False)
class ModelCheckpoint(core.ModelCheckpoint):
    """Saves the model, or its weights, after every epoch or every `save_freq` batches."""

    def set_model(self, model: Any) -> None:
        self.model = Saved(model)


@dataclass(eq=False)
class TensorBoard(core.TensorBoard):
    """The figures of every epoch for TensorBoard. Graphs, histograms, images and profiles are not written."""

    histogram_freq: int = 0
    write_graph: bool = True
    write_images: bool = False
    write_steps_per_second: bool = False
    update_freq: int | str = "epoch"
    profile_batch: int | str | tuple[int, int] = 0
    embeddings_freq: int = 0
    embeddings_metadata: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("histogram_freq", "write_images", "profile_batch", "embeddings_freq"):
            if getattr(self, name):
                warnings.warn(f"TensorBoard: minidl writes figures of epochs alone, without {name}", stacklevel=3)


_BAR = "fit(verbose=1) shows a bar"
__getattr__ = absent(
    __name__,
    {
        "CallbackList": "fit makes it",
        "OrbaxCheckpoint": "ModelCheckpoint and BackupAndRestore save a training",
        "ProgbarLogger": _BAR,
        "RemoteMonitor": "minidl opens no connections; write a Callback with on_epoch_end",
        "SwapEMAWeights": "use_ema of the optimizer puts the average in place at the end of fit",
    },
)
