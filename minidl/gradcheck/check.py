"""The checks: of a function, a loss, a layer, a model; and whose fault it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import losses, validation
from ..errors import GradientError, NotBuiltError, SettingError
from ..layers import Layer, build_layer
from ..losses import Loss, PenalizedLoss
from ..model import Model
from ..naming import join_path
from ..parameters import Parameters, Penalty
from ..validation import Interval
from . import causes
from .compare import TOLERANCE, closely, refuse_bad_settings, report_on
from .functions import LayerFunction, LossFunction, PenaltyFunction, PlainFunction
from .promises import broken_promises
from .report import Report
from .walk import ModelFunction, suspects

COARSE = 1e-9  # a difference of exact slopes that is more than rounding in float64, and too small to be called wrong


def check_gradient(
    f: Any,
    gradient: Any,
    theta: Any,
    *,
    method: str = "auto",
    tolerance: float = TOLERANCE,
    raise_on_failure: bool = True,
) -> Report:
    """Is `gradient` the gradient of f at theta?   f(theta) -> number, theta an array or a number.

    gradient  its value at theta, or better a function of theta: then a kink can be told from a mistake
    Returns the Report; raises GradientError with it if the gradient is wrong.
    """
    refuse_bad_settings("check_gradient", "all", method, tolerance)
    function = PlainFunction(f, gradient, theta)
    return _finish(report_on("gradient", function, closely(function), method, tolerance), raise_on_failure)


def check_loss(
    loss: Loss | Penalty | PenalizedLoss,
    outputs: int = 3,
    *,
    rows: int = 5,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Are the slopes of a loss, and the gradients of penalties, right?   On random outputs, weighted and unweighted.

    A loss with a link is checked on probabilities and on logits, one with labels in [0, 1] with hard and soft labels.
    """
    outputs, rows = (
        validation.check_integer("check_loss", *given, 1) for given in (("outputs", outputs), ("rows", rows))
    )
    rng, functions = np.random.default_rng(seed), dict[str, LossFunction | PenaltyFunction]()
    penalties: tuple[Penalty, ...]
    if isinstance(loss, Penalty):
        title, penalties = type(loss).__name__, (loss,)
    else:
        terms = losses.get("check_loss: loss", loss)
        title, penalties = type(terms.loss).__name__, terms.penalties
        functions |= _loss_functions(terms.loss, outputs, rows, rng)
    if penalties:
        functions["penalty"] = PenaltyFunction(
            [(slice(None), term) for term in penalties], rng.standard_normal(7 * outputs), rows
        )
    report = Report(title, "complex", rows)
    for name, function in functions.items():
        part = report_on(name, function, "all", "auto", TOLERANCE)
        report.tensors[name] = part.tensors[next(iter(function.parts))]
        report.method = part.method if part.method == "central" else report.method
        _absorb(report, part)
        for tensor in (t for t in part.tensors.values() if not t.passed):
            tensor.cause = causes.of_loss(function, name, part.method)
    return _finish(report, raise_on_failure)


def _loss_functions(loss: Loss, outputs: int, rows: int, rng: np.random.Generator) -> dict[str, LossFunction]:
    forms = {"output": loss}
    if loss.link is not None and not _takes_logits(loss):
        forms["logits"] = loss.on_logits()
    functions: dict[str, LossFunction] = {}
    for name, form in forms.items():
        p = _drawn("(-inf, inf)" if _takes_logits(form) else form.outputs, (rows, outputs), rng)
        y = rng.integers(0, outputs, (rows, 1)).astype(float) if form.sparse else _drawn(form.labels, p.shape, rng)
        functions[name] = LossFunction(form, p, y, None)
        functions[f"{name}, weighted"] = LossFunction(form, p, y, rng.uniform(0.5, 2, rows))
        if form.labels == "[0, 1]":
            functions[f"{name}, hard labels"] = LossFunction(form, p, np.round(y), None)
    return functions


def _drawn(interval: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random numbers well inside an interval such as "[0, inf)"."""
    low, high = interval.low, interval.high
    if math.isfinite(low) and math.isfinite(high):
        return rng.uniform(low + 0.05 * (high - low), high - 0.05 * (high - low), shape)
    numbers = 2 * rng.standard_normal(shape)
    return low + 0.1 + np.abs(numbers) if math.isfinite(low) else numbers


def _takes_logits(loss: Loss) -> bool:
    return bool(getattr(loss, "from_logits", False))


def check_layer(
    layer: Layer,
    input_shape: tuple[int, ...] | int,
    *,
    rows: tuple[int, ...] | int = (5, 1),
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Is a layer's backward right?   Every entry of dL/dx and of every parameter, against slopes of forward alone.

    On a built clone with random parameters, inputs and cotangents; in training and in inference; for each number of
    rows. Then its promises: shapes, no argument written to, no reading back, the same twice, float32 in, float32 out.
    Of more than 20,000 entries, directions through all of them first, as in `check_model`.
    """
    if not isinstance(layer, Layer):
        raise SettingError(f"check_layer: layer must be a Layer object such as Dense(3), got {layer!r}")
    if isinstance(input_shape, np.ndarray):
        raise SettingError("check_layer: input_shape must be the shape of a row, got an array; pass x.shape[1:]")
    refuse_bad_settings("check_layer", "all", method, tolerance)
    shape, rows = _numbers("input_shape", input_shape), _numbers("rows", rows)
    report, wrong = Report(type(layer).__name__, "complex", rows[0]), dict[str, list[tuple[int, bool]]]()
    for m in rows:
        for training in (True, False):
            part = _explained(layer_function(layer, shape, m, training, seed), report.title, method, tolerance)
            for path, tensor in part.tensors.items():
                if not tensor.passed:
                    wrong.setdefault(path, []).append((m, training))
                if path not in report.tensors or (report.tensors[path].passed and not tensor.passed):
                    report.tensors[path] = tensor
                    report.rows = m if not tensor.passed else report.rows
            report.method = "central" if "central" in (part.method, report.method) else "complex"
            _absorb(report, part)
    report.broken, report.notes = broken_promises(layer, shape, seed)
    report.notes += [f"{path} is wrong {_where(cases, rows)}" for path, cases in wrong.items() if _where(cases, rows)]
    return _finish(report, raise_on_failure)


def _numbers(name: str, given: Any) -> tuple[int, ...]:
    """One number or several, each at least 1."""
    several = given if isinstance(given, tuple | list) else (given,)
    return tuple(validation.check_integer("check_layer", name, n, 1) for n in several)


def _explained(function: LayerFunction, title: str, method: str, tolerance: float) -> Report:
    """The report on a layer run alone, with the causes of what is wrong."""
    report = report_on(title, function, closely(function), method, tolerance)
    for path, tensor in report.wrong.items():
        if tensor.checked == tensor.size:
            tensor.cause = causes.of_layer(function, path, report.method)
    return report


def _where(cases: list[tuple[int, bool]], rows: tuple[int, ...]) -> str:
    """What the cases (rows, training) have in common that others have not, in words."""
    sizes, modes = {m for m, _ in cases}, {training for _, training in cases}
    size = "" if sizes == set(rows) else f"with {' or '.join(str(m) for m in rows if m in sizes)} rows"
    mode = "" if len(modes) == 2 else "in training" if True in modes else "in inference"
    return " ".join(part for part in (size, mode, "alone") if part) if size or mode else ""


def layer_function(
    layer: Layer, shape: tuple[int, ...], m: int, training: bool, seed: int, x: np.ndarray | None = None
) -> LayerFunction:
    """The layer, built anew with random float64 parameters, on m random rows, or on the rows x."""
    rng = np.random.default_rng(seed)
    clone = layer.clone()
    params = build(clone, shape, np.float64, rng)
    # initialisers make zeros and ones, which hide mistakes
    params.theta += 0.5 * rng.standard_normal(params.theta.size)
    return LayerFunction(clone, params, rng.standard_normal((m, *shape)) if x is None else x, training, rng)


def build(layer: Layer, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
    """Parameters for a layer that is in no model."""
    build_layer(layer, shape)
    params = Parameters(layer.named_parameters(), np.dtype(dtype))
    params.initialize(rng)
    for _, inner in layer.walk():
        inner.rng = rng
    return params


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
    """Is the gradient of the whole objective right, dropout, penalties and all?   On a private float64 copy.

    depth      "directions": one random direction through every tensor; an int k: k entries of every tensor; "all"
               entries; "auto": directions, and entries only where a direction disagrees
    method     "complex", "central", or "auto": the complex step where every layer and the loss bear it
    tolerance  on |a - n| / (|a| + |n|), beyond what rounding explains
    rows       of x at most, spread evenly; the check needs few

    Every evaluation sees the same dropout masks; the model itself is not touched. Raises GradientError with the
    report, unless told not to; `report.guilty` is the layer whose backward is wrong.
    """
    refuse_no_model("check_model", model)
    refuse_bad_settings("check_model", depth, method, tolerance)
    if not model.built:
        raise NotBuiltError(f"check_model: {model.name} is not built yet; call build or fit first")
    if not model.compiled:
        model.compile()
    examples = model.examples("check_model", x, y, sample_weight)
    function = ModelFunction(
        model, examples[spread(len(examples), validation.check_integer("check_model", "rows", rows, 1))]
    )
    return _finish(check_function(function, depth, method, tolerance, seed), raise_on_failure)


def refuse_no_model(who: str, given: Any) -> None:
    """Raise SettingError unless a model was given."""
    if not isinstance(given, Model):
        got = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise SettingError(f"{who}: model must be a Model, got {got}; call {who}(model, x, y)")


def spread(m: int, rows: int) -> np.ndarray:
    """At most so many of m rows, evenly spread."""
    return np.arange(m) if m <= rows else np.arange(rows) * m // rows


def check_function(function: ModelFunction, depth: str | int, method: str, tolerance: float, seed: int = 0) -> Report:
    """The report on a model's objective: the data loss, and the penalty apart, so that neither hides the other."""
    report = report_on(function.model.name, function, depth, method, tolerance, seed)
    report.rows = len(function.rows)
    penalty = function.penalty()
    if penalty is not None:
        part = report_on("penalty", penalty, "auto" if depth == "auto" else "directions", "auto", tolerance, seed)
        report.tensors["penalty"] = part.tensors["weights"]
        _absorb(report, part)
    if not report.passed:
        _explain(function, report, seed)
    return report


# ---- whose fault is it?


def _explain(function: ModelFunction, report: Report, seed: int) -> None:
    """The guilty layer, seeking from the loss backwards, and the causes, from each suspect run alone."""
    guilty, said = None, dict[str, str | None]()
    for path, layer, x in suspects(function):
        if guilty and guilty.startswith(f"{path}/" if path else ""):
            continue  # it is wrong for what is inside it
        wrong = _wrong_alone(layer, x, seed)
        if layer.is_first:
            wrong.pop("input", None)  # nobody asks for it
        if wrong and guilty is None:
            guilty = path
            through = wrong.get("input")
            said[""] = f"it comes through {path}: {through}" if through else None
        said |= {join_path(path, name): cause for name, cause in wrong.items() if name != "input"}
    report.guilty = guilty
    if guilty is None:
        said[""] = _of_loss(function)
    for path, tensor in report.wrong.items():
        tensor.cause = said.get(path, said.get("")) if path != "penalty" else _of_penalty(function)


def _wrong_alone(layer: Layer, x: np.ndarray, seed: int) -> dict[str, str | None]:
    """The wrong gradients of a clone that is run alone in training, with their causes.

    On few random rows, as many as no other count, so that a factor tells what it is; where it does not run on those, or
    gives no numbers, on the rows x that it has in its network.
    """
    shape = x.shape[1:]
    small = tuple(min(n, 6) for n in shape) if len(shape) == 1 and type(layer).build is not Layer.build else shape
    m = next(m for m in (5, 7, 11) if m not in small)
    for features, rows in ((small, None), (shape, x[:m])):
        try:
            with np.errstate(all="ignore"):
                function = layer_function(layer, features, m, True, seed, rows)
                if np.isfinite(function.outputs(function.point)).all():
                    report = _explained(function, type(layer).__name__, "auto", TOLERANCE)
                    return {path: tensor.cause for path, tensor in report.wrong.items()}
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            continue  # it runs only where it stands
    return {}


def _of_loss(function: ModelFunction) -> str | None:
    z = function.record(function.point).inputs[-1]
    loss = LossFunction(function.loss, z, function.rows.y, function.rows.weight)
    report = report_on("loss", loss, "all", "auto", TOLERANCE)
    if report.passed:
        return None
    said = causes.of_loss(loss, f"the slope of {type(function.loss).__name__}", report.method)
    return said or f"the slope of {type(function.loss).__name__} is wrong"


def _of_penalty(function: ModelFunction) -> str | None:
    penalty = function.penalty()
    return None if penalty is None else causes.of_loss(penalty, "the penalty's gradient", "complex")


def _absorb(report: Report, part: Report) -> None:
    report.difference = max(report.difference, part.difference)
    report.evaluations += part.evaluations
    report.seconds += part.seconds


def _finish(report: Report, raise_on_failure: bool) -> Report:
    if report.passed and report.method == "complex" and report.difference > COARSE:
        report.notes.append(
            f"right to {report.difference:.0e}, where float64 gives 1e-15: is something cast to float32?"
        )
    if raise_on_failure and not report.passed:
        raise GradientError(report)
    return report
