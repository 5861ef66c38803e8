"""Rules that run or train a copy of the model for a moment."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..errors import DataError
from ..gradcheck import check_model
from ..trainer import Trainer, trainer_for
from ._baselines import class_labels, constant_loss
from ._rule import Evidence, Observation, rule
from ._signals import Signals, is_regularized, rms, sequence
from ._trials import Trial, few_rows, first_rate, hold_out, memorize, try_rate

USUAL_RATIO = 1e-3  # |step| / |w| of a kernel (Karpathy, CS231n)
STANDING_STILL = USUAL_RATIO / 30
LITTLE = 0.1  # share by which the loss falls: hardly learning
RATE_SOURCE = "Smith 2017, 3.3; Bengio 2012, 3.1.1"
BETTER, MUCH_BETTER = 5, 20  # times the fall of the loss, at a learning rate 100 times as high


@rule("rows-mix", source="Ioffe & Szegedy 2015, 3.1")
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


@rule("wrong-gradient", source="Squire & Trapp 1998")
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


# ---- learning rate


@rule("learning-rate", source=RATE_SOURCE, reads=Evidence.BEFORE, explains=("by-heart",), costly=True)
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
    if other is None:
        return Observation(severity, "optimizer", f"{words}.", "Try a much smaller one.", figures)
    figures |= {"other_rate": rate * factor, "other_end": other.end}
    words += f"; at {rate * factor:g} they take it {_to(other)}."
    return Observation(severity, "optimizer", words, f"Try {rate * factor:g}.", figures)


def _to(trial: Trial) -> str:
    return f"to {trial.end:.4g}" if math.isfinite(trial.end) else "to an overflow"


# ---- capacity


@rule("by-heart", source="Karpathy, CS231n, sanity checks", reads=Evidence.BEFORE, costly=True)
def memorizing(signals: Signals) -> Iterator[Observation]:
    """A network that cannot memorize twenty rows, with nothing to prevent it."""
    few = few_rows(signals.rows, class_labels(signals.rows.y))
    constant = constant_loss(signals.loss_function, few.y, signals.outputs.shape[1:])
    if len(few) < 2 or constant < 1e-6:
        return
    trial = memorize(signals.objective, few, constant / 2)
    if trial.end > constant / 2:
        words = (
            f"The network cannot memorize {len(few)} rows, with dropout and penalties off: "
            f"200 steps of Adam take their loss to {trial.end:.3g}; a constant prediction gives {constant:.3g}."
        )
        advice = "Use more units, or check layers, loss and targets: something prevents learning."
        figures = {"rows": len(few), "start": trial.start, "end": trial.end, "constant": constant}
        yield Observation("warning", signals.model.name, words, advice, figures)


@rule("learns-noise", source="Zhang et al. 2017; Prechelt 1998", reads=Evidence.BEFORE, costly=True)
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
