"""The second look at gradients that differ from derivatives: kinks are proved, noise is measured, all else is wrong."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ._differentiation import Differentiation, random_step
from ._lines import Lines, Look, Place, UntrustedError
from ._subjects import Subject

STEPS = (1e-12, 1e-10, 1e-8, 1e-6)  # with which a kink is proved: the shortest that rounding allows
NEIGHBOURS = 30  # points at which derivatives are taken, if those on both sides prove nothing
SHARP = 1e-2  # of the difference: rounding errors below it allow a proof
MOST_MEASURED = 16  # entries with the largest differences whose noise is measured, and as many relatively


@dataclass
class Judged:
    """Lines, judged one by one.

    look        what is claimed, and what was measured
    kinks       True where the derivative depends on the side, and the claim is one of its values
    unresolved  True where no derivative can be measured
    wrong       True where the claim is wrong
    coarse      the relative error of the derivatives where values have noise that explains differences, else 0
    """

    look: Look
    kinks: np.ndarray
    unresolved: np.ndarray
    wrong: np.ndarray
    coarse: float = 0.0

    @property
    def is_right(self) -> bool:
        return not self.wrong.any()

    @property
    def difference(self) -> float:
        return self.look.difference(~(self.kinks | self.unresolved))


class Judge:
    """A subject, and a method of differentiation for it."""

    def __init__(self, subject: Subject, method: Differentiation, rng: np.random.Generator) -> None:
        self.subject, self.method, self.rng = subject, method, rng
        self.here = Place(subject, subject.point)
        self._moved: dict[float, Place] = {}

    def __call__(self, lines: Lines, suspicion: float, tolerance: float, *, measured: bool = True) -> Judged:
        """Judge lines that differ by more than `suspicion`; those that differ by more than the tolerance may be wrong.

        1. If claim and derivative disagree at the point and agree nearby, there may be a kink. It is one if the
           derivatives on both sides differ, and the claim lies between them.
        2. If differences do not agree, the derivative is measured with its noise, unless measured is False.
        """
        n = len(lines)
        look = lines.look(self.here, self.method, np.arange(n))
        judged = Judged(look, np.zeros(n, bool), np.zeros(n, bool), look.differ(tolerance))
        suspicious = np.flatnonzero(look.differ(suspicion))
        if suspicious.size and self.subject.is_repeatable:
            near = self._right_nearby(lines, look, suspicious)
            judged.kinks[near[~judged.wrong[near]]] = True  # too little to be wrong anyway
            self._prove(lines, judged, near[judged.wrong[near]])
            if measured:
                self._measure(lines, judged)
        return judged

    # ---- kinks

    def _right_nearby(self, lines: Lines, here: Look, left: np.ndarray) -> np.ndarray:
        """The numbers of those lines on which claim and derivative agree near the point.

        A look nearby is inconclusive if its own rounding error is larger than the difference at the point.
        """
        found = []
        for place, method in self._looks():
            there = lines.look(place, method, left)
            right = ~there.differ(1e-12 if self.method.exact else 1e-7) & (there.blur <= here.off[left])
            found.append(left[right])
            left = left[~right]
            if not left.size:
                break
        return np.concatenate(found)

    def _looks(self) -> Iterator[tuple[Place, Differentiation]]:
        """Places near the point, each with the methods to try there."""
        for offset in self.method.offsets:
            if offset not in self._moved:
                point = self.subject.point
                self._moved[offset] = Place(self.subject, point + offset * random_step(point, self.rng))
            for method in self.method.near_kinks:
                yield self._moved[offset], method

    def _prove(self, lines: Lines, judged: Judged, left: np.ndarray) -> None:
        """Excuse lines whose claim lies between the derivatives on both sides."""
        if left.size and not self.subject.can_bracket(lines.path):  # right nearby, and too large for a proof
            judged.kinks[left], judged.wrong[left] = True, False
            return
        look, outside = judged.look, [left[:0]]
        for step in STEPS:
            if not left.size:
                break
            found, off = lines.bracket(left, step), look.off[left]
            with np.errstate(invalid="ignore"):
                decided = found.noise <= (SHARP if step < STEPS[-1] else 0.5) * off
                slack = np.maximum(2 * SHARP * off, found.noise)
                holds = decided & (np.abs(look.analytic[left] - found.center) <= found.radius + slack)
            excused = left[holds]
            is_kink = (found.radius > 2 * SHARP * off)[holds]
            judged.kinks[excused[is_kink]] = True
            judged.wrong[excused] = False
            smooth = excused[~is_kink]  # the difference crossed a kink nearby, the shorter step does not
            look.settle(smooth)
            outside.append(left[decided & ~holds])
            left = left[~decided]
        if self.method.exact:  # the kink is too small for anything but the complex step, which found it
            judged.kinks[left], judged.wrong[left] = True, False
            left = left[:0]
        self._prove_by_neighbours(lines, judged, np.concatenate([*outside, left]))

    def _prove_by_neighbours(self, lines: Lines, judged: Judged, left: np.ndarray) -> None:
        """Excuse lines whose claim lies among the derivatives at points nearby, where these differ.

        A median of equal numbers does not move with one of them to either side, but its gradient is that of one.
        """
        if not left.size:
            return
        look, point = judged.look, self.subject.point
        found = []
        own = np.zeros(len(point), bool)
        own[lines.part.slice] = True
        for number in range(NEIGHBOURS):  # in turn the whole point moves, and this tensor alone
            step = self.method.offsets[-1] * random_step(point, self.rng)
            place = Place(self.subject, point + np.where(own | (number % 2 == 0), step, 0.0))
            there = lines.look(place, self.method, left)
            found.append(np.where(there.blur <= look.off[left], there.numeric, np.nan))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all may be NaN
            low, high = np.nanmin(found, axis=0), np.nanmax(found, axis=0)
        fresh = lines.claims(self.subject.gradient_alone(point))[left]
        right = left[np.abs(fresh - look.numeric[left]) <= 1e-6 * np.abs(fresh)]
        judged.wrong[right] = False
        look.settle(right)
        slack, claimed = 2 * SHARP * look.off[left], look.analytic[left]
        excused = left[(high - low > slack) & (low - slack <= claimed) & (claimed <= high + slack)]
        judged.kinks[excused], judged.wrong[excused] = True, False

    # ---- noise

    def _measure(self, lines: Lines, judged: Judged) -> None:
        """Excuse lines whose difference is the noise of the values."""
        look = judged.look
        left = np.flatnonzero(judged.wrong & np.isfinite(look.analytic))
        if not left.size or len(left) < judged.wrong.sum():
            return
        if self.method.exact:
            self._check_complex(lines, look, left)
            return
        errors = []
        for k in _largest(look, left):
            found, claimed = lines.measured(k), float(look.analytic[k])
            if not found.is_resolved:
                judged.unresolved[k] = True
                continue
            window = found.window_with(claimed, 1e-7 * float(look.size[k]))
            if window is None:
                return
            errors.append(window.error)
        judged.wrong[left] = False
        look.settle(left)
        scale = float(np.abs(look.analytic).max())
        judged.coarse = max(errors, default=0.0) / scale if scale else 0.0

    def _check_complex(self, lines: Lines, look: Look, left: np.ndarray) -> None:
        """Raise UntrustedError if values move otherwise than the complex step says."""
        if not self.subject.can_bracket(lines.path):
            return
        tried = [int(left[np.argmax(np.nan_to_num(look.off[left], nan=-1.0))]), *left[look.numeric[left] == 0][:1]]
        for k in dict.fromkeys(tried):
            found, slack = lines.measured(k, whole=True), 1e-6 * float(look.size[k] + abs(look.numeric[k]))
            other = found.contradicts(float(look.numeric[k]), slack) if found.is_resolved else look.numeric[k] == 0
            if other and lines.bracket(np.array([k]), STEPS[-1]).radius[0] <= SHARP * look.off[k]:  # it is no kink
                raise UntrustedError


def _largest(look: Look, left: np.ndarray) -> list[int]:
    """The numbers of the lines with the largest differences, absolute and relative."""
    off = np.nan_to_num(look.off[left], nan=np.inf)
    orders = (np.argsort(-off), np.argsort(-off / (np.abs(look.analytic[left]) + 1e-300)))
    return list(dict.fromkeys(int(left[k]) for order in orders for k in order[:MOST_MEASURED]))
