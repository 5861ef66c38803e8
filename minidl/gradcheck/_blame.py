"""Find the layer whose backward is wrong, and describe the mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._recording import LayerPass, record_passes
from ..layers import Layer, side_by_side
from ..naming import join_path
from . import _causes
from ._chain_subject import INPUT, DataLoss
from ._compare import Settings, compare
from ._layer_subject import LayerSubject, layer_subject, with_one_input
from ._report import Report
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
        wrong = causes_alone(record.layer, record.x, settings)
        if record.layer.is_first:
            wrong.pop(INPUT, None)  # no one uses it
        if wrong and report.guilty is None:
            report.guilty, through = record.path, wrong.get(INPUT)
            causes[""] = f"it comes through {record.path}: {through}" if through else None
        causes |= {join_path(record.path, name): cause for name, cause in wrong.items() if name != INPUT}
    if report.guilty is None:
        causes[""] = _cause_in_loss(subject, settings)
    for path, tensor in report.wrong.items():
        tensor.cause = causes.get(path, causes.get(""))


def layer_passes(subject: DataLoss) -> list[LayerPass]:
    """One pass of every layer that training runs, from the loss backwards, inner layers before their container."""
    network = subject.objective.network
    order = {id(layer): number for number, (_, layer) in enumerate(network.walk())}
    with subject.at(subject.point, np.float64), record_passes(network.walk()) as passes:
        subject.layers.forward(subject.rows.x, training=True)
    return sorted(passes, key=lambda record: order[id(record.layer)], reverse=True)


def causes_alone(layer: Layer, x: Any, settings: Settings) -> dict[str, str | None]:
    """The wrong gradients of a clone that runs alone in training, with their causes.

    It runs on few random rows, a number that is equal to no other count, so that a factor shows what it is; on narrow
    ones if it can. If it returns numbers that are not finite, it runs on the rows x that it has in its network.
    """
    if isinstance(x, tuple):
        layer, x = with_one_input(layer, tuple(part.shape[1:] for part in x)), side_by_side(x)
    shape = x.shape[1:]
    small = tuple(min(n, 6) for n in shape) if len(shape) == 1 and type(layer).build is not Layer.build else shape
    m = next(m for m in (5, 7, 11) if m not in small)
    for features, rows in ((small, None), (shape, None), (shape, x[:m]))[small == shape :]:
        try:
            with np.errstate(all="ignore"):
                subject = layer_subject(layer, features, m, True, settings.seed, rows)
                if np.isfinite(subject.outputs(subject.point)).all():
                    report = compare_layer(subject, settings)
                    return {path: tensor.cause for path, tensor in report.wrong.items()}
        except RUN_ERRORS:
            continue
    return {}


def compare_layer(subject: LayerSubject, settings: Settings) -> Report:
    """The report on a layer that runs alone, with the causes of all that is wrong."""
    report = compare(type(subject.layer).__name__, subject, settings.for_size(subject.point.size))
    for path, tensor in report.wrong.items():
        if tensor.checked == tensor.size:
            tensor.cause = _causes.of_layer(subject, path, report.method)
    return report


def compare_loss(name: str, subject: PlainSubject, settings: Settings) -> Report:
    """The report on a loss or a penalty, with the cause of what is wrong. name: of its gradient."""
    report = compare(name, subject, settings)
    for tensor in report.wrong.values():
        tensor.cause = _causes.of_loss(subject, name, report.method)
    return report


def _cause_in_loss(subject: DataLoss, settings: Settings) -> str | None:
    z, rows = subject.record(subject.point).inputs[-1], subject.rows
    loss, name = LossSubject(subject.loss, z, rows.y, rows.weight), f"the derivative of {type(subject.loss).__name__}"
    report = compare_loss(name, loss, replace(settings, depth="all"))
    return next((tensor.cause or f"{name} is wrong" for tensor in report.wrong.values()), None)
