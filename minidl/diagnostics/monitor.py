"""A diagnosis while a model trains."""

from __future__ import annotations

import numpy as np

from .. import validation
from ..callbacks import Callback, Logs
from ..data import Examples
from ..errors import NonFiniteError, NotBuiltError
from ..layers import Dropout
from . import objective_rules, training_rules
from .findings import Diagnosis, Finding, Rule, found_by
from .rules import ALIVE, LEARNS_BADLY, ROWS, STANDING
from .signals import collect
from .training_rules import Record

LAGGING = Rule(
    "lagging-statistics",
    "Ioffe & Szegedy 2015, 3.1",
    objective_rules.lagging_statistics,
    explains=("unrelated-targets", "overfitting"),
)

# What the course of a training shows.
COURSE = (
    Rule("one-class-batches", "Bottou 2012, 4.1", training_rules.one_class_batches, explains=LEARNS_BADLY),
    Rule(
        "learning-rate",
        "Karpathy, CS231n, babysitting",
        training_rules.rate_too_high,
        explains=("dead-units", "saturated-units", "plateau", "overfitting"),
    ),
    Rule("learning-rate", "Karpathy, CS231n, babysitting", training_rules.rate_too_low, explains=("plateau",)),
    Rule(
        "one-class-validation",
        "Kohavi 1995",
        training_rules.other_validation,
        explains=("unrelated-targets", "overfitting"),
    ),
    Rule("unrelated-targets", "Zhang et al. 2017", training_rules.no_generalisation, explains=("overfitting",)),
    Rule("overfitting", "Prechelt 1998; Goodfellow et al. 2016, 7.8", training_rules.overfitting),
    Rule("signal-through-depth", "Hochreiter 1991", training_rules.gradients_through_depth, explains=("plateau",)),
    Rule("gradient-spikes", "Pascanu et al. 2013", training_rules.gradient_spikes),
    Rule("plateau", "Goodfellow et al. 2016, 8.2", training_rules.plateau),
)


class Monitor(Callback):
    """Watches a training, and says afterwards, or in its course, what went wrong: `.findings`, `.diagnosis`.

    At every `every`-th step it writes down how far each tensor moves against its size (about 1e-3 is usual) and how
    long its gradient is; at the end of an epoch, the figures. `.record` holds all of it. Whoever asks for the findings
    has, besides, the network looked at as it is then, on some hundred rows of those it was trained on.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = validation.check_integer("Monitor", "every", every, 1)
        self.written: Record | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        model, params = self.model, self.model.params
        stored = sorted(params.slices, key=lambda path: params.slices[path].start)
        self.starts = np.array([params.slices[path].start for path in stored])
        self.vectors = np.empty((3, params.theta.size), params.theta.dtype)
        self.step, self.open = 0, False
        self.written = Record(
            stored,
            np.array([len(params[path].shape) > 1 for path in stored]),
            model.objective.loss,
            model.output_shape,
            model.optimizer.rate,
            bool(model.penalties) or any(isinstance(layer, Dropout) for _, layer in model.layer.walk()),
        )
        validation = model.training.validation if model.training else None
        if isinstance(validation, Examples):
            self.written.outside = validation.y

    # the hooks after a step are handed figures that cost more than all of this: a step is read off when the next begins
    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if self.open:
            self._read_off()
        if self.step % self.every == 0:
            self.vectors[0], self.open = self.model.params.theta, True
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.open:
            self._read_off()
        self.record.logs.append(logs or {})

    def on_not_finite(self, error: NonFiniteError) -> None:
        self.record.failed = str(error).split(". ")[0]

    def _read_off(self) -> None:
        """The squared lengths of weights, step and gradient, tensor by tensor."""
        self.open, vectors, params = False, self.vectors, self.model.params
        np.subtract(params.theta, vectors[0], out=vectors[1])
        vectors[2] = params.grad
        np.multiply(vectors, vectors, out=vectors)
        self.record.squares.append(np.add.reduceat(vectors, self.starts, axis=1))
        self.record.steps.append(self.step - 1)
        self.record.keep(self.model.batch)

    @property
    def record(self) -> Record:
        """What it has written down of the last training."""
        if self.written is None:
            raise NotBuiltError("Monitor: it has watched no training yet; pass it to fit in callbacks")
        return self.written

    @property
    def findings(self) -> list[Finding]:
        """What is found so far, most severe first."""
        return self.diagnosis.findings

    @property
    def diagnosis(self) -> Diagnosis:
        """The findings under a headline: `str`, HTML, `to_dict`, `plot`."""
        seen = f"{len(self.record.steps):,} of {self.step:,} steps"
        course = [(rule, self.record) for rule in COURSE]
        if not self.record.batches:
            return Diagnosis(self.model.name, seen, found_by(course))
        signals = collect(self.model, *self.record.rows, ROWS)
        standing, alive = ([(rule, signals) for rule in rules] for rules in ((*STANDING, LAGGING), ALIVE))
        return Diagnosis(self.model.name, seen, found_by([*standing, *course, *alive]), signals.sizes)
