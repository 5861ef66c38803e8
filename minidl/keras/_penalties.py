"""The layer that penalizes what passes through it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from . import regularizers
from ._layer import Common, Layer


class ActivityRegularization(Layer):
    """y = x, and l1 sum |x| + l2 sum x^2, divided by the rows of the batch, is added to the loss."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Unpack[Common]) -> None:
        self.l1, self.l2 = l1, l2
        super().__init__(**common | {"activity_regularizer": regularizers.L1L2(l1, l2)})

    def make(self) -> Iterable[core.Layer]:
        return []

    def general_config(self) -> dict[str, Any]:
        """Return the part of the config that every layer has, without the regularizer that l1 and l2 stand for."""
        return {name: value for name, value in super().general_config().items() if name != "activity_regularizer"}
