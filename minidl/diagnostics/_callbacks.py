"""Callbacks: the diagnosis of a training, and samples of its weights and activations."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._recording import record_passes
from ..callbacks import Callback, Logs
from ..data import Examples
from ..errors import NonFiniteError, NotBuiltError
from ..layers import BatchNormalization
from ..model import Model
from ..validation import integer
from ._diagnose import RULES, Evidence, run_rules
from ._evidence import Record, collect_signals, is_kernel, is_regularized, leaves, sample_rows, without_noise
from ._findings import Diagnosis, Finding

SAMPLE = 1000  # entries of an array: enough for a histogram


@dataclass(eq=False)
class Monitor(Callback):
    """Record a training and report what went wrong, during it or afterwards: `.findings`, `.diagnosis`.

    At every `every`-th step it records the length of each tensor, of its step and of its gradient (|step| / |w| is
    usually about 1e-3); at the end of an epoch, the figures: `.record` holds both. The findings rest on the record, and
    on one pass of a few hundred of the training rows through a copy of the model as it is when they are read.
    """

    every: int = integer(1, default=10)
    model: Model = field(init=False, repr=False)
    _record: Record | None = field(default=None, init=False, repr=False)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        model, params = self.model, self.model.params
        paths = sorted(params.slices, key=lambda path: params.slices[path].start)
        self.starts = np.array([params.slices[path].start for path in paths])
        self.vectors = np.empty((3, params.theta.size), params.theta.dtype)
        self.step, self.pending = 0, False
        source = model.trainer.validation if model.trainer else None
        self._record = Record(
            paths,
            kernels=np.array([is_kernel(params[path]) for path in paths]),
            loss=model.objective.terms.loss,
            output_shape=model.output_shape,
            rate=model.optimizer.rate,
            is_regularized=is_regularized(model.objective),
            val_targets=source.y if isinstance(source, Examples) else None,
            normalized=[path for path, layer in model.layer.walk() if isinstance(layer, BatchNormalization)],
        )

    # the hooks after a step receive figures that cost more than all of this: a step is measured when the next begins
    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._measure()
        if self.step % self.every == 0:
            self.vectors[0], self.pending = self.model.params.theta, True
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._measure()
        self.record.logs.append(logs or {})

    def on_not_finite(self, error: NonFiniteError) -> None:
        self.record.failed = str(error).split(". ")[0]

    def _measure(self) -> None:
        """Record the squared lengths of weights, step and gradient for every tensor, if a step is pending."""
        if not self.pending:
            return
        self.pending, vectors, params = False, self.vectors, self.model.params
        np.subtract(params.theta, vectors[0], out=vectors[1])
        vectors[2] = params.grad
        np.multiply(vectors, vectors, out=vectors)
        self.record.squares.append(np.add.reduceat(vectors, self.starts, axis=1))
        self.record.steps.append(self.step - 1)
        self.record.keep(self.model.batch)

    @property
    def record(self) -> Record:
        """The record of the last training."""
        if self._record is None:
            raise NotBuiltError("Monitor: no training has been recorded yet; pass it to fit in callbacks")
        return self._record

    @property
    def findings(self) -> list[Finding]:
        """The findings so far, the most severe first."""
        return self.diagnosis.findings

    @property
    def diagnosis(self) -> Diagnosis:
        """The findings under a headline: `str`, HTML, `to_dict`, `plot`."""
        seen = f"{len(self.record.steps):,} of {self.step:,} steps"
        if not self.record.batches:
            return Diagnosis(self.model.name, seen, run_rules(RULES, {Evidence.COURSE: self.record}))
        signals = collect_signals(self.model, *self.record.rows)
        evidence = {Evidence.ANY_TIME: signals, Evidence.AFTER: signals, Evidence.COURSE: self.record}
        return Diagnosis(self.model.name, seen, run_rules(RULES, evidence), signals.sizes)


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
