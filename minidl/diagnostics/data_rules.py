"""What the data say by themselves: the inputs, the targets, and whether one has to do with the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .findings import Sign
from .signals import Signals, some

LARGE, HUGE, TINY = 10.0, 50.0, 0.01  # of the root mean square of a feature; initialisers reckon with 1
OFFSET = 10.0  # how many standard deviations a feature's mean may be away from 0
RANGE = 1000.0  # how many times as much one feature may vary as another
SOME = 0.1  # a share of the rows that is worth a word
FEW_ROWS, SOME_ROWS, MANY_ROWS = 20, 100, 200  # with few, a pattern looks like chance
RARE, VERY_RARE = 0.2, 0.05  # of a class's share, in units of 1 / classes
CHANCE_LEVEL = 3.0  # standard deviations above what shuffled targets give: one in a hundred gets so far


# ---- inputs


def constant_inputs(signals: Signals) -> Iterator[Sign]:
    """Features that are the same in every row."""
    x = _flat(signals.all_rows.x)
    if len(x) < 2:
        return
    constant = np.flatnonzero(x.max(axis=0) == x.min(axis=0))
    if not len(constant):
        return
    largest = float(np.abs(x[0, constant]).max())
    others = np.delete(x, constant, axis=1)
    usual = max(1.0, float(np.sqrt((others.astype(float) ** 2).mean()))) if others.size else 1.0
    heavy = largest > LARGE * usual or len(constant) * 2 >= x.shape[1]
    severity = "error" if not others.size else "warning" if heavy else "note"
    count = f"{len(constant)} of {x.shape[1]} features are" if len(constant) > 1 else f"Feature {constant[0]} is"
    words = (
        f"{count} the same in every row ({_listed(constant)}, up to {largest:.4g} in size): nothing is learnt there."
    )
    advice = "Drop them." if others.size else "Look at how x was made: all rows are equal."
    yield Sign(severity, "input", words, advice, {"features": constant.tolist(), "largest": largest})


def scale_of_inputs(signals: Signals) -> Iterator[Sign]:
    """Features far from mean 0 and variance 1, where they meet the first kernel: after a normalisation, if any."""
    fed = next((_flat(signal.x) for signal in signals.kernel_layers), None)
    if fed is None or len(fed) < 2:
        return
    mean, std = fed.mean(axis=0, dtype=np.float64), fed.std(axis=0, dtype=np.float64)
    varying = np.flatnonzero(std > 1e-6 * np.abs(mean))
    if not len(varying):
        return
    size = np.hypot(mean, std)[varying]
    worst, least = varying[size.argmax()], varying[size.argmin()]
    offset = varying[(np.abs(mean) / np.maximum(std, 1e-30))[varying].argmax()]
    far = abs(mean[offset]) > max(OFFSET * std[offset], OFFSET / 2)
    uneven = std[varying].max() > RANGE * std[varying].min()
    figures = {
        "largest": int(worst),
        "largest_mean": float(mean[worst]),
        "largest_std": float(std[worst]),
        "smallest": int(least),
        "smallest_mean": float(mean[least]),
        "smallest_std": float(std[least]),
    }
    if size.max() > HUGE or far:
        worst = worst if size.max() > HUGE else offset
        words = (
            f"{_described(worst, mean, std)}{_beside(worst, least, mean, std)}: the first layer's sums are as large,"
        )
        words += " and gradient descent crawls along everything else."
        yield Sign("warning", "input", words, "Standardise the inputs.", figures)
    elif size.max() < TINY:
        words = f"All features are tiny; the largest is {_described(worst, mean, std)[0].lower()}"
        words += f"{_described(worst, mean, std)[1:]}: they hardly move the first layer."
        yield Sign("warning", "input", words, "Standardise the inputs.", figures)
    elif size.max() > LARGE or uneven:
        words = (
            f"{_described(worst, mean, std)}{_beside(worst, least, mean, std)}: gradient descent will crawl along one"
        )
        yield Sign("note", "input", f"{words} of them.", "Standardise the inputs.", figures)


def _described(feature: int, mean: np.ndarray, std: np.ndarray) -> str:
    return f"Feature {feature} has mean {mean[feature]:,.4g} and std {std[feature]:,.4g}"


def _beside(feature: int, other: int, mean: np.ndarray, std: np.ndarray) -> str:
    same = feature == other
    return "" if same else f", feature {other} mean {mean[other]:,.4g} and std {std[other]:,.4g}"


def repeated_rows(signals: Signals) -> Iterator[Sign]:
    """Rows of x that are there more than once, with the same target or with another one."""
    targets: dict[bytes, list[bytes]] = {}
    for row, target in zip(signals.all_rows.x, signals.all_rows.y, strict=True):
        targets.setdefault(row.tobytes(), []).append(target.tobytes())
    m = len(signals.all_rows)
    repeats, contradicting = m - len(targets), sum(len(t) for t in targets.values() if len(set(t)) > 1)
    figures = {"rows": m, "repeats": repeats, "contradicting": contradicting}
    if contradicting > SOME * m:
        words = (
            f"{contradicting} of {m} rows have a twin with the same features and another target: no network can tell"
        )
        yield Sign("warning", "targets", f"{words} them apart.", "Look at how x and y were put together.", figures)
    elif repeats > SOME * m:
        words = f"{repeats} of {m} rows repeat another row."
        advice = "Drop them before splitting, or validation sees what was trained on."
        yield Sign("note", "input", words, advice, figures)


def repeated_columns(signals: Signals) -> Iterator[Sign]:
    """Features that are equal in every row."""
    x = _flat(signals.all_rows.x)
    places: dict[bytes, list[int]] = {}
    for number in np.flatnonzero(x.max(axis=0) != x.min(axis=0)).tolist():
        places.setdefault(x[:, number].tobytes(), []).append(number)
    groups = [numbers for numbers in places.values() if len(numbers) > 1]
    if groups:
        others = f", and so are {len(groups) - 1} other groups" if len(groups) > 1 else ""
        words = f"Features {_listed(groups[0])} are equal in every row{others}."
        yield Sign("note", "input", words, "Keep one of each.", {"groups": groups})


# ---- targets


def constant_targets(signals: Signals) -> Iterator[Sign]:
    """Targets that are the same in every row: there is nothing to tell apart."""
    y = signals.all_rows.y
    if len(y) < 2:
        return
    constant = np.flatnonzero((y == y[0]).all(axis=0))
    if len(constant) == y.shape[1]:
        value = ", ".join(f"{v:g}" for v in y[0, :5])
        words = f"All {len(y)} targets are the same ({value}): the network will learn to say so, whatever x is."
        advice = "Train on rows of every class; if the rows were sorted by class, shuffle them first."
        yield Sign("error", "targets", words, advice, {"value": y[0].tolist()})
    elif len(constant):
        words = f"Targets {_listed(constant)} are the same in every row: that class never occurs, or always."
        yield Sign(
            "note", "targets", words, "Leave that output out, or find rows of it.", {"columns": constant.tolist()}
        )


def unbalanced_classes(signals: Signals) -> Iterator[Sign]:
    """A class that is rare beside the others."""
    if signals.classes is None:
        return
    counts = np.bincount(signals.classes)
    k, rarest = len(counts), int(counts.argmin())
    share = counts[rarest] / counts.sum()
    if k < 2 or not counts[rarest] or share * k > RARE:
        return
    words = f"Class {rarest} has {counts[rarest]} of {counts.sum()} rows: always saying class {int(counts.argmax())} is"
    words += f" right in {counts.max() / counts.sum():.1%} of them."
    advice = 'Pass class_weight to fit, and watch "auc" or "f1_score" instead of accuracy.'
    severity = "warning" if share * k < VERY_RARE else "note"
    yield Sign(severity, "targets", words, advice, {"counts": counts.tolist()})


def sorted_classes(signals: Signals) -> Iterator[Sign]:
    """Rows sorted by class, of which validation_split would take the last."""
    classes = signals.classes
    if classes is None or len(classes) < 20:
        return
    changes = int(np.count_nonzero(np.diff(classes)))
    if changes and changes == len(np.unique(classes)) - 1:
        words = "The rows are sorted by class: validation_split would take all its rows from the last one."
        advice = "Shuffle them, or pass validation_data; leave fit's shuffle=True."
        yield Sign("note", "targets", words, advice, {"changes": changes})


def unrelated_targets(signals: Signals) -> Iterator[Sign]:
    """Targets that have no more to do with x than shuffled ones: neither neighbours nor a quadratic fit can tell them.

    Both tests are quadratic forms sum_ij A_ij y_i y_j of the centred targets, compared with 200 shuffles of the rows: A
    the graph of the 5 nearest neighbours, and the map of a ridge regression on products of features.
    """
    part = some(len(signals.all_rows), 500)
    x, y = _flat(signals.all_rows.x)[part].astype(float), signals.all_rows.y[part].astype(float)
    if signals.classes is not None:
        y = np.eye(int(signals.classes.max()) + 1)[signals.classes[part]]
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    if len(x) < FEW_ROWS or not x.any() or not y.any():
        return
    x = x / np.maximum(x.std(axis=0), 1e-6 * x.std())
    neighbours, fit = _above_chance(_nearest(x, 5), y), _above_chance(_quadratic_fit(x), y)
    if max(neighbours, fit) < (CHANCE_LEVEL if len(x) >= SOME_ROWS else CHANCE_LEVEL - 1):
        words = (
            f"On {len(x)} rows the targets have no more to do with x than shuffled ones: neighbours are as unlike as"
        )
        words += (
            f" chance makes them ({neighbours:+.1f} standard deviations), a quadratic fit says as little ({fit:+.1f})."
        )
        advice = "Look whether x and y were shuffled apart, and whether x holds what decides y."
        severity = "warning" if len(x) >= MANY_ROWS else "note"
        yield Sign(severity, "targets", words, advice, {"neighbours": neighbours, "fit": fit, "rows": len(x)})


def _nearest(x: np.ndarray, k: int) -> np.ndarray:
    """A_ij = 1 where j is one of the k nearest neighbours of i."""
    squares = (x * x).sum(axis=1)
    distances = squares[:, None] + squares - 2 * (x @ x.T)
    np.fill_diagonal(distances, np.inf)
    graph = np.zeros_like(distances)
    np.put_along_axis(graph, np.argpartition(distances, k, axis=1)[:, :k], 1.0, axis=1)
    return graph


def _quadratic_fit(x: np.ndarray) -> np.ndarray:
    """The map from y to its ridge fit, as strong a ridge as x is on average, each row's own share taken out."""
    kernel = (1 + x @ x.T / x.shape[1]) ** 2
    fit = kernel @ np.linalg.inv(kernel + np.trace(kernel) / len(x) * np.eye(len(x)))
    np.fill_diagonal(fit, 0.0)
    return fit


def _above_chance(form: np.ndarray, y: np.ndarray) -> float:
    """How many standard deviations the quadratic form lies above its mean over shuffled rows of y."""
    rng = np.random.default_rng(0)
    shuffled = np.array([_form(form, y[rng.permutation(len(y))]) for _ in range(200)])
    return float((_form(form, y) - shuffled.mean()) / max(shuffled.std(), 1e-30))


def _form(form: np.ndarray, y: np.ndarray) -> float:
    return float((y * (form @ y)).sum())


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def _listed(numbers: Any) -> str:
    """The first numbers, and how many more there are."""
    first = ", ".join(str(int(n)) for n in numbers[:5])
    return first if len(numbers) <= 5 else f"{first} and {len(numbers) - 5} more"
