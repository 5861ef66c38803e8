"""Whether layers, loss and penalties belong together: read off the model, without training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layers import (
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from ..losses import BinaryCrossentropy, Hinge, Loss, Poisson
from ..registry import LAYERS
from .findings import Sign
from .signals import Signals

RANGES: dict[type[Layer], tuple[float, float]] = {
    cls: (entry.output_range.low, entry.output_range.high) for cls, entry in LAYERS.items() if entry.output_range
}
PROBABILITIES = (Sigmoid, Softmax)
TOO_MANY_DROPPED, MANY_DROPPED = 0.8, 0.5
PENALTY = 10.0  # times the data loss
VERY_HIGH = 3.0  # times what is high already for a first loss


def _class(thing: object) -> str:
    return type(thing).__name__


def output_and_loss(signals: Signals) -> Iterator[Sign]:
    """An output activation and a loss that don't belong together. Of all that may be said, the first."""
    loss, last = signals.model.objective.loss, signals.last
    for sign in (*_of_one_softmax(signals), *_of_crossentropy(signals, loss, last), *_of_others(signals, loss, last)):
        yield sign
        return


def _of_one_softmax(signals: Signals) -> Iterator[Sign]:
    if isinstance(signals.last, Softmax) and signals.outputs.shape[1:] == (1,):
        words = "Softmax has one unit: it divides a number by itself, so the output is 1 whatever the weights are."
        yield _sign("error", words, "Use Dense(1), Sigmoid() with BinaryCrossentropy().", signals)


def _of_crossentropy(signals: Signals, loss: Loss, last: Layer) -> Iterator[Sign]:
    if loss.link is None:
        return
    belonging, model = loss.link.__name__, signals.model
    if model.body_loss is not loss or getattr(loss, "from_logits", False):
        before = model.body.layers[-1] if model.body.layers else None
        low, high = RANGES.get(type(before), (-np.inf, np.inf)) if before else (-np.inf, np.inf)
        if isinstance(before, (ReLU, *PROBABILITIES, Tanh, Softplus)):
            words = f"{_class(before)} stands between the last Dense and the loss, so that logits stay in"
            words += f" [{low:g}, {high:g}]: not every probability can be said."
            yield _sign("error", words, f"Take that {_class(before)} away.", signals)
        return
    low, high = float(signals.outputs.min()), float(signals.outputs.max())
    if not isinstance(last, PROBABILITIES) and (type(last) in (Dense, *RANGES) or low < 0 or high > 1):
        words = f"{_class(loss)} takes probabilities, but the model ends in {_class(last)} and puts out"
        words += f" {low:.3g} to {high:.3g}."
        yield _sign("error", words, f"End it with {belonging}(), or pass from_logits=True to the loss.", signals)
    elif isinstance(last, PROBABILITIES):
        words = f"{_class(loss)} belongs to {belonging}, but the model ends in {_class(last)}."
        yield _sign("warning", words, f"End it with {belonging}(), or use the loss of {_class(last)}.", signals)


def _of_others(signals: Signals, loss: Loss, last: Layer) -> Iterator[Sign]:
    if loss.link is not None:
        return
    y, ending = signals.all_rows.y, _class(last)
    low, high = RANGES.get(type(last), (-np.inf, np.inf))
    beyond = float(np.mean((y < low) | (y > high)))
    if isinstance(loss, Hinge):
        if isinstance(last, (*PROBABILITIES, ReLU, Softplus)):
            words = f"Hinge takes margins of either sign, but the model ends in {ending}."
            yield _sign("warning", words, f"Take {ending} away, or use the loss that belongs to it.", signals)
    elif isinstance(loss, Poisson):
        if float(signals.outputs.min()) < 0:
            words = f"Poisson takes rates of at least 0, but the model puts out {float(signals.outputs.min()):.3g}."
            yield _sign("error", words, "End it with Softplus().", signals)
    elif beyond > 0.01:
        words = f"The model ends in {ending}, which puts out {low:g} to {high:g}, but {beyond:.0%} of the targets lie"
        words += " outside: it can never say them."
        yield _sign("error", words, f"End it with Dense alone, or bring the targets into [{low:g}, {high:g}].", signals)
    elif signals.classes is not None and len(np.unique(signals.classes)) > 1:
        k = int(signals.classes.max()) + 1
        right = "Sigmoid() and BinaryCrossentropy()" if k == 2 and y.shape[1] == 1 else f"Dense({k}), Softmax()"
        words = f"The targets are {k} classes, but {_class(loss)} takes them for amounts; after {ending} its slope is"
        words += " weak where the network is wrong and sure." if isinstance(last, PROBABILITIES) else " not theirs."
        yield _sign("warning", words, f"Use {right}, which minidl takes from the logits.", signals)


def _sign(severity: str, words: str, advice: str, signals: Signals) -> Sign:
    figures = {
        "output": _class(signals.last),
        "loss": _class(signals.model.objective.loss),
        "lowest": float(signals.outputs.min()),
        "highest": float(signals.outputs.max()),
    }
    return Sign(severity, "loss", words, advice, figures)


def exclusive_classes(signals: Signals) -> Iterator[Sign]:
    """One-hot targets learnt as if several could be right at once."""
    several = signals.rows.y.shape[1] > 1 and signals.classes is not None
    if several and isinstance(signals.last, Sigmoid) and isinstance(signals.model.objective.loss, BinaryCrossentropy):
        words = "Every row belongs to one class, but Sigmoid lets several be right at once."
        yield _sign("note", words, "End with Softmax() and CategoricalCrossentropy().", signals)


# ---- layers


def missing_activation(signals: Signals) -> Iterator[Sign]:
    """Dense after Dense with nothing bent in between."""
    harmless = (Dropout, GaussianNoise, Flatten, BatchNormalization)
    paths, previous = list[str](), ""
    for path, layer in _sequence(signals):
        if isinstance(layer, Dense) and previous:
            paths.append(f"{previous}, {path}")
        previous = path if isinstance(layer, Dense) else previous if isinstance(layer, harmless) else ""
    if paths:
        words = f"Nothing stands between {paths[0].replace(', ', ' and ')}: together they are one linear map."
        advice = "Put an activation such as ReLU() between them."
        yield Sign(
            "warning", ", ".join(dict.fromkeys(", ".join(paths).split(", "))), words, advice, {"pairs": len(paths)}
        )


def _sequence(signals: Signals) -> list[tuple[str, Layer]]:
    """The layers that run one after the other in the outermost chain, in their order."""
    paths = {id(layer): path for path, layer in signals.model.layer.walk()}
    return [(paths[id(layer)], layer) for layer in signals.model.body.layers]


def dropout(signals: Signals) -> Iterator[Sign]:
    """Rates that leave too little, and dropout of what the loss sees."""
    rates = {path: layer.rate for path, layer in signals.model.layer.walk() if isinstance(layer, Dropout)}
    many = {path: rate for path, rate in rates.items() if rate > MANY_DROPPED}
    if many:
        highest = max(many.values())
        severity = "warning" if highest >= TOO_MANY_DROPPED else "note"
        words = (
            f"A rate of {highest:g} keeps {1 - highest:.0%} of the units, each {1 / (1 - highest):.3g} times as loud:"
        )
        words += " the noise of that drowns the signal." if severity == "warning" else " more than half are dropped."
        advice = "Try rates of 0.2 to 0.5 on hidden layers, 0.2 or none on the inputs."
        yield Sign(severity, ", ".join(many), words, advice, {"rates": many})
    sequence = _sequence(signals)
    last_kernel = max((i for i, (_, layer) in enumerate(sequence) if layer.named_parameters()), default=-1)
    behind = [path for path, layer in sequence[last_kernel + 1 :] if isinstance(layer, Dropout) and layer.rate]
    if behind and last_kernel >= 0:
        words = f"{behind[0]} drops the outputs themselves: the loss sees zeros in their place."
        yield Sign("warning", behind[0], words, "Put it before the last Dense.", {"rate": rates[behind[0]]})


def too_much_penalty(signals: Signals) -> Iterator[Sign]:
    """A penalty beside which the data do not count."""
    if signals.loss > 0 and signals.penalty > PENALTY * signals.loss:
        words = f"The penalty is {signals.penalty:,.3g} for a batch of 32, the data loss {signals.loss:,.3g}: what is"
        words += " learnt is to have small weights."
        yield Sign(
            "warning", "loss", words, "Make lambd smaller.", {"penalty": signals.penalty, "data_loss": signals.loss}
        )


def first_loss(signals: Signals) -> Iterator[Sign]:
    """A loss much worse than that of a network that knows nothing."""
    if signals.chance < 1e-12:
        return  # nothing can be unknown
    worse = signals.loss / signals.chance
    probable = signals.model.objective.loss.link is not None
    high = 3.0 if probable else 10.0
    if worse > high or not np.isfinite(worse):
        knowing = "even odds" if probable else "the mean target"
        words = f"The loss is {signals.loss:,.4g}; saying {knowing} has {signals.chance:,.4g}. The network is sure of"
        words += " what it does not know." if probable else " numbers far from the targets."
        advice = (
            "Start with smaller weights, on standardised inputs." if probable else "Standardise inputs and targets."
        )
        severity = "note" if worse < VERY_HIGH * high else "warning"
        yield Sign(severity, "loss", words, advice, {"loss": signals.loss, "chance": signals.chance})


def lagging_statistics(signals: Signals) -> Iterator[Sign]:
    """Moving averages of a BatchNormalization that are not yet those of the data."""
    lagging = [path for path, layer in signals.model.layer.walk() if isinstance(layer, BatchNormalization)]
    if not lagging:
        return
    with np.errstate(all="ignore"):
        z = signals.model.twin().body.forward(signals.rows.x)
        inference = float(signals.model.body_loss.value(z, signals.rows.y))
    if inference - signals.loss > signals.constant / 3:
        words = (
            f"On the same rows the loss is {signals.loss:.3g} in training and {inference:.3g} in inference: the moving"
        )
        words += " averages are not yet those of the data."
        advice = "Train for more steps, or with a smaller momentum such as 0.9."
        yield Sign("warning", ", ".join(lagging), words, advice, {"training": signals.loss, "inference": inference})
