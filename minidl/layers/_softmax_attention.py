"""The mathematics that the attention layers share: averages of values, weighted by the softmax of scores."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops import row_sums
from ._base import Layer
from ._dropout import scaled_mask

Shape = tuple[int, ...]
Outputs = tuple[np.ndarray | None, np.ndarray | None]


class SoftmaxAttention(Layer):
    """y = P V,   P = softmax(S) over the keys,   dV = P^T dy,   dP = dy V^T,   dS = P * (dP - sum(dP * P)).

    S (..., T, S) scores each of T queries with each of S keys, V (..., S, n) has a value for each key. A subclass is a
    dataclass of its settings with the three below, and computes the scores.
    """

    dropout: float
    use_causal_mask: bool
    return_attention_scores: bool

    y_shape: Shape  # of the last forward

    several_inputs = True  # also takes one, as query, value and key

    @property
    def several_outputs(self) -> bool:  # type: ignore[override]
        return self.return_attention_scores

    def forward(self, x: Any, training: bool = False) -> Any:
        return self.masked_forward(x, None, training)[0]

    def _average(
        self, scores: np.ndarray, values: np.ndarray, allowed: np.ndarray | None, training: bool, out: np.ndarray
    ) -> np.ndarray:
        """Compute y in `out`. Keep what backward needs, return P. `scores` is overwritten.

        allowed  (..., T, S), True where a query may see a key; None: every query sees every key
        """
        weights = softmax_over_keys(scores, allowed)
        drops = training and self.dropout > 0
        kept = scaled_mask(self.rng, self.dropout, weights.shape, weights.real.dtype) if drops else None
        np.matmul(weights if kept is None else weights * kept, values, out=out)
        self.attention_scores, self.kept, self.values = weights, kept, values
        return weights

    def _average_backward(self, dy: np.ndarray, dweights: np.ndarray | None, out: np.ndarray) -> np.ndarray:
        """Return dL/dS, and write dL/dV to `out`.

        dweights  dL/dP of the attention scores that the layer returned, None if nothing depends on them
        """
        weights, kept = self.attention_scores, self.kept
        np.matmul(_transposed(weights if kept is None else weights * kept), dy, out=out)
        slope = np.matmul(dy, _transposed(self.values))
        if kept is not None:
            slope *= kept
        if dweights is not None:
            slope += dweights
        slope -= np.einsum("...ij,...ij->...i", slope, weights)[..., None]
        slope *= weights
        return slope

    def _allowed(self, steps: Shape, query: Any, keys: tuple[Any, ...], pairs: Any = None) -> np.ndarray | None:
        """Return (m, T, S) or (T, S), True where a query may see a key; None without masks.

        steps  (T, S)
        query  the mask of the queries (m, T)
        keys   masks of the keys (m, S): a key must count in all of them
        pairs  numbers (m, T, S), 0 where a query must not see a key
        """
        masks = [] if query is None else [query[:, :, None]]
        masks += [mask[:, None, :] for mask in keys if mask is not None]
        if self.use_causal_mask:
            masks.append(np.tri(*steps, dtype=bool))
        if pairs is not None:
            masks.append(pairs != 0)
        return reduce(np.logical_and, masks) if masks else None

    def _slopes(self, dy: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Return dL/dy and dL/dP. Nothing may depend on one of them."""
        if not self.several_outputs:
            return dy, None
        slope, dweights = dy
        if slope is None:
            slope = np.zeros(self.y_shape, dweights.dtype)
        return slope, dweights


def softmax_over_keys(scores: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    """P = softmax(S) along the last axis over the keys that are allowed, computed in S. P = 0 at all other keys.

    A query that may see no key has P = 0 everywhere, so that nothing flows through it, forward or backward.
    """
    if allowed is not None:
        np.copyto(scores, -np.inf, where=~allowed)
    lowest = float(np.finfo(scores.dtype).min)  # where no key is allowed: -inf - -inf is not a number
    largest = np.maximum(scores.real.max(axis=-1, keepdims=True), lowest)
    with np.errstate(over="ignore"):
        scores -= largest
    np.exp(scores, out=scores)
    sums = row_sums(scores)
    scores /= np.where(sums == 0, 1, sums)
    return scores


def dot_products(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """S = Q K^T.   Q (..., T, n), K (..., S, n) -> S (..., T, S)."""
    return np.matmul(query, _transposed(key))


def dot_products_backward(
    slope: np.ndarray, query: np.ndarray, key: np.ndarray, out: Outputs = (None, None)
) -> tuple[np.ndarray, np.ndarray]:
    """dL/dQ = dL/dS K,   dL/dK = dL/dS^T Q, computed in `out` if it is given."""
    return np.matmul(slope, key, out=out[0]), np.matmul(_transposed(slope), query, out=out[1])


def _transposed(matrices: np.ndarray) -> np.ndarray:
    return matrices.swapaxes(-1, -2)


def roles(who: str, input_shape: Any, most: int) -> tuple[Shape, ...]:
    """Return the shapes of query, value and key, and of the pairs that see each other if they are an input.

    One input is query, value and key, of two the second is value and key. Raises ShapeError for more than `most`
    inputs, and if they do not fit together.
    """
    shapes: tuple[Shape, ...] = input_shape if count(input_shape) > 1 else (input_shape,)
    if len(shapes) > most:
        names = "query, value, key, attention_mask"
        raise ShapeError(f"{who} takes {', '.join(names.split(', ')[:most])}, got {len(shapes)} inputs")
    for shape in shapes[:3]:
        if len(shape) != 2:
            raise ShapeError(f"{who} takes sequences, rows (steps, features), got rows of shape {shape}")
    query, value, key = (*shapes, *shapes[-1:] * 2)[:3]
    if value[0] != key[0]:
        raise ShapeError(f"{who}: there must be a key for each value, got {value[0]} values and {key[0]} keys")
    if shapes[3:] and shapes[3] != (query[0], key[0]):
        raise ShapeError(f"{who}: attention_mask must have rows {(query[0], key[0])}, (queries, keys), got {shapes[3]}")
    return query, value, key, *shapes[3:]


def count(input_shape: Any) -> int:
    """Return the number of inputs that have this shape, or these shapes."""
    return len(input_shape) if input_shape and isinstance(input_shape[0], tuple) else 1
