"""Compare a claimed gradient with derivatives, and look a second time before calling it wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .. import validation
from ..errors import GradientError
from ..seeding import new_sequence
from ._differentiation import METHODS, Differentiation, choose_method, random_step
from ._report import Report, Tensor
from ._subjects import Subject

TOLERANCE = 1e-7
ROUNDING = 1e-12  # a relative difference below it is reported as it is; above it, the rounding error is subtracted
SMALL = 1e-3  # tensors smaller than this, relative to the largest one, are not scaled up all the way
MANY = 20_000  # the most entries that are compared one by one without being asked for
SAMPLE = 2_000  # entries of a larger tensor that are compared first, to find a wrong one soon
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
        return replace(self, depth="all" if subject.point.size <= MANY and work <= MUCH else "auto")


def compare(title: str, subject: Subject, settings: Settings) -> Report:
    """The report on one subject."""
    began = time.perf_counter()
    method = choose_method(title, settings.method, lambda: subject.supports_complex)
    comparison, report = Comparison(subject, method, settings), Report(title, method.name)
    if settings.depth == "auto" and (difference := comparison.all_at_once()) is not None:
        report.tensors = {path: Tensor(part.size, difference) for path, part in subject.parts.items()}
    else:
        with subject.at(subject.point, method.dtype):
            report.tensors = {path: comparison.tensor(path, settings.depth) for path in subject.parts}
    report.evaluations, report.seconds = subject.evaluations, time.perf_counter() - began
    return report


def finish(report: Report, raise_on_failure: bool) -> Report:
    """Return the report with advice; raise GradientError if it has not passed and failures are raised."""
    if report.passed and METHODS[report.method].exact and report.difference > COARSE:
        report.notes.append(
            f"right to {report.difference:.0e}, where float64 gives 1e-15: is something cast to float32?"
        )
    if raise_on_failure and not report.passed:
        raise GradientError(report)
    return report


class Place:
    """A point, the gradient claimed there, and its rounding error, computed only when it matters."""

    def __init__(self, subject: Subject, point: np.ndarray) -> None:
        self.subject, self.point, self.gradient = subject, point, subject.gradient(point)

    @cached_property
    def bounds(self) -> dict[str, float]:
        """Per tensor."""
        return self.subject.gradient_bounds(self.point, self.gradient)


@dataclass
class Look:
    """Derivatives along some directions, as backward claims them (analytic) and from values alone (numeric).

    size   the size of what the analytic ones are summed from
    bound  how far rounding may move the analytic ones, computed only when it matters
    blur   how far rounding may move the numeric ones
    """

    analytic: np.ndarray
    numeric: np.ndarray
    size: np.ndarray
    bound: Callable[[], float]
    blur: np.ndarray

    def __post_init__(self) -> None:
        off = np.abs(self.analytic - self.numeric)
        self.off = np.where(np.isfinite(off), off, np.nan)  # which is within no tolerance

    @cached_property
    def beyond(self) -> np.ndarray:
        """The differences that rounding does not explain."""
        return self.off - self.bound() - self.blur

    def differ(self, tolerance: float) -> np.ndarray:
        """True where values differ by more than the tolerance and rounding, or are not finite."""
        allowed = tolerance * (self.size + abs(self.numeric))
        differ = ~(self.off <= allowed)
        return ~(self.beyond <= allowed) if differ.any() else differ

    def difference(self, chosen: np.ndarray) -> float:
        """|a - n| / (|a| + |n|) of the chosen ones in the Euclidean norm, beyond rounding; 1 if one is not finite."""
        total = _length(self.size[chosen]) + _length(self.numeric[chosen])
        if not math.isfinite(total):
            return 1.0
        off = _length(self.off[chosen])
        if off and off >= ROUNDING * total:
            off = _length(np.maximum(self.beyond[chosen], 0))
        return off / total if off else 0.0


class Comparison:
    """A subject's claimed gradient against derivatives, tensor by tensor."""

    def __init__(self, subject: Subject, method: Differentiation, settings: Settings) -> None:
        self.subject, self.method, self.tolerance = subject, method, settings.tolerance
        self.rng = np.random.default_rng(new_sequence(settings.seed))  # directions other than the inputs themselves
        self.here = Place(subject, subject.point)
        self._moved: dict[float, Place] = {}

    @cached_property
    def value_bound(self) -> float:
        """The rounding error of the value, where it matters."""
        return 0.0 if self.method.exact else self.subject.value_bound(self.subject.point)

    def all_at_once(self) -> float | None:
        """The difference along one direction through all tensors if it is so small that none can be wrong, else None.

        Every tensor has its own scale in that direction, so that none hides behind a larger one.
        """
        claimed, point = self.here.gradient, self.subject.point
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
            found = self._direction(path)
            if found.passed or depth == "directions":
                return found
            if (
                size > (count := self._few(path))
                and not (found := self._entries(path, self._sample(size, count))).passed
            ):
                return found
        return self._entries(path, np.arange(size))

    def _few(self, path: str) -> int:
        """So many entries can be compared soon."""
        size, work = self.subject.parts[path].size, self.subject.work(path)
        return SAMPLE if size > MANY else size if work <= MUCH else size * MUCH // (10 * work)

    def _sample(self, size: int, count: int) -> np.ndarray:
        """`count` of so many entries, or all if there are not more."""
        return np.arange(size) if count >= size else np.sort(self.rng.choice(size, count, replace=False))

    def _direction(self, path: str) -> Tensor:
        """Compare along one direction through the tensor, to rounding: a wrong entry shows little in it."""
        part = self.subject.parts[path]
        direction = self.rng.standard_normal(part.size)
        if not self.method.exact:  # as far as single entries move
            direction *= np.maximum(1.0, np.abs(self.subject.point[part.slice]))
        length = _length(direction)

        def look(place: Place, method: Differentiation, _: np.ndarray) -> Look:
            claimed = place.gradient[part.slice]
            numeric = self.subject.tensor_derivative(place.point, path, direction, method)
            analytic, size = np.array([claimed @ direction]), np.array([_length(claimed) * length])
            blur = np.array([method.rounding * self.value_bound])
            return Look(analytic, np.array([numeric]), size, lambda: place.bounds[path] * length, blur)

        resolution = self.method.resolution
        return self._judge(path, look, 1, resolution, resolution)[0]

    def _entries(self, path: str, entries: np.ndarray) -> Tensor:
        part = self.subject.parts[path]
        steps = np.maximum(1.0, abs(self.subject.point[part.slice][entries]))  # large entries move further

        def look(place: Place, method: Differentiation, left: np.ndarray) -> Look:
            claimed = place.gradient[part.slice][entries[left]]
            numeric = self.subject.derivatives(place.point, path, entries[left], method)
            blur = method.rounding * self.value_bound / steps[left]
            return Look(claimed, numeric, abs(claimed), lambda: place.bounds[path], blur)

        # exact derivatives disagree as soon as a kink is touched, so the second look begins early
        suspicion = ROUNDING if self.method.exact else self.tolerance
        found, here, wrong = self._judge(path, look, len(entries), suspicion, self.tolerance)
        found.checked = len(entries)
        if wrong.any():
            # the wrong entry with the largest difference; one that is not finite comes first
            off = np.where(np.isfinite(here.analytic), here.off, np.inf)
            worst = int(np.argmax(np.where(wrong, off, -1.0)))
            found.worst = tuple(int(i) for i in np.unravel_index(entries[worst], part.shape))
            found.analytic, found.numeric = float(here.analytic[worst]), float(here.numeric[worst])
        return found

    def _judge(
        self, path: str, look: Callable[..., Look], n: int, suspicion: float, tolerance: float
    ) -> tuple[Tensor, Look, np.ndarray]:
        """The check of a tensor by looking along n directions, the look at the point, and True where it is wrong.

        look(place, method, numbers of directions). If values disagree at the point and agree nearby, there is a kink. A
        look nearby is inconclusive if its own rounding error is larger than the difference at the point.
        """
        here, kinks = look(self.here, self.method, np.arange(n)), np.zeros(n, bool)
        left = np.flatnonzero(here.differ(suspicion))
        for place, method in self._looks() if left.size else ():
            there = look(place, method, left)
            right = ~there.differ(suspicion) & (there.blur <= here.off[left])
            kinks[left[right]] = True
            left = left[~right]
            if not left.size:
                break
        size, wrong = self.subject.parts[path].size, here.differ(tolerance) & ~kinks
        found = Tensor(size, here.difference(~kinks), not wrong.any(), kinks=int(kinks.sum()))
        return found, here, wrong

    def _looks(self) -> Iterator[tuple[Place, Differentiation]]:
        """Places near the point, each with the methods to try there; none if chance could make them agree."""
        if not self.subject.is_repeatable:
            return
        for offset in self.method.offsets:
            if offset not in self._moved:
                point = self.subject.point
                self._moved[offset] = Place(self.subject, point + offset * random_step(point, self.rng))
            for method in self.method.near_kinks:
                yield self._moved[offset], method


def _length(a: np.ndarray) -> float:
    return float(np.hypot.reduce(a))  # unlike the root of a sum of squares it does not overflow
