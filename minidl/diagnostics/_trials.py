"""Trials: short trainings of a copy of the objective."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..data import Examples
from ..objective import Objective
from ..optimizers import Adam, Optimizer
from ..trainer import update
from ._signals import sample_rows, without_noise

STEPS, BATCH = 100, 32
FEW = 20


@dataclass
class Trial:
    """The result of a short training.

    start, end      the data loss on all its rows before and after; infinite if it diverged
    peak            the largest loss of a batch
    usual, largest  |step| / |w| of all kernels: the median over the steps, and the largest
    """

    start: float
    end: float
    peak: float
    usual: float
    largest: float

    @property
    def fall(self) -> float:
        """The share by which the loss fell; negative if it rose."""
        return 1 - self.end / self.start if self.start > 0 else 0.0


def train(
    objective: Objective,
    examples: Examples,
    optimizer: Optimizer,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    enough: float = 0.0,
) -> Trial:
    """Train the objective in place, for so many steps or until the mean loss of an epoch is `enough`."""
    theta, kernels, rng = objective.params.theta, objective.params.kernels, np.random.default_rng(0)
    optimizer.build(objective.params)
    losses, ratios, mean = list[float](), list[float](), math.inf
    with np.errstate(all="ignore"):
        start = objective.data_gradient(examples)[0]
        while len(losses) < steps and mean > enough and np.isfinite(theta).all():
            begun = len(losses)
            for part in islice(examples.batches(batch, rng.permutation(len(examples))), steps - begun):
                before = theta[kernels].copy()
                losses.append(objective.gradient(part).data_loss)
                update(objective, optimizer)
                ratios.append(_length(theta[kernels] - before) / (_length(before) or math.inf))
            mean = float(np.mean(losses[begun:]))
        end = objective.data_gradient(examples)[0] if np.isfinite(theta).all() else math.inf
    return Trial(start, _finite(end), max(map(_finite, losses)), float(np.median(ratios)), max(ratios))


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _length(vector: np.ndarray) -> float:
    return math.sqrt(float(vector.dot(vector)))


def try_rate(objective: Objective, optimizer: Optimizer, examples: Examples, factor: float) -> Trial:
    """Train a copy with a copy of the optimizer, its learning rate multiplied by the factor."""
    optimizer = copy.deepcopy(optimizer.serializable)
    optimizer.learning_rate = factor * first_rate(optimizer)
    return train(objective.copy(), examples, optimizer)


def first_rate(optimizer: Optimizer) -> float:
    """The learning rate of the optimizer's first step."""
    rate = optimizer.learning_rate
    return float(rate(0) if callable(rate) else rate)


def memorize(objective: Objective, examples: Examples, enough: float) -> Trial:
    """Train copies without noise and penalties on a few rows, by Adam at two rates, and return the better trial."""
    trials = list[Trial]()
    for rate in (0.01, 0.001):
        quiet = without_noise(objective).without_penalties()
        trials.append(train(quiet, examples, Adam(rate), steps=2 * STEPS, batch=len(examples), enough=enough))
        if trials[-1].end <= enough:
            break
    return min(trials, key=lambda trial: trial.end)


def few_rows(examples: Examples, classes: np.ndarray | None) -> Examples:
    """Twenty of the rows, with as many of each class as of the others if there are classes."""
    if classes is None:
        return examples[sample_rows(len(examples), FEW)]
    rank = np.empty(len(classes), int)  # of each row among those of its class
    for label in np.unique(classes):
        members = classes == label
        rank[members] = np.arange(np.count_nonzero(members))
    return examples[np.sort(np.argsort(rank, kind="stable")[:FEW])]


def hold_out(objective: Objective, rows: Examples, third: int, enough: float) -> tuple[float, float]:
    """Train a copy by Adam on two thirds of the rows. Return the loss on those and on the held-out third."""
    shuffled = np.random.default_rng(0).permutation(len(rows))
    held_out = np.arange(len(rows)) % 3 == third
    trained, others = objective.copy(), rows[shuffled[held_out]]
    trial = train(trained, rows[shuffled[~held_out]], Adam(0.01), steps=4 * STEPS, enough=enough)
    with np.errstate(all="ignore"):
        return trial.end, trained.value(others).data_loss
