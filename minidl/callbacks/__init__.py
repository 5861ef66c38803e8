"""Callbacks: what watches a training."""

from .base import Callback
from .history import History
from .progress import EpochLines, ProgressBar

__all__ = ["Callback", "EpochLines", "History", "ProgressBar"]
