"""All weights of a model by path: parameters, and the learned state of layers such as moving averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .data import finite, numeric
from .errors import ShapeError
from .layers import Layer
from .naming import join_path
from .parameters import Parameter


@dataclass(frozen=True)
class Weight:
    """The value of a parameter, or an attribute of a layer."""

    holder: Parameter | Layer
    attribute: str = "value"

    @property
    def array(self) -> np.ndarray:
        return cast(np.ndarray, getattr(self.holder, self.attribute))

    def set(self, array: np.ndarray) -> None:
        """Set the weight to a copy of the array."""
        setattr(self.holder, self.attribute, array.copy())


def weights_of(layer: Layer) -> dict[str, Weight]:
    """All weights here and inside by path, layer by layer its parameters, then its state."""
    found: dict[str, Weight] = {}
    for path, inner in layer.walk():
        found |= {join_path(path, name): Weight(parameter) for name, parameter in inner.parameters.items()}
        found |= {join_path(path, name): Weight(inner, name) for name in inner.state_names}
    return found


def set_weights(layer: Layer, arrays: list[Any]) -> None:
    """Set all weights, in the order of `weights_of`. All arrays are checked before the first weight is set."""
    weights = weights_of(layer)
    if len(arrays) != len(weights):
        there = ", ".join(weights) or "it has none, or is not built yet"
        raise ShapeError(f"set_weights: got {len(arrays)} arrays for {len(weights)} weights: {there}")
    checked = []
    for (path, weight), given in zip(weights.items(), arrays, strict=True):
        array, shape = numeric("set_weights", path, given), weight.array.shape
        if array.shape != shape:
            raise ShapeError(f"set_weights: {path} has shape {shape}, got {array.shape}")
        checked.append(finite("set_weights", path, array, weight.array.dtype))
    for weight, array in zip(weights.values(), checked, strict=True):
        weight.set(array)
