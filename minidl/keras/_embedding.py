"""Layers that begin a network of sequences: vectors of ids, and masks of padded steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np

from .. import layers as core
from . import constraints, ops, regularizers
from ._layer import Common, General, Layer, only
from ._tensors import KerasTensor
from ._translation import core_of, initializer


class OfEmbedding(General, total=False):
    """Further arguments of Embedding."""

    activity_regularizer: Any


class Embedding(Layer):
    """y = E[x], the row of E for each id; the id 0 is padding if mask_zero."""

    takes_ids = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        quantization_config: Any = None,
        **common: Unpack[OfEmbedding],
    ) -> None:
        only("Embedding", "lora_rank", lora_rank, None)
        only("Embedding", "quantization_config", quantization_config, None)
        self.input_dim, self.output_dim, self.mask_zero = input_dim, output_dim, mask_zero
        self.embeddings_initializer = initializer(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        length = common.pop("input_length", None)
        if length is not None:
            warnings.warn("Embedding: Keras 3 does not need input_length, leave it out", stacklevel=2)
            common.setdefault("input_shape", (length,))
        super().__init__(**common)
        if weights is not None:
            self.first_weights = weights if isinstance(weights, list) and len(weights) == 1 else [weights]
            self.build((None, 1))

    def build(self, input_shape: Any = None) -> None:
        """Make the vectors, which do not depend on the shape of the ids."""
        super().build((None, 1) if input_shape is None or len(input_shape) < 2 else input_shape)

    def make(self) -> Iterable[core.Layer]:
        kinds = ("initializer", "regularizer", "constraint")
        settings = {f"embeddings_{kind}": core_of(getattr(self, f"embeddings_{kind}")) for kind in kinds}
        return [core.Embedding(self.input_dim, self.output_dim, mask_zero=self.mask_zero, **settings)]

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        ids = np.asarray(given["inputs"])
        if ids.ndim > 1:
            return super().on_arrays(given, training)
        made = super().on_arrays({"inputs": ids.reshape(1, -1)}, training)  # positions, as of arange(5)
        return made.reshape(*ids.shape, self.output_dim)

    not_in_config = ("weights", "lora_rank", "lora_alpha", "quantization_config")


class Masking(Layer):
    """y = x; steps whose features all are mask_value are padding, and are 0 in y."""

    def __init__(self, mask_value: float = 0.0, **common: Unpack[Common]) -> None:
        self.mask_value = mask_value
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Masking(self.mask_value)]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output."""
        x = inputs if isinstance(inputs, KerasTensor) else np.asarray(inputs)
        return ops.any(ops.not_equal(x, self.mask_value), axis=-1)
