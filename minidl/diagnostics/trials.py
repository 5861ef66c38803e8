"""Short trainings of a twin, to see what a model does when it is trained."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..data import Examples
from ..optimizers import Adam, Optimizer
from .signals import quietened, some

if TYPE_CHECKING:
    from ..model import Model

STEPS, BATCH = 100, 32
TWENTY = 20


@dataclass
class Trial:
    """A training of so many steps.

    start, end      the data loss on all its rows before and after, infinite if it did not survive
    peak            the highest loss of a batch
    usual, largest  |step| / |w| of all kernels: the median over the steps, and the largest
    """

    start: float
    end: float
    peak: float
    usual: float
    largest: float

    @property
    def fall(self) -> float:
        """The part of the loss that it took away; negative if it added to it."""
        return 1 - self.end / self.start if self.start > 0 else 0.0


def train(
    model: Model,
    examples: Examples,
    optimizer: Optimizer,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    enough: float = 0.0,
) -> Trial:
    """Train the model, which must be nobody else's, until the mean loss of an epoch is `enough`; say how it went."""
    theta, kernels, rng = model.params.theta, model.params.kernels, np.random.default_rng(0)
    optimizer.build(model.params)
    losses, ratios, mean = list[float](), list[float](), math.inf
    with np.errstate(all="ignore"):
        start = model.data_gradient(examples)[0]
        while len(losses) < steps and mean > enough and np.isfinite(theta).all():
            begun = len(losses)
            for part in islice(examples.batches(batch, rng.permutation(len(examples))), steps - begun):
                before = theta[kernels].copy()
                losses.append(model.objective_and_gradient(part)[0])
                optimizer.update(theta, model.params.grad)
                ratios.append(_length(theta[kernels] - before) / (_length(before) or math.inf))
            mean = float(np.mean(losses[begun:]))
        end = model.data_gradient(examples)[0] if np.isfinite(theta).all() else math.inf
    return Trial(start, _finite(end), max(map(_finite, losses)), float(np.median(ratios)), max(ratios))


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _length(vector: np.ndarray) -> float:
    return math.sqrt(float(vector.dot(vector)))


def at_rate(model: Model, examples: Examples, factor: float) -> Trial:
    """A twin trained with its own optimiser, the learning rate that many times what it is."""
    optimizer = copy.deepcopy(model.optimizer)
    optimizer.learning_rate = factor * first_rate(optimizer)
    return train(model.twin(), examples, optimizer)


def first_rate(optimizer: Optimizer) -> float:
    """The learning rate of its first step."""
    rate = optimizer.learning_rate
    return float(rate(0) if callable(rate) else rate)


def by_heart(model: Model, examples: Examples, enough: float) -> Trial:
    """A quiet twin without penalties, trained on these few rows by Adam, at the better of two rates."""
    trials = list[Trial]()
    for rate in (0.01, 0.001):
        twin = quietened(model.twin())
        twin.penalties = []
        trials.append(train(twin, examples, Adam(rate), steps=2 * STEPS, batch=len(examples), enough=enough))
        if trials[-1].end <= enough:
            break
    return min(trials, key=lambda trial: trial.end)


def twenty(examples: Examples, classes: np.ndarray | None) -> Examples:
    """Twenty of the rows, of all classes alike if there are any."""
    if classes is None:
        return examples[some(len(examples), TWENTY)]
    place = np.empty(len(classes), int)  # of each row among those of its class
    for number in np.unique(classes):
        mine = classes == number
        place[mine] = np.arange(np.count_nonzero(mine))
    return examples[np.sort(np.argsort(place, kind="stable")[:TWENTY])]


def held_out(model: Model, rows: Examples, third: int, enough: float) -> tuple[float, float]:
    """The losses of a twin, trained by Adam without a third of the rows: on those it saw, and on those it did not."""
    mixed = np.random.default_rng(0).permutation(len(rows))
    aside = np.arange(len(rows)) % 3 == third
    twin, kept = model.twin(), rows[mixed[aside]]
    trial = train(twin, rows[mixed[~aside]], Adam(0.01), steps=4 * STEPS, enough=enough)
    with np.errstate(all="ignore"):
        return trial.end, float(twin.body_loss.value(twin.body.forward(kept.x), kept.y))
