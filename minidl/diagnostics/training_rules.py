"""What a training shows by itself: how far the weights move, how the loss goes, what dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import Examples
from ..losses import Loss
from .findings import Sign
from .layer_rules import SHRUNK
from .signals import constant_loss
from .trial_rules import GUIDE, STANDING_STILL

MUCH = 100 * GUIDE
LEARNT = 0.9  # of the loss of a constant: less is something learnt
KEPT = 1000  # rows: they say what a constant would reach
SPIKE = 100.0  # times the usual gradient


@dataclass
class Record:
    """What a Monitor has written down.

    paths    the tensors; `kernels` says which of them are matrices
    steps    the steps that were measured, from 0
    squares  of each of these the squared lengths (3, tensors) of weights, step and gradient
    logs     the figures of every epoch
    batches  of the steps measured, up to 1,000 rows
    outside  the targets of the validation rows, if there are any
    failed   the message of the NonFiniteError that ended it
    """

    paths: list[str]
    kernels: np.ndarray
    loss: Loss
    output_shape: tuple[int, ...]
    rate: float
    regularised: bool
    steps: list[int] = field(default_factory=list)
    squares: list[np.ndarray] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    batches: list[Examples] = field(default_factory=list)
    outside: np.ndarray | None = None
    failed: str | None = None
    kept = 0

    def keep(self, batch: Examples | None) -> None:
        """Keep the batch, if there are few rows yet."""
        if batch is not None and self.kept < KEPT:
            self.batches.append(batch)
            self.kept += len(batch)

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of the batches kept."""
        return np.concatenate([b.x for b in self.batches]), np.concatenate([b.y for b in self.batches])

    @property
    def lengths(self) -> np.ndarray:
        """Of weights, step and gradient (3, steps, tensors)."""
        return np.sqrt(np.array(self.squares).reshape(-1, 3, len(self.paths)).swapaxes(0, 1))

    @property
    def ratios(self) -> np.ndarray:
        """|step| / |w| (steps, tensors); 0 where w is 0."""
        weights, moved, _ = self.lengths
        return moved / np.where(weights > 0, weights, np.inf)

    def series(self, prefix: str = "") -> np.ndarray:
        """The data loss of every epoch that has it; with "val_", that of the validation rows."""
        names = (f"{prefix}data_loss", f"{prefix}loss")
        return np.array([next(log[n] for n in names if n in log) for log in self.logs if names[1] in log])

    @property
    def known(self) -> float:
        """The loss of always saying the mean target; 0 if there is nothing to compare with."""
        return constant_loss(self.loss, self.rows[1], self.output_shape) if self.batches else 0.0

    @property
    def moved(self) -> np.ndarray:
        """|step| / |w| of all kernels together, at each step measured."""
        weights, moved, _ = np.linalg.norm(self.lengths[:, :, self.kernels], axis=2)
        return moved / np.where(weights > 0, weights, np.inf)


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
    size = max(early, usual)  # more than 1: what the kernels were is gone
    if size > 1 or (idle and (early > 3 * MUCH or usual > MUCH)):
        words = (
            f"A step moves the kernels by up to {size:.2g} of their length, where {GUIDE:g} is usual, and the loss is"
        )
        words += f" {last:.3g} after {len(losses)} epochs; a constant has {record.known:.3g}. The learning rate of"
        figures = {"rate": record.rate, "early": early, "usual": usual, "loss": last, "constant": record.known}
        severity = "error" if idle and size > 1 else "warning"
        yield Sign(severity, "optimizer", f"{words} {record.rate:g} is too high.", "Try a tenth of it.", figures)


def rate_too_low(record: Record) -> Iterator[Sign]:
    """Weights that hardly move, and a loss that hardly falls."""
    losses, moved = record.series(), record.moved
    if not len(losses) or not len(moved) or not 0 < np.median(moved) < STANDING_STILL:
        return
    usual, first, last = float(np.median(moved)), float(losses[0]), float(losses[-1])
    if last > LEARNT * first:
        words = f"A step moves the kernels by {usual:.1g} of their length, where {GUIDE:g} is usual: in {len(losses)}"
        words += f" epochs the loss went from {first:.4g} to {last:.4g}. A learning rate of {record.rate:g} is too low."
        figures = {"rate": record.rate, "usual": usual, "first": first, "last": last}
        yield Sign("warning", "optimizer", words, f"Try {record.rate * min(1000.0, GUIDE / usual):.1g}.", figures)


def one_class_batches(record: Record) -> Iterator[Sign]:
    """Batches of one class each, from rows that are sorted."""
    batches = [batch.y for batch in record.batches if len(batch) > 1]
    alone = {tuple(y[0].tolist()) for y in batches if (y == y[0]).all()}
    share = sum(bool((y == y[0]).all()) for y in batches) / max(len(batches), 1)
    if share > 0.5 and len(alone) > 1:
        words = f"{share:.0%} of the batches hold one class alone, and the network forgets the others meanwhile."
        yield Sign("warning", "targets", words, "Shuffle the rows: leave fit's shuffle=True.", {"share": share})


def other_validation(record: Record) -> Iterator[Sign]:
    """Validation rows that are all of one class, of several."""
    if record.outside is None or not record.batches:
        return
    y, one = record.rows[1], record.outside[0]
    if (record.outside == one).all() and not (y == y[0]).all():
        words = "All validation rows have the same target: they are the last of rows that are sorted, and say little."
        advice = "Shuffle the rows before fit, or pass validation_data."
        yield Sign("warning", "targets", words, advice, {"target": one.tolist(), "rows": len(record.outside)})


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


def gradients_through_depth(record: Record) -> Iterator[Sign]:
    """Gradients that arrive at the first kernel as next to nothing, or as far too much."""
    places = np.flatnonzero(record.kernels)
    if len(places) < 3 or not record.steps:
        return
    weights, _, gradients = record.lengths[:, :, places]
    relative = gradients / np.maximum(weights, 1e-30)
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
    sizes = np.linalg.norm(record.lengths[2], axis=1)
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
