"""The base class of losses, and the sum of a loss and penalties."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import DataError, SettingError, ShapeError
from ..ops import mean_weights, over_positions, position_rows
from ..parameters import Penalty
from ..validation import REAL_LINE, Interval, Validated

if TYPE_CHECKING:
    from ..layers import Layer


class Loss(Validated):
    """L = (1/m) sum_i w_i l(p_i, y_i).   Outputs p (m, k), targets y (m, k), weights w (m,), 1 if not given.

    Outputs (m, ..., k), such as images or a prediction at every step, are rows at every position: L is the mean over
    all rows and positions, as in Keras: divided by their number, not by the sum of their weights. The weights are (m,),
    the same at all positions of a row, or (m, ...).

    A subclass writes one method, the equation and its derivative, row by row:

    terms(p, y) -> l (m,), dl/dp (m, k)

    The gradient checker calls it with complex p and uses only l: see `Layer` for what that forbids. With settings a
    loss is a frozen dataclass. Losses add to penalties: BinaryCrossentropy() + L2(0.7).

    labels, outputs  the intervals that y and p must lie in
    sparse           True if y (m, 1) holds class labels 0, ..., k - 1
    any_width        True if y may have more or fewer columns than p
    takes_labels     True if y may be class labels (m, 1), of which data make rows with a 1 at the class
    exclusive        True if the k outputs are classes of which one is right, so that a vector is one row
    link             the output activation that belongs to the loss; after it, the model computes the loss from the
                     logits, with `on_logits()`
    from_logits      True if p are logits
    """

    link: ClassVar[type[Layer] | None] = None
    labels: ClassVar[Interval] = REAL_LINE
    outputs: ClassVar[Interval] = REAL_LINE
    sparse: ClassVar[bool] = False
    any_width: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    exclusive: ClassVar[bool] = False
    from_logits: bool = False

    def terms(self, p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError(f"{type(self).__name__} must write terms(p, y)")

    def target_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a row of y for rows of p of this shape."""
        return (*shape[:-1], 1) if self.sparse else shape

    def on_logits(self) -> Loss:
        """Return the same loss as a function of the input of its link."""
        raise NotImplementedError(f"{type(self).__name__} has a link, so it must write on_logits()")

    def value_and_gradient(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        """Return L, a number (complex for complex p), and dL/dp, of the shape of p."""
        if p.ndim > 2:
            value, slopes = self.value_and_gradient(*self.by_position(p, y, weights))
            return value, slopes.reshape(p.shape)
        losses, derivatives = self.terms(p, y)
        m = len(p)
        share = mean_weights(m, p.real.dtype) if weights is None else weights / m
        return losses.dot(share), derivatives * share[:, None]

    def by_position(
        self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return p (m, ..., k), y and weights with the rows that `terms` takes: one for each position."""
        return position_rows(p, y, weights)

    def masked_weights(self, p: np.ndarray, weights: np.ndarray | None, mask: Any) -> np.ndarray:
        """Return weights (m, ...) with which L is the mean over the positions of p that count: mask (m, steps, ...).

        They are 0 at the others, and number of positions / number that count times the weights at those that do.
        """
        positions = p.shape[:-1]
        counts = np.broadcast_to(over_positions(positions, mask), positions)
        if not counts.any():
            remedy = "leave out rows of padding alone"
            raise DataError(f"{type(self).__name__}: all steps of all rows of a batch are masked; {remedy}")
        shares = counts * p.real.dtype.type(counts.size / np.count_nonzero(counts))
        return shares if weights is None else shares * over_positions(positions, weights)

    def weighted_terms(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return w_i l(p_i, y_i) of `by_position`. Their mean is L."""
        losses = self.terms(p, y)[0]
        return losses if weights is None else losses * weights

    def value(self, p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Any:
        """Return L alone."""
        return self.value_and_gradient(p, y, weights)[0]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return L as a float. Called as in Keras: y_true and y_pred both (m, ..., k) or both (m,).

        sample_weight: one for each row, (m,), or for each position, (m, ...).
        """
        who, y, p = type(self).__name__, np.asarray(y_true), np.asarray(y_pred)
        if y.shape != p.shape or not y.size:
            shapes = f"y_true has shape {y.shape}, y_pred {p.shape}"
            raise ShapeError(f"{who}: {shapes}; both must have the same shape (rows, outputs)")
        if not {y.dtype.kind, p.dtype.kind} <= set("biuf"):
            raise DataError(f"{who}: y_true has dtype {y.dtype}, y_pred {p.dtype}; they must hold real numbers")
        y, p = (np.atleast_1d(a.astype(np.result_type(a, np.float32), copy=False)) for a in (y, p))
        y, p = (np.atleast_2d(a) if self.exclusive else a[:, None] if a.ndim == 1 else a for a in (y, p))
        weights = None if sample_weight is None else np.asarray(sample_weight)
        if weights is not None and weights.shape not in ((len(p),), p.shape[:-1]):
            expected = f"one weight per row was expected: ({len(p)},)"
            expected += f", or one per position: {p.shape[:-1]}" if p.ndim > 2 else ""
            raise ShapeError(f"{who}: sample_weight has shape {weights.shape}; {expected}")
        return float(self.value(p, y, weights))

    def __add__(self, term: Penalty | PenalizedLoss) -> PenalizedLoss:
        return PenalizedLoss(self) + term

    __radd__ = __add__


@dataclass(frozen=True)
class PenalizedLoss:
    """loss + penalty + penalty + ...   Made by adding; `compile(loss=...)` takes it."""

    loss: Loss
    penalties: tuple[Penalty, ...] = ()

    def __add__(self, term: Penalty | PenalizedLoss) -> PenalizedLoss:
        if isinstance(term, Penalty):
            return replace(self, penalties=(*self.penalties, term))
        if isinstance(term, Loss | PenalizedLoss):
            raise SettingError("a model has one loss; add penalties to it: BinaryCrossentropy() + L2(0.7)")
        return NotImplemented

    __radd__ = __add__


def mean(terms: np.ndarray) -> np.ndarray:
    """The mean over the outputs: terms (m, k) -> (m,). A single column needs no arithmetic."""
    return terms[:, 0] if terms.shape[1] == 1 else terms.mean(axis=1)


def divide_by_outputs(derivatives: np.ndarray) -> np.ndarray:
    """The derivative of `mean`: derivatives (m, k) of the terms -> derivatives of their mean."""
    return derivatives if derivatives.shape[1] == 1 else derivatives / derivatives.shape[1]
