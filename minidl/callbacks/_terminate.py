"""The callback for trainings that diverge."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from .._recording import record_passes
from ..errors import NonFiniteError
from ..validation import boolean
from ._base import Callback


@dataclass(eq=False)
class TerminateOnNaN(Callback):
    """Ends the training where NonFiniteError would be raised, and prints which array was the first that is not finite.

    The weights are those of the step before.

    raise_error  raise NonFiniteError all the same, with this text
    """

    raise_error: bool = boolean(default=False)

    def on_not_finite(self, error: NonFiniteError) -> None:
        message = f"{error}. {self._first_not_finite()}"
        if self.raise_error:
            raise NonFiniteError(message) from None
        sys.stdout.write(f"TerminateOnNaN: {message}\n")
        self.model.stop_training = True

    def _first_not_finite(self) -> str:
        """Repeat the step on a copy of the model and name the first layer whose output or dL/dx is not finite."""
        batch, objective = self.model.batch, self.model.objective.copy()
        if batch is None:
            return ""
        paths = {id(layer): path for path, layer in objective.network.walk()}
        # a graph without its output activation is not in the network itself
        layers = [(paths.get(id(layer), "the graph"), layer) for layer in objective.layers.layers]
        with record_passes(layers) as passes:
            loss, _ = objective.data_gradient(batch)
        for one in passes:
            if not np.isfinite(one.y).all():
                return f"The first output that is not finite is that of {one.path}."
        for one in reversed(passes):
            if one.dx is not None and not np.isfinite(one.dx).all():
                place = f"the dL/dx that {one.path} returns"
                return f"All outputs are finite; the first gradient that is not finite is {place}."
        overflow = "" if np.isfinite(loss) else "; only the loss overflows"
        return f"All outputs of layers are finite, and all gradients between them{overflow}."
