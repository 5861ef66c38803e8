"""The callback for trainings that diverge."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

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
        """Repeat the step on a copy of the model, layer by layer."""
        batch, objective = self.model.batch, self.model.objective.copy()
        if batch is None:
            return ""
        names = {id(layer): path for path, layer in objective.network.walk()}
        x, layers = batch.x, objective.layers.layers
        for layer in layers:
            x = layer.forward(x, training=True)
            if not np.isfinite(x).all():
                return f"The first output that is not finite is that of {names[id(layer)]}."
        loss, dy = objective.loss.value_and_gradient(x, batch.y, batch.weight)
        for layer in reversed(layers):
            dy = layer.backward(dy)
            if dy is not None and not np.isfinite(dy).all():
                place = f"the dL/dx that {names[id(layer)]} returns"
                return f"All outputs are finite; the first gradient that is not finite is {place}."
        overflow = "" if np.isfinite(loss) else "; only the loss overflows"
        return f"All outputs of layers are finite, and all gradients between them{overflow}."
