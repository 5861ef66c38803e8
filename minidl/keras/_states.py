"""Calls of recurrent layers with the states before the first step."""

from __future__ import annotations

import warnings
from typing import Any

from ._layer import Layer
from ._tensors import NO_MASK, KerasTensor, leaves
from ._variables import mask_of


class WithStates(Layer):
    """Base class: layer(sequences, initial_state).

    As in Keras 3.15, a call with states does not use the mask of the sequences unless it has `mask=`: padded steps
    count, and a warning says so. The outputs of all steps have the mask.
    """

    call_arguments = ("sequences", "initial_state")
    takes_several = True

    @property
    def outputs_of_steps(self) -> int:
        """The number of outputs that have steps."""
        raise NotImplementedError(f"{type(self).__name__} must write outputs_of_steps")

    def taken(self, given: dict[str, Any]) -> list[Any]:
        states = given.get("initial_state")
        return [given["sequences"], *([] if states is None else leaves(states))]

    def masks(self, given: dict[str, Any], count: int) -> list[Any]:
        if not _drops_mask(given):
            return super().masks(given, count)
        x = given["sequences"]
        if x.masked if isinstance(x, KerasTensor) else mask_of(x) is not None:
            does = "a call with initial_state does not use the mask of its sequences, as in Keras: padded steps count"
            remedy = "pass mask= too, such as embedding.compute_mask(ids)"
            warnings.warn(f"{self.name}: {does}; {remedy}", stacklevel=4)
        return [NO_MASK, *[None] * (count - 1)]

    def kept(self, given: dict[str, Any]) -> int:
        return self.outputs_of_steps if _drops_mask(given) else 0


def _drops_mask(given: dict[str, Any]) -> bool:
    return given.get("initial_state") is not None and given.get("mask") is None
