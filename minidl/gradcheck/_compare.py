"""Compare a claimed gradient with derivatives, and look a second time before calling it wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from .. import validation
from ._differentiation import METHODS, Differentiation, choose_method, random_step, relative_difference
from ._report import Report, Tensor
from ._subjects import Subject

TOLERANCE = 1e-7
ROUNDING = 1e-12  # a relative difference below it is reported as it is; above it, the rounding error is subtracted
SMALL = 1e-3  # tensors smaller than this, relative to the largest one, are not scaled up all the way
MANY = 20_000  # the most entries that are compared one by one without being asked for
SAMPLE = 2_000  # entries of a larger tensor that are compared first, to find a wrong one soon


def check_settings(who: str, depth: str | int, method: str, tolerance: float) -> None:
    """Raise SettingError if one of them cannot be used."""
    if isinstance(depth, str):
        validation.check_choice(who, "depth", depth, ("auto", "directions", "all"))
    else:
        validation.check_integer(who, "depth", depth, 1)
    validation.check_choice(who, "method", method, ("auto", *METHODS))
    validation.check_real(who, "tolerance", tolerance, "(0, 1)")


def compare(
    title: str, subject: Subject, depth: str | int | None, method: str, tolerance: float, seed: int = 0
) -> Report:
    """The report on one subject. depth, method and tolerance as in `check_model`; None: all entries unless too many."""
    began = time.perf_counter()
    if depth is None:
        depth = "all" if subject.point.size <= MANY else "auto"
    chosen = choose_method(title, method, lambda: subject.supports_complex)
    comparison = Comparison(subject, chosen, tolerance, np.random.default_rng(seed))
    report = Report(title, chosen.name)
    if depth == "auto" and (difference := comparison.all_at_once()) is not None:
        report.tensors = {path: Tensor(part.size, difference) for path, part in subject.parts.items()}
    else:
        with subject.at(subject.point, chosen.dtype):
            report.tensors = {path: comparison.tensor(path, depth) for path in subject.parts}
    report.difference = comparison.difference
    report.evaluations, report.seconds = subject.evaluations, time.perf_counter() - began
    return report


class Place:
    """A point, the gradient claimed there, and its rounding error, computed only when it matters."""

    def __init__(self, subject: Subject, point: np.ndarray) -> None:
        self.subject, self.point, self.gradient = subject, point, subject.gradient(point)

    @cached_property
    def bounds(self) -> dict[str, float]:
        """Per tensor."""
        return self.subject.gradient_bounds(self.point, self.gradient)


class Comparison:
    """A subject's claimed gradient against derivatives, tensor by tensor."""

    def __init__(self, subject: Subject, method: Differentiation, tolerance: float, rng: np.random.Generator) -> None:
        self.subject, self.method, self.tolerance, self.rng = subject, method, tolerance, rng
        self.here = Place(subject, subject.point)
        # exact derivatives disagree as soon as a kink is touched, so the second look begins early
        self.suspicion = ROUNDING if method.exact else tolerance
        self._moved: dict[float, Place] = {}
        self._lengths = np.zeros(3)  # of all differences, claimed values and derivatives

    @cached_property
    def value_bound(self) -> float:
        """The rounding error of the value, where it matters."""
        return 0.0 if self.method.exact else self.subject.value_bound(self.subject.point)

    @property
    def difference(self) -> float:
        """|a - n| / (|a| + |n|) over all that was compared."""
        off, claimed, numeric = self._lengths
        if not math.isfinite(off):
            return 1.0
        return float(off / (claimed + numeric)) if off else 0.0

    def tensor(self, path: str, depth: str | int) -> Tensor:
        size = self.subject.parts[path].size
        if isinstance(depth, int):
            return self._entries(path, self._sample(size, depth))
        if depth != "all":
            found = self._direction(path)
            if found.passed or depth == "directions":
                return found
            if size > MANY and not (found := self._entries(path, self._sample(size, SAMPLE))).passed:
                return found
        return self._entries(path, np.arange(size))

    def _sample(self, size: int, count: int) -> np.ndarray:
        """`count` of so many entries, or all if there are not more."""
        return np.arange(size) if count >= size else np.sort(self.rng.choice(size, count, replace=False))

    # ---- directions

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
        if not difference <= SMALL * self.tolerance * 1e-2:
            return None
        self._count(difference, abs(analytic), abs(numeric))
        return difference

    def _direction(self, path: str) -> Tensor:
        """Compare along one direction through the tensor; if that disagrees, at points nearby, away from any kink."""
        part = self.subject.parts[path]
        direction = self.rng.standard_normal(part.size)
        if not self.method.exact:  # as far as single entries move
            direction *= np.maximum(1.0, np.abs(self.subject.point[part.slice]))
        difference, off = self._along(path, direction, self.here, self.method)
        found = Tensor(part.size, difference, difference <= self.method.resolution)
        if not found.passed:
            for place, method in self._looks():
                difference, _ = self._along(path, direction, place, method)
                if difference <= method.resolution and method.rounding * self.value_bound <= off:
                    return Tensor(part.size, difference, kinks=1)
        return found

    def _along(self, path: str, direction: np.ndarray, place: Place, method: Differentiation) -> tuple[float, float]:
        """The difference along one direction: relative and beyond rounding, and absolute."""
        resolution, claimed = method.resolution, place.gradient[self.subject.parts[path].slice]
        numeric = self.subject.tensor_derivative(place.point, path, direction, method)
        analytic = float(claimed @ direction)
        off, difference = abs(analytic - numeric), relative_difference(analytic, numeric)
        if difference > resolution and math.isfinite(off):
            length = _length(direction)
            bound = place.bounds[path] * length + method.rounding * self.value_bound
            difference = max(0.0, off - bound) / (_length(claimed) * length + abs(numeric))
        if difference <= resolution:
            self._count(difference, abs(analytic), abs(numeric))
        return difference, off

    # ---- entries

    def _entries(self, path: str, entries: np.ndarray) -> Tensor:
        part = self.subject.parts[path]
        numeric = self.subject.derivatives(self.subject.point, path, entries, self.method)
        analytic, kinks = self.here.gradient[part.slice][entries], np.zeros(len(entries), bool)
        bound = self.here.bounds[path] + self._derivative_bounds(path, entries, self.method)
        suspects = _differ(analytic, numeric, bound, self.suspicion)
        if suspects.any():
            kinks[suspects] = self._right_nearby(path, entries[suspects], np.abs(analytic - numeric)[suspects])
        wrong = _differ(analytic, numeric, bound, self.tolerance) & ~kinks
        difference = self._measure(analytic[~kinks], numeric[~kinks], bound[~kinks])
        found = Tensor(part.size, difference, not wrong.any(), kinks=int(kinks.sum()), checked=len(entries))
        if wrong.any():
            # the wrong entry with the largest difference; one that is not finite comes first
            off = np.where(np.isfinite(analytic), np.abs(analytic - numeric), np.inf)
            worst = int(np.argmax(np.where(wrong, off, -1.0)))
            found.worst = tuple(int(i) for i in np.unravel_index(entries[worst], part.shape))
            found.analytic, found.numeric = float(analytic[worst]), float(numeric[worst])
        return found

    def _derivative_bounds(self, path: str, entries: np.ndarray, method: Differentiation) -> np.ndarray:
        """The rounding errors of derivatives by these entries, which move the further the larger they are."""
        sizes = abs(self.subject.point[self.subject.parts[path].slice][entries])
        return np.asarray(method.rounding * self.value_bound / np.maximum(1.0, sizes))

    def _measure(self, analytic: np.ndarray, numeric: np.ndarray, bound: np.ndarray) -> float:
        """The relative difference of these values beyond rounding; it counts towards that of all."""
        lengths = _length(analytic), _length(numeric)
        difference = relative_difference(analytic, numeric)
        if difference >= ROUNDING and math.isfinite(sum(lengths)):
            difference = _length(np.maximum(np.abs(analytic - numeric) - bound, 0)) / sum(lengths)
        self._count(difference, *lengths)
        return difference

    def _count(self, difference: float, claimed: float, numeric: float) -> None:
        self._lengths = np.hypot(self._lengths, (difference * (claimed + numeric), claimed, numeric))

    # ---- the second look

    def _right_nearby(self, path: str, entries: np.ndarray, off: np.ndarray) -> np.ndarray:
        """True for entries that disagree at the point because of a kink there: nearby, both values agree.

        off  the difference at the point: a look whose own rounding error is larger is inconclusive
        """
        right = np.zeros(len(entries), bool)
        for place, method in self._looks():
            left = np.flatnonzero(~right)
            if not left.size:
                break
            claimed = place.gradient[self.subject.parts[path].slice][entries[left]]
            numeric = self.subject.derivatives(place.point, path, entries[left], method)
            bounds = self._derivative_bounds(path, entries[left], method)
            wrong = _differ(claimed, numeric, place.bounds[path] + bounds, self.suspicion)
            right[left] = ~wrong & (bounds <= off[left])
        return right

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


def _differ(analytic: np.ndarray, numeric: np.ndarray, bound: np.ndarray, tolerance: float) -> np.ndarray:
    """True where values differ by more than the tolerance and rounding; NaN always differs."""
    beyond = abs(analytic - numeric) - bound
    return np.asarray(~(beyond <= tolerance * (abs(analytic) + abs(numeric))))


def _length(a: np.ndarray) -> float:
    return float(np.hypot.reduce(a))  # unlike the root of a sum of squares it does not overflow
