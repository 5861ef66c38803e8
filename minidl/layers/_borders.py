"""Zeros around sequences and images, and borders cut off."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import check_integer, setting
from ._base import Layer
from ._windows import check_image

Ends = tuple[int, int]  # before and after


def _check_ends(who: str, name: str, value: Any) -> Ends:
    """Return (before, after) from two integers, or from one for both."""
    given = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(given) != 2:
        raise SettingError(f"{who}: {name} must be an integer or two, (before, after), got {value!r}")
    before, after = (check_integer(who, f"each of {name}", n, 0) for n in given)
    return before, after


def _check_sides(who: str, name: str, value: Any) -> tuple[Ends, Ends]:
    """Return ((top, bottom), (left, right)) from these, from (height, width), or from one integer for all."""
    given = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(given) != 2:
        forms = "an integer, (height, width) or ((top, bottom), (left, right))"
        raise SettingError(f"{who}: {name} must be {forms}, got {value!r}")
    height, width = (_check_ends(who, name, ends) for ends in given)
    return height, width


def _inside(sides: tuple[Ends, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the place in arrays of the shape (m, ...) that lies between the sides."""
    return (slice(None), *(slice(before, n - after) for (before, after), n in zip(sides, shape[1:], strict=False)))


def _with_zeros(x: np.ndarray, sides: tuple[Ends, ...]) -> np.ndarray:
    widths = [before + after for before, after in sides] + [0] * (x.ndim - 1 - len(sides))
    y = np.zeros((len(x), *(n + width for n, width in zip(x.shape[1:], widths, strict=True))), x.dtype)
    y[_inside(sides, y.shape)] = x
    return y


@dataclass(eq=False)
class ZeroPadding(Layer):
    """y = x between zeros,   dL/dx = dL/dy without them. A subclass has the setting padding."""

    dimensions: ClassVar[int]

    @property
    def sides(self) -> tuple[Ends, ...]:
        raise NotImplementedError(f"{type(self).__name__} must write sides")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(self, self.dimensions, input_shape)
        lengths = [n + before + after for (before, after), n in zip(self.sides, input_shape, strict=False)]
        return (*lengths, input_shape[-1])

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return _with_zeros(x, self.sides)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy[_inside(self.sides, dy.shape)]


@dataclass(eq=False)
class ZeroPadding1D(ZeroPadding):
    """Zeros before and after the steps.   x (m, steps, features) -> y (m, before + steps + after, features).

    padding  (before, after), or one integer for both
    """

    padding: Ends = setting(_check_ends, default=(1, 1))

    dimensions = 1

    @property
    def sides(self) -> tuple[Ends, ...]:
        return (self.padding,)


@dataclass(eq=False)
class ZeroPadding2D(ZeroPadding):
    """Zeros around images.   x (m, h, w, channels) -> y (m, top + h + bottom, left + w + right, channels).

    padding  ((top, bottom), (left, right)); (a, b) is ((a, a), (b, b)), and a is (a, a)
    """

    padding: tuple[Ends, Ends] = setting(_check_sides, default=((1, 1), (1, 1)))

    dimensions = 2

    @property
    def sides(self) -> tuple[Ends, ...]:
        return self.padding


@dataclass(eq=False)
class Cropping(Layer):
    """y = x without its borders,   dL/dx = dL/dy between zeros. A subclass has the setting cropping."""

    dimensions: ClassVar[int]

    @property
    def sides(self) -> tuple[Ends, ...]:
        raise NotImplementedError(f"{type(self).__name__} must write sides")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        who = type(self).__name__
        check_image(self, self.dimensions, input_shape)
        lengths = [n - before - after for (before, after), n in zip(self.sides, input_shape, strict=False)]
        if min(lengths) < 1:
            raise ShapeError(f"{who}: cropping {self.sides} leaves nothing of rows of shape {input_shape}")
        return (*lengths, input_shape[-1])

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return x[_inside(self.sides, x.shape)]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return _with_zeros(dy, self.sides)


@dataclass(eq=False)
class Cropping1D(Cropping):
    """Without the first and last steps.   x (m, steps, features) -> y (m, steps - before - after, features).

    cropping  (before, after), or one integer for both
    """

    cropping: Ends = setting(_check_ends, default=(1, 1))

    dimensions = 1

    @property
    def sides(self) -> tuple[Ends, ...]:
        return (self.cropping,)


@dataclass(eq=False)
class Cropping2D(Cropping):
    """Without the borders of images.   x (m, h, w, channels) -> y (m, h - top - bottom, w - left - right, channels).

    cropping  ((top, bottom), (left, right)); (a, b) is ((a, a), (b, b)), and a is (a, a)
    """

    cropping: tuple[Ends, Ends] = setting(_check_sides, default=((0, 0), (0, 0)))

    dimensions = 2

    @property
    def sides(self) -> tuple[Ends, ...]:
        return self.cropping
