"""Short trainings of a twin, to see what a model does when it is trained."""

from __future__ import annotations

import copy
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
    """A training of so many steps: the data loss on its rows before, and after (infinite if it did not survive)."""

    start: float
    end: float

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
    params, rng, done = model.params, np.random.default_rng(0), 0
    optimizer.build(params)
    with np.errstate(all="ignore"):
        start, mean = model.data_gradient(examples)[0], np.inf
        while done < steps and mean > enough:
            losses = []
            for part in islice(examples.batches(batch, rng.permutation(len(examples))), steps - done):
                losses.append(model.objective_and_gradient(part)[0])
                optimizer.update(params.theta, params.grad)
                done += 1
            mean = float(np.mean(losses))
            if not np.isfinite(params.theta).all():
                return Trial(start, np.inf)
        end = model.data_gradient(examples)[0]
    return Trial(start, end if np.isfinite(end) else np.inf)


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
    """A quiet twin without penalties, trained on these few rows by Adam, at a lower rate if the first is too high."""
    for rate in (0.01, 0.001):
        twin = quietened(model.twin())
        twin.penalties = []
        trial = train(twin, examples, Adam(rate), steps=2 * STEPS, batch=len(examples), enough=enough)
        if trial.end <= enough:
            break
    return trial


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
    trial = train(twin, rows[mixed[~aside]], Adam(0.01), steps=6 * STEPS, enough=enough)
    with np.errstate(all="ignore"):
        return trial.end, float(twin.body_loss.value(twin.body.forward(kept.x), kept.y))
