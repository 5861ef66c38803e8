"""Attention in several heads, each with projections of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from ..constraints import Constraint, check_constraint
from ..initializers import GlorotUniform, Initializer, Zeros, check_initializer
from ..ops import as_matrix, column_sums, product, sigmoid
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import boolean, check_integer, integer, real, setting
from ._softmax_attention import Shape, SoftmaxAttention, dot_products, dot_products_backward, roles

# The projections that are computed from each input, by the number of inputs
PROJECTIONS = {
    1: (("query", "key", "value"),),
    2: (("query",), ("key", "value")),
    3: (("query",), ("value",), ("key",)),
}


def check_shape(who: str, name: str, value: Any) -> Shape:
    sizes = value if isinstance(value, list | tuple) else (value,)
    return tuple(check_integer(who, name, size, 1) for size in sizes)


@dataclass(frozen=True)
class Projections:
    """z_i = x W_i + b_i for several i, side by side and as one product.   x (m, steps, n) -> z (m, steps, width).

    kernels  the Parameters W_i, with n rows when they are read as matrices
    biases   the Parameters b_i; empty without bias
    """

    kernels: tuple[Parameter, ...]
    biases: tuple[Parameter, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        z = product(x, self._matrix(x.shape[-1]))
        if self.biases:
            z += np.concatenate([bias.value.reshape(-1) for bias in self.biases])
        return z

    def backward(self, x: np.ndarray, dz: np.ndarray, *, is_first: bool) -> Any:
        """Set the gradients of the parameters; return dL/dx, None if `is_first`."""
        rows, n = as_matrix(dz), x.shape[-1]
        for kernel, grad in zip(self.kernels, self._split(as_matrix(x).T.dot(rows), n), strict=True):
            kernel.grad = grad.reshape(kernel.shape)
        for bias, grad in zip(self.biases, self._split(column_sums(rows), n) if self.biases else (), strict=True):
            bias.grad = grad.reshape(bias.shape)
        return None if is_first else product(dz, self._matrix(n).T)

    def heads(self, z: np.ndarray) -> list[np.ndarray]:
        """Return each z_i as a view of z (m, heads, steps, d), for kernels (n, heads, d)."""
        parts = self._split(z, self.kernels[0].shape[0])
        shapes = [(*z.shape[:2], *kernel.shape[1:]) for kernel in self.kernels]
        return [part.reshape(shape).swapaxes(1, 2) for part, shape in zip(parts, shapes, strict=True)]

    def _matrix(self, n: int) -> np.ndarray:
        return np.concatenate([kernel.value.reshape(n, -1) for kernel in self.kernels], axis=1)

    def _split(self, array: np.ndarray, n: int) -> list[np.ndarray]:
        """Return views of the part that belongs to each i, along the last axis."""
        ends = accumulate(kernel.size // n for kernel in self.kernels[:-1])
        return np.split(array, [*ends], axis=-1)


@dataclass(eq=False)
class MultiHeadAttention(SoftmaxAttention):
    """y = sum over heads h of P_h V_h O_h + c,   P_h = softmax(Q_h K_h^T / sqrt(key_dim)) over the keys.

    Q_h = query A_h + a_h,   K_h = key B_h + b_h,   V_h = value C_h + c_h.   (Vaswani et al. 2017)
    With a gate:   y = sum over heads h of (G_h * P_h V_h) O_h + c,   G_h = sigmoid(query D_h + d_h). (Qiu et al. 2025)

    x (m, T, n) -> y (m, T, n): self-attention. Several inputs are (query, value), or (query, value, key), or (query,
    value, key, attention_mask), with query (m, T, n), value (m, S, k), key (m, S, l) and attention_mask (m, T, S), 0
    where a query must not see a key. If asked for, the attention scores P (m, num_heads, T, S) are a second output.

    query/kernel A (n, num_heads, key_dim), query/bias (num_heads, key_dim), key/kernel B (l, num_heads, key_dim),
    gate/kernel D (n, num_heads, value_dim), value/kernel C (k, num_heads, value_dim), attention_output/kernel O
    (num_heads, value_dim, *output_shape), attention_output/bias c (*output_shape), each kernel with its bias.

    y has the mask of the queries. Keys that are masked get the weight 0. Where a query may see no key, or is masked,
    all its weights are 0 and y is c.

    num_heads                at least 1
    key_dim                  numbers in each query and key of a head
    value_dim                numbers in each value of a head; None: key_dim
    dropout                  the rate in [0, 1) at which weights are dropped in training
    use_bias                 False: the projections have no biases
    output_shape             the shape of y at a step: an integer or a tuple; None: that of the query
    use_causal_mask          True: the query at step i sees the keys at steps 0, ..., i
    return_attention_scores  True: return y and P before dropout
    sliding_window           w: the query at step i sees the keys at steps i - w + 1, ..., i + w - 1; None: at all steps
    use_gate                 True: multiply what the heads make by the gate G
    The settings of kernels and biases are those of Dense, and apply to all projections.
    """

    num_heads: int = integer(1)
    key_dim: int = integer(1)
    value_dim: int | None = integer(1, default=None, optional=True)
    dropout: float = real("[0, 1)", default=0.0)
    use_bias: bool = boolean(default=True)
    output_shape: int | Shape | None = setting(check_shape, default=None, optional=True)
    use_causal_mask: bool = boolean(default=False, kw_only=True)
    return_attention_scores: bool = boolean(default=False, kw_only=True)
    sliding_window: int | None = integer(1, default=None, optional=True, kw_only=True)
    use_gate: bool = boolean(default=False, kw_only=True)
    kernel_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    bias_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    kernel_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    bias_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    kernel_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    bias_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters with Keras's names, such as query/kernel."""
        return {"/".join(name.rsplit("_", 1)): parameter for name, parameter in super().parameters.items()}

    def build(self, input_shape: Any) -> Any:
        shapes = roles("MultiHeadAttention", input_shape, 4)
        query, value, key = shapes[:3]
        head, value_head = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim or self.key_dim)
        out = check_shape("MultiHeadAttention", "output_shape", self.output_shape or query[-1])
        self.query_kernel, self.query_bias = self._make((query[-1], *head), head)
        self.key_kernel, self.key_bias = self._make((key[-1], *head), head)
        if self.use_gate:  # between key and value, as in Keras
            self.gate_kernel, self.gate_bias = self._make((query[-1], *value_head), value_head)
        self.value_kernel, self.value_bias = self._make((value[-1], *value_head), value_head)
        self.attention_output_kernel, self.attention_output_bias = self._make((*value_head, *out), out)
        y_shape = (query[0], *out)
        return (y_shape, (self.num_heads, query[0], key[0])) if self.return_attention_scores else y_shape

    def _make(self, shape: Shape, bias_shape: Shape) -> tuple[Parameter, Parameter | None]:
        kernel = Parameter(
            shape, self.kernel_initializer, regularizer=self.kernel_regularizer, constraint=self.kernel_constraint
        )
        if not self.use_bias:
            return kernel, None
        return kernel, Parameter(
            bias_shape,
            self.bias_initializer,
            penalized=False,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def _side_by_side(self, *names: str) -> Projections:
        kernels = tuple(getattr(self, f"{name}_kernel") for name in names)
        return Projections(kernels, tuple(getattr(self, f"{name}_bias") for name in names) if self.use_bias else ())

    @property
    def _output(self) -> Projections:
        return self._side_by_side("attention_output")

    def _of_inputs(self, count: int) -> list[Projections]:
        """Return the projections of each of so many inputs."""
        return [self._side_by_side(*names) for names in self._names(count)]

    def _names(self, count: int) -> tuple[tuple[str, ...], ...]:
        """Return the names of the projections of each of so many inputs."""
        of_query, *others = PROJECTIONS[min(count, 3)]
        return ((*of_query, "gate") if self.use_gate else of_query, *others)

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        given = x if isinstance(x, tuple) else (x,)
        masks = mask if isinstance(mask, tuple) else (mask,) * len(given)
        z = [projection(part) for projection, part in zip(self._of_inputs(len(given)), given, strict=False)]
        heads = self._heads(z, len(given))
        query, key, value = heads["query"] * self._scale, heads["key"], heads["value"]
        scores = dot_products(query, key)
        pairs = given[3] if len(given) > 3 else None
        allowed = self._allowed(scores.shape[-2:], masks[0], masks[1:3] or masks, pairs)
        if self.sliding_window is not None:
            near = _near(scores.shape, self.sliding_window)
            allowed = near if allowed is None else allowed & near
        if allowed is not None:
            allowed = allowed[..., None, :, :]  # the same for all heads
        rows = np.empty((*given[0].shape[:2], self.num_heads, value.shape[-1]), scores.dtype)
        weights = self._average(scores, value, allowed, training, out=rows.swapaxes(1, 2))
        if self.use_gate:
            gate, made = sigmoid(heads["gate"]), rows.swapaxes(1, 2)
            rows, self.gated = (gate * made).swapaxes(1, 2), (gate, made)
        rows = rows.reshape(*rows.shape[:2], -1)
        y = self._output(rows).reshape(*rows.shape[:2], *self.attention_output_kernel.shape[2:])
        self.given, self.z, self.query, self.key, self.rows, self.y_shape = given, z, query, key, rows, y.shape
        return ((y, weights), (masks[0], None)) if self.return_attention_scores else (y, masks[0])

    def backward(self, dy: Any) -> Any:
        slope, dweights = self._slopes(dy)
        drows = self._output.backward(self.rows, slope.reshape(*slope.shape[:2], -1), is_first=False)
        dz = [np.empty(z.shape, np.result_type(z, drows)) for z in self.z]
        heads = self._heads(dz, len(self.given))
        by_head = drows.reshape(*drows.shape[:2], self.num_heads, -1).swapaxes(1, 2)
        if self.use_gate:
            gate, made = self.gated
            np.multiply(by_head * made, gate * (1 - gate), out=heads["gate"])
            by_head = by_head * gate
        dscores = self._average_backward(by_head, dweights, out=heads["value"])
        dot_products_backward(dscores, self.query, self.key, out=(heads["query"], heads["key"]))
        heads["query"] *= self._scale
        parts = zip(self._of_inputs(len(self.given)), self.given, dz, strict=False)
        dx = tuple(projection.backward(x, part, is_first=self.is_first) for projection, x, part in parts)
        if self.is_first:
            return None
        return dx[0] if len(self.given) == 1 else (*dx, *(None,) * (len(self.given) - len(dx)))

    def _heads(self, z: list[np.ndarray], count: int) -> dict[str, np.ndarray]:
        """Return views (m, heads, steps, d) of query, key and value, of what was computed from so many inputs."""
        found = dict[str, np.ndarray]()
        for names, projection, part in zip(self._names(count), self._of_inputs(count), z, strict=True):
            found |= zip(names, projection.heads(part), strict=True)
        return found

    @property
    def _scale(self) -> float:
        return 1 / math.sqrt(self.key_dim)


def _near(shape: Shape, window: int) -> np.ndarray:
    """Return (T, S) for scores of shape (..., T, S), True where query and key are less than `window` steps apart."""
    queries, keys = (np.arange(steps) for steps in shape[-2:])
    return np.asarray(abs(queries[:, None] - keys) < window)
