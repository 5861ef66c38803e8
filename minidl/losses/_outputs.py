"""The loss of a model with several outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ._base import Loss

Shape = tuple[int, ...]


@dataclass(frozen=True)
class NoLoss(Loss):
    """L = 0, whatever p is: the loss of an output that is not trained. It has no targets: y (m, ..., 0).

    `compile(loss=...)` takes None for it, and a dict may leave the output out.
    """

    def target_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], 0)

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(p), p.dtype), np.zeros_like(p)


@dataclass(frozen=True)
class OnlyMeasured(NoLoss):
    """L = 0, whatever p is: of an output that is not trained, but has metrics. Its targets are y (m, k).

    Class labels (m, 1) become rows (m, k) with a 1 at the class.
    """

    takes_labels = True

    def target_shape(self, shape: Shape) -> Shape:
        return shape


class OutputPart(NamedTuple):
    """One output: its loss, its columns in p, in y and in weights by output, and the shape of its rows."""

    name: str
    loss: Loss
    weight: float
    p: slice
    y: slice
    w: slice
    shape: Shape

    def of_outputs(self, p: np.ndarray) -> np.ndarray:
        """Return its outputs (m, ..., k)."""
        return p[:, self.p].reshape(len(p), *self.shape)

    def of_targets(self, y: np.ndarray) -> np.ndarray:
        """Return its targets (m, ..., k), or (m, ..., 1) of a sparse loss."""
        return y[:, self.y].reshape(len(y), *self.loss.target_shape(self.shape))

    def of_weights(self, weights: np.ndarray | None) -> np.ndarray | None:
        """Return the weights of its rows (m,), or of its positions (m, ...)."""
        if weights is None or weights.ndim == 1:
            return weights
        return weights[:, self.w].reshape(len(weights), *self.shape[:-1])


@dataclass(frozen=True)
class OutputLosses(Loss):
    """L = sum_j w_j L_j(p_j, y_j),   dL/dp_j = w_j dL_j/dp_j.   Outputs and targets stand side by side in p and y.

    names    of the outputs
    losses   one for each; NoLoss for an output that is not trained
    weights  w_j, one for each
    sizes    the columns of each output in p, or the shape of its rows; the model sets them when it is built

    The weights of rows may differ between outputs: then they stand side by side too, a column for each output, of
    outputs (m, ..., k) one for each position.
    """

    names: tuple[str, ...]
    losses: tuple[Loss, ...]
    weights: tuple[float, ...]
    sizes: tuple[int | Shape, ...] = ()

    def of_sizes(self, sizes: tuple[int | Shape, ...]) -> OutputLosses:
        """Return the loss for outputs with so many columns, or with rows of these shapes."""
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
        in_p = in_y = in_w = 0
        for name, loss, weight, size in zip(self.names, self.losses, self.weights, self.sizes, strict=True):
            shape = (size,) if isinstance(size, int) else size
            to_p, to_y = in_p + math.prod(shape), in_y + math.prod(loss.target_shape(shape))
            to_w = in_w + math.prod(shape[:-1])
            yield OutputPart(name, loss, weight, slice(in_p, to_p), slice(in_y, to_y), slice(in_w, to_w), shape)
            in_p, in_y, in_w = to_p, to_y, to_w

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        m, slopes = len(p), []
        for part in self.parts():
            rows, targets, _ = part.loss.by_position(part.of_outputs(p), part.of_targets(y))
            losses, slope = part.loss.terms(rows, targets)
            slopes.append(part.weight / (losses.size // m) * slope.reshape(m, -1))
        return self.weighted_terms(p, y, None), np.concatenate(slopes, axis=1)

    def weighted_terms(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        found: list[np.ndarray] = []
        for part in self.parts():
            rows = part.loss.by_position(part.of_outputs(p), part.of_targets(y), part.of_weights(weights))
            found.append(part.weight * part.loss.weighted_terms(*rows).reshape(len(p), -1).mean(axis=1))
        return sum(found[1:], found[0])

    def masked_weights(self, p: np.ndarray, weights: np.ndarray | None, mask: Any) -> np.ndarray:
        """Return the weights of each output side by side, one for each position; mask: one for each output."""
        columns = []
        for part, own in zip(self.parts(), mask, strict=True):
            outputs, given = part.of_outputs(p), part.of_weights(weights)
            if own is not None and not isinstance(part.loss, NoLoss):
                given = part.loss.masked_weights(outputs, given, own)
            given = np.ones(len(p), p.real.dtype) if given is None else given
            number = math.prod(part.shape[:-1])
            columns.append(np.repeat(given.reshape(len(p), -1), number if given.ndim == 1 else 1, axis=1))
        return np.concatenate(columns, axis=1)

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        total, slopes = 0.0, []
        for part in self.parts():
            arrays = part.of_outputs(p), part.of_targets(y), part.of_weights(weights)
            value, slope = part.loss.value_and_gradient(*arrays)
            total = total + part.weight * value
            slopes.append(part.weight * slope.reshape(len(p), -1))
        return total, np.concatenate(slopes, axis=1)
