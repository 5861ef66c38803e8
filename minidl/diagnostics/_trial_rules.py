"""Rules that run or train a copy of the model for a moment."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..curvature import Products, stability, stable_rate
from ..data import Examples
from ..errors import DataError, NonFiniteError, SettingError
from ..gradcheck import check_model
from ..objective import Objective
from ..optimizers import SGD, Adam, Optimizer
from ..trainer import Trainer, trainer_for, update
from ._evidence import (
    Signals,
    class_labels,
    constant_loss,
    is_regularized,
    lowest_loss,
    rms,
    sample_rows,
    sequence,
    without_noise,
)
from ._findings import Observation

USUAL_RATIO = 1e-3  # |step| / |w| of a kernel (Karpathy, CS231n)
STANDING_STILL = USUAL_RATIO / 30
LITTLE = 0.1  # share by which the loss falls: hardly learning
BETTER, MUCH_BETTER = 5, 20  # times the fall of the loss, at a learning rate 100 times as high
STEPS, BATCH, FEW = 100, 32, 20


def rows_that_mix(signals: Signals) -> Iterator[Observation]:
    """Outputs that depend on the other rows of the batch in inference."""
    x = signals.rows.x
    for path, layer in sequence(signals.objective.copy()) if len(x) > 1 else ():
        with np.errstate(all="ignore"):
            together = layer.forward(x)
            halves = np.concatenate([layer.forward(half) for half in np.array_split(x, 2)])
            difference = float(np.abs(together - halves).max()) / max(rms(together), 1e-30)
        if difference > 1e-2:
            change = f"{difference:.2g} times its size"
            words = f"In inference a row's output of {path} depends on the other rows (it changes by {change})."
            advice = "Compute each row from itself alone; use means over rows in training only, as BatchNormalization."
            yield Observation("error", path, words, advice, {"difference": difference})
            return
        x = together


def wrong_gradient(signals: Signals) -> Iterator[Observation]:
    """A backward pass that is not the derivative of the forward pass."""
    model, part = signals.model, signals.rows[:8]
    try:
        report = check_model(model, part.x, part.y, depth="directions", raise_on_failure=False)
    except DataError as error:  # a layer that computes in float32
        words = f"Its gradient cannot be checked: {error}."
        yield Observation("note", model.name, words, "See check_layer.", {"dtype": str(model.dtype)})
        return
    if not report.passed:
        wrong = ", ".join(report.wrong)
        difference = max((tensor.difference for tensor in report.wrong.values()), default=report.difference)
        guilty = f": the mistake is in the backward of {report.guilty}" if report.guilty else ""
        words = f"The gradient of {wrong} is wrong (relative difference {difference:.1e}){guilty}."
        advice = "See print(check_model(model, x, y, raise_on_failure=False))."
        figures = {"difference": difference, "wrong": list(report.wrong)}
        yield Observation("error", report.guilty or wrong, words, advice, figures)
    elif any(tensor.coarse for tensor in report.tensors.values()):
        words = f"Its gradient cannot be checked to the last digits: {report.notes[0]}."
        yield Observation("note", model.name, words, "See check_layer.", {"dtype": str(model.dtype)})


def learning_rate(signals: Signals) -> Iterator[Observation]:
    """A learning rate at which a copy diverges or stands still, or does not learn although it does at another rate."""
    if trainer_for(signals.model.optimizer.serializable) is not Trainer:
        return  # LBFGS chooses its steps itself
    own = _at(signals, 1)
    jumps = own.largest > 1 and own.peak > 2 * own.start  # a step longer than the weights, and a loss that rises
    if jumps or own.fall < LITTLE:
        yield from _too_high(signals, own, jumps) or _too_low(signals, own)


def _at(signals: Signals, factor: float) -> Trial:
    return try_rate(signals.objective, signals.model.optimizer, signals.rows, factor)


def _too_high(signals: Signals, own: Trial, jumps: bool) -> list[Observation]:
    """The observation that the rate is too high, with a smaller one at which the model learns: six are tried."""
    better, diverged = dict[float, Trial](), own.end > 2 * own.start
    for factors in ((1e-1, 1e-2, 1e-3), (1e-4, 1e-5, 1e-6)):
        trials = {factor: _at(signals, factor) for factor in factors}
        better |= {factor: trial for factor, trial in trials.items() if trial.end < 0.95 * own.end}
        learning = [f for f, trial in better.items() if trial.fall > LITTLE and trial.end < signals.constant]
        if learning:
            factor = min(learning[::-1], key=lambda factor: better[factor].end) if jumps else learning[0]
            return [_other_rate("warning", signals, own, factor, better[factor])]
        if not (jumps or diverged):
            return []
    return [_other_rate("warning", signals, own, factors[-1], None)] if better or diverged else []


def _too_low(signals: Signals, own: Trial) -> list[Observation]:
    """The observation that the rate is too low, with a higher one at which the model learns: four are tried."""
    trials = {factor: _at(signals, factor) for factor in (10, 100, 1e3, 1e4)}
    if 0 < own.usual < STANDING_STILL:
        factor = next((factor for factor, trial in trials.items() if trial.usual > USUAL_RATIO / 3), 1e4)
        return [_other_rate("warning", signals, own, factor, trials[factor])]
    best = max(trial.fall for trial in trials.values())
    factor = next((factor for factor, trial in trials.items() if trial.fall >= best / 2), 0)
    if factor < 100 or best < max(BETTER * own.fall, LITTLE):
        return []
    severity = "warning" if best > MUCH_BETTER * own.fall else "note"
    return [_other_rate(severity, signals, own, factor, trials[factor])]


def _other_rate(severity: str, signals: Signals, own: Trial, factor: float, other: Trial | None) -> Observation:
    """The observation that the rate times the factor is better. `other`: its trial; None if no rate learned."""
    rate = first_rate(signals.model.optimizer)
    words = (
        f"The learning rate is too {'high' if factor < 1 else 'low'}: at {rate:g}, 100 steps take the loss from "
        f"{own.start:.4g} {_to(own)}, each up to {own.largest:.1g} times as long as the weights (0.001 is usual)"
    )
    figures = {"rate": rate, "start": own.start, "end": own.end}
    figures |= {"usual_ratio": own.usual, "largest_ratio": own.largest}
    if factor < 1 and (stable := _stable_rate(signals)):
        figures["stable_rate"] = stable
        words += f", and above {stable:.2g} gradient descent on all rows is unstable where the weights begin"
    if other is None:
        return Observation(severity, "optimizer", f"{words}.", "Try a much smaller one.", figures)
    figures |= {"other_rate": rate * factor, "other_end": other.end}
    words += f"; at {rate * factor:g} they take it {_to(other)}."
    return Observation(severity, "optimizer", words, f"Try {rate * factor:g}.", figures)


def _stable_rate(signals: Signals) -> float | None:
    """The edge of stability of SGD; None for other optimizers, and if a layer cannot compute with complex numbers."""
    optimizer, rows = signals.model.optimizer, signals.rows
    if type(optimizer) is not SGD:
        return None
    try:
        products = Products(signals.objective, rows)
    except (SettingError, NonFiniteError):
        return None
    rate = stable_rate(products, stability("diagnose", optimizer))
    return rate if math.isfinite(rate) else None


def _to(trial: Trial) -> str:
    return f"to {trial.end:.4g}" if math.isfinite(trial.end) else "to an overflow"


def memorizing(signals: Signals) -> Iterator[Observation]:
    """A network that cannot memorize twenty rows, with nothing to prevent it."""
    few = few_rows(signals.rows, class_labels(signals.rows.y))
    constant = constant_loss(signals.loss_function, few.y, signals.outputs.shape[1:])
    enough = (constant + lowest_loss(signals.loss_function, few.y, signals.outputs.shape[1:])) / 2
    if len(few) < 2 or constant < 1e-6:
        return
    trial = memorize(signals.objective, few, enough)
    if trial.end > enough:
        words = (
            f"The network cannot memorize {len(few)} rows, with dropout and penalties off: "
            f"200 steps of Adam take their loss to {trial.end:.3g}; a constant prediction gives {constant:.3g}."
        )
        advice = "Use more units, or check layers, loss and targets: something prevents learning."
        figures = {"rows": len(few), "start": trial.start, "end": trial.end, "constant": constant}
        yield Observation("warning", signals.model.name, words, advice, figures)


def learning_the_noise(signals: Signals) -> Iterator[Observation]:
    """A network whose loss is much smaller on the rows of a short training than on held-out rows."""
    rows, constant, size = signals.rows, signals.constant, signals.model.params.theta.size
    if len(rows) < 30:
        return
    thirds = range(3 if len(rows) < 150 else 1)  # on few rows one third says little: hold out each once
    losses = [hold_out(signals.objective, rows, third, constant / 20) for third in thirds]
    seen, aside = (sum(losses) / len(thirds) for losses in zip(*losses, strict=True))
    if aside - seen > constant / 3 > 0:
        words = (
            f"With {size:,} parameters for {len(signals.all_rows):,} rows the network learns the noise: training takes "
            f"the loss to {seen:.2g}, on held-out rows to {aside:.2g}; a constant prediction gives {constant:.2g}."
        )
        advice = "Watch val_loss, with EarlyStopping; more rows, fewer units, L2 or Dropout help"
        advice += "." if is_regularized(signals.objective) else " (the network has neither)."
        figures = {"seen": seen, "aside": aside, "constant": constant, "parameters": size}
        yield Observation("note", signals.model.name, words, advice, figures)


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
    """Train copies without noise and penalties on a few rows, by Adam at three rates, and return the best trial."""
    trials = list[Trial]()
    for rate in (0.01, 0.001, 0.0001):
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
