"""The loss over the learning rate, in a short training whose rate grows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import validation
from ..data import Examples
from ..errors import NonFiniteError, SettingError
from ..model import Model
from ..objective import Objective
from ..optimizers import Optimizer
from ..trainer import Trainer, trainer_for, update

SMOOTHING = 0.9  # share of the past in the mean of the losses
DIVERGED = 4  # times the lowest loss: larger losses end the curve


@dataclass(frozen=True)
class RateCurve:
    """The learning rate of each step and the smoothed loss of its batch, both (steps,)."""

    rates: np.ndarray
    losses: np.ndarray

    @property
    def steepest(self) -> float:
        """The rate, up to the lowest loss, from which the loss falls fastest: a rate to begin with."""
        falling = np.diff(self.losses[: self.losses.argmin() + 1])
        return float(self.rates[falling.argmin()]) if falling.size else float(self.rates[0])

    @property
    def lowest(self) -> float:
        """The rate at which the loss is lowest: higher rates are too high."""
        return float(self.rates[self.losses.argmin()])


def learning_rate_curve(
    model: Model,
    x: Any,
    y: Any,
    *,
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
    sample_weight: Any = None,
) -> RateCurve:
    """Train a copy with a rate that grows from low to high, by the same factor in every step. (Smith 2017)

    The losses are a moving mean; the curve ends where it is 4 times its lowest value or not finite. The model and its
    optimizer do not change. `stable_learning_rate` gives the edge for all rows at the present weights; the curve shows
    which rates work for batches of a size, while the weights move.

    low, high   above 0
    steps       at least 2
    batch_size  rows of each step
    seed        of the order of the rows
    """
    who = "learning_rate_curve"
    validation.check_instance(who, "model", model, Model)
    low, high = (validation.check_real(who, name, value, "(0, inf)") for name, value in (("low", low), ("high", high)))
    if low >= high:
        raise SettingError(f"{who}: low must be below high, got {low} and {high}")
    steps = validation.check_integer(who, "steps", steps, 2)
    batch_size = validation.check_integer(who, "batch_size", batch_size, 1)
    if trainer_for(model.optimizer.serializable) is not Trainer:
        raise SettingError(
            f"{who}: {type(model.optimizer).__name__} has no learning rate; compile with SGD() or Adam()"
        )
    rows = model.examples(who, x, y, sample_weight)
    objective, optimizer = model.objective.copy(), copy.deepcopy(model.optimizer.serializable)
    optimizer.build(objective.params)
    rates = np.geomspace(low, high, steps)
    losses = np.array(_losses(objective, optimizer, _endless(rows, batch_size, seed), rates))
    if not len(losses):
        raise NonFiniteError(f"{who}: the loss is not finite at the model's weights")
    return RateCurve(rates[: len(losses)], losses)


def _endless(rows: Examples, size: int, seed: int) -> Iterator[Examples]:
    """Yield batches of the rows in a new order each time."""
    rng = np.random.default_rng(seed)
    while True:
        yield from rows.batches(size, rng.permutation(len(rows)))


def _losses(objective: Objective, optimizer: Optimizer, batches: Iterator[Examples], rates: np.ndarray) -> list[float]:
    """Train with these rates. Return the smoothed losses, until one is too large."""
    losses, mean = list[float](), 0.0
    with np.errstate(all="ignore"):
        for step, (rate, batch) in enumerate(zip(rates, batches, strict=False), 1):
            optimizer.learning_rate = float(rate)
            mean = SMOOTHING * mean + (1 - SMOOTHING) * objective.gradient(batch).data_loss
            loss = mean / (1 - SMOOTHING**step)  # the mean begins at 0
            if not loss <= DIVERGED * min(losses, default=loss):
                break
            losses.append(loss)
            update(objective, optimizer)
    return losses
