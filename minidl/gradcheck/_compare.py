"""Compare a claimed gradient with derivatives, and look a second time before calling it wrong."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from .. import validation
from ..errors import GradientError
from ..seeding import new_sequence
from ._differentiation import METHODS, Differentiation, choose_method
from ._halving import wrong_entries
from ._lines import ROUNDING, DirectionLine, EntryLines, UntrustedError, check_zeros
from ._report import Report, Tensor
from ._subjects import Subject
from ._verdict import Judge, Judged

TOLERANCE = 1e-7
SMALL = 1e-3  # tensors smaller than this, relative to the largest one, are not scaled up all the way
SAMPLE = 200  # entries of a large tensor that are compared if it is wrong in many places
COARSE = 1e-9  # a difference from an exact derivative that is more than rounding in float64, and too small to be wrong
MUCH = 20_000_000  # the most numbers that are computed for it, and for all entries of a tensor without being asked


@dataclass(frozen=True)
class Settings:
    """The options of a check: see `check_model`."""

    depth: str | int = "all"
    method: str = "auto"
    tolerance: float = TOLERANCE
    seed: int = 0

    def check(self, who: str) -> Settings:
        """Return them; raise SettingError if one cannot be used."""
        if isinstance(self.depth, str):
            validation.check_choice(who, "depth", self.depth, ("auto", "directions", "all"))
        else:
            validation.check_integer(who, "depth", self.depth, 1)
        validation.check_choice(who, "method", self.method, ("auto", *METHODS))
        validation.check_real(who, "tolerance", self.tolerance, "(0, 1)")
        return self

    def for_subject(self, subject: Subject) -> Settings:
        """Compare all entries of a subject, unless they are too many or too much work."""
        work = sum(subject.work(path) for path in subject.parts)
        return replace(self, depth="all" if subject.point.size <= subject.many and work <= MUCH else "auto")


def compare(title: str, subject: Subject, settings: Settings) -> Report:
    """The report on one subject."""
    began = time.perf_counter()
    method = choose_method(title, settings.method, lambda: subject.supports_complex)
    report = Report(title, method.name)
    try:
        report.tensors = _tensors(subject, method, settings)
    except UntrustedError:
        method = choose_method(title, settings.method, lambda: False)
        report.method, report.tensors = method.name, _tensors(subject, method, settings)
    report.notes += _notes(report, subject)
    report.evaluations, report.seconds = subject.evaluations, time.perf_counter() - began
    return report


def _tensors(subject: Subject, method: Differentiation, settings: Settings) -> dict[str, Tensor]:
    """The check of every tensor by one method; raise UntrustedError if it proves to be wrong."""
    comparison = Comparison(subject, method, settings)
    if settings.depth == "auto" and (difference := comparison.all_at_once()) is not None:
        return {path: Tensor(part.size, difference) for path, part in subject.parts.items()}
    with subject.at(subject.point, method.dtype):
        return {path: comparison.tensor(path, settings.depth) for path in subject.parts}


def _notes(report: Report, subject: Subject) -> list[str]:
    """Sentences on what limits the verdict."""
    found = []
    for path, tensor in report.tensors.items():
        if tensor.passed and tensor.coarse:
            digits = max(0, int(-math.log10(tensor.coarse)))
            why = subject.narrowing() or "forward computes in float32, or stops before it has converged"
            found.append(f"{path} is right to {digits} digits, which is all that can be measured: {why}")
        if tensor.unresolved:
            what = f"{tensor.unresolved} derivative{'s' * (tensor.unresolved != 1)}"
            found.append(f"{what} of {path} cannot be resolved: forward changes too fast, or jumps")
    return found


def finish(report: Report, raise_on_failure: bool) -> Report:
    """Return the report with advice; raise GradientError if it has not passed and failures are raised."""
    if report.passed and METHODS[report.method].exact and report.difference > COARSE:
        report.notes.append(
            f"right to {report.difference:.0e}, where float64 gives 1e-15: is something cast to float32?"
        )
    if raise_on_failure and not report.passed:
        raise GradientError(report)
    return report


class Comparison:
    """A subject's claimed gradient against derivatives, tensor by tensor."""

    def __init__(self, subject: Subject, method: Differentiation, settings: Settings) -> None:
        self.subject, self.method, self.tolerance = subject, method, settings.tolerance
        self.rng = np.random.default_rng(new_sequence(settings.seed))  # directions other than the inputs themselves
        self.judge = Judge(subject, method, self.rng)
        self._value_bound: float | None = 0.0 if method.exact else None

    def value_bound(self) -> float:
        """The rounding error of the value, where it matters."""
        if self._value_bound is None:
            self._value_bound = self.subject.value_bound(self.subject.point)
        return self._value_bound

    def all_at_once(self) -> float | None:
        """The difference along one direction through all tensors if it is so small that none can be wrong, else None.

        Every tensor has its own scale in that direction, so that none hides behind a larger one.
        """
        claimed, point = self.judge.here.gradient, self.subject.point
        if not (self.method.exact and np.isfinite(claimed).all()):
            return None
        direction = self.rng.standard_normal(claimed.shape)
        slices = [part.slice for part in self.subject.parts.values()]
        sizes = [math.sqrt(claimed[part].dot(claimed[part])) for part in slices]
        least = SMALL * max(sizes, default=0.0)
        if least == 0:
            return None
        for part, size in zip(slices, sizes, strict=True):
            direction[part] /= max(size, least)
        analytic, numeric = float(claimed.dot(direction)), self.subject.derivative(point, direction, self.method)
        difference = abs(analytic - numeric) / (abs(analytic) + abs(numeric))
        # below it no tensor down to SMALL times the largest can be wrong by more than a hundredth of the tolerance
        return difference if difference <= SMALL * self.tolerance * 1e-2 else None

    def tensor(self, path: str, depth: str | int) -> Tensor:
        size = self.subject.parts[path].size
        if isinstance(depth, int):
            return self._entries(path, self._sample(size, depth))
        if depth != "all":
            is_large = depth != "directions" and size > self._few(path)
            found = self._direction(path, measured=not is_large)
            # a difference of 1e-7 in a direction through many entries may be a wrong one
            in_blocks = is_large and found.passed and not self.method.exact
            if depth == "directions" or (found.passed and not in_blocks):
                return found
            if is_large:
                return self._halved(path, found, in_blocks=in_blocks)
        return self._entries(path, np.arange(size))

    def _halved(self, path: str, found: Tensor, *, in_blocks: bool) -> Tensor:
        """Look for the wrong entries of a large tensor in halves of it."""
        size = self.subject.parts[path].size

        def is_right(block: np.ndarray) -> bool:
            return self._judge_direction(path, block, measured=False).is_right

        entries = wrong_entries(size, is_right, in_blocks=in_blocks)
        if entries is None:  # they are in many places
            few = self._entries(path, self._sample(size, self._few(path)))
            return few if not few.passed else self._entries(path, np.arange(size))
        if not entries.size:
            return found
        few = self._entries(path, entries)
        few.is_located = not few.passed
        return few

    def _few(self, path: str) -> int:
        """So many entries can be compared soon."""
        size, work = self.subject.parts[path].size, self.subject.work(path)
        return SAMPLE if size > self.subject.many else size if work <= MUCH else size * MUCH // (10 * work)

    def _sample(self, size: int, count: int) -> np.ndarray:
        """`count` of so many entries, or all if there are not more."""
        return np.arange(size) if count >= size else np.sort(self.rng.choice(size, count, replace=False))

    def _direction(self, path: str, *, measured: bool) -> Tensor:
        """Compare along one direction through the tensor, to rounding: a wrong entry shows little in it."""
        size = self.subject.parts[path].size
        return _tensor(size, self._judge_direction(path, np.arange(size), measured=measured))

    def _judge_direction(self, path: str, entries: np.ndarray, *, measured: bool = True) -> Judged:
        """Judge some entries of a tensor along one direction."""
        part = self.subject.parts[path]
        direction = np.zeros(part.size)
        direction[entries] = self.rng.standard_normal(len(entries))
        if not self.method.exact:  # as far as single entries move
            direction *= np.maximum(1.0, np.abs(self.subject.point[part.slice]))
        resolution = self.method.resolution
        line = DirectionLine(self.subject, path, self.value_bound, direction)
        judged = self.judge(line, resolution, resolution, measured=measured)
        if self.method.exact and judged.look.numeric[0] == 0:
            check_zeros(self.subject, path, entries, self.method)
        return judged

    def _entries(self, path: str, entries: np.ndarray) -> Tensor:
        part = self.subject.parts[path]
        # exact derivatives disagree as soon as a kink is touched, so the second look begins early
        suspicion = ROUNDING if self.method.exact else self.tolerance
        lines = EntryLines(self.subject, path, self.value_bound, entries)
        judged = self.judge(lines, suspicion, self.tolerance)
        look, zeros = judged.look, entries[judged.look.numeric == 0]
        if self.method.exact and zeros.size:
            check_zeros(self.subject, path, zeros, self.method)
        found = _tensor(part.size, judged)
        found.checked = len(entries)
        if judged.wrong.any():
            # the wrong entry with the largest difference; one that is not finite comes first
            off = np.where(np.isfinite(look.analytic), look.off, np.inf)
            worst = int(np.argmax(np.where(judged.wrong, off, -1.0)))
            found.worst = tuple(int(i) for i in np.unravel_index(entries[worst], part.shape))
            found.analytic, found.numeric = float(look.analytic[worst]), float(look.numeric[worst])
        return found


def _tensor(size: int, judged: Judged) -> Tensor:
    kinks, unresolved = int(judged.kinks.sum()), int(judged.unresolved.sum())
    passed = not judged.wrong.any()
    return Tensor(size, judged.difference, passed, kinks=kinks, unresolved=unresolved, coarse=judged.coarse)
