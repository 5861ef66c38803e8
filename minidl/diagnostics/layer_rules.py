"""What goes through the layers: do units differ, does the signal arrive, is anything alive?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layers import ReLU, Sigmoid, Tanh
from .findings import Sign
from .signals import LayerSignal, Signals, rms, variation

SHRUNK, GROWN = 1e-3, 1e3  # between the two ends of the network
TOO_LARGE = 4.0  # times what goes in comes out of a kernel; He's is 1.4 times, and 1 is meant
NEARLY_ALL, MANY, SOME = 0.75, 0.5, 0.25
FLAT = 0.05  # of a slope's largest value: there the unit passes on next to nothing


def symmetric_units(signals: Signals) -> Iterator[Sign]:
    """Units that are equal and stay so: columns of a kernel that are equal, and their gradients too."""
    found: dict[str, tuple[int, int]] = {}
    for signal in signals.kernel_layers:
        for path, kernel in signal.kernels.items():
            units = kernel.shape[-1]
            both = np.concatenate([kernel.value.reshape(-1, units), kernel.grad.reshape(-1, units)])
            equal = int(np.unique(both.T, axis=0, return_counts=True)[1].max())
            if equal > 1:
                found[path] = equal, units
    if not found:
        return
    paths = [path.rsplit("/", 1)[0] for path in found]
    equal, units = next(iter(found.values()))
    whole = any(same == all_units for same, all_units in found.values())
    reason = "Zeros() does this." if all(not signals.model.params[path].value.any() for path in found) else ""
    words = (
        f"{'All' if equal == units else f'{equal} of'} {units} units of {paths[0]} compute the same thing (columns of"
    )
    words += f" the kernel equal, gradients equal): nothing will tell them apart. {reason}"
    figures = {path: {"equal": same, "units": all_units} for path, (same, all_units) in found.items()}
    advice = "Draw the weights: HeNormal() before ReLU, GlorotUniform() elsewhere."
    yield Sign("error" if whole else "warning", ", ".join(paths), words.strip(), advice, figures)


def large_weights(signals: Signals) -> Iterator[Sign]:
    """Kernels that put out many times what they are fed, in a network that is worse than chance for it."""
    gains = _gains(signals)
    large = {path: gain for path, gain in gains.items() if gain > TOO_LARGE}
    if large and signals.loss > 1.5 * signals.chance:
        worst = max(large, key=lambda path: large[path])
        words = (
            f"{worst} puts out {large[worst]:,.3g} times what it is fed, where 1 keeps the signal as it is; the loss"
        )
        words += f" is {signals.loss:,.3g}, chance has {signals.chance:.3g}."
        advice = "Draw smaller weights: HeNormal() before ReLU, LecunNormal() before tanh and sigmoid."
        yield Sign("warning", ", ".join(large), words, advice, {"gains": gains})


def small_weights(signals: Signals) -> Iterator[Sign]:
    """Kernels so small that nothing of the input arrives at the end."""
    gains, left = _gains(signals), _arriving(signals)
    if len(gains) < 2 or not 0 < left < 10 * SHRUNK:
        return
    usual = float(np.exp(np.mean(np.log(list(gains.values())))))
    if usual < 0.1:
        words = f"Every kernel puts out about {usual:.2g} times what it is fed: of the input's variation {left:.1g}"
        words += " arrives at the end, and gradients shrink as much on their way back."
        advice = "Draw larger weights: HeNormal() before ReLU, LecunNormal() before tanh and sigmoid."
        yield Sign("warning", ", ".join(gains), words, advice, {"gains": gains, "arriving": left})


def signal_through_depth(signals: Signals) -> Iterator[Sign]:
    """Activations or gradients that shrink or grow from layer to layer."""
    layers = signals.kernel_layers
    steps = len(layers) - 1
    if steps < 2:
        return
    arriving, back = _arriving(signals), _coming_back(layers)
    figures = {"activations": arriving, "gradients": back, "layers": len(layers)}
    path = ", ".join(signal.path for signal in layers)
    vanishing, exploding = 0 < min(arriving, back) < SHRUNK, max(arriving, back) > GROWN
    if vanishing or exploding:
        total = back if not (SHRUNK <= back <= GROWN) else arriving
        what = "Gradients" if total == back else "Activations"
        words = (
            f"{what} {'shrink' if total < 1 else 'grow'} by a factor of {total ** (1 / steps):.2g} from layer to layer,"
        )
        words += f" {total:.1g} over {len(layers)} layers: the ends of the network learn at different speeds."
        advice = "Use ReLU() with HeNormal(), fewer layers, BatchNormalization(), or Residual blocks."
        yield Sign("warning", path, words, advice, figures)


def dead_units(signals: Signals) -> Iterator[Sign]:
    """ReLUs that see nothing but negative numbers: they put out 0, pass back 0, and stay so."""
    shares = {
        signal.path: float((_flat(signal.x) < 0).all(axis=0).mean())
        for signal in signals.layers
        if isinstance(signal.layer, ReLU)
    }
    some = {path: share for path, share in shares.items() if share > SOME}
    if not some:
        return
    worst = max(some, key=lambda path: some[path])
    severity = "error" if some[worst] == 1 else "warning" if some[worst] > NEARLY_ALL else "note"
    words = (
        f"{some[worst]:.0%} of the units of {worst} put out 0 for every row: they pass no gradient back, and so stay"
    )
    advice = "Look at the biases before it; start them at 0, use HeNormal(), LeakyReLU(), or a smaller learning rate."
    yield Sign(severity, ", ".join(some), f"{words} dead.", advice, {"dead": shares})


def saturated_units(signals: Signals) -> Iterator[Sign]:
    """Sigmoids and tanhs so far out that their slope is nearly 0."""
    shares = {
        signal.path: float((_slope(signal) < FLAT).mean())
        for signal in signals.layers
        if isinstance(signal.layer, Sigmoid | Tanh)
    }
    some = {path: share for path, share in shares.items() if share > SOME}
    if not some:
        return
    worst = max(some, key=lambda path: some[path])
    severity = "warning" if some[worst] > MANY else "note"
    words = (
        f"{some[worst]:.0%} of what {worst} puts out lies where its slope is under {FLAT:.0%} of the largest: it passes"
    )
    advice = "Start with smaller weights on standardised inputs, or use ReLU()."
    yield Sign(severity, ", ".join(some), f"{words} hardly any gradient back.", advice, {"saturated": shares})


def _slope(signal: LayerSignal) -> np.ndarray:
    """Of a sigmoid or tanh, in units of its largest."""
    y = signal.y
    return 4 * y * (1 - y) if isinstance(signal.layer, Sigmoid) else 1 - y * y


def _gains(signals: Signals) -> dict[str, float]:
    """How many times as much the output of each kernel varies from row to row as what it is fed."""
    layers = [(signal, variation(_flat(signal.x)), variation(_flat(signal.y))) for signal in signals.kernel_layers]
    return {signal.path: after / before for signal, before, after in layers if before > 0 and after > 0}


def _arriving(signals: Signals) -> float:
    """The variation of what the last kernel puts out, in units of what the first one is fed."""
    layers = signals.kernel_layers
    before = variation(_flat(layers[0].x)) if layers else 0.0
    return variation(_flat(layers[-1].y)) / before if before else 1.0


def _coming_back(layers: list[LayerSignal]) -> float:
    """The length of a row's gradient behind the first kernel, in units of that behind the last one."""
    first, last = (
        0.0 if signal.dy is None else rms(np.linalg.norm(_flat(signal.dy), axis=1))
        for signal in layers[:: len(layers) - 1]
    )
    return first / last if last else 1.0


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)
