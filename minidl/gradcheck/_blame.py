"""Find the layer whose backward is wrong, and describe the mistake."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any

import numpy as np

from .._recording import LayerPass, record_passes
from ..layers import Layer, side_by_side
from ..naming import join_path
from . import _causes
from ._chain_subject import INPUT, DataLoss
from ._compare import Settings, compare
from ._contract import check_contract
from ._differentiation import METHODS
from ._layer_subject import LayerSubject, layer_subject, with_one_input
from ._report import Report
from ._search import Search
from ._subjects import LossSubject, PlainSubject

# raised by layers that run only inside their network
RUN_ERRORS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def explain(report: Report, subject: DataLoss, settings: Settings) -> None:
    """Write the guilty layer, searched from the loss backwards, and the causes into the report."""
    settings = replace(settings, method="auto")  # exact derivatives tell more causes apart
    causes = dict[str, str | None]()
    for record in layer_passes(subject):
        if report.guilty and report.guilty.startswith(f"{record.path}/" if record.path else ""):
            continue  # it is wrong because of a layer inside it
        wrong = causes_alone(record.layer, record.x, settings, masked=record.mask is not None)
        if record.layer.is_first:
            wrong.pop(INPUT, None)  # no one uses it
        if wrong and report.guilty is None:
            report.guilty, through = record.path, wrong.get(INPUT)
            causes[""] = f"it comes through {record.path}: {through}" if through else None
        causes |= {join_path(record.path, name): cause for name, cause in wrong.items() if name != INPUT}
    if report.guilty is None:
        causes[""] = _cause_in_loss(subject, settings)
    if report.guilty is None and causes[""] is None:
        report.guilty, causes[""] = _writer(subject, settings)
    for path, tensor in report.wrong.items():
        tensor.cause = causes.get(path, causes.get(""))


def _writer(subject: DataLoss, settings: Settings) -> tuple[str | None, str | None]:
    """The path of a layer that writes into arrays that other layers need, and a sentence on it; else None twice."""
    for record in layer_passes(subject):
        if isinstance(record.x, np.ndarray) and len(list(record.layer.walk())) == 1:
            try:
                broken, _ = check_contract(record.layer, record.x.shape[1:], settings.seed)
            except RUN_ERRORS:
                continue
            for sentence in broken:
                if "writes into" in sentence:
                    return record.path, f"{sentence}, which another layer needs for its own gradient"
    return None, None


def layer_passes(subject: DataLoss) -> list[LayerPass]:
    """One pass of every layer that training runs, from the loss backwards, inner layers before their container."""
    network = subject.objective.network
    order = {id(layer): number for number, (_, layer) in enumerate(network.walk())}
    with subject.at(subject.point, np.float64), record_passes(network.walk()) as passes:
        subject.layers.forward(subject.rows.x, training=True)
    return sorted(passes, key=lambda record: order[id(record.layer)], reverse=True)


def causes_alone(layer: Layer, x: Any, settings: Settings, *, masked: bool = False) -> dict[str, str | None]:
    """The wrong gradients of a clone that runs alone in training, with their causes.

    It runs on few random rows, a number that is equal to no other count, so that a factor shows what it is; on narrow
    ones or small images if it can and is wrong there. If it returns numbers that are not finite, it runs on the rows x
    that it has in its network.

    masked  True: if it is right, it runs once more with a mask
    """
    if isinstance(x, tuple):
        layer, x = with_one_input(layer, tuple(part.shape[1:] for part in x)), side_by_side(x)
    shape = x.shape[1:]
    for features in smaller_shapes(layer, shape):
        if wrong := wrong_alone(layer, features, None, settings):
            return wrong
    for rows in (None, x):
        if (wrong := wrong_alone(layer, shape, rows, settings)) is not None:
            masked = masked and not wrong
            return (wrong_alone(layer, shape, rows, settings, masked=True) or {}) if masked else wrong
    return {}


def smaller_shapes(layer: Layer, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Shapes of narrower rows or smaller images than these, to be tried in turn."""
    shapes: list[tuple[int, ...]]
    if len(shape) == 1:
        shapes = [(min(shape[0], 6),)] if type(layer).build is not Layer.build else []
    else:
        # an odd length stays odd, because strides may not divide it
        image = tuple(n if n <= 9 else 8 + n % 2 for n in shape[:-1])
        shapes = [(*image, min(shape[-1], 4)), (*image, shape[-1])]
    return [smaller for smaller in dict.fromkeys(shapes) if smaller != shape]


def wrong_alone(
    layer: Layer, shape: tuple[int, ...], x: np.ndarray | None, settings: Settings, *, masked: bool = False
) -> dict[str, str | None] | None:
    """The wrong gradients on random rows, or on some of the rows x, with their causes; None if it cannot run there."""
    m = next(m for m in (5, 7, 11, 13, 17) if m not in shape)
    try:
        with np.errstate(all="ignore"):
            rows = None if x is None else x[:m]
            subject = layer_subject(layer, shape, m, True, settings.seed, rows, masked=masked)
            if np.isfinite(subject.outputs(subject.point)).all():
                report = compare_layer(subject, settings)
                return {path: tensor.cause for path, tensor in report.wrong.items()}
    except RUN_ERRORS:
        pass
    return None


def compare_layer(subject: LayerSubject, settings: Settings, explained: Container[str] = ()) -> Report:
    """The report on a layer that runs alone, with the causes of all that is wrong and not explained already."""
    report = compare(type(subject.layer).__name__, subject, settings.for_subject(subject))
    search = Search(subject, METHODS[report.method])
    for path, tensor in report.wrong.items():
        if tensor.checked == tensor.size and path not in explained:
            tensor.cause = _causes.of_layer(subject, path, report.method, search)
    return report


def compare_loss(name: str, subject: PlainSubject, settings: Settings) -> Report:
    """The report on a loss or a penalty, with the cause of what is wrong. name: of its gradient."""
    report = compare(name, subject, settings)
    for tensor in report.wrong.values():
        tensor.cause = _causes.of_loss(subject, name, report.method)
    return report


def _cause_in_loss(subject: DataLoss, settings: Settings) -> str | None:
    z, rows = subject.record(subject.point).inputs[-1], subject.rows
    loss = LossSubject(subject.loss, *subject.loss.by_position(z, rows.y, rows.weight))
    name = f"the derivative of {type(subject.loss).__name__}"
    report = compare_loss(name, loss, replace(settings, depth="all"))
    return next((tensor.cause or f"{name} is wrong" for tensor in report.wrong.values()), None)
