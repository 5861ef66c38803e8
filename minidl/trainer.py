"""The loop of `fit`: epochs, batches, steps, and the callbacks that watch them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any, ClassVar

import numpy as np

from . import _threads
from ._table_rows import TableRows, table_rows
from .callbacks import NO_CALLBACKS, CallbackList, call
from .data import Examples, Source
from .errors import NonFiniteError, SettingError
from .evaluation import Figures, Metrics, evaluate, figures, rows_at_once, update_metrics
from .objective import Objective, Outputs, State
from .optimizers import Optimizer
from .parameters import Table
from .validation import check_boolean, check_integer


@dataclass(frozen=True)
class FitOptions:
    """The options of `fit` that say how it goes through the data.

    batch_size             rows in a batch
    epochs                 the number of the epoch to end with
    shuffle                draw a new order in every epoch
    validation_batch_size  rows in a batch of validation; None: 1,024, fewer of images
    validation_freq        validate after every so many epochs
    """

    batch_size: int = 32
    epochs: int = 1
    shuffle: bool = True
    validation_batch_size: int | None = None
    validation_freq: int = 1

    def __post_init__(self) -> None:
        check_integer("fit", "batch_size", self.batch_size, 1)
        check_integer("fit", "epochs", self.epochs, 0)
        check_boolean("fit", "shuffle", self.shuffle)
        if self.validation_batch_size is not None:
            check_integer("fit", "validation_batch_size", self.validation_batch_size, 1)
        check_integer("fit", "validation_freq", self.validation_freq, 1)


@dataclass
class TrainingState:
    """The place that a training has reached: `epoch` epochs are done, and `batch` batches of the next one.

    order                        of the rows in that epoch, once it is drawn
    rows, data_sum, penalty_sum  sums over the rows of that epoch so far, from which its figures are computed
    stopped                      True if a callback has ended the training
    states                       the state of metrics and callbacks, by their `state_names`, and what layers carry from
                                 batch to batch
    """

    epoch: int = 0
    batch: int = 0
    order: np.ndarray | None = None
    rows: float = 0.0
    data_sum: float = 0.0
    penalty_sum: float = 0.0
    stopped: bool = False
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def starting_at(cls, initial_epoch: int | TrainingState) -> TrainingState:
        """Return a new state at this epoch, or a copy of a saved state."""
        if isinstance(initial_epoch, TrainingState):
            return copy.deepcopy(initial_epoch)
        return cls(check_integer("fit", "initial_epoch", initial_epoch, 0))


@dataclass(eq=False)
class Trainer:
    """Minimises an objective with an optimizer that takes steps.

    A subclass for another kind of optimizer overrides `run_epochs`, or single methods, and registers itself with
    `trainer_for`.
    """

    objective: Objective
    optimizer: Optimizer
    metrics: Metrics
    source: Source
    options: FitOptions
    validation: Source | None = None
    state: TrainingState = field(default_factory=TrainingState)
    callbacks: CallbackList = NO_CALLBACKS

    batch: Examples | None = field(default=None, init=False)  # of the current step
    stopped: bool = field(default=False, init=False)
    who: str = field(default="fit", init=False)
    table_rows: TableRows | None = field(default=None, init=False)  # if updates leave out rows of tables

    remedy: ClassVar[str] = "Try a smaller learning rate (now {0.rate:g})"

    @classmethod
    def count_rows(cls, optimizer: Optimizer, source: Source) -> float | None:
        """The rows of an epoch, which the penalties are divided by; None if they are unknown before its end."""
        return source.rows

    def run(self) -> None:
        """Train until the epochs are done or a callback stops it."""
        self.objective.params.grad.fill(math.nan)  # a gradient that backward forgets to set shows in the first step
        try:
            # a value that overflows ends in NonFiniteError, which says more than NumPy's warnings
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                call(self.callbacks.on_train_begin, {})
                self.objective.claim()
                self.restore()
                with self._table_rows_recorded():
                    logs = self.run_epochs()
                if self.state.epoch or self.state.batch:
                    finish(self.objective, self.optimizer)
                call(self.callbacks.on_train_end, logs)
        finally:
            self.batch = None
            self.callbacks.close_all()

    def run_one_step(self, who: str) -> Figures:
        """Make one update on the first batch, outside any epoch. Return the figures from before it."""
        self.who = who
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self.begin_epoch()
                with self._table_rows_recorded():
                    self._step(next(iter(self.source.batches(self.options.batch_size))))
        finally:
            self.batch = None
        return self.figures()

    @contextmanager
    def _table_rows_recorded(self) -> Iterator[None]:
        """Within a with block, let updates leave out the rows of tables without a gradient, where this saves time."""
        if self.callbacks.on_gradients:  # they can write to the whole gradient
            yield
            return
        with table_rows(self.objective.params, self.optimizer) as self.table_rows:
            yield
        self.table_rows = None

    # ---- the place in the training

    def snapshot(self) -> TrainingState:
        """Return the state to save, from which the training can continue as if it had never stopped."""
        states = {
            name: {state: getattr(holder, state) for state in names}
            for name, (holder, names) in self._holders().items()
        }
        return replace(self.state, stopped=self.stopped, states=states)

    def restore(self) -> None:
        """Give metrics, callbacks and layers the state that they had when the training was saved."""
        holders = self._holders()
        for name, states in self.state.states.items():
            if name not in holders:
                remedy = "pass the same metrics and callbacks, in the same order"
                raise SettingError(f"fit: the saved training has a {name}, this one does not; {remedy}")
            holder, names = holders[name]
            if set(states) != set(names):
                saved, wanted = ", ".join(states), ", ".join(names)
                raise SettingError(f"fit: {name} of the saved training has the state {saved}, not {wanted}")
            for state, value in states.items():
                setattr(holder, state, value)
        self.stopped |= self.state.stopped
        self.state.states = {}

    def _holders(self) -> dict[str, tuple[object, tuple[str, ...]]]:
        """Return what has a state, and its attributes, by names that are the same in the next process.

        These are metrics, callbacks, and layers that carry something from batch to batch.
        """
        holders: dict[str, tuple[object, tuple[str, ...]]] = {
            f"metric {name}": (metric, metric.state_names) for name, metric in self.metrics.items()
        }
        for number, callback in enumerate(c for c in self.callbacks.callbacks if c.state_names):
            holders[f"callback {number} {type(callback).__name__}"] = callback, callback.state_names
        for path, layer in self.objective.network.walk():
            if layer.carried_names:
                holders[f"layer {path}"] = layer, layer.carried_names
        return holders

    # ---- epochs and steps

    def run_epochs(self) -> Figures:
        """Train epoch by epoch. Return the figures of the last one."""
        state, logs = self.state, Figures()
        largest = self._largest_product()
        while state.epoch < self.options.epochs and not self.stopped:
            self.begin_epoch()
            with _threads.for_products(largest):
                for batch in self.source.batches(self.options.batch_size, state.order, state.batch):
                    self._step(batch)
                    if self.should_stop():
                        break
            logs = self.end_epoch()
        return logs

    def _largest_product(self) -> int:
        """Return the number of multiplications in the largest product of a step: of a kernel at all positions."""
        kernels = (
            parameter.size * _positions(layer.row_shape)
            for _, layer in self.objective.network.walk()
            for parameter in layer.parameters.values()
            if len(parameter.shape) == 2 and not isinstance(parameter, Table)
        )
        return self.source.batch_rows(self.options.batch_size) * max(kernels, default=0)

    def begin_epoch(self) -> None:
        """Call the callbacks. Unless the epoch is resumed, draw the order of the rows and reset metrics and sums."""
        state = self.state
        for hook in self.callbacks.on_epoch_begin:
            hook(state.epoch, {})
            self.objective.claim()
        if state.batch:
            return
        options, rng = self.options, self.objective.streams.order
        state.order = self.source.epoch_order(options.batch_size, rng) if options.shuffle else None
        state.rows, state.data_sum, state.penalty_sum = 0.0, 0.0, 0.0
        for metric in self.metrics.values():
            metric.reset()

    def end_epoch(self) -> Figures:
        """Compute the figures of the epoch, including the validation, and call the callbacks."""
        state, logs = self.state, self.epoch_figures()
        epoch = state.epoch
        state.epoch, state.batch, state.order = epoch + 1, 0, None
        for hook in self.callbacks.on_epoch_end:
            hook(epoch, logs)
            self.objective.claim()
        return logs

    def _step(self, batch: Examples) -> None:
        objective, callbacks, state = self.objective, self.callbacks, self.state
        number, rows_of_tables = state.batch, self.table_rows
        for hook in callbacks.on_train_batch_begin:
            hook(number, {})
            objective.claim()
        self.batch = batch
        before = objective.state + objective.carried
        data_loss, rows, outputs = self.data_gradient(batch)
        penalty = objective.add_penalty_gradient(rows)
        grad = objective.params.grad if rows_of_tables is None else rows_of_tables.gather(objective.params.grad)
        # a finite square says that the whole gradient is finite
        if not (math.isfinite(data_loss + penalty) and math.isfinite(grad.dot(grad))):
            self.check_finite(data_loss + penalty, before)
            if self.stopped:
                return
        state.rows += rows
        state.data_sum += rows * data_loss
        state.penalty_sum += rows * penalty
        if self.metrics:
            self.measure(batch, outputs)
        for hook in callbacks.on_gradients:
            hook(number, self.figures(running=True))
            objective.claim()
        update(objective, self.optimizer, rows_of_tables)
        state.batch = number + 1
        for hook in callbacks.on_train_batch_end:
            hook(number, self.figures(running=True))
            objective.claim()

    def data_gradient(self, batch: Examples) -> tuple[float, float, Outputs]:
        """Set params.grad. Return the data loss, the weight of the batch, and what the loss was computed from."""
        data_loss, outputs = self.objective.data_gradient(batch)
        return data_loss, batch.total_weight, outputs

    def measure(self, batch: Examples, outputs: Outputs) -> None:
        """Update the metrics."""
        update_metrics(self.metrics, self.objective, batch, outputs)

    def should_stop(self) -> bool:
        """Return True if the training ends after this step."""
        return self.stopped

    # ---- figures

    def epoch_figures(self) -> Figures:
        """Return the figures of the finished epoch; the names of those of the validation begin with val_."""
        logs = self.figures()
        if self.validation is not None and (self.state.epoch + 1) % self.options.validation_freq == 0:
            size = self.options.validation_batch_size or rows_at_once(self.validation.row_shape)
            validated = evaluate(self.objective, self.metrics, self.validation, self.callbacks, size)
            logs |= {f"val_{name}": value for name, value in validated.items()}
        return logs

    def figures(self, *, running: bool = False) -> Figures:
        """Return the figures of the epoch so far; NaN if it was stopped before its first batch."""
        state = self.state
        if not state.rows:
            return dict.fromkeys(figures(self.objective, self.metrics, 0.0, 0.0, running=True), math.nan)
        means = state.data_sum / state.rows, state.penalty_sum / state.rows
        return figures(self.objective, self.metrics, *means, running=running)

    def check_finite(self, loss: float, state_before: State) -> None:
        """Raise NonFiniteError if loss or gradient are not finite, unless a callback stops the training instead.

        The state of the layers is set back to that before the step.
        """
        path = self.objective.params.first_not_finite()
        if math.isfinite(loss) and path is None:
            return  # only the square of the gradient was too large
        for layer, name, value in state_before:
            setattr(layer, name, value)
        error = NonFiniteError(self._describe_not_finite(loss, path))
        for hook in self.callbacks.on_not_finite:
            hook(error)
        if not self.stopped:
            raise error

    def _describe_not_finite(self, loss: float, path: str | None) -> str:
        what = "the gradient" if math.isfinite(loss) else "the loss"
        place = f"epoch {self.state.epoch + 1}, batch {self.state.batch + 1}"
        first = f"; the first gradient that is not finite is {path}" if path else ""
        remedy = self.remedy.format(self.optimizer)
        if math.isfinite(loss) and path and not self.optimizer.iterations:  # grad began as NaN
            remedy = f"Does the layer's backward set it? check_layer tells. {remedy}"
        return f"{self.who}: {what} is not finite in {place}{first}. The weights are those of the step before. {remedy}"


def _positions(row_shape: Any) -> int:
    """Return the number of positions in a row, such as steps; of several inputs, in that of the first."""
    if row_shape and isinstance(row_shape[0], tuple):
        return _positions(row_shape[0])
    return math.prod(row_shape[:-1]) if row_shape else 1


def update(objective: Objective, optimizer: Optimizer, rows_of_tables: TableRows | None = None) -> None:
    """Let the optimizer change theta. Frozen entries keep their values, even with momentum or weight decay.

    Parameters with a constraint are put back into their set. rows_of_tables: the entries to update; None: all.
    """
    theta, grad, frozen = objective.params.theta, objective.params.grad, objective.frozen
    if rows_of_tables is not None:
        grad[frozen] = 0  # the optimizer skips zeros
        rows_of_tables.update(optimizer)
    elif not len(frozen):
        optimizer.update(theta, grad)
    else:
        kept = theta[frozen]
        grad[frozen] = 0
        optimizer.update(theta, grad)
        theta[frozen] = kept
    for parameter, constraint in objective.limits:
        parameter.value = constraint(parameter.value)


def finish(objective: Objective, optimizer: Optimizer) -> None:
    """Let the optimizer set theta at the end of a training. Frozen entries keep their values."""
    theta, frozen = objective.params.theta, objective.frozen
    kept = theta[frozen]
    optimizer.finish(theta)
    theta[frozen] = kept


@singledispatch
def trainer_for(optimizer: Optimizer) -> type[Trainer]:
    """Return the class of trainer that the optimizer needs. Packages add theirs: `trainer_for.register(LBFGS, ...)`."""
    return Trainer
