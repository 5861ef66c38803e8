"""The comparison of a claimed gradient with slopes, and the second look before saying "wrong"."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from .. import validation
from .functions import Differentiable
from .numeric import METHODS, relative_difference, scattered, taken
from .report import Report, Tensor

TOLERANCE = 1e-7
# how far to step aside from a kink: one look there may meet another, and a difference must leave it a step behind
MOVES = {"complex": (1e-7, 1e-6, 1e-5), "central": (1e-6, 1e-5, 1e-4, 1e-3)}
# a difference may straddle a kink that lies close by: shorter steps do not, but they round more
STEPS_ASIDE = {"complex": (1.0,), "central": (1.0, 1e-2, 1e-3)}
DIRECTION = {"complex": 1e-12, "central": 1e-7}  # relative to |gradient| |direction|: what a direction may be off
ROUNDING = 1e-12  # a relative difference below it is shown as it is; above, what rounding explains is taken off
LEAST = 1e-3  # tensors smaller than this, of the largest, are not scaled up all the way
MANY = 20_000  # entries that are looked at one by one without being asked for
SAMPLE = 2_000  # of a larger tensor, to find a wrong entry soon


def refuse_bad_settings(who: str, depth: str | int, method: str, tolerance: float) -> None:
    """Raise SettingError if one of them cannot be used."""
    if isinstance(depth, str):
        validation.check_choice(who, "depth", depth, ("auto", "directions", "all"))
    else:
        validation.check_integer(who, "depth", depth, 1)
    validation.check_choice(who, "method", method, ("auto", *METHODS))
    validation.check_real(who, "tolerance", tolerance, "(0, 1)")


def closely(function: Differentiable) -> str:
    """The depth for a function of its own: all entries, unless they are very many."""
    return "all" if function.point.size <= MANY else "auto"


def report_on(
    title: str, function: Differentiable, depth: str | int, method: str, tolerance: float, seed: int = 0
) -> Report:
    """The report on one function; depth, method and tolerance as `check_model` explains them."""
    began = time.perf_counter()
    method = taken(title, method, lambda: function.complex_safe)
    comparison = Comparison(function, method, tolerance, np.random.default_rng(seed))
    report = Report(title, method)
    if depth == "auto" and (difference := comparison.all_at_once()) is not None:
        report.tensors = {path: Tensor(part.size, difference) for path, part in function.parts.items()}
    else:
        with function.hold(function.point, method):
            report.tensors = {path: comparison.tensor(path, depth) for path in function.parts}
    report.difference = comparison.difference
    report.evaluations, report.seconds = function.evaluations, time.perf_counter() - began
    return report


class Comparison:
    """A function's claimed gradient against its slopes, tensor by tensor."""

    def __init__(self, function: Differentiable, method: str, tolerance: float, rng: np.random.Generator) -> None:
        self.function, self.method, self.tolerance, self.rng = function, method, tolerance, rng
        self.claimed = function.gradient(function.point)
        self.here = Place(function, function.point, self.claimed)
        # exact slopes disagree at the slightest touch of a kink, so the second look begins early
        self.suspicion = ROUNDING if method == "complex" else tolerance
        self.moved: dict[float, Place] = {}
        self.lengths = np.zeros(3)  # of all differences, claimed and numeric values together

    @cached_property
    def central_floor(self) -> float:
        """What rounding does to central differences of full step."""
        return self.function.central_floor(self.function.point) if self.method == "central" else 0.0

    @property
    def difference(self) -> float:
        """The notebook's number over all that was compared."""
        off, claimed, numeric = self.lengths
        if not math.isfinite(off):
            return 1.0
        return float(off / (claimed + numeric)) if off else 0.0

    def tensor(self, path: str, depth: str | int) -> Tensor:
        size = self.function.parts[path].size
        if isinstance(depth, int):
            return self._entries(path, self._some(size, depth))
        if depth != "all":
            found = self._direction(path)
            if found.passed or depth == "directions":
                return found
            if size > MANY and not (found := self._entries(path, self._some(size, SAMPLE))).passed:
                return found
        return self._entries(path, np.arange(size))

    def _some(self, size: int, count: int) -> np.ndarray:
        """The numbers of `count` entries, of all if there are no more."""
        return np.arange(size) if count >= size else np.sort(self.rng.choice(size, count, replace=False))

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
        self._count(difference, abs(analytic), abs(numeric))
        return difference

    def _direction(self, path: str) -> Tensor:
        """Gradient and slope along one direction through the tensor; if they disagree, a little aside of any kink."""
        part = self.function.parts[path]
        direction = self.rng.standard_normal(part.size)
        if self.method == "central":  # as far as single entries are moved
            direction *= np.maximum(1.0, np.abs(self.function.point[part.slice]))
        difference, off = self._along(path, direction, self.here)
        found = Tensor(part.size, difference, difference <= DIRECTION[self.method])
        if not found.passed:
            for place, step in self._looks():
                difference, _ = self._along(path, direction, place, step)
                if difference <= DIRECTION[self.method] and self.central_floor / step <= off:
                    return Tensor(part.size, difference, kinks=1)
        return found

    def _along(self, path: str, direction: np.ndarray, place: Place, step: float = 1.0) -> tuple[float, float]:
        """The difference along one direction, relative and beyond rounding, and in absolute numbers."""
        claimed = place.gradient[self.function.parts[path].slice]
        numeric = self.function.directional(place.point, path, direction, self.method, step)
        analytic = float(claimed @ direction)
        off, difference = abs(analytic - numeric), relative_difference(analytic, numeric)
        if difference > DIRECTION[self.method] and math.isfinite(off):
            length = _length(direction)
            room = place.floors[path] * length + self.central_floor / step
            difference = max(0.0, off - room) / (_length(claimed) * length + abs(numeric))
        if difference <= DIRECTION[self.method]:
            self._count(difference, abs(analytic), abs(numeric))
        return difference, off

    def _entries(self, path: str, entries: np.ndarray) -> Tensor:
        part = self.function.parts[path]
        numeric = self.function.slopes(self.function.point, path, entries, self.method)
        analytic, kinks = self.claimed[part.slice][entries], np.zeros(len(entries), bool)
        room = self.here.floors[path] + self._blur(path, entries)
        suspects = self._off(analytic, numeric, room, self.suspicion)
        if suspects.any():
            kinks[suspects] = self._right_elsewhere(path, entries[suspects], np.abs(analytic - numeric)[suspects])
        wrong = self._off(analytic, numeric, room, self.tolerance) & ~kinks
        difference = self._measure(analytic[~kinks], numeric[~kinks], room[~kinks])
        found = Tensor(part.size, difference, not wrong.any(), kinks=int(kinks.sum()), checked=len(entries))
        if wrong.any():
            place = _worst(analytic, numeric, wrong)
            found.worst = part.index(int(entries[place]))
            found.analytic, found.numeric = float(analytic[place]), float(numeric[place])
        return found

    def _blur(self, path: str, entries: np.ndarray, step: float = 1.0) -> np.ndarray:
        """What rounding does to central differences by these entries, which move the further the larger they are."""
        sizes = np.abs(self.function.point[self.function.parts[path].slice][entries])
        return self.central_floor / (step * np.maximum(1.0, sizes))

    def _measure(self, analytic: np.ndarray, numeric: np.ndarray, room: np.ndarray) -> float:
        """The relative difference beyond rounding, of these values; it goes into that of all."""
        lengths = _length(analytic), _length(numeric)
        difference = relative_difference(analytic, numeric)
        if difference >= ROUNDING and math.isfinite(sum(lengths)):
            difference = _length(np.maximum(np.abs(analytic - numeric) - room, 0)) / sum(lengths)
        self._count(difference, *lengths)
        return difference

    def _count(self, difference: float, claimed: float, numeric: float) -> None:
        self.lengths = np.hypot(self.lengths, (difference * (claimed + numeric), claimed, numeric))

    @staticmethod
    def _off(analytic: np.ndarray, numeric: np.ndarray, room: np.ndarray, tolerance: float) -> np.ndarray:
        """Which values differ by more than the tolerance and rounding; NaN always does."""
        beyond = np.abs(analytic - numeric) - room
        return ~(beyond <= tolerance * (np.abs(analytic) + np.abs(numeric)))

    def _right_elsewhere(self, path: str, entries: np.ndarray, off: np.ndarray) -> np.ndarray:
        """Which of the entries that disagree do so only at a kink: looked at again, both ways, a little aside.

        off  by how much they disagree: a difference that blurs more than that says nothing
        """
        right = np.zeros(len(entries), bool)
        for place, step in self._looks():
            left = np.flatnonzero(~right)
            if not left.size:
                break
            claimed = place.gradient[self.function.parts[path].slice][entries[left]]
            slopes = self.function.slopes(place.point, path, entries[left], self.method, step)
            blur = self._blur(path, entries[left], step)
            wrong = self._off(claimed, slopes, place.floors[path] + blur, self.suspicion)
            right[left] = ~wrong & (blur <= off[left])
        return right

    def _looks(self) -> Iterator[tuple[Place, float]]:
        """Places a little aside of the point, each with the steps to take there."""
        for move in MOVES[self.method]:
            if move not in self.moved:
                point = self.function.point
                there = point + move * scattered(point, self.rng)
                self.moved[move] = Place(self.function, there, self.function.gradient(there))
            for step in STEPS_ASIDE[self.method]:
                yield self.moved[move], step


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


def _length(a: np.ndarray) -> float:
    return float(np.hypot.reduce(a))  # unlike the root of a sum of squares it does not overflow
