"""What shows when a copy of the model is run or trained for a moment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import DataError
from ..gradcheck import check_model
from ..layers import Dropout
from ..optimizers import LBFGS
from .findings import Sign
from .signals import Signals, class_numbers, constant_loss, rms
from .trials import Trial, at_rate, by_heart, first_rate, held_out, twenty

GUIDE = 1e-3  # of a kernel's length, moved in a step (Karpathy, CS231n)
STANDING_STILL = GUIDE / 30
LITTLE = 0.1  # of the loss taken away: hardly learning
SLOW, VERY_SLOW = 5, 20  # times as much is taken away at a learning rate 100 times as high


def rows_that_mix(signals: Signals) -> Iterator[Sign]:
    """Rows whose outputs depend on the rows beside them, in inference."""
    model = signals.model.twin()
    x, paths = signals.rows.x, {id(layer): path for path, layer in model.layer.walk()}
    for layer in model.body.layers if len(x) > 1 else ():
        with np.errstate(all="ignore"):
            together = layer.forward(x)
            halves = np.concatenate([layer.forward(half) for half in np.array_split(x, 2)])
            difference = float(np.abs(together - halves).max()) / max(rms(together), 1e-30)
        if difference > 1e-2:
            path = paths[id(layer)]
            words = f"In inference the rows influence each other: beside other rows {path} puts out something else"
            words += f" (by {difference:.2g} times its size). A prediction then depends on who else is asked about."
            advice = "Use in forward only what belongs to the row; means over rows belong to training, as in"
            yield Sign("error", path, words, f"{advice} BatchNormalization.", {"difference": difference})
            return
        x = together


def wrong_gradient(signals: Signals) -> Iterator[Sign]:
    """A backward pass that is not the derivative of the forward pass."""
    part = signals.rows[:8]
    try:
        report = check_model(signals.model, part.x, part.y, depth="directions", raise_on_failure=False)
    except DataError as error:  # a layer that computes in float32
        figures = {"dtype": str(signals.model.dtype)}
        yield Sign("note", signals.model.name, f"Its gradient cannot be checked: {error}.", "See check_layer.", figures)
        return
    if not report.passed:
        path = report.guilty or ", ".join(report.wrong)
        difference = max((tensor.difference for tensor in report.wrong.values()), default=report.difference)
        words = f"The gradient of {', '.join(report.wrong)} is wrong (relative difference {difference:.1e})"
        words += f"{f': the backward of {report.guilty} is to blame' if report.guilty else ''}."
        advice = "See print(check_model(model, x, y, raise_on_failure=False))."
        yield Sign("error", path, words, advice, {"difference": difference, "wrong": list(report.wrong)})


def learning_rate(signals: Signals) -> Iterator[Sign]:
    """A learning rate at which a twin bolts or stands still, or does not learn while it does at another one."""
    if isinstance(signals.model.optimizer, LBFGS):
        return
    own = at_rate(signals.model, signals.rows, 1)
    # a step longer than the weights, and a loss that jumps
    bolts = own.largest > 1 and own.peak > 2 * own.start
    if bolts or own.fall < LITTLE:
        yield from _too_high(signals, own, bolts) or _too_low(signals, own)


def _too_high(signals: Signals, own: Trial, bolts: bool) -> list[Sign]:
    """The sign of a rate too high, with a smaller one at which it learns: six are tried if need be."""
    better, diverged = dict[float, Trial](), own.end > 2 * own.start
    for factors in ((1e-1, 1e-2, 1e-3), (1e-4, 1e-5, 1e-6)):
        trials = {factor: at_rate(signals.model, signals.rows, factor) for factor in factors}
        better |= {factor: trial for factor, trial in trials.items() if trial.end < 0.95 * own.end}
        learning = [f for f, trial in better.items() if trial.fall > LITTLE and trial.end < signals.constant]
        if learning:
            factor = min(learning[::-1], key=lambda factor: better[factor].end) if bolts else learning[0]
            return [_other_rate("warning", signals, own, factor, better[factor])]
        if not (bolts or diverged):
            return []
    return [_other_rate("warning", signals, own, factors[-1], None)] if better or diverged else []


def _too_low(signals: Signals, own: Trial) -> list[Sign]:
    trials = {factor: at_rate(signals.model, signals.rows, factor) for factor in (10, 100, 1e3, 1e4)}
    if 0 < own.usual < STANDING_STILL:
        factor = next((factor for factor, trial in trials.items() if trial.usual > GUIDE / 3), 1e4)
        return [_other_rate("warning", signals, own, factor, trials[factor])]
    best = max(trial.fall for trial in trials.values())
    factor = next((factor for factor, trial in trials.items() if trial.fall >= best / 2), 0)
    if factor < 100 or best < max(SLOW * own.fall, LITTLE):
        return []
    severity = "warning" if best > VERY_SLOW * own.fall else "note"
    return [_other_rate(severity, signals, own, factor, trials[factor])]


def _other_rate(severity: str, signals: Signals, own: Trial, factor: float, other: Trial | None) -> Sign:
    """The sign of a rate too high or too low; `other` is what the rate did that it advises, None where none learnt."""
    rate = first_rate(signals.model.optimizer)
    words = f"The learning rate is too {'high' if factor < 1 else 'low'}: at {rate:g} 100 steps bring the loss from"
    words += f" {own.start:.4g} {_to(own)}, each up to {own.largest:.1g} times as long as the weights (0.001 is usual)"
    figures = {"rate": rate, "start": own.start, "end": own.end}
    figures |= {"usual_ratio": own.usual, "largest_ratio": own.largest}
    if other is None:
        return Sign(severity, "optimizer", f"{words}.", "Try a much smaller one.", figures)
    words += f"; at {rate * factor:g} they bring it {_to(other)}."
    figures |= {"other_rate": rate * factor, "other_end": other.end}
    return Sign(severity, "optimizer", words, f"Try {rate * factor:g}.", figures)


def _to(trial: Trial) -> str:
    return f"to {trial.end:.4g}" if np.isfinite(trial.end) else "to an overflow"


def learning_by_heart(signals: Signals) -> Iterator[Sign]:
    """A network that cannot learn twenty rows by heart, when nothing keeps it from it."""
    classes = class_numbers(signals.rows.y)
    few = twenty(signals.rows, classes)
    known = constant_loss(signals.model.objective.loss, few.y, signals.outputs.shape[1:])
    if len(few) < 2 or known < 1e-6:
        return
    trial = by_heart(signals.model, few, known / 2)
    if trial.end > known / 2:
        words = (
            f"It cannot learn {len(few)} rows by heart, with dropout and penalties off: 200 steps of Adam bring their"
        )
        words += f" loss to {trial.end:.3g}, a constant has {known:.3g}."
        advice = "More units, or a look at layers, loss and targets: something is in the way."
        figures = {"rows": len(few), "start": trial.start, "end": trial.end, "constant": known}
        yield Sign("warning", signals.model.name, words, advice, figures)


def learning_the_noise(signals: Signals) -> Iterator[Sign]:
    """A network that does much better on the rows it has seen than on those kept aside: it learns their noise."""
    rows = signals.rows
    if len(rows) < 30:
        return
    known = constant_loss(signals.model.objective.loss, rows.y, signals.outputs.shape[1:])
    thirds = range(3 if len(rows) < 150 else 1)  # of few rows a third says little: each is kept aside once
    losses = [held_out(signals.model, rows, third, known / 20) for third in thirds]
    seen, aside = (sum(losses) / len(thirds) for losses in zip(*losses, strict=True))
    if aside - seen > known / 3 > 0:
        words = f"A short training brings the loss to {seen:.2g} on the rows it sees and to {aside:.2g} on a third kept"
        words += f" aside; a constant has {known:.2g}. With {signals.model.params.theta.size:,} parameters for"
        words += f" {len(signals.all_rows):,} rows it learns the noise."
        advice = "Watch val_loss, with EarlyStopping; more rows, fewer units, L2 or Dropout help"
        regularised = signals.model.penalties or any(isinstance(s.layer, Dropout) for s in signals.layers)
        figures = {"seen": seen, "aside": aside, "constant": known, "parameters": signals.model.params.theta.size}
        yield Sign("note", signals.model.name, words, advice + ("." if regularised else ": there is none."), figures)
