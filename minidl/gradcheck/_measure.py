"""Measure the derivative of a function of one number on both sides of a point, and the noise of its values.

On windows of several widths h the values at 13 points from -h to h are fitted by polynomials, on the left half, on the
right half and on both. What a fit leaves over is the noise of the values: rounding, float32 inside, a solver that stops
early. It gives the error of the slope: noise / h, times what the fit makes of it. The width with the smallest error
counts (as in Moré & Wild 2012, Estimating Derivatives of Noisy Simulations, who take differences for the noise).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._differentiation import EPS

WIDTHS = (1e-14, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
# at uneven distances, because the rounding of float32 does not show at even ones that are multiples of its steps
RIGHT = np.array([0.137, 0.311, 0.472, 0.668, 0.829, 1.0])
PLACES = np.concatenate([-0.97 * RIGHT[::-1], [0.0], RIGHT])
SIDE = len(RIGHT)
SURE = 5.0  # a value is wrong if it is further away from a measured one than so many times its error
ROUGH = 1e-3  # a window with more noise than this, relative to the values, says nothing
CLEAR = 0.02  # relative error of a slope that is known well


@dataclass(frozen=True)
class Window:
    """The slopes in a window, left <= right in order of size, and their common error.

    noise  of the values; is_flat: they are all equal
    """

    width: float
    low: float
    high: float
    error: float
    noise: float
    is_flat: bool

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def has(self, claimed: float, slack: float) -> bool:
        """True if the claimed slope lies between the two slopes, as far as they are known."""
        allowed = SURE * self.error + slack
        return self.low - allowed <= claimed <= self.high + allowed


@dataclass(frozen=True)
class Measured:
    """The windows that can be believed, the best one first; none if the function cannot be resolved."""

    windows: list[Window]

    @property
    def is_resolved(self) -> bool:
        return bool(self.windows)

    @property
    def best(self) -> Window:
        return self.windows[0]

    def window_with(self, claimed: float, slack: float) -> Window | None:
        """A window whose slopes agree with the claimed one: the best, or one that contradicts the best.

        Windows contradict each other if values move in steps, as those of float32 do: narrow windows lie between two
        steps.
        """
        best = self.windows[0]
        others = (window for window in self.windows if self._is_other(window))
        return next((window for window in (best, next(others, best)) if window.has(claimed, slack)), None)

    def _is_other(self, window: Window) -> bool:
        """True if the window contradicts the best one, and its slope is known well."""
        is_apart = abs(window.middle - self.best.middle) > SURE * (window.error + self.best.error)
        return is_apart and window.error <= CLEAR * abs(window.middle)

    def contradicts(self, slope: float, slack: float) -> bool:
        """True if a slope, exact elsewhere, is not that of the values."""
        best = self.best
        is_clear = best.error <= CLEAR * max(abs(best.low), abs(best.high), abs(slope))
        return is_clear and not best.has(slope, slack)


def measure(values: Callable[[np.ndarray], tuple[np.ndarray, float]], at: float | None, scale: float) -> Measured:
    """The measured slopes at 0 of a function.

    values  returns f(steps) and the size of the numbers that f is summed from
    at      the number that moves, so that its own rounding does not count; None if several move
    scale   of the steps
    """
    found, noises = list[Window](), [0.0]
    for width in WIDTHS:  # noise does not become smaller in a wider window: there its estimate is too small by chance
        window = _window(values, at, width * scale, float(np.median(noises)))
        if window:
            found.append(window)
            noises += [] if window.is_flat else [window.noise]
    steps = [window for window in found if not window.is_flat]
    # between two steps of a staircase all values are equal; next to a kink they are so on one side of wide windows
    is_stair = bool(steps) and not any(_is_flat_on_one_side(window) for window in steps)
    windows = steps if is_stair else found
    return Measured(sorted(windows, key=lambda window: window.error))


def _is_flat_on_one_side(window: Window) -> bool:
    return 0.0 in (window.low, window.high)


def _window(
    values: Callable[[np.ndarray], tuple[np.ndarray, float]], at: float | None, h: float, least_noise: float
) -> Window | None:
    """The window of half width h; None if it says nothing."""
    steps = h * PLACES
    if at is not None:
        steps = (at + steps) - at  # as far as the number really moves
        if len(np.unique(steps)) < len(steps):
            return None
    with np.errstate(all="ignore"):
        f, size = values(steps)
    if not np.isfinite(f).all():
        return None
    if (f == f[0]).all():
        return Window(h, 0.0, 0.0, EPS * size / h, 0.0, True)
    left, right = slice(0, SIDE + 1), slice(SIDE, None)
    sides = [_fit(steps[side] / h, f[side], 3) for side in (left, right)]
    both, noise, gain = _fit(steps / h, f, 4)
    one_sided = max(side[1] for side in sides)
    floor = max(EPS * size, least_noise)
    if noise <= 3 * max(one_sided, floor):
        low, high, error = both, both, gain * max(noise, floor)
    else:
        (low, high), noise = sorted(side[0] for side in sides), one_sided
        error = max(side[2] for side in sides) * max(noise, floor)
        if (f[left] == f[SIDE]).all() or (f[right] == f[SIDE]).all():  # that side is exact
            low, high = (0.0, high) if abs(low) < abs(high) else (low, 0.0)
    if noise > max(ROUGH * size, 1e4 * EPS * max(1.0, size)):
        return None
    return Window(h, low / h, high / h, float(error) / h, noise, False)


def _fit(t: np.ndarray, f: np.ndarray, degree: int) -> tuple[float, float, float]:
    """The slope at 0 of the polynomial of this degree through f(t), the noise of f, and the slope's share of it."""
    powers = t[:, None] ** np.arange(degree + 1)
    inverse = np.linalg.pinv(powers)
    shift = f[np.argmin(np.abs(t))]
    left_over = (f - shift) - powers @ (inverse @ (f - shift))
    noise = float(np.sqrt((left_over**2).sum() / (len(t) - degree - 1)))
    return float(inverse[1] @ (f - shift)), noise, float(np.linalg.norm(inverse[1]))
