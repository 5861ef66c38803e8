"""Attention without projections: the scores come from the queries and keys as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..initializers import GlorotUniform, Ones
from ..ops import as_matrix
from ..parameters import Parameter
from ..validation import boolean, choice, real
from ._softmax_attention import SoftmaxAttention, dot_products, dot_products_backward, roles


class ScoreAttention(SoftmaxAttention):
    """y = P V,   P = softmax(S) over the keys. A subclass computes S from the queries and keys, and its derivative."""

    def build(self, input_shape: Any) -> Any:
        who = type(self).__name__
        query, value, key = roles(who, input_shape, 3)
        if query[-1] != key[-1]:
            raise ShapeError(f"{who}: queries and keys must have as many features, got {query[-1]} and {key[-1]}")
        self._make_parameters(query[-1])
        y_shape = query[0], value[-1]
        return (y_shape, (query[0], key[0])) if self.return_attention_scores else y_shape

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        given = x if isinstance(x, tuple) else (x,)
        query, value, key = (*given, *given[-1:] * 2)[:3]
        masks = mask if isinstance(mask, tuple) else (mask,)
        scores = self._scores(query, key)
        steps, keys = scores.shape[-2:], masks[1:] if len(given) > 1 else masks
        y = np.empty((*query.shape[:2], value.shape[-1]), np.result_type(scores, value))
        weights = self._average(scores, value, self._allowed(steps, masks[0], keys), training, out=y)
        self.query, self.key, self.inputs, self.y_shape = query, key, len(given), y.shape
        return ((y, weights), (masks[0], None)) if self.return_attention_scores else (y, masks[0])

    def backward(self, dy: Any) -> Any:
        slope, dweights = self._slopes(dy)
        dvalue = np.empty(self.values.shape, np.result_type(slope, self.values))
        dquery, dkey = self._scores_backward(self._average_backward(slope, dweights, out=dvalue))
        if self.inputs == 1:
            return dquery + dkey + dvalue
        return (dquery, dkey + dvalue) if self.inputs == 2 else (dquery, dvalue, dkey)

    def _make_parameters(self, features: int) -> None:
        raise NotImplementedError

    def _scores(self, query: np.ndarray, key: np.ndarray) -> np.ndarray:
        """Return S (m, T, S) of queries (m, T, n) and keys (m, S, n)."""
        raise NotImplementedError

    def _scores_backward(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Set the gradients of the parameters; return the derivatives by the queries and by the keys."""
        raise NotImplementedError


@dataclass(eq=False)
class Attention(ScoreAttention):
    """y = P V,   P = softmax(S) over the keys,   S = scale Q K^T.   Dot-product attention. (Luong et al. 2015)

    query Q (m, T, n), value V (m, S, k), key K (m, S, n) -> y (m, T, k), and the attention scores P (m, T, S) if asked
    for. Inputs are (query, value, key), or (query, value) if the values are the keys, or x, which is all three. y has
    the mask of the queries. Keys that are masked get the weight 0; where a query may see no key, or is masked, y is 0.

    use_scale                True: S is multiplied by the parameter scale (), which begins with 1
    score_mode               "dot"; or "concat": S_ij = w sum_n tanh(scale (Q_i + K_j)), with the parameter
                             concat_score_weight w (), which begins with 1
    dropout                  the rate in [0, 1) at which weights are dropped in training
    use_causal_mask          True: the query at step i sees the keys at steps 0, ..., i
    return_attention_scores  True: return y and P before dropout
    """

    use_scale: bool = boolean(default=False)
    score_mode: str = choice("dot", "concat", default="dot")
    dropout: float = real("[0, 1)", default=0.0)
    use_causal_mask: bool = boolean(default=False, kw_only=True)
    return_attention_scores: bool = boolean(default=False, kw_only=True)

    def _make_parameters(self, features: int) -> None:
        if self.use_scale:
            self.scale = Parameter((), Ones())
        if self.score_mode == "concat":
            self.concat_score_weight = Parameter((), Ones())

    def _scores(self, query: np.ndarray, key: np.ndarray) -> np.ndarray:
        scaled = self._scaled(query)
        if self.score_mode == "dot":
            self.scaled = scaled
            return dot_products(scaled, key)
        self.t = t = tanh_of_sums(scaled, self._scaled(key))
        return self.concat_score_weight.value * t.sum(axis=-1)

    def _scores_backward(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.score_mode == "dot":
            dquery, dkey = dot_products_backward(slope, self.scaled, self.key)
            if self.use_scale:
                self.scale.grad = (dquery * self.query).sum()
            return self._scaled(dquery), dkey
        self.concat_score_weight.grad = (slope * self.t.sum(axis=-1)).sum()
        dquery, dkey = tanh_of_sums_backward(self.concat_score_weight.value * slope[..., None], self.t)
        if self.use_scale:
            self.scale.grad = (dquery * self.query).sum() + (dkey * self.key).sum()
        return self._scaled(dquery), self._scaled(dkey)

    def _scaled(self, array: np.ndarray) -> np.ndarray:
        return self.scale.value * array if self.use_scale else array


@dataclass(eq=False)
class AdditiveAttention(ScoreAttention):
    """y = P V,   P = softmax(S) over the keys,   S_ij = sum_n scale_n tanh(Q_i + K_j)_n.   (Bahdanau et al. 2015)

    Inputs, outputs and masks are those of Attention.

    use_scale                False: scale is 1, not a parameter (n,)
    dropout                  the rate in [0, 1) at which weights are dropped in training
    use_causal_mask          True: the query at step i sees the keys at steps 0, ..., i
    return_attention_scores  True: return y and P before dropout
    """

    use_scale: bool = boolean(default=True)
    dropout: float = real("[0, 1)", default=0.0)
    use_causal_mask: bool = boolean(default=False, kw_only=True)
    return_attention_scores: bool = boolean(default=False, kw_only=True)

    def _make_parameters(self, features: int) -> None:
        if self.use_scale:
            self.scale = Parameter((features,), GlorotUniform())

    def _scores(self, query: np.ndarray, key: np.ndarray) -> np.ndarray:
        self.t = t = tanh_of_sums(query, key)
        return t.dot(self.scale.value) if self.use_scale else t.sum(axis=-1)

    def _scores_backward(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dt = slope[..., None]
        if self.use_scale:
            self.scale.grad = slope.reshape(-1).dot(as_matrix(self.t))
            dt = dt * self.scale.value
        return tanh_of_sums_backward(dt, self.t)


def tanh_of_sums(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """t_ij = tanh(Q_i + K_j).   Q (m, T, n), K (m, S, n) -> t (m, T, S, n)."""
    return np.tanh(query[:, :, None] + key[:, None])


def tanh_of_sums_backward(dt: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dL/dQ_i = sum_j (1 - t_ij^2) dL/dt_ij,   dL/dK_j = sum_i (1 - t_ij^2) dL/dt_ij."""
    slope = (1 - t * t) * dt
    return slope.sum(axis=2), slope.sum(axis=1)
