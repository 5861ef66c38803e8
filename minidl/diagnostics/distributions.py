"""How weights and activations are spread, epoch by epoch."""

from __future__ import annotations

import numpy as np

from .. import validation
from ..callbacks import Callback, Logs
from .signals import quietened, record, some

NUMBERS = 1000  # of each tensor and layer: a histogram needs no more


class Distributions(Callback):
    """Keeps, at the end of every `every`-th epoch, numbers out of every tensor and of every layer's output.

    values  {path: {epoch: at most 1,000 numbers}}: of tensors ("dense/kernel"), and of layers ("re_lu") on the epoch's
            last batch, with dropout off. `plots.histograms(values["dense/kernel"])` draws them.
    """

    def __init__(self, every: int = 1) -> None:
        self.every = validation.check_integer("Distributions", "every", every, 1)
        self.values: dict[str, dict[int, np.ndarray]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch % self.every or self.model.batch is None:
            return
        for path, parameter in self.model.params.items():
            self._keep(path, epoch, parameter.value)
        twin = quietened(self.model.twin())
        heard = record(twin)
        twin.layer.forward(self.model.batch.x)
        for signal in heard:
            self._keep(signal.path, epoch, signal.y)

    def _keep(self, path: str, epoch: int, values: np.ndarray) -> None:
        flat = values.ravel()
        self.values.setdefault(path, {})[epoch] = flat[some(flat.size, NUMBERS)]
