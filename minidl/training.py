"""The loop that trains a model: epochs, batches, and what is watched on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from . import _threads as threads
from .callbacks import Callback, CallbackList, History, call
from .data import Batches, Examples, Source
from .errors import NonFiniteError, SettingError
from .metrics import Metric
from .network import State
from .optimizers import LBFGS, Optimizer

if TYPE_CHECKING:
    from .model import Model

PREDICT_ROWS = 1024  # rows a batch where nothing is learnt: enough for the matrix product, few enough for the cache


@dataclass
class Position:
    """Where a training is: `epoch` epochs are done, and `batch` batches of the next one.

    order                        of that epoch, once it is drawn
    rows, data_sum, penalty_sum  over the rows of that epoch so far: its figures are made of them
    stopped                      whether a callback has ended the training
    states                       what metrics and callbacks remember, by their `state_names`
    """

    epoch: int = 0
    batch: int = 0
    order: np.ndarray | None = None
    rows: float = 0.0
    data_sum: float = 0.0
    penalty_sum: float = 0.0
    stopped: bool = False
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Training:
    """What one `fit` works on, and its loop."""

    model: Model
    source: Source
    validation: Source | None
    batch_size: int
    epochs: int
    position: Position
    hooks: CallbackList
    shuffle: bool = True
    validation_batch_size: int | None = None
    validation_freq: int = 1
    who: str = "fit"

    remedy: ClassVar[str] = "Try a smaller learning rate (now {0.rate:g})"

    def run(self) -> History:
        """Train until the epochs are done or a callback stops it."""
        model, hooks = self.model, self.hooks
        model.training, model.stop_training, model.position = self, False, None
        model.params.grad.fill(math.nan)  # what no backward writes shows in the first step
        try:
            # a value that overflows ends in NonFiniteError, which says more than NumPy's warnings
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                call(hooks.on_train_begin, {})
                self._put_back()
                logs = self._epochs()
                model.optimizer.finish(model.params.theta)
                call(hooks.on_train_end, logs)
        finally:
            model.training = model.batch = None
            hooks.close_all()
        return model.history

    def one_step(self, who: str) -> dict[str, Any]:
        """One update, on the first batch, outside any epoch. Returns the figures before it."""
        self.who = who
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self._begin_epoch()
                self._step(next(iter(self.source.batches(self.batch_size))))
        finally:
            self.model.batch = None
        return self._figures()

    # ---- where it is

    def where(self) -> Position:
        """The position to save: from it, the training goes on as if it had never stopped."""
        states = {
            name: {state: getattr(holder, state) for state in holder.state_names}
            for name, holder in self._holders().items()
        }
        return replace(self.position, stopped=self.model.stop_training, states=states)

    def _put_back(self) -> None:
        """Give metrics and callbacks what they remembered when the position was saved."""
        holders = self._holders()
        for name, states in self.position.states.items():
            if name not in holders:
                remedy = "hand over the same metrics and callbacks, in the same order"
                raise SettingError(f"fit: the training to go on with has a {name}, this one has none; {remedy}")
            if set(states) != set(holders[name].state_names):
                remembered, wanted = ", ".join(states), ", ".join(holders[name].state_names)
                raise SettingError(f"fit: {name} of the training to go on with remembers {remembered}, not {wanted}")
            for state, value in states.items():
                setattr(holders[name], state, value)
        self.model.stop_training |= self.position.stopped
        self.position.states = {}

    def _holders(self) -> dict[str, Metric | Callback]:
        """Who has something to remember, each by a name that is the same in the next process."""
        holders: dict[str, Metric | Callback] = {f"metric {name}": m for name, m in self.model.metrics.items()}
        for number, callback in enumerate(c for c in self.hooks.callbacks if c.state_names):
            holders[f"callback {number} {type(callback).__name__}"] = callback
        return holders

    # ---- epochs and steps

    def _epochs(self) -> dict[str, Any]:
        position, model, logs = self.position, self.model, dict[str, Any]()
        largest = self._largest_product()
        while position.epoch < self.epochs and not model.stop_training:
            self._begin_epoch()
            with threads.for_products(largest):
                for batch in self.source.batches(self.batch_size, position.order, position.batch):
                    self._step(batch)
                    if self._stopped():
                        break
            logs = self._end_epoch()
        return logs

    def _largest_product(self) -> int:
        """How many multiplications the largest matrix product of a step takes."""
        kernels = (parameter.size for parameter in self.model.params.values() if len(parameter.shape) == 2)
        return self.source.batch_rows(self.batch_size) * max(kernels, default=0)

    def _begin_epoch(self) -> None:
        position, model = self.position, self.model
        for hook in self.hooks.on_epoch_begin:
            hook(position.epoch, {})
        if position.batch:
            return  # resumed: order and sums are there
        position.order = self.source.order(self.batch_size, model.rng) if self.shuffle else None
        position.rows, position.data_sum, position.penalty_sum = 0.0, 0.0, 0.0
        for metric in model.metrics.values():
            metric.reset()

    def _end_epoch(self) -> dict[str, Any]:
        position, logs = self.position, self._epoch_figures()
        epoch = position.epoch
        position.epoch, position.batch, position.order = epoch + 1, 0, None
        for hook in self.hooks.on_epoch_end:
            hook(epoch, logs)
        return logs

    def _step(self, batch: Examples) -> None:
        model, hooks, position = self.model, self.hooks, self.position
        number, grad = position.batch, model.params.grad
        for hook in hooks.on_train_batch_begin:
            hook(number, {})
        model.batch = batch
        before = model.state()
        data_loss, rows, z = self._data_gradient(batch)
        penalty = model.add_penalties(rows)
        # a finite square says that the whole gradient is finite
        if not (math.isfinite(data_loss + penalty) and math.isfinite(grad.dot(grad))):
            self._refuse_not_finite(data_loss + penalty, before)
            if model.stop_training:
                return
        position.rows += rows
        position.data_sum += rows * data_loss
        position.penalty_sum += rows * penalty
        if model.metrics:
            self._measure(batch, z)
        for hook in hooks.on_gradients:
            hook(number, self._figures(running=True))
        model.optimizer.update(model.params.theta, grad)
        position.batch = number + 1
        for hook in hooks.on_train_batch_end:
            hook(number, self._figures(running=True))

    def _data_gradient(self, batch: Examples) -> tuple[float, float, np.ndarray]:
        """Fills params.grad, returns (data loss, the rows it is the mean over, what the loss saw)."""
        data_loss, z = self.model.data_gradient(batch)
        return data_loss, batch.mass, z

    def _measure(self, batch: Examples, z: np.ndarray) -> None:
        """Feed the metrics."""
        self.model.measure(batch, z)

    def _stopped(self) -> bool:
        """Whether to end, now that a step is done."""
        return self.model.stop_training

    def _epoch_figures(self) -> dict[str, Any]:
        """The figures of the epoch that is over."""
        logs = self._figures()
        if self.validation is not None and (self.position.epoch + 1) % self.validation_freq == 0:
            logs |= self._validate(self.validation)
        return logs

    def _figures(self, *, running: bool = False) -> dict[str, Any]:
        position = self.position
        if not position.rows:  # stopped before its first batch was done
            return dict.fromkeys(self.model.figures(0.0, 0.0, running=True), math.nan)
        means = position.data_sum / position.rows, position.penalty_sum / position.rows
        return self.model.figures(*means, running=running)

    def _validate(self, source: Source) -> dict[str, Any]:
        rows = self.source.batch_rows(self.batch_size)
        logs = evaluate(self.model, source, rows, self.hooks, self.validation_batch_size or PREDICT_ROWS)
        return {f"val_{name}": value for name, value in logs.items()}

    def _refuse_not_finite(self, loss: float, state: State) -> None:
        """Raise NonFiniteError, unless a callback stops the training instead, or only the square was too large.

        The layers' state goes back to what it was before the step.
        """
        path = self.model.params.first_not_finite()
        if math.isfinite(loss) and path is None:
            return
        for layer, name, value in state:
            setattr(layer, name, value)
        what = "the gradient" if math.isfinite(loss) else "the loss"
        place = f"epoch {self.position.epoch + 1}, batch {self.position.batch + 1}"
        first = f"; the first gradient that is not finite is {path}" if path else ""
        remedy = self.remedy.format(self.model.optimizer)
        if math.isfinite(loss) and path and not self.model.optimizer.iterations:  # grad began as NaN
            remedy = f"Does the layer's backward set it? check_layer tells. {remedy}"
        error = NonFiniteError(
            f"{self.who}: {what} is not finite in {place}{first}. The weights are those of the step before. {remedy}"
        )
        for hook in self.hooks.on_not_finite:
            hook(error)
        if not self.model.stop_training:
            raise error


class Minimization(Training):
    """A training that LBFGS leads: SciPy asks for the objective where it likes, and calls back after each iteration.

    An iteration is an epoch. The objective is that of all rows: the batches only say how many are worked on at a time.
    The weights end, however it ends, at the last point that SciPy has accepted.
    """

    remedy = "Scale the inputs, or start from smaller weights"

    def _epochs(self) -> dict[str, Any]:
        model, position, logs = self.model, self.position, dict[str, Any]()
        theta, accepted = model.params.theta, model.params.theta.copy()
        looked = begun = False  # SciPy looks at the start first, and takes no iteration where that is good enough
        self._refuse_passing_batches()

        def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal looked, begun
            if looked and not begun:
                self._begin_epoch()
                begun = True
            looked = True
            theta[:] = point
            return self._objective(), model.params.grad.astype(float)

        def after_iteration(point: np.ndarray) -> bool:
            nonlocal begun
            accepted[:] = point  # where the line search has looked last: loss and gradient are those of this point
            for hook in self.hooks.on_gradients:
                hook(0, self._figures())
            logs.update(self._end_epoch())
            begun = False
            return model.stop_training or position.epoch >= self.epochs

        try:
            if position.epoch < self.epochs and not model.stop_training:
                iterations = self.epochs - position.epoch
                cast(LBFGS, model.optimizer).minimize(objective, theta, iterations, after_iteration)
        finally:
            theta[:] = accepted
        return logs

    def _refuse_passing_batches(self) -> None:
        if isinstance(self.source, Batches) and self.source.once is not None:
            remedy = "pass arrays, or an object with __len__ and __getitem__"
            raise SettingError(f"fit: LBFGS runs through all batches many times, a generator only once; {remedy}")

    def _objective(self) -> float:
        """The objective over all rows, a batch at a time; its gradient in params.grad, its figures in the position."""
        model, position, grad = self.model, self.position, self.model.params.grad
        drawn, summed = model.rng.bit_generator.state, np.zeros_like(grad)
        position.rows, position.data_sum = 0.0, 0.0
        for metric in model.metrics.values():
            metric.reset()
        for batch in self.source.batches(self.batch_size):
            model.batch = batch
            data_loss, rows, z = self._data_gradient(batch)
            summed += rows * grad
            position.rows += rows
            position.data_sum += rows * data_loss
            model.measure(batch, z)
        np.divide(summed, position.rows, out=grad)
        penalty = model.add_penalties(position.rows)
        if model.rng.bit_generator.state != drawn:
            raise SettingError("fit: LBFGS needs an objective that is the same each time, without Dropout or noise")
        value = position.data_sum / position.rows + penalty
        if not (math.isfinite(value) and model.params.first_not_finite() is None):
            self._refuse_not_finite(value, model.state())
        position.penalty_sum = penalty * position.rows
        return value


def kind_of(optimizer: Optimizer) -> type[Training]:
    """The loop that an optimiser needs: SciPy's for LBFGS, else the one that it names, else the ordinary one."""
    return Minimization if isinstance(optimizer, LBFGS) else optimizer.training or Training


def evaluate(
    model: Model, source: Source, penalty_rows: int, hooks: CallbackList, size: int = PREDICT_ROWS
) -> dict[str, Any]:
    """The figures over all of the source, nothing learnt; the penalty as in a training batch of penalty_rows."""
    call(hooks.on_test_begin, {})
    for metric in model.metrics.values():
        metric.reset()
    rows, data_sum, penalty = 0.0, 0.0, model.penalty(penalty_rows)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for number, batch in enumerate(source.batches(size)):
            for hook in hooks.on_test_batch_begin:
                hook(number, {})
            z = model.body.forward(batch.x)
            rows += batch.mass
            data_sum += batch.mass * float(model.body_loss.value(z, batch.y, batch.weight))
            model.measure(batch, z)
            for hook in hooks.on_test_batch_end:
                hook(number, model.figures(data_sum / rows, penalty, running=True))
    logs = model.figures(data_sum / rows, penalty)
    call(hooks.on_test_end, logs)
    return logs
