"""Rules on layers, loss and penalties: whether they fit together, and the size of signals and gradients."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from .._recording import LayerPass
from ..layers import (
    DROPOUTS,
    ActivityRegularization,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Layer,
    Permute,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Sigmoid,
    Softmax,
    Tanh,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from ..losses import BinaryCrossentropy, Hinge, Loss, Poisson
from ..registry import entry_of
from ..validation import REAL_LINE, Interval
from ._evidence import Signals, by_channel, by_unit, flatten_rows, kernels, rms, sequence, variation
from ._findings import Observation

SHRUNK, GROWN = 1e-3, 1e3  # factors between the two ends of the network
TOO_LARGE = 4.0  # gain of a kernel; initializers aim at 1, He's has 1.4
NEARLY_ALL, MANY, SOME = 0.75, 0.5, 0.25  # shares of the units
FLAT = 0.05  # share of the largest derivative: below it, hardly any gradient passes
PROBABILITIES = (Sigmoid, Softmax)
LINEAR = (Dense, Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D)
PASSING = (  # layers that leave a linear map linear
    *(AveragePooling1D, AveragePooling2D, ActivityRegularization, BatchNormalization, Cropping1D, Cropping2D),
    *(*DROPOUTS, Flatten, GaussianNoise),
    *(GlobalAveragePooling1D, GlobalAveragePooling2D, Permute, Rescaling, Reshape, UpSampling1D, UpSampling2D),
    *(ZeroPadding1D, ZeroPadding2D),
)
POSITIVE, UNIT = Interval("[0, inf)"), Interval("[0, 1]")
TOO_MANY_DROPPED, MANY_DROPPED = 0.8, 0.5
PENALTY = 10.0  # times the data loss
SMALL_PENALTY = 1e-3  # times the data loss
VERY_HIGH = 3.0  # times the first loss that is already high
EVEN_DEPTH = "Use ReLU() with HeNormal(), fewer layers, BatchNormalization(), or Residual blocks."
RIGHT_SIZE = "HeNormal() before ReLU, LecunNormal() before tanh and sigmoid."

_Problem = tuple[str, str, str]  # severity, words, advice


def output_and_loss(signals: Signals) -> Iterator[Observation]:
    """An output activation and a loss that do not fit together, or do not fit the targets: the first problem found."""
    loss, last = signals.loss_function, signals.last
    if isinstance(last, Softmax) and signals.outputs.shape[-1] == 1:
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
    interval = entry_of(layers[-1]).output_range if layers else None
    if interval is None or REAL_LINE.within(interval):
        return None
    name = _class(layers[-1])
    words = f"{name} before the loss keeps the logits in {interval}: some probabilities cannot be reached."
    return "error", words, f"Remove {name}."


def _probabilities(signals: Signals, loss: Loss, last: Layer, link: str) -> _Problem | None:
    """Outputs that are not probabilities, or not those that the loss is made for."""
    low, high = float(signals.outputs.min()), float(signals.outputs.max())
    if isinstance(last, PROBABILITIES):
        words = f"{_class(loss)} is made for {link}, but the model ends in {_class(last)}."
        return "warning", words, f"End the model with {link}(), or use the loss made for {_class(last)}."
    interval = entry_of(last).output_range
    if type(last) in LINEAR or (interval is not None and not interval.within(UNIT)) or low < 0 or high > 1:
        outputs = f"the model ends in {_class(last)} and returns {low:.3g} to {high:.3g}"
        words = f"{_class(loss)} takes probabilities, but {outputs}."
        return "error", words, f"End the model with {link}(), or pass from_logits=True to the loss."
    return None


def _without_link(signals: Signals, loss: Loss, last: Layer) -> _Problem | None:
    """A loss that is made for no particular activation, with an activation or targets that it cannot work with."""
    ending, lowest, interval = _class(last), float(signals.outputs.min()), entry_of(last).output_range
    if isinstance(loss, Hinge):
        if interval is None or not interval.within(POSITIVE):
            return None
        words = f"Hinge takes outputs of either sign, but the model ends in {ending}."
        return "warning", words, f"Remove {ending}, or use the loss made for it."
    if isinstance(loss, Poisson):
        words = f"Poisson takes rates of at least 0, but the smallest output is {lowest:.3g}."
        return ("error", words, "End the model with Softplus().") if lowest < 0 else None
    y, interval = signals.all_rows.y, interval or REAL_LINE
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
    one_column = k == 2 and signals.all_rows.y.shape[-1] == 1
    weak = f"; after {_class(last)} its gradient is weak where the network is confidently wrong"
    words = f"The targets are {k} classes, but {_class(loss)} treats them as amounts"
    right = "Sigmoid() and BinaryCrossentropy()" if one_column else f"Dense({k}), Softmax()"
    advice = f"Use {right}, which minidl computes from the logits."
    return "warning", f"{words}{weak if isinstance(last, PROBABILITIES) else ''}.", advice


def exclusive_classes(signals: Signals) -> Iterator[Observation]:
    """One-hot targets, learned as if a row could have several classes."""
    one_hot = signals.rows.y.shape[1] > 1 and signals.classes is not None
    loss, last = signals.loss_function, signals.last
    if one_hot and isinstance(last, Sigmoid) and isinstance(loss, BinaryCrossentropy):
        words = "Every row has one class, but Sigmoid lets a row have several."
        advice = "End the model with Softmax(), and use CategoricalCrossentropy()."
        yield Observation("note", "loss", words, advice, _output_figures(signals))


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


def large_penalty(signals: Signals) -> Iterator[Observation]:
    """A penalty much larger than the data loss."""
    if signals.loss > 0 and signals.penalty > PENALTY * signals.loss:
        words = f"The penalty is {signals.penalty:,.3g}, the data loss only {signals.loss:,.3g}."
        yield Observation("warning", "loss", words, "Reduce lambd.", _parts(signals))


def small_penalty(signals: Signals) -> Iterator[Observation]:
    """A penalty that the division by the rows leaves without effect: in Keras, L2(0.01) is not divided."""
    objective, m = signals.objective, signals.objective.rows or len(signals.all_rows)
    if objective.needs_rows and 0 < signals.penalty < SMALL_PENALTY * signals.loss:
        words = f"The penalty is {signals.penalty:.2g}, the data loss {signals.loss:.2g}: it is divided by {m:,} rows."
        advice = "Keras's L2(0.01) is not divided: it is L2.keras(0.01). Or increase lambd."
        yield Observation("note", "loss", words, advice, _parts(signals))


def _parts(signals: Signals) -> dict[str, float]:
    return {"penalty": signals.penalty, "data_loss": signals.loss}


def missing_activation(signals: Signals) -> Iterator[Observation]:
    """Dense or convolutional layers without an activation between them."""
    pairs, previous = list[tuple[LayerPass, LayerPass]](), list[LayerPass]()
    passes = {one.path: one for one in signals.layers}
    for path, layer in sequence(signals.objective):
        if isinstance(layer, LINEAR):
            here = [passes[path]]
            pairs += [(before, after) for before, after in zip(previous, here, strict=False)]
            previous = here
        elif not isinstance(layer, PASSING):
            previous = []
    idle = [(before.path, after.path) for before, after in pairs if not _saves_weights(before, after)]
    if idle:
        words = f"No activation stands between {' and '.join(idle[0])}: together they are one linear map."
        paths = ", ".join(dict.fromkeys(path for pair in idle for path in pair))
        advice = "Put an activation such as ReLU() between them."
        yield Observation("warning", paths, words, advice, {"pairs": len(idle)})


def _saves_weights(before: LayerPass, after: LayerPass) -> bool:
    """True if two linear maps have fewer weights than one: a code narrower than its input and output, or separable."""
    if isinstance(before.layer, DepthwiseConv2D) and isinstance(after.layer, Conv2D):
        return set(after.layer.kernel.shape[:2]) == {1}
    narrow = before.y[0].size
    return narrow < before.x[0].size and narrow < after.y[0].size


def dropout(signals: Signals) -> Iterator[Observation]:
    """Dropout that keeps too few units, or that drops outputs."""
    rates = {path: layer.rate for path, layer in signals.objective.network.walk() if isinstance(layer, DROPOUTS)}
    high = {path: rate for path, rate in rates.items() if rate > MANY_DROPPED}
    if high:
        rate = max(high.values())
        severity = "warning" if rate >= TOO_MANY_DROPPED else "note"
        words = f"A rate of {rate:g} keeps {1 - rate:.0%} of the units and scales them by {1 / (1 - rate):.3g}."
        advice = "Try rates of 0.2 to 0.5 on hidden layers, 0.2 or no dropout on the inputs."
        yield Observation(severity, ", ".join(high), words, advice, {"rates": high})
    layers = sequence(signals.objective)
    last = max((i for i, (_, layer) in enumerate(layers) if layer.named_parameters()), default=len(layers))
    for path in [path for path, layer in layers[last + 1 :] if isinstance(layer, DROPOUTS) and layer.rate][:1]:
        words = f"{path} drops the model's outputs: the loss sees zeros in their place."
        yield Observation("warning", path, words, "Put it before the last Dense.", {"rate": rates[path]})


def dropout_before_normalization(signals: Signals) -> Iterator[Observation]:
    """Dropout before BatchNormalization: inference has another variance than training."""
    layers = sequence(signals.objective)
    for (path, before), (norm, after) in pairwise(layers):
        if isinstance(before, DROPOUTS) and before.rate and isinstance(after, BatchNormalization):
            words = (
                f"{norm} learns the variance of what {path} leaves; in inference nothing is dropped, and it is smaller."
            )
            yield Observation("note", path, words, f"Put {path} behind {norm}.", {"rate": before.rate})
            return


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


def symmetric_units(signals: Signals) -> Iterator[Observation]:
    """Units or filters that stay equal: kernel columns that are equal and have equal gradients."""
    found, constant = dict[str, tuple[int, int]](), True
    for one in signals.kernel_layers:
        for name, kernel in kernels(one.layer).items():
            both = np.concatenate([by_unit(one.layer, kernel.value), by_unit(one.layer, kernel.grad)])
            units = both.shape[1]
            equal = int(np.unique(both.T, axis=0, return_counts=True)[1].max())
            if equal > 1:
                found[f"{one.path}/{name}"] = equal, units
                constant = constant and not kernel.value.any()
    if not found:
        return
    paths = [path.rsplit("/", 1)[0] for path in found]
    equal, units = next(iter(found.values()))
    kind = _units(next(one for one in signals.kernel_layers if one.path == paths[0]))
    words = (
        f"{'All' if equal == units else f'{equal} of'} {units} {kind} of {paths[0]} compute the same thing (columns of "
        f"the kernel and of its gradient are equal): training keeps them equal.{' Zeros() does this.' * constant}"
    )
    advice = "Draw random weights: HeNormal() before ReLU, GlorotUniform() elsewhere."
    figures = {path: {"equal": equal, "units": units} for path, (equal, units) in found.items()}
    severity = "error" if any(equal == units for equal, units in found.values()) else "warning"
    yield Observation(severity, ", ".join(paths), words, advice, figures)


def large_weights(signals: Signals) -> Iterator[Observation]:
    """Kernels that amplify their input many times, in a network whose loss is worse than chance."""
    gains = _gains(signals)
    large = {path: gain for path, gain in gains.items() if gain > TOO_LARGE}
    if large and signals.loss > 1.5 * signals.chance:
        worst = max(large, key=lambda path: large[path])
        words = (
            f"{worst} multiplies the variation of its input by {large[worst]:,.3g} (1 would preserve it); "
            f"the loss is {signals.loss:,.3g}, chance gives {signals.chance:.3g}."
        )
        advice = f"Draw smaller weights: {RIGHT_SIZE}"
        yield Observation("warning", ", ".join(large), words, advice, {"gains": gains})


def small_weights(signals: Signals) -> Iterator[Observation]:
    """Kernels so small that hardly anything of the input reaches the last layer."""
    gains, arriving = _gains(signals), _forward_gain(signals)
    if len(gains) < 2 or not 0 < arriving < 10 * SHRUNK:
        return
    usual = float(np.exp(np.mean(np.log(list(gains.values())))))
    if usual < 0.1:
        words = (
            f"Each kernel multiplies the variation of its input by about {usual:.2g}: "
            f"{arriving:.1g} of it reaches the last layer, and gradients shrink as much on the way back."
        )
        advice = f"Draw larger weights: {RIGHT_SIZE}"
        yield Observation("warning", ", ".join(gains), words, advice, {"gains": gains, "arriving": arriving})


def signal_through_depth(signals: Signals) -> Iterator[Observation]:
    """Activations or gradients that shrink or grow from layer to layer."""
    layers = signals.kernel_layers
    if len(layers) < 3:
        return
    forward, back = _forward_gain(signals), _backward_gain(layers)
    if 0 < min(forward, back) < SHRUNK or max(forward, back) > GROWN:
        what, total = ("Activations", forward) if SHRUNK <= back <= GROWN else ("Gradients", back)
        words = (
            f"{what} {through_depth(total, 'layer', len(layers))}: the ends of the network learn at different speeds."
        )
        figures = {"activations": forward, "gradients": back, "layers": len(layers)}
        yield Observation("warning", ", ".join(one.path for one in layers), words, EVEN_DEPTH, figures)


def through_depth(total: float, part: str, count: int) -> str:
    """The words for sizes that change by the factor `total` over so many layers or kernels."""
    change = f"{'shrink' if total < 1 else 'grow'} by a factor of {total ** (1 / (count - 1)):.2g}"
    return f"{change} from {part} to {part}, {total:.1g} over {count} {part}s"


def dead_units(signals: Signals) -> Iterator[Observation]:
    """ReLUs whose inputs are all negative: they return 0, pass back 0, and stay so. Of a filter, at every place."""
    dead = {one.path: (by_channel(one.x) < 0).all(axis=0) for one in _passes(signals, ReLU)}
    shares = {path: float(units.mean()) for path, units in dead.items()}
    worst, paths = _worst(shares)
    if paths:
        severity = "error" if shares[worst] == 1 else "warning" if shares[worst] > NEARLY_ALL else "note"
        units = f"{np.count_nonzero(dead[worst])} of {dead[worst].size} {_sources(signals, worst)}"
        words = f"{units} are dead: {worst} returns 0 for every row, and they get no gradient."
        advice = "Check the biases before it; start them at 0, use HeNormal(), LeakyReLU(), or a smaller learning rate."
        yield Observation(severity, paths, words, advice, {"dead": shares})


def saturated_units(signals: Signals) -> Iterator[Observation]:
    """Sigmoids and tanhs so far out that their derivative is nearly 0."""
    shares = {one.path: float((_derivative(one) < FLAT).mean()) for one in _passes(signals, Sigmoid, Tanh)}
    worst, paths = _worst(shares)
    if paths:
        severity = "warning" if shares[worst] > MANY else "note"
        words = f"At {shares[worst]:.0%} of the outputs of {worst} the derivative is below {FLAT:.0%} of its maximum."
        advice = "Start with smaller weights and standardized inputs, or use ReLU()."
        yield Observation(severity, paths, words, advice, {"saturated": shares})


def _sources(signals: Signals, path: str) -> str:
    """Name what computes the inputs of an activation: "filters of conv2d", if the layer before is known."""
    place = next(i for i, one in enumerate(signals.layers) if one.path == path)
    before = [one for one in signals.layers[:place] if kernels(one.layer)]
    same = before and before[-1].y.shape[-1] == signals.layers[place].x.shape[-1]
    return f"{_units(before[-1])} of {before[-1].path}" if same else f"units of {path}"


def _units(one: LayerPass) -> str:
    return "filters" if one.y.ndim > 2 else "units"


def _passes(signals: Signals, *kinds: type[Layer]) -> list[LayerPass]:
    return [one for one in signals.layers if isinstance(one.layer, kinds)]


def _worst(shares: dict[str, float]) -> tuple[str, str]:
    """The path with the largest share, and all paths whose share is worth a finding."""
    return max(shares, key=shares.__getitem__, default=""), ", ".join(p for p, share in shares.items() if share > SOME)


def _derivative(one: LayerPass) -> np.ndarray:
    """The derivative of a sigmoid or tanh in units of its maximum, from its output."""
    derivative: np.ndarray = 4 * one.y * (1 - one.y) if isinstance(one.layer, Sigmoid) else 1 - one.y * one.y
    return derivative


def _gains(signals: Signals) -> dict[str, float]:
    """The variation of each kernel layer's output, divided by that of its input."""
    layers = [(one.path, variation(one.x), variation(one.y)) for one in signals.kernel_layers]
    return {path: after / before for path, before, after in layers if before > 0 and after > 0}


def _forward_gain(signals: Signals) -> float:
    """The variation of the last kernel layer's output, divided by that of the first kernel layer's input."""
    layers = signals.kernel_layers
    before = variation(layers[0].x) if layers else 0.0
    return variation(layers[-1].y) / before if before else 1.0


def _backward_gain(layers: list[LayerPass]) -> float:
    """The length of a row's gradient at the first kernel layer's output, divided by that at the last."""
    first, last = (
        0.0 if one.dy is None else rms(np.linalg.norm(flatten_rows(one.dy), axis=1)) for one in (layers[0], layers[-1])
    )
    return first / last if last else 1.0
