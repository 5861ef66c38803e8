"""Attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from ..errors import SettingError
from . import constraints, ops, regularizers
from ._layer import Common, General, Layer, changed, only
from ._tensors import Call, KerasTensor
from ._translation import core_of, initializer
from ._variables import Variable

OPTIONS = ("use_causal_mask", "return_attention_scores")


class AnyAttention(Layer):
    """Base class: a call says whether the mask is causal, and whether the attention scores are a second output.

    The core has both as settings of the layer, so all calls on symbolic tensors must say the same.
    """

    takes_several = True

    def symbolic(self, call: Call) -> Any:
        options = self.options(self.given(call))
        layer: Any = self.core[0]
        before = {name: getattr(layer, name) for name in OPTIONS}
        if self.nodes and options != before:
            remedy = "make another layer for the other call, or call this one on arrays"
            raise SettingError(f"{self.name}: this call has {options}, the first one {before}; {remedy}")
        vars(layer).update(options)
        return super().symbolic(call)

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        with changed(self.core[0], **self.options(given)):
            return super().on_arrays(given, training)

    def options(self, given: dict[str, Any]) -> dict[str, bool]:
        """Return the options of a call, without the tensors."""
        return {name: bool(given.get(name) or False) for name in OPTIONS}

    def count_outputs(self, layer: core.Layer) -> int:
        return 2

    def formed(self, outputs: list[Any]) -> Any:
        """Return the output, or a tuple of it and the scores."""
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


class DotAttention(AnyAttention):
    """Base class: attention to a list of query, value and perhaps key."""

    call_arguments = ("inputs", *OPTIONS)

    def taken(self, given: dict[str, Any]) -> list[Any]:
        inputs = given["inputs"]
        if not isinstance(inputs, list | tuple) or len(inputs) not in (2, 3):
            raise SettingError(f"{self.name} takes a list [query, value] or [query, value, key], got {inputs!r}")
        mask = given.get("mask")
        if mask is not None and not (isinstance(mask, list | tuple) and len(mask) in (2, 3)):
            raise SettingError(f"{self.name}: mask must be a list [mask of query, mask of value], got {mask!r}")
        return list(inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the output: that of the query."""
        self.taken({"inputs": inputs, "mask": mask})
        if mask is None or mask[0] is None:
            return None
        return mask[0] if isinstance(mask[0], KerasTensor) else np.asarray(mask[0])


class OfAttention(General, total=False):
    """Further arguments of attention."""

    activity_regularizer: Any


class Attention(DotAttention):
    """y = softmax(scale Q K^T) V."""

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.use_scale, self.score_mode, self.dropout, self.seed = use_scale, score_mode, dropout, seed
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Attention(self.use_scale, self.score_mode, self.dropout)]


class AdditiveAttention(DotAttention):
    """y = softmax(S) V with S_ij = sum_n scale_n tanh(Q_i + K_j)_n."""

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: Any = None, **common: Unpack[Common]
    ) -> None:
        self.use_scale, self.dropout, self.seed = use_scale, dropout, seed
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.AdditiveAttention(self.use_scale, self.dropout)]


class MultiHeadAttention(AnyAttention):
    """y = sum over heads of softmax(Q_h K_h^T / sqrt(key_dim)) V_h O_h + c.

    A gate multiplies what the heads make. A sliding window lets queries see near keys alone.
    """

    call_arguments = ("query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask", *OPTIONS)

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **common: Unpack[General],
    ) -> None:
        only("MultiHeadAttention", "attention_axes", attention_axes, None, 1, (1,), [1])
        self.num_heads, self.key_dim = num_heads, key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.dropout, self.use_bias, self.seed = dropout, use_bias, seed
        self.shape_given = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.attention_axes, self.sliding_window, self.use_gate = attention_axes, sliding_window, use_gate
        for weight, start, penalty, limit in (
            ("kernel", kernel_initializer, kernel_regularizer, kernel_constraint),
            ("bias", bias_initializer, bias_regularizer, bias_constraint),
        ):
            setattr(self, f"{weight}_initializer", initializer(start))
            setattr(self, f"{weight}_regularizer", regularizers.get(penalty))
            setattr(self, f"{weight}_constraint", constraints.get(limit))
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def make(self) -> Iterable[core.Layer]:
        kinds = [f"{w}_{kind}" for w in ("kernel", "bias") for kind in ("initializer", "regularizer", "constraint")]
        settings = {name: core_of(getattr(self, name)) for name in kinds}
        sizes = (self.num_heads, self.key_dim, self.value_dim, self.dropout, self.use_bias, self.shape_given)
        layer = core.MultiHeadAttention(*sizes, sliding_window=self.sliding_window, use_gate=self.use_gate, **settings)
        return [layer]

    # ---- calls

    def taken(self, given: dict[str, Any]) -> list[Any]:
        query, value = given["query"], given.get("value")
        if value is None:
            raise SettingError(f"{self.name} takes query and value: {self.name}(x, x) is self-attention")
        key, pairs = given.get("key"), given.get("attention_mask")
        if pairs is not None:
            return [query, value, value if key is None else key, self._pairs(pairs, query, value)]
        if key is None or key is value:
            return [query] if query is value and self._no_masks(given) else [query, value]
        return [query, value, key]

    def _no_masks(self, given: dict[str, Any]) -> bool:
        return all(given.get(name) is None for name in ("query_mask", "value_mask", "key_mask"))

    def masks(self, given: dict[str, Any], count: int) -> list[Any]:
        return [given.get(name) for name in ("query_mask", "value_mask", "key_mask")][:count] + [None] * (count - 3)

    def kept(self, given: dict[str, Any]) -> int:
        return int(given.get("query_mask") is not None)

    def _pairs(self, pairs: Any, query: Any, value: Any) -> Any:
        """Return an attention mask with one matrix for each row: arrays may have one for all rows."""
        if isinstance(pairs, KerasTensor):
            return pairs
        matrices = np.asarray(pairs, self.dtype)
        if matrices.ndim not in (2, 3) or (matrices.ndim == 3 and len(matrices) > 1 and isinstance(query, KerasTensor)):
            wanted = "(rows, queries, keys), (1, queries, keys) or (queries, keys)"
            raise SettingError(f"{self.name}: attention_mask must have the shape {wanted}, got {matrices.shape}")
        matrices = matrices.reshape(-1, *matrices.shape[-2:])
        if isinstance(query, KerasTensor):
            return ops.add(ops.zeros_like(query[:, :1, :1]), matrices)
        return np.broadcast_to(matrices, (len(query), *matrices.shape[1:]))

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make the weights for sequences of these shapes, (None, steps, features)."""
        self.compute_output_shape(query_shape, query_shape if value_shape is None else value_shape, key_shape)

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> Any:
        """Return the shape of the output."""
        shapes = [query_shape, value_shape, key_shape]
        return super().compute_output_shape([shape for shape in shapes if shape is not None])

    # ---- config

    def stored(self) -> Iterator[tuple[str, Variable]]:
        for number, weight in enumerate(self.weights):
            projection = weight.path.split("/")[-2].removeprefix("attention_")
            projection = "_gate" if projection == "gate" else projection  # an attribute without a property in Keras
            yield f"{projection}_dense/vars/{number % 2 if self.use_bias else 0}", weight

    not_in_config = ("flash_attention", "output_shape")

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        return super().get_config() | {"output_shape": self.shape_given}
