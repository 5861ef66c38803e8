"""Rules on the record of a training: the size of the steps, the course of the loss, validation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ._evidence import Record
from ._findings import Observation
from ._model_rules import EVEN_DEPTH, SHRUNK, through_depth
from ._trial_rules import STANDING_STILL, USUAL_RATIO

LARGE_RATIO = 100 * USUAL_RATIO
LEARNED = 0.9  # of the loss of a constant prediction: something is learned below it
SPIKE = 100.0  # times the usual gradient


def one_class_batches(record: Record) -> Iterator[Observation]:
    """Batches of one class each, from sorted rows."""
    batches = [batch.y for batch in record.batches if len(batch) > 1]
    single = [tuple(y[0].tolist()) for y in batches if (y == y[0]).all()]
    share = len(single) / max(len(batches), 1)
    if share > 0.5 and len(set(single)) > 1:
        words = f"{share:.0%} of the batches contain a single class: the network forgets the others in between."
        yield Observation("warning", "targets", words, "Shuffle the rows: keep fit's shuffle=True.", {"share": share})


def one_row_batches(record: Record) -> Iterator[Observation]:
    """Batches of one row, in a network that takes mean and variance of a batch."""
    share = sum(len(batch) == 1 for batch in record.batches) / max(len(record.batches), 1)
    if record.normalized and share > 0.5:
        words = f"{share:.0%} of the batches have one row, from which {record.normalized[0]} takes mean and variance."
        advice = "Use batches of 16 rows or more; or GroupNormalization or LayerNormalization, which see one row each."
        yield Observation("warning", ", ".join(record.normalized), words, advice, {"share": share})


def rate_too_high(record: Record) -> Iterator[Observation]:
    """Large steps and a loss that does not fall, or a training that diverged."""
    losses, ratios, rate = record.losses(), record.kernel_ratio, record.rate
    if record.failed is not None:
        figures = {"rate": rate, "ratio": float(ratios[-1]) if len(ratios) else None}
        words = f"The training diverged at a learning rate of {rate:g}. {record.failed}."
        yield Observation("error", "optimizer", words, "Try a tenth of it, on standardized inputs; or Clip.", figures)
        return
    if not len(losses) or not len(ratios):
        return
    early, usual, last = float(ratios[:3].max()), float(np.median(ratios)), float(losses[-1])
    idle = last > LEARNED * record.constant or last > 2 * losses.min() + 0.1 * record.constant
    size = max(early, usual)  # above 1, nothing is left of the first kernels
    if size > 1 or (idle and (early > 3 * LARGE_RATIO or usual > LARGE_RATIO)):
        words = (
            f"A learning rate of {rate:g} is too high: steps are up to {size:.2g} times as long as the kernels "
            f"({USUAL_RATIO:g} is usual). The loss is {last:.3g}, a constant prediction gives {record.constant:.3g}."
        )
        figures = {"rate": rate, "early": early, "usual": usual, "loss": last, "constant": record.constant}
        severity = "error" if idle and size > 1 else "warning"
        yield Observation(severity, "optimizer", words, "Try a tenth of it.", figures)


def rate_too_low(record: Record) -> Iterator[Observation]:
    """Tiny steps and a loss that hardly falls."""
    losses, ratios, rate = record.losses(), record.kernel_ratio, record.rate
    if not len(losses) or not len(ratios) or not 0 < np.median(ratios) < STANDING_STILL:
        return
    usual, first, last = float(np.median(ratios)), float(losses[0]), float(losses[-1])
    if last > LEARNED * first:
        words = (
            f"A learning rate of {rate:g} is too low: steps are {usual:.1g} times as long as the kernels "
            f"({USUAL_RATIO:g} is usual), and in {len(losses)} epochs the loss went from {first:.4g} to {last:.4g}."
        )
        figures = {"rate": rate, "usual": usual, "first": first, "last": last}
        advice = f"Try {rate * min(1000.0, USUAL_RATIO / usual):.1g}."
        yield Observation("warning", "optimizer", words, advice, figures)


def one_class_validation(record: Record) -> Iterator[Observation]:
    """Validation rows of one class, although the training rows have several."""
    if record.val_targets is None or not record.batches:
        return
    y, val_y = record.rows[1], record.val_targets
    if (val_y == val_y[0]).all() and not (y == y[0]).all():
        words = "All validation rows have the same target: they are the last of sorted rows, and say little."
        advice = "Shuffle the rows before fit, or pass validation_data."
        yield Observation("warning", "targets", words, advice, {"target": val_y[0].tolist(), "rows": len(val_y)})


def no_generalization(record: Record) -> Iterator[Observation]:
    """Training rows that are memorized, and validation rows on which a constant prediction is as good."""
    losses, validation, constant = record.losses(), record.losses("val_"), record.constant
    if len(validation) and losses[-1] < 0.7 * constant and validation.min() > LEARNED * constant:
        words = (
            f"The network does not generalize: the loss fell to {losses[-1]:.3g}, on the validation rows never below "
            f"{validation.min():.3g}; a constant prediction gives {constant:.3g}."
        )
        advice = "Check whether x and y were shuffled separately, and whether validation rows are of the same kind."
        figures = {"loss": float(losses[-1]), "best_val_loss": float(validation.min()), "constant": constant}
        yield Observation("warning", "targets", words, advice, figures)


def overfitting(record: Record) -> Iterator[Observation]:
    """A validation loss that has risen since some epoch, while the training loss kept falling."""
    losses, validation = record.losses(), record.losses("val_")
    if len(validation) < 3:
        return
    epoch, last, loss = int(validation.argmin()), float(validation[-1]), float(losses[-1])
    best = float(validation[epoch])
    if last - best > record.constant / 10 > 0 and loss < last:
        rise = f"val_loss rose from {best:.3g} to {last:.3g}, the training loss is {loss:.3g}"
        words = f"The network overfits from epoch {epoch + 2} on: since then {rise}."
        advice = "EarlyStopping(restore_best_weights=True) returns to the best epoch; L2 or Dropout help"
        advice += "." if record.is_regularized else " (the network has neither)."
        figures = {"epoch": epoch + 1, "best": best, "last": last, "loss": loss}
        severity = "warning" if last - best > record.constant / 3 else "note"
        yield Observation(severity, "training", words, advice, figures)


def gradients_through_depth(record: Record) -> Iterator[Observation]:
    """Gradients that are much smaller or larger at the first kernel than at the last."""
    columns = np.flatnonzero(record.kernels)
    if len(columns) < 3 or not record.steps:
        return
    weights, _, gradients = record.lengths[:, :, columns]
    relative = gradients / np.maximum(weights, 1e-30)
    first, last = np.median(relative[:, 0]), np.median(relative[:, -1])
    if not (0 < first < np.inf and 0 < last < np.inf):
        return
    total = float(first / last)
    if not SHRUNK < total < 1 / SHRUNK:
        words = f"On the way back gradients {through_depth(total, 'kernel', len(columns))}."
        path = ", ".join(record.paths[i].rsplit("/", 1)[0] for i in columns)
        yield Observation("warning", path, words, EVEN_DEPTH, {"total": total, "kernels": len(columns)})


def gradient_spikes(record: Record) -> Iterator[Observation]:
    """A gradient that is sometimes a hundred times as long as usual."""
    sizes = np.linalg.norm(record.lengths[2], axis=1)
    usual = float(np.median(sizes)) if len(sizes) else 0.0
    if len(sizes) < 10 or not usual or sizes.max() < SPIKE * usual or sizes.argmax() < 3:
        return
    step, largest = record.steps[int(sizes.argmax())], float(sizes.max())
    words = f"At step {step} the gradient was {largest / usual:.0f} times as long as usual."
    advice = "Clip(optimizer, global_norm=...) bounds it."
    yield Observation("note", "optimizer", words, advice, {"largest": largest, "usual": usual})


def plateau(record: Record) -> Iterator[Observation]:
    """A loss that has stopped falling."""
    losses, constant = record.losses(), record.constant
    if len(losses) < 10:
        return
    third = len(losses) // 3
    before, after = float(losses[:-third].min()), float(losses[-third:].min())
    if after > 0.999 * before and after > 1e-3 * constant:
        words = f"In the last {third} of {len(losses)} epochs the loss did not fall below {after:.3g}"
        severity, rest, advice = "note", ".", "Stop, or reduce the learning rate."
        if after > LEARNED * constant:
            severity, rest = "warning", f"; a constant prediction gives {constant:.3g}: nothing was learned."
            advice = "Check the other findings, and diagnose(model, x, y)."
        yield Observation(severity, "training", words + rest, advice, {"loss": after, "constant": constant})
