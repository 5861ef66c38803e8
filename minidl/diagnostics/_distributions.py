"""Samples of weights and activations, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._recording import record_passes
from ..callbacks import Callback, Logs
from ..validation import integer
from ._signals import leaves, sample_rows, without_noise

SAMPLE = 1000  # entries of an array: enough for a histogram


@dataclass(eq=False)
class Distributions(Callback):
    """Sample every tensor and every layer's output at the end of every `every`-th epoch.

    values  {path: {epoch: at most 1,000 entries}}: of tensors ("dense/kernel"), and of the outputs of layers ("re_lu")
            on the epoch's last batch, with dropout off. `plots.histograms(values["dense/kernel"])` draws them.
    """

    every: int = integer(1, default=1)
    values: dict[str, dict[int, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch % self.every or self.model.batch is None:
            return
        for path, parameter in self.model.params.items():
            self._sample(path, epoch, parameter.value)
        network = without_noise(self.model.objective).network
        with record_passes(leaves(network)) as passes:
            network.forward(self.model.batch.x)
        for layer_pass in passes:
            self._sample(layer_pass.path, epoch, layer_pass.y)

    def _sample(self, path: str, epoch: int, values: np.ndarray) -> None:
        flat = values.ravel()
        self.values.setdefault(path, {})[epoch] = flat[sample_rows(flat.size, SAMPLE)]
