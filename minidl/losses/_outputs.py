"""The loss of a model with several outputs."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..ops import mean_weights
from ._base import Loss


@dataclass(frozen=True)
class NoLoss(Loss):
    """L = 0, whatever p is: the loss of an output that is not trained. It has no targets: y (m, 0).

    `compile(loss=...)` takes None for it, and a dict may leave the output out.
    """

    def columns(self, size: int) -> int:
        return 0

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(p), p.dtype), np.zeros_like(p)


@dataclass(frozen=True)
class OnlyMeasured(NoLoss):
    """L = 0, whatever p is: of an output that is not trained, but has metrics. Its targets are y (m, k).

    Class labels (m, 1) become rows (m, k) with a 1 at the class.
    """

    takes_labels = True

    def columns(self, size: int) -> int:
        return size


class OutputPart(NamedTuple):
    """One output: its loss, and its columns in p and y."""

    name: str
    loss: Loss
    weight: float
    p: slice
    y: slice


@dataclass(frozen=True)
class OutputLosses(Loss):
    """L = sum_j w_j L_j(p_j, y_j),   dL/dp_j = w_j dL_j/dp_j.   Outputs and targets stand side by side in p and y.

    names    of the outputs
    losses   one for each; NoLoss for an output that is not trained
    weights  w_j, one for each
    sizes    the columns of each output in p; the model sets them when it is built

    The weights of rows may differ between outputs: (m, outputs) instead of (m,).
    """

    names: tuple[str, ...]
    losses: tuple[Loss, ...]
    weights: tuple[float, ...]
    sizes: tuple[int, ...] = ()

    def of_sizes(self, sizes: tuple[int, ...]) -> OutputLosses:
        """Return the loss for outputs with so many columns."""
        return replace(self, sizes=sizes)

    def measured(self, places: Set[int]) -> OutputLosses:
        """Return the loss where the outputs with these numbers have metrics, which need targets."""
        losses = tuple(
            OnlyMeasured() if place in places and isinstance(loss, NoLoss) else loss
            for place, loss in enumerate(self.losses)
        )
        return replace(self, losses=losses)

    @property
    def trained_names(self) -> tuple[str, ...]:
        """The outputs that have a loss."""
        pairs = zip(self.names, self.losses, strict=True)
        return tuple(name for name, loss in pairs if not isinstance(loss, NoLoss))

    def trained(self) -> Iterator[OutputPart]:
        """Yield the outputs that have a loss."""
        return (part for part in self.parts() if part.name in self.trained_names)

    def parts(self) -> Iterator[OutputPart]:
        """Yield each output with its columns: of y, as many as its loss takes."""
        in_p = in_y = 0
        for name, loss, weight, size in zip(self.names, self.losses, self.weights, self.sizes, strict=True):
            width = loss.columns(size)
            yield OutputPart(name, loss, weight, slice(in_p, in_p + size), slice(in_y, in_y + width))
            in_p, in_y = in_p + size, in_y + width

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [(part.weight, *part.loss.terms(p[:, part.p], y[:, part.y])) for part in self.parts()]
        losses = [weight * loss for weight, loss, _ in found]
        return sum(losses[1:], losses[0]), np.concatenate([weight * slope for weight, _, slope in found], axis=1)

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        m, total, slopes = len(p), 0.0, []
        share = mean_weights(m, p.real.dtype) if weights is None else weights / m
        for number, part in enumerate(self.parts()):
            own = share if share.ndim == 1 else share[:, number]
            losses, slope = part.loss.terms(p[:, part.p], y[:, part.y])
            total = total + part.weight * losses.dot(own)
            slopes.append(slope * (part.weight * own)[:, None])
        return total, np.concatenate(slopes, axis=1)
