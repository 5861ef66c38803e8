"""Compare a wrong gradient with the derivative, and with derivatives at another dy, x or parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ._chain_subject import INPUT
from ._differentiation import Differentiation
from ._layer_subject import LayerSubject
from ._search import Search

RUN_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)  # of a layer on other rows
MANY_PAIRS = 4_000_000  # pairs of an output and an input of one row, of which derivatives are kept at most


def length(a: np.ndarray) -> float:
    """Return the Euclidean norm."""
    return float(np.linalg.norm(a))


class Evidence:
    """A claimed gradient that differs from the derivative. It belongs to a loss, a penalty, or a layer: its parameter
    or its input x, where sum(dy * y) is differentiated.

    name       of the gradient in sentences
    closeness  relative difference up to which two arrays are the same
    search     for the mistake in the derivative of forward
    """

    def __init__(
        self, subject: Any, path: str, name: str, method: Differentiation, search: Search | None = None
    ) -> None:
        self.search = search
        self.subject, self.path, self.name, self.method = subject, path, name, method
        self.closeness, part = method.closeness, subject.parts[path]
        self.claimed = part.of(subject.gradient(subject.point))
        self.derivative = subject.tensor_derivatives(path, method)

    forgotten = "is forgotten"  # what is said of a path that does not give what it should

    def axis_words(self, axes: tuple[int, ...]) -> str:
        """The names of axes of rows, as in "rows and positions"."""
        ndim = self.x.ndim
        names = {0: "rows", ndim - 1: "features" if ndim == 2 else "channels"}
        found = [names.get(axis, f"positions along axis {axis}") for axis in axes]
        if ndim > 2 and set(range(1, ndim - 1)) <= set(axes):
            found = [*(["rows"] if 0 in axes else []), "positions", *(["channels"] if ndim - 1 in axes else [])]
        return " and ".join(found)

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        """True if two arrays are equal up to rounding."""
        return a.shape == b.shape and length(a - b) <= self.closeness * max(length(a), length(b)) < math.inf

    def claims(self, other: np.ndarray) -> bool:
        """True if the claimed gradient is this array, and the derivative is not."""
        return self.same(self.claimed, other) and not self.same(self.derivative, other)

    def factor(self, a: np.ndarray, b: np.ndarray) -> float:
        """The number r with a = r b in every entry, or NaN."""
        square = float(np.sum(b * b))
        if square == 0 or not np.isfinite(a).all():
            return math.nan
        r = float(np.sum(a * b)) / square
        # a factor close to 1, or to 0, must explain nearly all of the little that there is to explain
        most = min(1e-3 * abs(r - 1), 1e-3 * abs(r), 10 * self.closeness)
        return r if length(a - r * b) <= most * math.sqrt(square) else math.nan

    @cached_property
    def ratio(self) -> float:
        """The number r with claimed = r derivative in every entry, or NaN."""
        return self.factor(self.claimed, self.derivative)

    def has_ratio(self, r: float) -> bool:
        return abs(self.ratio / r - 1) < self.closeness

    @cached_property
    def off(self) -> np.ndarray:
        """True where an entry is wrong."""
        least = self.closeness * np.abs(self.derivative).max(initial=0.0)
        return np.asarray(~np.isclose(self.claimed, self.derivative, rtol=self.closeness, atol=1e-3 * least))

    @cached_property
    def y(self) -> np.ndarray:
        """A layer's output."""
        return np.asarray(self.subject.outputs(self.subject.point))

    @property
    def x(self) -> np.ndarray:
        return np.asarray(self.subject.rows.x)

    @property
    def dy(self) -> np.ndarray:
        return np.asarray(self.subject.rows.y)

    # ---- the layer with another dy, other rows or other parameters

    @cached_property
    def directions(self) -> list[np.ndarray]:
        """Random directions of the tensor: two gradients with equal products with all of them are equal."""
        rng = np.random.default_rng(9)
        return [rng.standard_normal(self.claimed.shape) for _ in range(3)]

    def changes(self, v: np.ndarray | None = None, subject: LayerSubject | None = None) -> Iterator[np.ndarray]:
        """Yield the change of y along each direction, at v; of another layer if one is given."""
        layer = subject or self.subject
        v = layer.point if v is None else v
        return (layer.change_of_output(v, self.path, direction, self.method) for direction in self.directions)

    @cached_property
    def own_changes(self) -> list[np.ndarray]:
        """The change of y along each direction."""
        return list(self.changes())

    def claims_products(self, dy: np.ndarray, changes: Iterable[np.ndarray]) -> bool:
        """True if the claimed gradient is that of sum(dy * y), where y has these changes along the directions."""
        size, differs = max(length(self.claimed), length(self.derivative)), False
        for direction, change in zip(self.directions, changes, strict=False):
            other, least = float((dy * change).sum()), self.closeness * size * length(direction)
            if not abs(float((self.claimed * direction).sum()) - other) <= 0.1 * least:
                return False
            differs = differs or abs(float((self.derivative * direction).sum()) - other) > least
        return differs

    @cached_property
    def of_other_rows(self) -> Evidence | None:
        """The evidence on another number of random rows; None if the layer cannot run on them."""
        try:
            subject = self.subject.with_more_rows() if isinstance(self.subject, LayerSubject) else None
            return None if subject is None else Evidence(subject, self.path, self.name, self.method)
        except RUN_ERRORS:
            return None

    @property
    def counts(self) -> dict[str, int]:
        """The numbers that a wrong factor may consist of."""
        counts = dict(self.subject.counts)
        if self.path == INPUT and self.x.ndim > 2 and self.jacobian is not None:
            depends = (self.jacobian != 0).reshape(-1, self.x[0].size)
            for name, numbers in (
                ("entries that an output depends on", depends.sum(axis=1)),
                ("outputs that an entry is in", depends.sum(axis=0)),
            ):
                found = set(numbers[numbers > 0].tolist())
                counts |= {name: found.pop()} if len(found) == 1 else {}
        return counts

    @cached_property
    def mixed_axes(self) -> tuple[int, ...]:
        """The axes of x along which a number of y, of the same shape, depends on several numbers of x."""
        direction = np.zeros(self.x.shape)
        direction.flat[0] = 1.0
        change = self.subject.change_of_output(self.subject.point, INPUT, direction, self.method)
        return tuple(axis for axis, places in enumerate(np.nonzero(change)) if places.any())

    @cached_property
    def jacobian(self) -> np.ndarray | None:
        """dy / dx of the first row, (*shape of y, entries of x); None if it is too large or other rows have a part."""
        if self.x[0].size * self.y[0].size > MANY_PAIRS:
            return None
        found = self.subject.jacobian_of_first_row(self.method)
        total = np.tensordot(self.dy[0], found, self.dy.ndim - 1)
        return found if self.same(total.reshape(self.x[0].shape), self.derivative[0]) else None

    @cached_property
    def single(self) -> tuple[np.ndarray, np.ndarray]:
        """The dx of single outputs of the first row, by backward and the right ones: (outputs, entries of x) each."""
        numbers = np.unique(np.linspace(0, self.y[0].size - 1, 40).astype(int))
        claimed = []
        for number in numbers:
            dy = np.zeros(self.dy.shape)
            dy[0].flat[number] = 1.0
            claimed.append(np.ravel(self.subject.backward(dy)[0]))
        return np.array(claimed), np.asarray(self.jacobian).reshape(self.y[0].size, -1)[numbers]
