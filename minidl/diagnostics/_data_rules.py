"""Rules on the data: the inputs, the targets, and the relation between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..layers import Rescaling
from ._evidence import Signals, by_channel, flatten_rows, rms, sample_rows
from ._findings import Observation
from ._trial_rules import hold_out

LARGE, HUGE, TINY = 10.0, 50.0, 0.01  # root mean squares of a feature; initializers assume 1
BYTE, FEWEST_PIXELS = 255, 64
OFFSET = 10.0  # standard deviations between the mean of a feature and 0
UNEVEN = 1000.0  # ratio of the largest to the smallest standard deviation of a feature
NOTABLE = 0.1  # share of the rows
FEW_ROWS, SOME_ROWS, MANY_ROWS = 20, 100, 200  # on few rows, a pattern looks like chance
MANY_IDS = 1000
MANY_NUMBERS = 20_000_000  # of large images, fewer rows are compared
RARE, VERY_RARE = 0.2, 0.05  # share of a class, in units of 1 / classes
CHANCE_LEVEL = 3.0  # standard deviations above the score of shuffled targets; chance reaches it once in a hundred


def constant_inputs(signals: Signals) -> Iterator[Observation]:
    """Features that are the same in every row."""
    if signals.holds_ids:
        return
    x, kind = _features(signals)
    constant = np.flatnonzero(x.max(axis=0) == x.min(axis=0))
    if len(signals.all_rows) < 2 or not len(constant):
        return
    largest = float(np.abs(x[0, constant]).max())
    others = np.delete(x, constant, axis=1)
    heavy = largest > LARGE * max(1.0, rms(others)) or len(constant) * 2 >= x.shape[1]
    severity = "error" if not others.size else "warning" if heavy else "note"
    several = f"{len(constant)} of {x.shape[1]} {kind}s ({_first_of(constant)}) are"
    which = several if len(constant) > 1 else f"{kind.capitalize()} {constant[0]} is"
    words = f"{which} the same in every row (up to {largest:.4g} in size): a constant carries no information."
    advice = f"Remove constant {kind}s." if others.size else "Check how x was made: all rows are equal."
    yield Observation(severity, "input", words, advice, {"features": constant.tolist(), "largest": largest})


def scale_of_inputs(signals: Signals) -> Iterator[Observation]:
    """Inputs of the first kernel (after a normalization, if any) that are far from mean 0 and variance 1."""
    if not signals.kernel_layers:
        return
    first, kind = signals.kernel_layers[0].x, "channel" if signals.has_channels else "feature"
    received = by_channel(first) if signals.has_channels else flatten_rows(first)
    mean, std = received.mean(axis=0, dtype=np.float64), received.std(axis=0, dtype=np.float64)
    varying = np.flatnonzero(std > 1e-6 * np.abs(mean))
    if not len(varying):
        return
    size = np.hypot(mean, std)[varying]
    largest, smallest = varying[size.argmax()], varying[size.argmin()]
    offset = varying[(np.abs(mean) / np.maximum(std, 1e-30))[varying].argmax()]
    far = abs(mean[offset]) > max(OFFSET * std[offset], OFFSET / 2)
    worst = offset if far and size.max() <= HUGE else largest
    described = [f"{kind} {i} has mean {mean[i]:,.4g} and std {std[i]:,.4g}" for i in dict.fromkeys((worst, smallest))]
    if size.max() > (LARGE if _holds_bytes(first) else HUGE) or far:
        severity, effect = "warning", "the first layer's outputs are as large, and gradient descent crawls."
    elif size.max() < TINY:
        severity, effect = "warning", "all inputs are tiny and hardly change the first layer's output."
    elif size.max() > LARGE or std[varying].max() > UNEVEN * std[varying].min():
        severity, effect = "note", "gradient descent will crawl along one of them."
    else:
        return
    figures: dict[str, int | float] = {}
    for name, i in (("largest", largest), ("smallest", smallest)):
        figures |= {name: int(i), f"{name}_mean": float(mean[i]), f"{name}_std": float(std[i])}
    words = f"{kind[0].upper()}{', '.join(described)[1:]}: {effect}"
    yield Observation(severity, "input", words, _right_scale(signals, first, size.max()), figures)


def _right_scale(signals: Signals, received: np.ndarray, size: float) -> str:
    """The advice for inputs of the wrong size: divide bytes by 255, but once."""
    rescaling = [path for path, layer in signals.model.layer.walk() if isinstance(layer, Rescaling)]
    x = signals.rows.x
    if size < 1 and rescaling:
        return f"Remove {rescaling[0]}, a Rescaling: x itself lies in {x.min():.3g} to {x.max():.3g}."
    if _holds_bytes(received):
        return "They look like bytes: divide x by 255, or begin the model with Rescaling(1 / 255)."
    return "Standardize the inputs."


def _holds_bytes(x: np.ndarray) -> bool:
    """True if x may be images in bytes: numbers from 0 to 255; of rows without axes, many whole ones."""
    if not (x.min() >= 0 and LARGE * LARGE < x.max() <= BYTE):
        return False
    return x.ndim > 2 or (x.shape[1] >= FEWEST_PIXELS and bool((x == np.floor(x)).all()))


def _features(signals: Signals) -> tuple[np.ndarray, str]:
    """All rows of x as a matrix of features, and the name of a feature. If no pixel varies, channels hide that."""
    x = signals.all_rows.x
    if signals.has_channels and (x != x[0]).any():
        return by_channel(x), "channel"
    return flatten_rows(x), "feature"


def repeated_rows(signals: Signals) -> Iterator[Observation]:
    """Rows of x that occur more than once, with the same target or with different ones."""
    targets: dict[bytes, list[bytes]] = {}
    for row, target in zip(signals.all_rows.x, signals.all_rows.y, strict=True):
        targets.setdefault(row.tobytes(), []).append(target.tobytes())
    m = len(signals.all_rows)
    repeats, contradicting = m - len(targets), sum(len(t) for t in targets.values() if len(set(t)) > 1)
    figures = {"rows": m, "repeats": repeats, "contradicting": contradicting}
    if contradicting > NOTABLE * m:
        words = f"{contradicting} of {m} rows have the features of another row and a different target."
        yield Observation("warning", "targets", words, "Check how x and y were put together.", figures)
    elif repeats > NOTABLE * m:
        words = f"{repeats} of {m} rows repeat another row."
        advice = "Remove them before you split the data, or validation rows will be among the training rows."
        yield Observation("note", "input", words, advice, figures)


def repeated_columns(signals: Signals) -> Iterator[Observation]:
    """Features that are equal in every row."""
    x, kind = _features(signals)
    columns: dict[bytes, list[int]] = {}
    for column in np.flatnonzero(x.max(axis=0) != x.min(axis=0)).tolist():
        columns.setdefault(x[:, column].tobytes(), []).append(column)
    groups = [group for group in columns.values() if len(group) > 1]
    if groups:
        others = f", as are {len(groups) - 1} other groups" if len(groups) > 1 else ""
        words = f"{kind.capitalize()}s {_first_of(groups[0])} are equal in every row{others}."
        yield Observation("note", "input", words, f"Keep one {kind} of each group.", {"groups": groups})


def constant_targets(signals: Signals) -> Iterator[Observation]:
    """Targets that are the same in every row."""
    y = signals.all_rows.y
    y = y.reshape(-1, y.shape[-1])
    constant = np.flatnonzero((y == y[0]).all(axis=0))
    if len(y) < 2 or not len(constant):
        return
    if len(constant) == y.shape[1]:
        value = ", ".join(f"{v:g}" for v in y[0, :5])
        words = f"All {len(y)} targets are the same ({value}): the network will learn to return that for every x."
        advice = "Train on rows of every class; if the rows were sorted by class, shuffle them first."
        yield Observation("error", "targets", words, advice, {"value": y[0].tolist()})
    else:
        words = f"Target columns {_first_of(constant)} are the same in every row: that class never or always occurs."
        advice = "Remove those outputs, or add rows in which they differ."
        yield Observation("note", "targets", words, advice, {"columns": constant.tolist()})


def unbalanced_classes(signals: Signals) -> Iterator[Observation]:
    """A class that is much rarer than the others."""
    if signals.classes is None:
        return
    counts = np.bincount(signals.classes)
    rarest, total = int(counts.argmin()), counts.sum()
    share = counts[rarest] / total * len(counts)
    if len(counts) < 2 or not counts[rarest] or share > RARE:
        return
    always = f"always answering class {int(counts.argmax())} is right in {counts.max() / total:.1%} of them"
    words = f"Class {rarest} has {counts[rarest]} of {total} rows: {always}."
    advice = 'Pass class_weight to fit, and watch "auc" or "f1_score" instead of accuracy.'
    severity = "warning" if share < VERY_RARE else "note"
    yield Observation(severity, "targets", words, advice, {"counts": counts.tolist()})


def sorted_classes(signals: Signals) -> Iterator[Observation]:
    """Rows sorted by class: validation_split would take the last ones."""
    classes = signals.classes
    if classes is None or len(classes) < FEW_ROWS:
        return
    changes = int(np.count_nonzero(np.diff(classes)))
    if changes and changes == len(np.unique(classes)) - 1:
        words = "The rows are sorted by class: validation_split would take all its rows from the last class."
        advice = "Shuffle them, or pass validation_data; keep fit's shuffle=True."
        yield Observation("note", "targets", words, advice, {"changes": changes})


def unrelated_targets(signals: Signals) -> Iterator[Observation]:
    """Targets that neither nearest neighbors nor a quadratic fit predict better than they predict shuffled targets.

    Both tests are quadratic forms sum_ij A_ij y_i y_j of the centered targets, compared with 200 shuffles of the rows.
    A is the graph of the 5 nearest neighbors, or the map of a ridge regression on products of features. Images and
    sequences are compared by their spectra, too, which do not change if they are shifted; and the network itself may
    show that it predicts rows that it has not seen.
    """
    part = sample_rows(len(signals.all_rows), max(SOME_ROWS, min(500, MANY_NUMBERS // signals.all_rows.x[0].size)))
    x, y = signals.all_rows.x[part].astype(float), flatten_rows(signals.all_rows.y)[part].astype(float)
    if signals.classes is not None:
        y = np.eye(int(signals.classes.max()) + 1)[signals.classes[part]]
    y = y - y.mean(axis=0)
    if len(x) < FEW_ROWS or not (x != x[0]).any() or not y.any():
        return
    shown = (_counts(x),) if signals.holds_ids else (x, _spectrum(x)) if x.ndim > 2 else (x,)
    views = [_standardized(flatten_rows(view)) for view in shown]
    neighbors = max(_above_chance(_nearest(view, 5), y) for view in views)
    fit = max(_above_chance(_quadratic_fit(view), y) for view in views)
    level = CHANCE_LEVEL if len(x) >= SOME_ROWS else CHANCE_LEVEL - 1
    may_see_more = signals.has_channels or signals.holds_ids
    if max(neighbors, fit) < level and not (may_see_more and _predicts_unseen_rows(signals)):
        words = (
            "Nearest neighbors and a quadratic fit predict the targets no better than shuffled ones "
            f"(by {neighbors:+.1f} and {fit:+.1f} standard deviations on {len(x)} rows)."
        )
        advice = "Check whether x and y were shuffled separately, and whether x contains what determines y."
        severity = "warning" if len(x) >= MANY_ROWS else "note"
        figures = {"neighbours": neighbors, "fit": fit, "rows": len(x)}
        yield Observation(severity, "targets", words, advice, figures)


def _standardized(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=0)
    standardized: np.ndarray = x / np.maximum(x.std(axis=0), 1e-6 * x.std() or 1.0)
    return standardized


def _counts(x: np.ndarray) -> np.ndarray:
    """How often each id occurs in each row; ids beyond a thousand share columns."""
    ids = flatten_rows(x).astype(int) % MANY_IDS
    return np.stack([np.bincount(row, minlength=MANY_IDS) for row in ids]).astype(float)[:, : ids.max() + 1]


def _spectrum(x: np.ndarray) -> np.ndarray:
    """The amplitudes of the waves in each channel of images or sequences."""
    amplitudes: np.ndarray = np.abs(np.fft.fftn(x, axes=tuple(range(1, x.ndim - 1))))
    return amplitudes


def _predicts_unseen_rows(signals: Signals) -> bool:
    """True if a short training takes the loss on a held-out third below that of a constant prediction."""
    held_out = hold_out(signals.objective, signals.rows, 0, signals.constant / 4)[1]
    return held_out < 0.8 * signals.constant


def _nearest(x: np.ndarray, k: int) -> np.ndarray:
    """A_ij = 1 if j is one of the k nearest neighbors of i, else 0."""
    squares = (x * x).sum(axis=1)
    distances = squares[:, None] + squares - 2 * (x @ x.T)
    np.fill_diagonal(distances, np.inf)
    graph: np.ndarray = np.zeros_like(distances)
    np.put_along_axis(graph, np.argpartition(distances, k, axis=1)[:, :k], 1.0, axis=1)
    return graph


def _quadratic_fit(x: np.ndarray) -> np.ndarray:
    """The map from y to its ridge fit without each row's own share. The ridge is the mean diagonal of the kernel."""
    kernel = (1 + x @ x.T / x.shape[1]) ** 2
    fit: np.ndarray = kernel @ np.linalg.inv(kernel + np.trace(kernel) / len(x) * np.eye(len(x)))
    np.fill_diagonal(fit, 0.0)
    return fit


def _above_chance(form: np.ndarray, y: np.ndarray) -> float:
    """The standard deviations by which the quadratic form exceeds its mean over shuffled rows of y."""
    rng = np.random.default_rng(0)
    orders = [np.arange(len(y)), *(rng.permutation(len(y)) for _ in range(200))]
    value, *shuffled = (float((y[order] * (form @ y[order])).sum()) for order in orders)
    return (value - float(np.mean(shuffled))) / max(float(np.std(shuffled)), 1e-30)


def _first_of(numbers: Sequence[int] | np.ndarray) -> str:
    """The first five numbers, and how many others there are."""
    first = ", ".join(str(int(n)) for n in numbers[:5])
    return first if len(numbers) <= 5 else f"{first} and {len(numbers) - 5} more"
