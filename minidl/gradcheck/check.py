"""The checks: compare a claimed gradient with slopes, and look again before saying "wrong"."""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import settings
from ..errors import GradientError, NotBuiltError, ShapeError
from ..layers.base import Layer
from ..losses import Loss, Objective
from ..parameters import Parameters, Penalty
from . import causes
from .functions import Differentiable, LayerFunction, LossFunction, PenaltyFunction, PlainFunction
from .numeric import METHODS, relative_difference
from .promises import broken_promises
from .report import Report, Tensor
from .walk import ModelFunction, suspects

if TYPE_CHECKING:
    from ..model import Model

TOLERANCE = 1e-7
MOVE = 1e-7  # how far to step aside from a kink
DIRECTION = {"complex": 1e-12, "central": 1e-7}  # relative to |gradient| |direction|: what a direction may be off
ROUNDING = 1e-12  # a relative difference below it is shown as it is; above, what rounding explains is taken off
LEAST = 1e-3  # tensors smaller than this, of the largest, are not scaled up all the way
MANY = 20_000  # entries of one tensor to look at one by one; of a larger tensor a sample of 2,000
SAMPLE = 2_000


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
    function = PlainFunction(f, gradient, theta)
    return _finish(_report("gradient", function, "all", method, tolerance), raise_on_failure)


def check_loss(
    loss: Loss | Penalty | Objective, outputs: int = 3, *, rows: int = 5, seed: int = 0, raise_on_failure: bool = True
) -> Report:
    """Are the slopes of a loss, and the gradients of penalties, right?   On random outputs, weighted and unweighted.

    A loss with a link is checked on probabilities and on logits, one with labels in [0, 1] with hard and soft labels.
    """
    terms = loss if isinstance(loss, Objective) else Objective(loss) if isinstance(loss, Loss) else None
    penalties = (loss,) if isinstance(loss, Penalty) else terms.penalties if terms else ()
    rng, functions = np.random.default_rng(seed), dict[str, Differentiable]()
    if terms:
        functions |= _loss_functions(terms.loss, outputs, rows, rng)
    if penalties:
        functions["penalty"] = PenaltyFunction(
            [(slice(None), term) for term in penalties], rng.standard_normal(7 * outputs), rows
        )
    report = Report(type(loss).__name__, "complex", rows)
    for name, function in functions.items():
        part = _report(name, function, "all", "auto", TOLERANCE)
        report.tensors |= {name: tensor for tensor in part.tensors.values()}
        report.method = part.method if part.method == "central" else report.method
        _absorb(report, part)
        for tensor in (t for t in part.tensors.values() if not t.passed):
            tensor.cause = causes.of_loss(function, name)
    return _finish(report, raise_on_failure)


def _loss_functions(loss: Loss, outputs: int, rows: int, rng: np.random.Generator) -> dict[str, Differentiable]:
    forms = {"output": loss}
    if loss.link is not None and not _takes_logits(loss):
        forms["logits"] = loss.on_logits()
    functions: dict[str, Differentiable] = {}
    for name, form in forms.items():
        p = _drawn("(-inf, inf)" if _takes_logits(form) else form.outputs, (rows, outputs), rng)
        y = rng.integers(0, outputs, (rows, 1)).astype(float) if form.sparse else _drawn(form.labels, p.shape, rng)
        functions[name] = LossFunction(form, p, y, None)
        functions[f"{name}, weighted"] = LossFunction(form, p, y, rng.uniform(0.5, 2, rows))
        if form.labels == "[0, 1]":
            functions[f"{name}, hard labels"] = LossFunction(form, p, np.round(y), None)
    return functions


def _drawn(interval: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random numbers well inside an interval such as "[0, inf)"."""
    low, high = (float(end) for end in interval[1:-1].split(","))
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
    rows: tuple[int, ...] = (5, 1),
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Is a layer's backward right?   Every entry of dL/dx and of every parameter, against slopes of forward alone.

    On a built clone with random parameters, inputs and cotangents; in training and in inference; for each number of
    rows. Then its promises: shapes, no argument written to, no reading back, the same twice, float32 in, float32 out.
    """
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else (input_shape,)
    report = Report(type(layer).__name__, "complex", rows[0])
    for m in rows:
        for training in (True, False):
            function = layer_function(layer, shape, m, training, seed)
            part = _report(report.title, function, "all", method, tolerance)
            for path, tensor in part.tensors.items():
                if not tensor.passed:
                    tensor.cause = causes.of_layer(function, path, part.method)
                if path not in report.tensors or (report.tensors[path].passed and not tensor.passed):
                    report.tensors[path] = tensor
                    report.rows = m if not tensor.passed else report.rows
            report.method = "central" if "central" in (part.method, report.method) else "complex"
            _absorb(report, part)
    report.broken, report.notes = broken_promises(layer, shape, seed)
    return _finish(report, raise_on_failure)


def layer_function(layer: Layer, shape: tuple[int, ...], m: int, training: bool, seed: int) -> LayerFunction:
    """The layer, built anew with random float64 parameters, on m random rows."""
    rng = np.random.default_rng(seed)
    clone = layer.clone()
    params = build(clone, shape, np.float64, rng)
    # initialisers make zeros and ones, which hide mistakes
    params.theta += 0.5 * rng.standard_normal(params.theta.size)
    return LayerFunction(clone, params, rng.standard_normal((m, *shape)), training, rng)


def build(layer: Layer, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
    """Parameters for a layer that is in no model."""
    layer.build(shape)
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
    if not model.built:
        raise NotBuiltError(f"check_model: {model.name} is not built yet; call build or fit first")
    if not model.compiled:
        model.compile()
    examples = model.examples("check_model", x, y, sample_weight)
    chosen = np.unique(np.linspace(0, len(examples) - 1, settings.integer("check_model", "rows", rows, 1)).astype(int))
    function = ModelFunction(model, examples[chosen])
    return _finish(check_function(function, depth, method, tolerance, seed), raise_on_failure)


def check_function(function: ModelFunction, depth: str | int, method: str, tolerance: float, seed: int = 0) -> Report:
    """The report on a model's objective: the data loss by tensor, and the penalty apart, so that neither hides the other."""
    report = _report(function.model.name, function, depth, method, tolerance, seed)
    report.rows = len(function.rows)
    penalty = function.penalty()
    if penalty is not None:
        part = _report("penalty", penalty, "auto" if depth == "auto" else "directions", "auto", tolerance, seed)
        report.tensors["penalty"] = part.tensors["weights"]
        _absorb(report, part)
    if not report.passed:
        _explain(function, report, seed)
    return report


# ---- whose fault is it?


def _explain(function: ModelFunction, report: Report, seed: int) -> None:
    """The guilty layer, seeking from the loss backwards, and the causes, from each suspect run alone."""
    guilty, said = None, dict[str, str | None]()
    for path, layer, shape in suspects(function):
        alone = _alone(layer, shape, seed)
        if alone is None:
            continue
        wrong = {name: tensor for name, tensor in alone.tensors.items() if not tensor.passed}
        if layer.is_first:
            wrong.pop("input", None)  # nobody asks for it
        if wrong and guilty is None:
            guilty = path
            through = wrong["input"].cause if "input" in wrong else None
            said[""] = f"it comes through {path}: {through}" if through else None
        said |= {f"{path}/{name}" if path else name: tensor.cause for name, tensor in wrong.items() if name != "input"}
    report.guilty = guilty
    if guilty is None:
        said[""] = _of_loss(function)
    for path, tensor in report.wrong.items():
        tensor.cause = said.get(path, said.get("")) if path != "penalty" else _of_penalty(function)


def _alone(layer: Layer, shape: tuple[int, ...], seed: int) -> Report | None:
    """The check of a clone on random rows: as many as no other count, so that a factor tells what it is."""
    small = tuple(min(n, 6) for n in shape) if len(shape) == 1 and type(layer).build is not Layer.build else shape
    rows = next(m for m in (5, 7, 11) if m not in small)
    try:
        return check_layer(layer, small, rows=(rows,), seed=seed, raise_on_failure=False)
    except (ShapeError, ValueError, TypeError):
        return None  # it runs only where it stands


def _of_loss(function: ModelFunction) -> str | None:
    z = function.record(function.point).inputs[-1]
    loss = LossFunction(function.loss, z, function.rows.y, function.rows.weight)
    if _report("loss", loss, "all", "auto", TOLERANCE).passed:
        return None
    said = causes.of_loss(loss, f"the slope of {type(function.loss).__name__}")
    return said or f"the slope of {type(function.loss).__name__} is wrong"


def _of_penalty(function: ModelFunction) -> str | None:
    penalty = function.penalty()
    return None if penalty is None else causes.of_loss(penalty, "the penalty's gradient")


def _absorb(report: Report, part: Report) -> None:
    report.difference = max(report.difference, part.difference)
    report.evaluations += part.evaluations
    report.seconds += part.seconds


def _finish(report: Report, raise_on_failure: bool) -> Report:
    if raise_on_failure and not report.passed:
        raise GradientError(report)
    return report


# ---- one function


def _report(
    title: str, function: Differentiable, depth: str | int, method: str, tolerance: float, seed: int = 0
) -> Report:
    began = time.perf_counter()
    settings.choice(title, "method", method, ("auto", *METHODS))
    if not isinstance(depth, str):
        depth = settings.integer(title, "depth", depth, 1)
    else:
        settings.choice(title, "depth", depth, ("auto", "directions", "all"))
    tolerance = settings.number(title, "tolerance", tolerance, "(0, 1)")
    if method == "auto":
        method = "complex" if function.complex_safe() else "central"
    comparison = Comparison(function, method, tolerance, np.random.default_rng(seed))
    report = Report(title, method)
    if depth == "auto" and (difference := comparison.all_at_once()) is not None:
        report.tensors = {path: Tensor(part.size, difference) for path, part in function.parts.items()}
    else:
        with function.hold(function.point, method):
            for path in function.parts:
                report.tensors[path] = comparison.tensor(path, depth)
    report.difference = comparison.difference
    report.evaluations, report.seconds = function.evaluations, time.perf_counter() - began
    return report


class Comparison:
    """A function's claimed gradient against its slopes, tensor by tensor."""

    def __init__(self, function: Differentiable, method: str, tolerance: float, rng: np.random.Generator) -> None:
        self.function, self.method, self.tolerance, self.rng = function, method, tolerance, rng
        self.claimed = function.gradient(function.point)
        self.central_floor = function.central_floor(function.point) if method == "central" else 0.0
        self.here = Place(function, function.point, self.claimed)
        # exact slopes disagree at the slightest touch of a kink, so the second look begins early
        self.suspicion = ROUNDING if method == "complex" else tolerance
        self.moved: Place | None = None
        self.squares = np.zeros(3)  # of differences, claimed and numeric values, over all tensors

    @property
    def difference(self) -> float:
        """The notebook's number over all that was compared."""
        if not np.isfinite(self.squares).all():
            return 1.0
        off, claimed, numeric = np.sqrt(self.squares)
        return float(off / (claimed + numeric)) if off else 0.0

    def tensor(self, path: str, depth: str | int) -> Tensor:
        part = self.function.parts[path]
        claimed = self.claimed[part.slice]
        found = Tensor(part.size)
        if part.size == 0:
            return found
        if depth in ("auto", "directions"):
            direction = self.rng.standard_normal(part.size)
            found.passed = self._along(path, direction, self.here, found)
            if found.passed:
                return found
            if depth == "directions":  # the same direction, a little aside of any kink
                found.passed = self._along(path, direction, self._aside(), found)
                found.kinks = int(found.passed)
                return found
        count = depth if isinstance(depth, int) else part.size if part.size <= MANY else SAMPLE
        entries = np.arange(part.size)
        if count < part.size:
            entries = np.sort(self.rng.choice(part.size, count, replace=False))
        return self._entries(path, claimed, entries, found)

    def all_at_once(self) -> float | None:
        """The difference along one direction through all tensors, if they agree so well that none can be wrong.

        Every tensor has its own scale there, so that none hides behind a larger one.
        """
        if self.method != "complex" or not np.isfinite(self.claimed).all():
            return None
        point, direction = self.function.point, self.rng.standard_normal(self.claimed.shape)
        slices = [part.slice for part in self.function.parts.values()]
        sizes = [math.sqrt(self.claimed[part].dot(self.claimed[part])) for part in slices]
        least = LEAST * max(sizes, default=0.0)
        if least == 0:
            return None
        for part, size in zip(slices, sizes, strict=True):
            direction[part] /= max(size, least)
        analytic, numeric = float(self.claimed.dot(direction)), self.function.along(point, direction, "complex")
        difference = abs(analytic - numeric) / (abs(analytic) + abs(numeric))
        # below it no tensor down to LEAST times the largest can be off by more than a hundredth of the tolerance
        if not difference <= LEAST * self.tolerance * 1e-2:
            return None
        self.squares += (difference * (abs(analytic) + abs(numeric))) ** 2, analytic**2, numeric**2
        return difference

    def _along(self, path: str, direction: np.ndarray, place: Place, found: Tensor) -> bool:
        """Whether gradient and slope agree along one direction through the tensor."""
        claimed = place.gradient[self.function.parts[path].slice]
        numeric = self.function.directional(place.point, path, direction, self.method)
        analytic = float(claimed @ direction)
        size = abs(analytic) + abs(numeric)
        if not math.isfinite(size):
            found.difference = 1.0
            return False
        off = abs(analytic - numeric)
        found.difference = off / size if off else 0.0
        if found.difference > DIRECTION[self.method]:
            length = float(np.linalg.norm(direction))
            off = max(0.0, off - place.floors[path] * length - self.central_floor)
            found.difference = off / (float(np.linalg.norm(claimed)) * length + abs(numeric)) if off else 0.0
        if found.difference > DIRECTION[self.method]:
            return False
        self.squares += (found.difference * size) ** 2, analytic**2, numeric**2
        return True

    def _entries(self, path: str, claimed: np.ndarray, entries: np.ndarray, found: Tensor) -> Tensor:
        point, part = self.function.point, self.function.parts[path]
        numeric = self.function.slopes(point, path, entries, self.method)
        analytic = claimed[entries]
        floor = self.here.floors[path] + self.central_floor
        direction_off, kinks = found.difference, np.zeros(len(entries), bool)
        suspects = self._off(analytic, numeric, floor, self.suspicion)
        if suspects.any():
            kinks[suspects] = self._right_elsewhere(path, entries[suspects])
        wrong = self._off(analytic, numeric, floor, self.tolerance) & ~kinks
        off = np.maximum(np.abs(analytic - numeric) - floor, 0)[~kinks]
        squares = np.array([np.sum(values[~kinks] ** 2) for values in (analytic, numeric)])
        off_norm = float(np.sqrt(np.sum(off**2)))
        raw = relative_difference(analytic[~kinks], numeric[~kinks])
        beyond = off_norm / float(np.sqrt(squares).sum()) if off_norm else 0.0
        found.difference = raw if raw < ROUNDING or not np.isfinite(beyond) else beyond
        self.squares += (found.difference * float(np.sqrt(squares).sum())) ** 2, *squares
        found.kinks, found.checked = int(kinks.sum()), len(entries)
        # a direction that disagrees although the sampled entries are right points at entries that were not sampled
        missed = (
            0 < len(entries) < part.size and not found.passed and direction_off > self.tolerance and not kinks.any()
        )
        found.passed = not (wrong.any() or missed)
        if wrong.any():
            place = _worst(analytic, numeric, wrong)
            found.worst = part.index(int(entries[place]))
            found.analytic, found.numeric = float(analytic[place]), float(numeric[place])
        return found

    @staticmethod
    def _off(analytic: np.ndarray, numeric: np.ndarray, floor: float, tolerance: float) -> np.ndarray:
        """Which values differ by more than the tolerance and rounding; NaN always does."""
        beyond = np.abs(analytic - numeric) - floor
        return ~(beyond <= tolerance * (np.abs(analytic) + np.abs(numeric)))

    def _right_elsewhere(self, path: str, entries: np.ndarray) -> np.ndarray:
        """Which of the entries that disagree do so only at a kink: looked at again, both ways, a little aside."""
        there = self._aside()
        values = there.gradient[self.function.parts[path].slice][entries]
        right = np.zeros(len(entries), bool)
        # a difference may straddle a kink that lies close by: shorter steps do not, but they round more
        for step in (1.0,) if self.method == "complex" else (1.0, 1e-2, 1e-3):
            slopes = self.function.slopes(there.point, path, entries, self.method, step)
            right |= ~self._off(values, slopes, there.floors[path] + self.central_floor / step, self.suspicion)
        return right

    def _aside(self) -> Place:
        """A place a little aside of the point."""
        if self.moved is None:
            point = self.function.point
            there = point + MOVE * self.rng.standard_normal(point.shape) * np.maximum(1, np.abs(point))
            self.moved = Place(self.function, there, self.function.gradient(there))
        return self.moved


class Place:
    """A point, the gradient claimed there, and how far rounding may take it (worked out only when it matters)."""

    def __init__(self, function: Differentiable, point: np.ndarray, gradient: np.ndarray) -> None:
        self.function, self.point, self.gradient = function, point, gradient

    @cached_property
    def floors(self) -> dict[str, float]:
        """Per tensor."""
        return self.function.floors(self.point, self.gradient)


def _worst(analytic: np.ndarray, numeric: np.ndarray, wrong: np.ndarray) -> int:
    """The wrong entry that is furthest off; a value that is not finite before all."""
    off = np.where(np.isfinite(analytic), np.abs(analytic - numeric), np.inf)
    return int(np.argmax(np.where(wrong, off, -1.0)))
