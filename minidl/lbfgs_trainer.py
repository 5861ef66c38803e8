"""The trainer of LBFGS, which evaluates the objective of all rows where SciPy asks for it."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from .data import BatchStream
from .errors import SettingError
from .evaluation import Figures
from .optimizers import LBFGS
from .trainer import Trainer, trainer_for


class LBFGSTrainer(Trainer):
    """Minimises the objective of all rows with SciPy's L-BFGS-B. An epoch is one of its iterations.

    Batches only say how many rows are evaluated at a time. However the training ends, the weights are those of the last
    point that SciPy has accepted.
    """

    remedy = "Scale the inputs, or start from smaller weights"

    def run_epochs(self) -> Figures:
        if isinstance(self.source, BatchStream) and self.source.passes_once:
            remedy = "pass arrays, or an object with __len__ and __getitem__"
            raise SettingError(f"fit: LBFGS needs all batches many times, a generator yields them once; {remedy}")
        if self.objective.limits:
            remedy = "remove the constraints, or use an optimizer that takes steps, such as Adam()"
            raise SettingError(f"fit: LBFGS cannot keep constraints such as MaxNorm; {remedy}")
        params, state, logs = self.objective.params, self.state, Figures()
        theta, accepted = params.theta, params.theta.copy()
        evaluated = begun = False  # SciPy evaluates the start first, and makes no iteration if it is good enough

        def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal evaluated, begun
            if evaluated and not begun:
                self.begin_epoch()
                begun = True
            evaluated = True
            theta[:] = point
            return self._evaluate(), params.grad.astype(float)

        def after_iteration(point: np.ndarray) -> bool:
            nonlocal begun
            accepted[:] = point  # the line search ended here: loss and gradient are those of this point
            for hook in self.callbacks.on_gradients:
                hook(0, self.figures())
            logs.update(self.end_epoch())
            begun = False
            return self.stopped or state.epoch >= self.options.epochs

        try:
            if state.epoch < self.options.epochs and not self.stopped:
                iterations = self.options.epochs - state.epoch
                cast(LBFGS, self.optimizer).minimize(objective, theta, iterations, after_iteration)
        finally:
            theta[:] = accepted
        return logs

    def _evaluate(self) -> float:
        """The objective over all rows, batch by batch; its gradient goes to params.grad, its figures to the state."""
        objective, state, grad = self.objective, self.state, self.objective.params.grad
        drawn, total = objective.streams.masks.bit_generator.state, np.zeros_like(grad)
        state.rows, state.data_sum = 0.0, 0.0
        for metric in self.metrics.values():
            metric.reset()
        for batch in self.source.batches(self.options.batch_size):
            self.batch = batch
            data_loss, rows, outputs = self.data_gradient(batch)
            total += rows * grad
            state.rows += rows
            state.data_sum += rows * data_loss
            self.measure(batch, outputs)
        np.divide(total, state.rows, out=grad)
        penalty = objective.add_penalty_gradient(state.rows)
        if objective.streams.masks.bit_generator.state != drawn:
            raise SettingError("fit: LBFGS needs an objective that is the same each time, without Dropout or noise")
        value = state.data_sum / state.rows + penalty
        if not (math.isfinite(value) and objective.params.first_not_finite() is None):
            self.check_finite(value, objective.state)
        grad[objective.frozen] = 0
        state.penalty_sum = penalty * state.rows
        return value


trainer_for.register(LBFGS, lambda optimizer: LBFGSTrainer)
