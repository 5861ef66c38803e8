"""What a training shows by itself: how far the weights move, how the loss goes, what dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..losses import Loss
from .findings import Sign
from .layer_rules import NEARLY_ALL, SHRUNK, SOME
from .signals import constant_loss

GUIDE = 1e-3  # of a kernel's length, moved in a step (Karpathy, CS231n)
MUCH, LITTLE = 100 * GUIDE, GUIDE / 30
LEARNT = 0.9  # of the loss of a constant: less is something learnt
SPIKE = 100.0  # times the usual gradient


@dataclass
class Record:
    """What a Monitor has written down.

    paths      the tensors; `kernels` says which of them are matrices
    steps      the steps that were measured, from 0
    ratios     of each of these |step| / |w| for every tensor; `gradients`, |gradient|; `weights`, |w|
    logs       the figures of every epoch
    targets    of the batches measured, up to 1,000 rows
    one_class  of each batch measured the target that all its rows share, or None
    dead       {path: share of the units that put out 0 for some hundred rows}, the last time it was counted
    failed     the message of the NonFiniteError that ended it
    """

    paths: list[str]
    kernels: np.ndarray
    loss: Loss
    output_shape: tuple[int, ...]
    rate: float
    regularised: bool
    steps: list[int] = field(default_factory=list)
    ratios: list[np.ndarray] = field(default_factory=list)
    gradients: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    one_class: list[tuple[float, ...] | None] = field(default_factory=list)
    dead: dict[str, float] = field(default_factory=dict)
    failed: str | None = None

    def series(self, prefix: str = "") -> np.ndarray:
        """The data loss of every epoch that has it; with "val_", that of the validation rows."""
        names = (f"{prefix}data_loss", f"{prefix}loss")
        return np.array([next(log[n] for n in names if n in log) for log in self.logs if names[1] in log])

    @cached_property
    def known(self) -> float:
        """The loss of always saying the mean target; 0 if there is nothing to compare with."""
        return constant_loss(self.loss, np.concatenate(self.targets), self.output_shape) if self.targets else 0.0

    @property
    def moved(self) -> np.ndarray:
        """For each step measured the ratio of the kernel that moved most."""
        return np.array([ratio[self.kernels].max() for ratio in self.ratios]) if self.kernels.any() else np.zeros(0)


def rate_too_high(record: Record) -> Iterator[Sign]:
    """Weights thrown about, and a loss that does not fall for it."""
    losses, moved = record.series(), record.moved
    if record.failed is not None:
        figures = {"rate": record.rate, "ratio": float(moved[-1]) if len(moved) else None}
        words = f"The training ended in what is no number, at a learning rate of {record.rate:g}. {record.failed}."
        yield Sign("error", "optimizer", words, "Try a tenth of it, on standardised inputs; or Clip.", figures)
        return
    if not len(losses) or not len(moved):
        return
    early, usual, last = float(moved[:3].max()), float(np.median(moved)), float(losses[-1])
    idle = last > LEARNT * record.known or last > 2 * losses.min() + 0.1 * record.known
    if idle and (early > 3 * MUCH or usual > MUCH):
        size = max(early, usual)
        words = f"A step moves a kernel by up to {size:.2g} of its length, where {GUIDE:g} is usual, and the loss is"
        words += f" {last:.3g} after {len(losses)} epochs; a constant has {record.known:.3g}. The learning rate of"
        figures = {"rate": record.rate, "early": early, "usual": usual, "loss": last, "constant": record.known}
        severity = "error" if size > 1 else "warning"  # more than its length: what the kernel was is gone
        yield Sign(severity, "optimizer", f"{words} {record.rate:g} is too high.", "Try a tenth of it.", figures)


def rate_too_low(record: Record) -> Iterator[Sign]:
    """Weights that hardly move, and a loss that hardly falls."""
    losses, moved = record.series(), record.moved
    if not len(losses) or not len(moved) or not 0 < np.median(moved) < LITTLE:
        return
    usual, first, last = float(np.median(moved)), float(losses[0]), float(losses[-1])
    if last > LEARNT * first:
        words = f"A step moves the kernels by {usual:.1g} of their length, where {GUIDE:g} is usual: in {len(losses)}"
        words += (
            f" epochs the loss went from {first:.4g} to {last:.4g}. The learning rate of {record.rate:g} is too low."
        )
        figures = {"rate": record.rate, "usual": usual, "first": first, "last": last}
        yield Sign("warning", "optimizer", words, f"Try {record.rate * min(1000.0, GUIDE / usual):.1g}.", figures)


def one_class(record: Record) -> Iterator[Sign]:
    """The same target in all rows of all batches."""
    if record.one_class and None not in record.one_class and len(set(record.one_class)) == 1:
        words = f"All targets are the same ({record.one_class[0]}): the network learns to say so, whatever x is."
        yield Sign("error", "targets", words, "Train on rows of every class.", {"value": record.one_class[0]})


def one_class_batches(record: Record) -> Iterator[Sign]:
    """Batches of one class each, from rows that are sorted."""
    alone = [target for target in record.one_class if target is not None]
    if len(alone) > 0.5 * len(record.one_class) and len(set(alone)) > 1:
        share = len(alone) / len(record.one_class)
        words = f"{share:.0%} of the batches hold one class alone, and the network forgets the others meanwhile."
        yield Sign("warning", "targets", words, "Shuffle the rows: leave fit's shuffle=True.", {"share": share})


def no_generalisation(record: Record) -> Iterator[Sign]:
    """Rows learnt by heart, and never much better than a constant on others."""
    losses, outside = record.series(), record.series("val_")
    if len(outside) and losses[-1] < 0.7 * record.known and outside.min() > LEARNT * record.known:
        words = (
            f"The loss fell to {losses[-1]:.3g}, but on the validation rows it never was under {outside.min():.3g}; a"
        )
        words += f" constant has {record.known:.3g}. What was learnt says nothing about other rows."
        advice = "Look whether x and y were shuffled apart, and whether validation is of the same kind."
        figures = {"loss": float(losses[-1]), "best_val_loss": float(outside.min()), "constant": record.known}
        yield Sign("warning", "targets", words, advice, figures)


def overfitting(record: Record) -> Iterator[Sign]:
    """A validation loss that has been rising since an epoch, while the loss went on falling."""
    losses, outside = record.series(), record.series("val_")
    if len(outside) < 3:
        return
    best = int(outside.argmin())
    rise = float(outside[-1] - outside[best])
    if rise > record.known / 10 > 0 and losses[-1] < outside[-1]:
        words = f"It overfits from epoch {best + 2} on: since then val_loss rose from {outside[best]:.3g} to"
        words += f" {outside[-1]:.3g}, the loss on what it trains on is {losses[-1]:.3g}."
        advice = "EarlyStopping(restore_best_weights=True) ends at the best epoch; L2 or Dropout help"
        figures = {
            "epoch": best + 1,
            "best": float(outside[best]),
            "last": float(outside[-1]),
            "loss": float(losses[-1]),
        }
        severity = "warning" if rise > record.known / 3 else "note"
        yield Sign(severity, "training", words, advice + ("." if record.regularised else ": there is none."), figures)


def dying_units(record: Record) -> Iterator[Sign]:
    """ReLUs that put out nothing any more."""
    some = {path: share for path, share in record.dead.items() if share > SOME}
    if some:
        worst = max(some, key=lambda path: some[path])
        severity = "error" if some[worst] == 1 else "warning" if some[worst] > NEARLY_ALL else "note"
        words = f"{some[worst]:.0%} of the units of {worst} put out 0 for every row: they get no gradient any more."
        advice = "Try a smaller learning rate, HeNormal(), or LeakyReLU()."
        yield Sign(severity, ", ".join(some), words, advice, {"dead": record.dead})


def gradients_through_depth(record: Record) -> Iterator[Sign]:
    """Gradients that arrive at the first kernel as next to nothing, or as far too much."""
    places = np.flatnonzero(record.kernels)
    if len(places) < 3 or not record.gradients:
        return
    relative = np.array(record.gradients)[:, places] / np.maximum(np.array(record.weights)[:, places], 1e-30)
    first, last = np.median(relative[:, 0]), np.median(relative[:, -1])
    if not (first > 0 and last > 0):
        return
    total = float(first / last)
    if not SHRUNK < total < 1 / SHRUNK:
        steps = len(places) - 1
        words = f"From kernel to kernel the gradients {'shrink' if total < 1 else 'grow'} by a factor of"
        words += f" {total ** (1 / steps):.2g} on their way back, {total:.1g} over {len(places)} of them."
        advice = "Use ReLU() with HeNormal(), fewer layers, BatchNormalization(), or Residual blocks."
        path = ", ".join(record.paths[i].rsplit("/", 1)[0] for i in places)
        yield Sign("warning", path, words, advice, {"total": total, "kernels": len(places)})


def gradient_spikes(record: Record) -> Iterator[Sign]:
    """A gradient that is now and then a hundred times as long as usual."""
    sizes = np.array([float(np.sqrt((g * g).sum())) for g in record.gradients])
    if len(sizes) < 10 or not np.median(sizes) or sizes.max() < SPIKE * np.median(sizes) or sizes.argmax() < 3:
        return
    words = (
        f"At step {record.steps[int(sizes.argmax())]} the gradient was {sizes.max() / np.median(sizes):.0f} times as"
    )
    figures = {"largest": float(sizes.max()), "usual": float(np.median(sizes))}
    yield Sign("note", "optimizer", f"{words} long as usual.", "Clip(optimizer, global_norm=...) bounds it.", figures)


def plateau(record: Record) -> Iterator[Sign]:
    """A loss that has stopped falling."""
    losses = record.series()
    if len(losses) < 10:
        return
    third = len(losses) // 3
    before, after = float(losses[:-third].min()), float(losses[-third:].min())
    if after > 0.999 * before and after > 1e-3 * record.known:
        stuck = after > LEARNT * record.known
        words = f"In the last {third} of {len(losses)} epochs the loss fell no further than {after:.3g}"
        words += f", what a constant has ({record.known:.3g}): nothing was learnt." if stuck else "."
        advice = (
            "Look at the other findings, and at diagnose(model, x, y)."
            if stuck
            else "Stop, or lower the learning rate."
        )
        yield Sign("warning" if stuck else "note", "training", words, advice, {"loss": after, "constant": record.known})
