"""Rules on layers, loss and penalties: whether they fit together, read from the model without training."""

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
from ..registry import entry_of
from ..validation import REAL_LINE
from ._rule import POOR_TRAINING, POOR_VALIDATION, WRONG_SIZES, Evidence, Observation, rule
from ._signals import Signals, sequence

PROBABILITIES = (Sigmoid, Softmax)
TOO_MANY_DROPPED, MANY_DROPPED = 0.8, 0.5
PENALTY = 10.0  # times the data loss
VERY_HIGH = 3.0  # times the first loss that is already high

_Problem = tuple[str, str, str]  # severity, words, advice


# ---- the output activation, the loss and the targets


@rule("output-and-loss", source="Bishop 2006, 4.3; Goodfellow et al. 2016, 6.2.2", explains=WRONG_SIZES)
def output_and_loss(signals: Signals) -> Iterator[Observation]:
    """An output activation and a loss that do not fit together, or do not fit the targets: the first problem found."""
    loss, last = signals.loss_function, signals.last
    if isinstance(last, Softmax) and signals.outputs.shape[1:] == (1,):
        words = "Softmax has one unit: it divides a number by itself, so its output is always 1."
        problem: _Problem | None = ("error", words, "Use Dense(1), Sigmoid() and BinaryCrossentropy().")
    elif loss.link is None:
        problem = _without_link(signals, loss, last)
    elif loss.from_logits or signals.objective.activation is not None:
        problem = _logits(signals)
    else:
        problem = _probabilities(signals, loss, last, loss.link.__name__)
    if problem is not None:
        severity, words, advice = problem
        yield Observation(severity, "loss", words, advice, _output_figures(signals))


def _output_figures(signals: Signals) -> dict[str, str | float]:
    figures: dict[str, str | float] = {"output": _class(signals.last), "loss": _class(signals.loss_function)}
    return figures | {"lowest": float(signals.outputs.min()), "highest": float(signals.outputs.max())}


def _class(thing: object) -> str:
    return type(thing).__name__


def _logits(signals: Signals) -> _Problem | None:
    """An activation that restricts the logits."""
    layers = signals.objective.layers.layers
    if not layers or not isinstance(layers[-1], (ReLU, *PROBABILITIES, Tanh, Softplus)):
        return None
    name, interval = _class(layers[-1]), entry_of(layers[-1]).output_range
    words = f"{name} before the loss keeps the logits in {interval}: some probabilities cannot be reached."
    return "error", words, f"Remove {name}."


def _probabilities(signals: Signals, loss: Loss, last: Layer, link: str) -> _Problem | None:
    """Outputs that are not probabilities, or not those that the loss is made for."""
    low, high = float(signals.outputs.min()), float(signals.outputs.max())
    if isinstance(last, PROBABILITIES):
        words = f"{_class(loss)} is made for {link}, but the model ends in {_class(last)}."
        return "warning", words, f"End the model with {link}(), or use the loss made for {_class(last)}."
    if type(last) is Dense or entry_of(last).output_range is not None or low < 0 or high > 1:
        outputs = f"the model ends in {_class(last)} and returns {low:.3g} to {high:.3g}"
        words = f"{_class(loss)} takes probabilities, but {outputs}."
        return "error", words, f"End the model with {link}(), or pass from_logits=True to the loss."
    return None


def _without_link(signals: Signals, loss: Loss, last: Layer) -> _Problem | None:
    """A loss that is made for no particular activation, with an activation or targets that it cannot work with."""
    ending, lowest = _class(last), float(signals.outputs.min())
    if isinstance(loss, Hinge):
        if not isinstance(last, (*PROBABILITIES, ReLU, Softplus)):
            return None
        words = f"Hinge takes outputs of either sign, but the model ends in {ending}."
        return "warning", words, f"Remove {ending}, or use the loss made for it."
    if isinstance(loss, Poisson):
        words = f"Poisson takes rates of at least 0, but the smallest output is {lowest:.3g}."
        return ("error", words, "End the model with Softplus().") if lowest < 0 else None
    y, interval = signals.all_rows.y, entry_of(last).output_range or REAL_LINE
    beyond = float(np.mean((y < interval.low) | (y > interval.high)))
    if beyond > 0.01:
        words = f"The model ends in {ending}: {beyond:.0%} of the targets lie outside its range {interval}."
        return "error", words, f"End the model with Dense alone, or scale the targets to {interval}."
    return _classes_as_amounts(signals, loss, last)


def _classes_as_amounts(signals: Signals, loss: Loss, last: Layer) -> _Problem | None:
    """Targets that are classes, with a loss for amounts."""
    if signals.classes is None or len(np.unique(signals.classes)) < 2:
        return None
    k = int(signals.classes.max()) + 1
    one_column = k == 2 and signals.all_rows.y.shape[1] == 1
    weak = f"; after {_class(last)} its gradient is weak where the network is confidently wrong"
    words = f"The targets are {k} classes, but {_class(loss)} treats them as amounts"
    right = "Sigmoid() and BinaryCrossentropy()" if one_column else f"Dense({k}), Softmax()"
    advice = f"Use {right}, which minidl computes from the logits."
    return "warning", f"{words}{weak if isinstance(last, PROBABILITIES) else ''}.", advice


@rule("exclusive-classes", source="Bishop 2006, 4.3.4")
def exclusive_classes(signals: Signals) -> Iterator[Observation]:
    """One-hot targets, learned as if a row could have several classes."""
    one_hot = signals.rows.y.shape[1] > 1 and signals.classes is not None
    loss, last = signals.loss_function, signals.last
    if one_hot and isinstance(last, Sigmoid) and isinstance(loss, BinaryCrossentropy):
        words = "Every row has one class, but Sigmoid lets a row have several."
        advice = "End the model with Softmax(), and use CategoricalCrossentropy()."
        yield Observation("note", "loss", words, advice, _output_figures(signals))


@rule("first-loss", source="Karpathy, CS231n, sanity checks", reads=Evidence.BEFORE, explains=POOR_TRAINING)
def first_loss(signals: Signals) -> Iterator[Observation]:
    """A loss much larger than that of a network that has learned nothing."""
    if signals.chance < 1e-12:
        return  # every prediction is known
    probabilities = signals.loss_function.link is not None
    ratio, high = signals.loss / signals.chance, 3.0 if probabilities else 10.0
    if ratio > high or not np.isfinite(ratio):
        words = f"The loss is {signals.loss:,.4g}, even odds give {signals.chance:,.4g}: the network is too confident."
        advice = "Start with smaller weights and standardized inputs."
        if not probabilities:
            words = f"The loss is {signals.loss:,.4g}, the mean target gives {signals.chance:,.4g}."
            advice = "Standardize inputs and targets."
        severity = "note" if ratio < VERY_HIGH * high else "warning"
        yield Observation(severity, "loss", words, advice, {"loss": signals.loss, "chance": signals.chance})


@rule("large-penalty", source="Goodfellow et al. 2016, 7.1", explains=POOR_TRAINING)
def large_penalty(signals: Signals) -> Iterator[Observation]:
    """A penalty much larger than the data loss."""
    if signals.loss > 0 and signals.penalty > PENALTY * signals.loss:
        words = f"The penalty of a batch of 32 is {signals.penalty:,.3g}, the data loss only {signals.loss:,.3g}."
        figures = {"penalty": signals.penalty, "data_loss": signals.loss}
        yield Observation("warning", "loss", words, "Reduce lambd.", figures)


# ---- layers


@rule("missing-activation", source="Goodfellow et al. 2016, 6.1", explains=POOR_TRAINING)
def missing_activation(signals: Signals) -> Iterator[Observation]:
    """Dense after Dense without an activation between them."""
    linear = (Dropout, GaussianNoise, Flatten, BatchNormalization)
    pairs, previous = list[tuple[str, str]](), ""
    for path, layer in sequence(signals.objective):
        if isinstance(layer, Dense) and previous:
            pairs.append((previous, path))
        previous = path if isinstance(layer, Dense) else previous if isinstance(layer, linear) else ""
    if pairs:
        words = f"No activation stands between {' and '.join(pairs[0])}: together they are one linear map."
        paths = ", ".join(dict.fromkeys(path for pair in pairs for path in pair))
        advice = "Put an activation such as ReLU() between them."
        yield Observation("warning", paths, words, advice, {"pairs": len(pairs)})


@rule("dropout", source="Srivastava et al. 2014, 7.3", explains=POOR_TRAINING)
def dropout(signals: Signals) -> Iterator[Observation]:
    """Dropout that keeps too few units, or that drops outputs."""
    rates = {path: layer.rate for path, layer in signals.objective.network.walk() if isinstance(layer, Dropout)}
    high = {path: rate for path, rate in rates.items() if rate > MANY_DROPPED}
    if high:
        rate = max(high.values())
        severity = "warning" if rate >= TOO_MANY_DROPPED else "note"
        words = f"A rate of {rate:g} keeps {1 - rate:.0%} of the units and scales them by {1 / (1 - rate):.3g}."
        advice = "Try rates of 0.2 to 0.5 on hidden layers, 0.2 or no dropout on the inputs."
        yield Observation(severity, ", ".join(high), words, advice, {"rates": high})
    layers = sequence(signals.objective)
    last = max((i for i, (_, layer) in enumerate(layers) if layer.named_parameters()), default=len(layers))
    for path in [path for path, layer in layers[last + 1 :] if isinstance(layer, Dropout) and layer.rate][:1]:
        words = f"{path} drops the model's outputs: the loss sees zeros in their place."
        yield Observation("warning", path, words, "Put it before the last Dense.", {"rate": rates[path]})


@rule("lagging-statistics", source="Ioffe & Szegedy 2015, 3.1", reads=Evidence.AFTER, explains=POOR_VALIDATION)
def lagging_statistics(signals: Signals) -> Iterator[Observation]:
    """Moving averages of a BatchNormalization that differ from the statistics of the data."""
    layers = signals.objective.network.walk()
    lagging = [path for path, layer in layers if isinstance(layer, BatchNormalization)]
    if not lagging:
        return
    with np.errstate(all="ignore"):
        inference = signals.objective.copy().value(signals.rows).data_loss
    if inference - signals.loss > signals.constant / 3:
        words = (
            f"On the same rows the loss is {signals.loss:.3g} in training and {inference:.3g} in inference: "
            "the moving averages are not yet those of the data."
        )
        advice = "Train for more steps, or with a smaller momentum such as 0.9."
        figures = {"training": signals.loss, "inference": inference}
        yield Observation("warning", ", ".join(lagging), words, advice, figures)
