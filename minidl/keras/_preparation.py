"""Layers that bring data to a scale that networks learn well from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from ._datasets import PyDataset
from ._layer import Common, Layer
from ._variables import Variable, as_tensor


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
        """Compute mean and variance of an array, or of an iterable of batches, each of which may be a tuple (x, y)."""
        self.statistics.adapt([data[n] for n in range(len(data))] if isinstance(data, PyDataset) else data)
        row_shape = tuple(getattr(data, "shape", ()))[1:]
        if row_shape and not self.built:
            self.build((None, *row_shape))

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

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        for weight in super().variables_inside(prefix):
            name = weight.name.removeprefix("adapt_")
            yield replace(weight, name=name, path=f"{weight.path.rpartition('/')[0]}/{name}")

    def get_config(self) -> dict[str, Any]:
        """Return the settings, without what `adapt` computed, which is among the weights."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        listed = {name: None if value is None else np.asarray(value).tolist() for name, value in given.items()}
        return self.general_config() | {"axis": self.axis, "invert": self.invert} | listed


class Rescaling(Layer):
    """y = scale x + offset."""

    def __init__(self, scale: Any, offset: Any = 0.0, **common: Unpack[Common]) -> None:
        layer = core.Rescaling(scale, offset)
        self.scale, self.offset = layer.scale, layer.offset  # arrays as tuples
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Rescaling(self.scale, self.offset)]
