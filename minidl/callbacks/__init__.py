"""Callbacks: what watches a training."""

from typing import TYPE_CHECKING

from ..later import names_from
from .base import Callback
from .checkpoint import BackupAndRestore, ModelCheckpoint
from .history import History
from .logging import CSVLogger, LambdaCallback, TensorBoard, TerminateOnNaN
from .monitored import EarlyStopping, LearningRateScheduler, Monitored, ReduceLROnPlateau
from .progress import EpochLines, ProgressBar

if TYPE_CHECKING:
    from ..diagnostics.distributions import Distributions
    from ..diagnostics.monitor import Monitor
    from ..gradcheck.callback import GradientChecker

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "Distributions",
    "EarlyStopping",
    "EpochLines",
    "GradientChecker",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Monitor",
    "Monitored",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]

# They live in outer rooms; users look for them here.
__getattr__ = names_from(
    __name__, {"Distributions": "diagnostics", "GradientChecker": "gradcheck", "Monitor": "diagnostics"}
)
