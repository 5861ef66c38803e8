"""Callbacks: what watches a training."""

from typing import TYPE_CHECKING

from .base import Callback
from .checkpoint import BackupAndRestore, ModelCheckpoint
from .history import History
from .logging import CSVLogger, LambdaCallback, TensorBoard, TerminateOnNaN
from .monitored import EarlyStopping, LearningRateScheduler, Monitored, ReduceLROnPlateau
from .progress import EpochLines, ProgressBar

if TYPE_CHECKING:  # lives in gradcheck, an outer room; minidl/__init__.py publishes it here
    from ..gradcheck.callback import GradientChecker

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "EpochLines",
    "GradientChecker",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Monitored",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]
