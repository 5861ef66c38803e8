"""Layers that learn from the data before training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from ._layer import Common, Layer
from ._variables import as_tensor


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), of each feature; with invert y = mean + sqrt(variance) x.

    Mean and variance are given, or `adapt` computes them. Training does not change them.
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self.axis, self.invert = axis, invert
        self.input_mean, self.input_variance = mean, variance
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        self.statistics = core.Normalization(self.axis, self.input_mean, self.input_variance, self.invert)
        return [self.statistics]

    def adapt(self, data: Any) -> None:
        """Compute mean and variance of an array, or of an iterable of batches."""
        self.statistics.adapt(data)
        if not self.built and hasattr(data, "shape"):
            self.build((None, *data.shape[1:]))

    @property
    def mean(self) -> Any:
        """The mean of each feature, (1, ...); None before the layer is built."""
        return self._moment("adapt_mean", self.input_mean)

    @property
    def variance(self) -> Any:
        """The variance of each feature, (1, ...); None before the layer is built."""
        return self._moment("adapt_variance", self.input_variance)

    def _moment(self, name: str, given: Any) -> Any:
        if not self.built:
            return None
        held = getattr(self.statistics, name) if given is None else np.broadcast_to(given, self.statistics.features)
        return as_tensor(np.asarray(held, self.dtype).reshape(1, *self.statistics.repeated))

    def get_config(self) -> dict[str, Any]:
        """Return the settings, without what `adapt` computed, which is among the weights."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        listed = {name: None if value is None else np.asarray(value).tolist() for name, value in given.items()}
        return self.general_config() | {"axis": self.axis, "invert": self.invert} | listed
