"""Rules on sequences: padding, and gradients on their way back through the steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .._recording import LayerPass, Snapshot
from ..layers import GRU, LSTM, Embedding, SimpleRNN
from ._evidence import Signals
from ._findings import Observation

RECURRENT = (SimpleRNN, GRU, LSTM)
ROWS = 32  # enough for the size of a gradient
FEW_STEPS, MANY_STEPS = 8, 20
SHRUNK, GROWN = 1e-3, 1e3  # of a gradient between the last step and another
SHORT, VERY_SHORT = 0.1, 4  # share of the steps; steps
NOTHING_LEARNED = 0.9  # of the loss of a constant prediction
PADDED = 0.2  # share of the rows


class Memory(NamedTuple):
    """How large the gradient of the last step of a layer is at the steps before it, relative to that at the last.

    sizes  one for each step in the order in which the layer takes them
    reach  the number of steps within which it is not below a thousandth
    """

    one: LayerPass
    sizes: np.ndarray
    reach: int


def short_memory(signals: Signals) -> Iterator[Observation]:
    """Recurrent layers whose gradient vanishes within few steps, before training."""
    for memory in _memories(signals):
        steps = len(memory.sizes)
        if memory.reach < max(VERY_SHORT, SHORT * steps):
            yield _vanishing(memory, "warning")
        elif memory.reach < steps - 1:
            yield _vanishing(memory, "note")


def short_memory_after_training(signals: Signals) -> Iterator[Observation]:
    """The same in a network that has learned nothing."""
    if signals.loss > NOTHING_LEARNED * signals.constant:
        yield from (_vanishing(one, "warning") for one in _memories(signals) if one.reach < len(one.sizes) - 1)


def exploding_steps(signals: Signals) -> Iterator[Observation]:
    """Recurrent layers whose gradient grows from step to step on its way back."""
    for memory in _memories(signals):
        total, steps = float(memory.sizes.max()), len(memory.sizes)
        if total > GROWN or not np.isfinite(memory.sizes).all():
            place = int(np.argmax(~(memory.sizes[::-1] <= GROWN)))
            growth = f"{total:.2g} times" if np.isfinite(total) else "beyond all bounds"
            words = (
                f"A gradient at the last of {steps} steps of {memory.one.path} grows {growth} on its way back; "
                f"{place} steps before the last it is a thousand times as large."
            )
            advice = "Clip(optimizer, global_norm=1); Orthogonal() as recurrent_initializer, tanh as activation."
            figures = {"total": total if np.isfinite(total) else None, "steps": steps, "step": place}
            yield Observation("warning", memory.one.path, words, advice, figures)


def closed_forget_gates(signals: Signals) -> Iterator[Observation]:
    """LSTMs that begin by forgetting: a forget gate of 1/2 leaves a thousandth of the cell after ten steps."""
    for one in signals.layers:
        layer = one.layer
        if not isinstance(layer, LSTM) or not isinstance(one.x, np.ndarray) or one.x.shape[1] < MANY_STEPS:
            continue
        bias = float(layer.bias.value.reshape(4, -1)[1].mean()) if layer.use_bias else 0.0
        if bias < 0.5:
            words = f"The forget gates of {one.path} begin at {1 / (1 + np.exp(-bias)):.2f}: the cell soon forgets."
            yield Observation("note", one.path, words, "Keep unit_forget_bias=True.", {"bias": bias})


def unmasked_padding(signals: Signals) -> Iterator[Observation]:
    """Rows of ids that end or begin with zeros, which the network takes for words."""
    x = signals.all_rows.x
    embeddings = [(path, layer) for path, layer in signals.model.layer.walk() if isinstance(layer, Embedding)]
    if signals.model.layer.vocabulary_size is None or x.ndim != 2 or x.shape[1] < 2 or len(embeddings) != 1:
        return
    path, layer = embeddings[0]
    share = max(_padded(x), _padded(x[:, ::-1]))
    if not layer.mask_zero and share > PADDED:
        words = f"{share:.0%} of the rows are padded with the id 0, which {path} takes for a word."
        advice = "Use Embedding(..., mask_zero=True), and no other meaning for the id 0."
        yield Observation("note", path, words, advice, {"share": share})


def _padded(x: np.ndarray) -> float:
    """The share of the rows that end in zeros; 0 if a zero stands elsewhere."""
    is_zero = x == 0
    only_at_the_end = (is_zero[:, 1:] >= is_zero[:, :-1]).all()
    return float(is_zero[:, -1].mean()) if only_at_the_end else 0.0


def _vanishing(memory: Memory, severity: str) -> Observation:
    steps, layer = len(memory.sizes), memory.one.layer
    words = (
        f"A gradient at the last of {steps} steps of {memory.one.path} shrinks to a thousandth within "
        f"{memory.reach + 1} steps: what lies further back is hard to learn."
    )
    if isinstance(layer, SimpleRNN):
        advice = "Use LSTM or GRU, and Orthogonal() as recurrent_initializer."
    else:
        gates = "keep unit_forget_bias=True, " if isinstance(layer, LSTM) else ""
        advice = f"If it matters: {gates}shorten the sequences, or use MultiHeadAttention."
    figures = {"reach": memory.reach, "steps": steps, "first": float(memory.sizes[0])}
    return Observation(severity, memory.one.path, words, advice, figures)


def _memories(signals: Signals) -> list[Memory]:
    """The memories of the recurrent layers, those that users write included, whose rows have several steps."""
    found = []
    for one in signals.layers:
        is_sequence = isinstance(one.x, np.ndarray) and one.x.ndim == 3 and one.x.shape[1] >= FEW_STEPS
        if is_sequence and isinstance(one.y, np.ndarray) and one.y.ndim in (2, 3):
            sizes = _sizes(one)
            if sizes is not None:
                small = np.flatnonzero(~(sizes >= SHRUNK))
                found.append(Memory(one, sizes, len(sizes) - 2 - int(small.max()) if len(small) else len(sizes) - 1))
    return found


def _sizes(one: LayerPass) -> np.ndarray | None:
    """|dL/dx_t| of each step, relative to the last, for a random dL/dy of the last; None if it is no recurrence."""
    layer, x = one.layer, one.x[:ROWS] if one.mask is None else one.x[one.mask.all(axis=1)][:ROWS]
    if not len(x):
        return None
    before, grads = Snapshot([layer]), [parameter.grad.copy() for parameter in layer.parameters.values()]
    layer.unmark_first()
    with np.errstate(all="ignore"):
        y = layer.forward(x)
        dy = np.zeros_like(y)
        last = dy[:, -1] if y.ndim == 3 else dy
        last[...] = np.random.default_rng(0).standard_normal(last.shape)
        dx = layer.backward(dy)
    before.restore()
    for parameter, grad in zip(layer.parameters.values(), grads, strict=True):
        parameter.grad = grad
    if not isinstance(dx, np.ndarray) or dx.shape != x.shape:
        return None
    sizes = np.sqrt((dx.astype(np.float64) ** 2).mean(axis=(0, 2)))
    if getattr(layer, "go_backwards", False):
        sizes = sizes[::-1]
    if not sizes[-1] > 0 or not (isinstance(layer, RECURRENT) or (sizes > 0).all()):
        return None
    return np.asarray(sizes / sizes[-1])
