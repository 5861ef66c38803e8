"""The checks of a loss, a layer, a model."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .. import losses, validation
from ..errors import SettingError
from ..layers import Graph, Layer
from ..losses import Loss, PenalizedLoss
from ..model import Model
from ..parameters import Penalty
from ..validation import Interval
from ._blame import compare_layer, compare_loss, explain, smaller_shapes, wrong_alone
from ._chain_subject import INPUT, DataLoss
from ._compare import TOLERANCE, Settings, compare, finish
from ._contract import check_contract
from ._layer_subject import layer_subject, uses_mask, with_one_input
from ._report import Report
from ._subjects import LossSubject, PlainSubject, penalty_subject
from ._ties import check_ties


class Case(NamedTuple):
    """The conditions that a layer runs in."""

    masked: bool
    rows: int
    training: bool


def check_loss(
    loss: Loss | Penalty | PenalizedLoss,
    outputs: int = 3,
    *,
    rows: int = 5,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check the derivatives of a loss and the gradients of penalties on random outputs, weighted and unweighted.

    A loss with a link is checked on probabilities and on logits, one with labels in [0, 1] with hard and soft labels.
    Returns the Report; raises GradientError with it if one is wrong.
    """
    outputs = validation.check_integer("check_loss", "outputs", outputs, 1)
    rows = validation.check_integer("check_loss", "rows", rows, 1)
    rng, subjects = np.random.default_rng(seed), dict[str, PlainSubject]()
    penalties: tuple[Penalty, ...]
    if isinstance(loss, Penalty):
        title, penalties = type(loss).__name__, (loss,)
    else:
        terms = losses.get("check_loss: loss", loss)
        title, penalties = type(terms.loss).__name__, terms.penalties
        subjects |= _loss_subjects(terms.loss, outputs, rows, rng)
    if penalties:
        everywhere = [(slice(None), term.of_vector((7, outputs))) for term in penalties]
        subjects["penalty"] = penalty_subject(everywhere, rng.standard_normal(7 * outputs), rows)
    report = Report(title, "complex", rows)
    for name, subject in subjects.items():
        part = compare_loss(name, subject, Settings(seed=seed))
        (report.tensors[name],) = part.tensors.values()
        report.include(part)
    return finish(report, raise_on_failure)


def _loss_subjects(loss: Loss, outputs: int, rows: int, rng: np.random.Generator) -> dict[str, LossSubject]:
    forms = {"output": loss}
    if loss.link is not None and not loss.from_logits:
        forms["logits"] = loss.on_logits()
    subjects: dict[str, LossSubject] = {}
    for name, form in forms.items():
        p = _random(validation.REAL_LINE if form.from_logits else form.outputs, (rows, outputs), rng)
        y = rng.integers(0, outputs, (rows, 1)).astype(float) if form.sparse else _random(form.labels, p.shape, rng)
        subjects[name] = LossSubject(form, p, y)
        subjects[f"{name}, weighted"] = LossSubject(form, p, y, rng.uniform(0.5, 2, rows))
        if str(form.labels) == "[0, 1]":
            subjects[f"{name}, hard labels"] = LossSubject(form, p, np.round(y))
    return subjects


def _random(interval: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random numbers well inside the interval."""
    low, high = interval.low, interval.high
    if math.isfinite(high - low):
        return rng.uniform(low + 0.05 * (high - low), high - 0.05 * (high - low), shape)
    numbers = 2 * rng.standard_normal(shape)
    if math.isfinite(low):
        return low + 0.1 + np.abs(numbers)
    return high - 0.1 - np.abs(numbers) if math.isfinite(high) else numbers


def check_layer(
    layer: Layer,
    input_shape: Any,
    *,
    rows: tuple[int, ...] | int = (5, 1),
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    contract: bool = True,
    raise_on_failure: bool = True,
) -> Report:
    """Check a layer's backward: every entry of dL/dx and of every parameter, against derivatives of forward alone.

    A built clone runs with random parameters, inputs and dy, in training and in inference, for each number of rows. Of
    a large layer random directions are compared first, as in `check_model`. Then the other rules for layers are
    checked: shapes, no argument written to, no reading back, the same result twice, float32 in and out. Gradients are
    taken on copies of x, dy and the parameters, so that a broken rule does not change them.

    contract  True: a broken rule fails the check, as minidl trains only layers that keep the rules; False: rules are
              reported, and the gradients alone decide, for layers that were written for another library

    Returns the Report, with the two verdicts `gradients_right` and `contract_kept`; raises GradientError with it if the
    check has failed.
    """
    if not isinstance(layer, Layer):
        raise SettingError(f"check_layer: layer must be a Layer object such as Dense(3), got {layer!r}")
    if isinstance(input_shape, np.ndarray):
        raise SettingError("check_layer: input_shape must be the shape of a row, got an array; pass x.shape[1:]")
    settings = Settings("all", method, tolerance, seed).check("check_layer")
    title = type(layer).__name__
    layer, shape = _of_one_input(layer, input_shape)
    rows = _integers("rows", rows)
    if not rows:
        raise SettingError("check_layer: rows must be an integer or several of them, got ()")
    report, wrong = Report(title, "complex", rows[0], binding=contract), dict[str, list[Case]]()
    with_mask = (False, True) if uses_mask(layer, shape) else (False,)
    for case in itertools.starmap(Case, itertools.product(with_mask, rows, (True, False))):
        if case.masked and any(not first.masked for first, *_ in wrong.values()):
            break
        subject = layer_subject(layer, shape, case.rows, case.training, seed, masked=case.masked)
        part = compare_layer(subject, settings, explained=wrong)
        report.include(part)
        report.notes += [note for note in part.notes if note not in report.notes]
        for path, tensor in part.tensors.items():
            shown = report.tensors.setdefault(path, tensor)
            if tensor.passed:
                shown.difference = max(shown.difference, tensor.difference)
                shown.coarse = max(shown.coarse, tensor.coarse)
                continue
            wrong.setdefault(path, []).append(case)
            if len(wrong[path]) == 1:  # the first mistake is the one to show
                report.tensors[path], report.rows = tensor, case.rows
    _explain_on_small(report, layer, shape, settings)
    report.broken, advice = check_contract(layer, shape, seed)
    report.notes += advice
    if not (report.broken or wrong) and (cause := check_ties(layer, shape, seed)):
        report.tensors[INPUT].passed, report.tensors[INPUT].cause = False, cause
    conditions = {path: _condition(cases, rows) for path, cases in wrong.items()}
    report.notes += [f"{path} is wrong {condition}" for path, condition in conditions.items() if condition]
    return finish(report, raise_on_failure)


def _explain_on_small(report: Report, layer: Layer, shape: tuple[int, ...], settings: Settings) -> None:
    """Look for the causes of what is wrong in a large layer, compared in part, where it has a small input."""
    if all(tensor.checked == tensor.size for tensor in report.wrong.values()):
        return
    small = (wrong_alone(layer, smaller, None, settings) for smaller in smaller_shapes(layer, shape))
    causes = next((wrong for wrong in small if wrong), {})
    for path, tensor in report.wrong.items():
        tensor.cause = tensor.cause or causes.get(path)


def _of_one_input(layer: Layer, input_shape: Any) -> tuple[Layer, tuple[int, ...]]:
    """The layer and the shape of a row; several inputs or outputs are side by side."""
    parts = input_shape if isinstance(input_shape, tuple | list) else (input_shape,)
    several = layer.several_inputs and all(isinstance(shape, tuple | list) for shape in parts)
    if isinstance(layer, Graph) or not (several or layer.several_outputs):
        return layer, _integers("input_shape", input_shape)
    shapes = (
        tuple(_integers("input_shape", shape) for shape in parts)
        if several
        else (_integers("input_shape", input_shape),)
    )
    row = (sum(math.prod(shape) for shape in shapes),) if several else shapes[0]
    return with_one_input(layer, shapes), row


def _integers(name: str, given: Any) -> tuple[int, ...]:
    """One integer or several, each at least 1."""
    several = given if isinstance(given, tuple | list) else (given,)
    return tuple(validation.check_integer("check_layer", name, n, 1) for n in several)


def _condition(cases: list[Case], rows: tuple[int, ...]) -> str:
    """Describe what the cases have in common, as "with 5 rows in training alone"; "" if nothing."""
    if cases[0].masked:
        return "if steps are masked, right if none are"
    sizes, modes = {case.rows for case in cases}, {case.training for case in cases}
    size = "" if sizes == set(rows) else f"with {' or '.join(str(m) for m in rows if m in sizes)} rows"
    mode = "" if len(modes) == 2 else "in training" if True in modes else "in inference"
    return " ".join(part for part in (size, mode, "alone") if part) if size or mode else ""


def check_model(
    model: Model,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    depth: str | int = "auto",
    method: str = "auto",
    tolerance: float = TOLERANCE,
    rows: int = 32,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check the gradient of a model's whole objective, with dropout and penalties, on a private float64 copy.

    depth      "directions": one random direction through every tensor; an int k: k entries of every tensor; "all"
               entries; "auto": directions, and entries only where a direction disagrees
    method     "complex", "central", or "auto": the complex step if all layers and the loss support it
    tolerance  on |a - n| / (|a| + |n|) of every entry, beyond rounding errors; a direction must agree to rounding
    rows       of x at most, evenly spaced; the check needs few

    Every evaluation uses the same dropout masks; the model itself is not changed, only built if it was not. Frozen
    layers are checked too.
    Returns the Report, in which `guilty` is the layer whose backward is wrong; raises GradientError with it if a
    gradient is wrong.
    """
    if not isinstance(model, Model):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise SettingError(f"check_model: model must be a Model, got {got}; call check_model(model, x, y)")
    settings = Settings(depth, method, tolerance, seed).check("check_model")
    rows = validation.check_integer("check_model", "rows", rows, 1)
    examples = model.examples("check_model", x, y, sample_weight)
    subject = DataLoss(model.objective, examples[every_kth(len(examples), rows)])
    return finish(compare_objective(model.name, subject, settings), raise_on_failure)


def every_kth(m: int, rows: int) -> np.ndarray:
    """The numbers of at most `rows` of m rows, evenly spaced."""
    return np.arange(m) if m <= rows else np.arange(rows) * m // rows


def compare_objective(title: str, subject: DataLoss, settings: Settings) -> Report:
    """The report on a data loss, and on the penalties apart, so that neither hides the other."""
    report = compare(title, subject, settings)
    report.rows = len(subject.rows)
    if not report.passed:
        explain(report, subject, settings)
    if subject.objective.penalties and subject.point.size:
        m = subject.objective.rows or subject.rows.total_weight
        penalties = penalty_subject(subject.objective.penalties, subject.point, m)
        depth = "auto" if settings.depth == "auto" else "directions"
        part = compare_loss("the penalty's gradient", penalties, replace(settings, depth=depth))
        (report.tensors["penalty"],) = part.tensors.values()
        report.include(part)
    return report
