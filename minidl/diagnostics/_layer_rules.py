"""Rules on the layers: differing units, the size of signals and gradients, dead and saturated units."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._recording import LayerPass
from ..layers import Layer, ReLU, Sigmoid, Tanh
from ._rule import POOR_TRAINING, WRONG_SIZES, Evidence, Observation, rule
from ._signals import Signals, flatten_rows, kernels, rms, variation

SHRUNK, GROWN = 1e-3, 1e3  # factors between the two ends of the network
TOO_LARGE = 4.0  # gain of a kernel; initializers aim at 1, He's has 1.4
NEARLY_ALL, MANY, SOME = 0.75, 0.5, 0.25  # shares of the units
FLAT = 0.05  # share of the largest derivative: below it, hardly any gradient passes


@rule("symmetric-units", source="Goodfellow et al. 2016, 8.4", explains=WRONG_SIZES)
def symmetric_units(signals: Signals) -> Iterator[Observation]:
    """Units that stay equal: kernel columns that are equal and have equal gradients."""
    found, constant = dict[str, tuple[int, int]](), True
    for one in signals.kernel_layers:
        for name, kernel in kernels(one.layer).items():
            units = kernel.shape[-1]
            both = np.concatenate([kernel.value.reshape(-1, units), kernel.grad.reshape(-1, units)])
            equal = int(np.unique(both.T, axis=0, return_counts=True)[1].max())
            if equal > 1:
                found[f"{one.path}/{name}"] = equal, units
                constant = constant and not kernel.value.any()
    if not found:
        return
    paths = [path.rsplit("/", 1)[0] for path in found]
    equal, units = next(iter(found.values()))
    words = (
        f"{'All' if equal == units else f'{equal} of'} {units} units of {paths[0]} compute the same thing (columns of "
        f"the kernel and of its gradient are equal): training keeps them equal.{' Zeros() does this.' * constant}"
    )
    advice = "Draw random weights: HeNormal() before ReLU, GlorotUniform() elsewhere."
    figures = {path: {"equal": equal, "units": units} for path, (equal, units) in found.items()}
    severity = "error" if any(equal == units for equal, units in found.values()) else "warning"
    yield Observation(severity, ", ".join(paths), words, advice, figures)


@rule("large-weights", source="Glorot & Bengio 2010; He et al. 2015", reads=Evidence.BEFORE, explains=WRONG_SIZES)
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
        advice = "Draw smaller weights: HeNormal() before ReLU, LecunNormal() before tanh and sigmoid."
        yield Observation("warning", ", ".join(large), words, advice, {"gains": gains})


@rule("small-weights", source="Glorot & Bengio 2010; He et al. 2015", reads=Evidence.BEFORE, explains=WRONG_SIZES)
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
        advice = "Draw larger weights: HeNormal() before ReLU, LecunNormal() before tanh and sigmoid."
        yield Observation("warning", ", ".join(gains), words, advice, {"gains": gains, "arriving": arriving})


@rule("signal-through-depth", source="Glorot & Bengio 2010, 4.2", reads=Evidence.BEFORE, explains=POOR_TRAINING)
def signal_through_depth(signals: Signals) -> Iterator[Observation]:
    """Activations or gradients that shrink or grow from layer to layer."""
    layers = signals.kernel_layers
    if len(layers) < 3:
        return
    forward, back = _forward_gain(signals), _backward_gain(layers)
    if 0 < min(forward, back) < SHRUNK or max(forward, back) > GROWN:
        what, total = ("Activations", forward) if SHRUNK <= back <= GROWN else ("Gradients", back)
        words = (
            f"{what} {'shrink' if total < 1 else 'grow'} by a factor of {total ** (1 / (len(layers) - 1)):.2g} from "
            f"layer to layer, {total:.1g} over {len(layers)} layers: the ends of the network learn at different speeds."
        )
        advice = "Use ReLU() with HeNormal(), fewer layers, BatchNormalization(), or Residual blocks."
        figures = {"activations": forward, "gradients": back, "layers": len(layers)}
        yield Observation("warning", ", ".join(one.path for one in layers), words, advice, figures)


@rule("dead-units", source="Lu et al. 2020", explains=POOR_TRAINING)
def dead_units(signals: Signals) -> Iterator[Observation]:
    """ReLUs whose inputs are all negative: they return 0, pass back 0, and stay so."""
    shares = {
        one.path: float((flatten_rows(one.x) < 0).all(axis=0).mean())
        for one in signals.layers
        if isinstance(one.layer, ReLU)
    }
    worst, paths = _worst(shares)
    if paths:
        severity = "error" if shares[worst] == 1 else "warning" if shares[worst] > NEARLY_ALL else "note"
        words = f"{shares[worst]:.0%} of the units of {worst} return 0 for every row and get no gradient."
        advice = "Check the biases before it; start them at 0, use HeNormal(), LeakyReLU(), or a smaller learning rate."
        yield Observation(severity, paths, words, advice, {"dead": shares})


@rule("saturated-units", source="Glorot & Bengio 2010, 3", explains=POOR_TRAINING)
def saturated_units(signals: Signals) -> Iterator[Observation]:
    """Sigmoids and tanhs so far out that their derivative is nearly 0."""
    shares = {
        one.path: float((_derivative(one.layer, one.y) < FLAT).mean())
        for one in signals.layers
        if isinstance(one.layer, Sigmoid | Tanh)
    }
    worst, paths = _worst(shares)
    if paths:
        severity = "warning" if shares[worst] > MANY else "note"
        words = f"At {shares[worst]:.0%} of the outputs of {worst} the derivative is below {FLAT:.0%} of its maximum."
        advice = "Start with smaller weights and standardized inputs, or use ReLU()."
        yield Observation(severity, paths, words, advice, {"saturated": shares})


def _worst(shares: dict[str, float]) -> tuple[str, str]:
    """The path with the largest share, and all paths whose share is worth a finding."""
    return max(shares, key=shares.__getitem__, default=""), ", ".join(p for p, share in shares.items() if share > SOME)


def _derivative(layer: Layer, y: np.ndarray) -> np.ndarray:
    """The derivative of a sigmoid or tanh in units of its maximum, from the output y."""
    derivative: np.ndarray = 4 * y * (1 - y) if isinstance(layer, Sigmoid) else 1 - y * y
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
