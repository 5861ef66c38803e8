"""A diagnosis while a model trains."""

from __future__ import annotations

import numpy as np

from .. import settings
from ..callbacks.base import Callback, Logs
from ..errors import NonFiniteError
from ..layers.activations import ReLU
from ..layers.dropout import Dropout
from . import training_rules
from .findings import Diagnosis, Finding, Rule, found_by, ranked
from .training_rules import Record

ROWS = 300  # that say whether a unit is dead
TARGETS = 1000  # that say what a constant would reach

# Causes stand before what they cause.
RULES = (
    Rule("constant-targets", "Japkowicz & Stephen 2002", training_rules.one_class),
    Rule("one-class-batches", "Bottou 2012, 4.1", training_rules.one_class_batches),
    Rule("learning-rate", "Karpathy, CS231n, babysitting", training_rules.rate_too_high),
    Rule("learning-rate", "Karpathy, CS231n, babysitting", training_rules.rate_too_low),
    Rule("unrelated-targets", "Zhang et al. 2017", training_rules.no_generalisation),
    Rule("overfitting", "Prechelt 1998; Goodfellow et al. 2016, 7.8", training_rules.overfitting),
    Rule("dead-units", "Lu et al. 2020", training_rules.dying_units),
    Rule("signal-through-depth", "Hochreiter 1991", training_rules.gradients_through_depth),
    Rule("gradient-spikes", "Pascanu et al. 2013", training_rules.gradient_spikes),
    Rule("plateau", "Goodfellow et al. 2016, 8.2", training_rules.plateau),
)


class Monitor(Callback):
    """Watches a training, and says afterwards, or in its course, what went wrong: `.findings`, `.diagnosis`.

    At every `every`-th step it writes down how far each tensor moves against its size (about 1e-3 is usual) and how
    long its gradient is, and looks at the ReLUs; at the end of an epoch, the figures. `.record` holds all of it.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = settings.integer("Monitor", "every", every, 1)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        model = self.model
        params, layers = model.params, list(model.layer.walk())
        stored = sorted(params.slices, key=lambda path: params.slices[path].start)
        self.starts = np.array([params.slices[path].start for path in stored])
        self.relus = {path: layer for path, layer in layers if isinstance(layer, ReLU)}
        self.before: np.ndarray | None = None
        self.alive: dict[str, np.ndarray] = {}
        self.step = self.rows = 0
        self.record = Record(
            stored,
            np.array([len(params[path].shape) > 1 for path in stored]),
            model.objective.loss,
            model.output_shape,
            model.optimizer.rate,
            bool(model.penalties) or any(isinstance(layer, Dropout) for _, layer in layers),
        )

    # `logs` of the hooks after a step cost more than all of this, so a step is looked at when the next one begins
    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if self.before is not None:
            self._measure(self.before)
        self.before = self.model.params.theta.copy() if self.step % self.every == 0 else None
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.before is not None:
            self._measure(self.before)
            self.before = None
        self.record.logs.append(dict(logs or {}))

    def on_not_finite(self, error: NonFiniteError) -> None:
        self.record.failed = str(error).split(". ")[0]

    def close(self) -> None:
        self.before, self.alive = None, {}

    def _measure(self, before: np.ndarray) -> None:
        record, params, batch = self.record, self.model.params, self.model.batch
        weights = self._lengths(before)
        record.steps.append(self.step - 1)
        record.weights.append(weights)
        record.ratios.append(self._lengths(params.theta - before) / np.where(weights > 0, weights, np.inf))
        record.gradients.append(self._lengths(params.grad))
        if batch is None:
            return
        if sum(map(len, record.targets)) < TARGETS:
            record.targets.append(batch.y)
        if len(batch) > 1:
            same = bool((batch.y == batch.y[0]).all())
            record.one_class.append(tuple(batch.y[0].tolist()) if same else None)
        self._look_at_relus(len(batch))

    def _lengths(self, vector: np.ndarray) -> np.ndarray:
        """The length of every tensor's part of a vector."""
        return np.sqrt(np.add.reduceat(vector * vector, self.starts))

    def _look_at_relus(self, rows: int) -> None:
        for path, layer in self.relus.items():
            alive = np.any(layer.x >= 0, axis=0)
            self.alive[path] = alive | self.alive.get(path, False)
        self.rows += rows
        if self.rows >= ROWS:
            self.record.dead = {path: float(1 - alive.mean()) for path, alive in self.alive.items()}
            self.rows, self.alive = 0, {}

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, most severe first."""
        return ranked(found_by(RULES, self.record))

    @property
    def diagnosis(self) -> Diagnosis:
        """The findings with a headline; `str`, HTML, `to_dict`."""
        seen = f"{len(self.record.steps):,} of {self.step:,} steps"
        return Diagnosis(self.model.name, seen, self.findings)
