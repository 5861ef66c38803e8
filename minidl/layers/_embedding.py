"""The layer that turns ids into vectors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..constraints import Constraint, check_constraint
from ..initializers import Initializer, RandomUniform, check_initializer
from ..parameters import Penalty, Table
from ..regularizers import check_penalty
from ..validation import boolean, check_ids, integer, real, setting
from ._base import Layer


@dataclass(eq=False)
class Embedding(Layer):
    """y = E[x], the row of E for each id.   x (m, ...) integers -> y (m, ..., output_dim);  E (input_dim, output_dim).

    dL/dE[i] is the sum of dL/dy over all places where the id is i. An id has no derivative. (Bengio et al. 2003)

    input_dim               the size of the vocabulary: the ids are 0, ..., input_dim - 1
    output_dim              at least 1
    embeddings_initializer  an Initializer or a Keras string; default: RandomUniform(-0.05, 0.05), as in Keras
    embeddings_regularizer  a penalty on E; penalties added to the loss leave E out
    embeddings_constraint   puts E back into a set after every update, such as MaxNorm(1, axis=1)
    mask_zero               True: the id 0 is padding, and the layers after this one leave those steps out

    An update costs what the batch has ids, not what the vocabulary has, with SGD without momentum and with Adagrad,
    also inside Clip with `value` or `global_norm`, if no penalty applies to E. Other optimizers change all of E in each
    step, because momentum and averages of gradients go on where the gradient is 0.

    An id that is out of range or no whole number raises DataError.
    """

    input_dim: int = integer(1)
    output_dim: int = integer(1)
    embeddings_initializer: Initializer | str = setting(check_initializer, default=RandomUniform(), kw_only=True)
    embeddings_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    embeddings_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    mask_zero: bool = boolean(default=False, kw_only=True)

    @property
    def makes_mask(self) -> bool:
        return self.mask_zero

    @property
    def vocabulary_size(self) -> int:
        return self.input_dim

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.embeddings = Table(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            penalized=False,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        return (*input_shape, self.output_dim)

    def compute_mask(self, x: np.ndarray, mask: Any) -> Any:
        return x != 0 if self.mask_zero else mask

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.ids = ids = check_ids("Embedding", "x", x, self.input_dim)
        return self.embeddings.value.take(ids, axis=0)

    def backward(self, dy: np.ndarray) -> None:
        # equal ids side by side: each group is one sum, which no repeat is lost from
        ids = self.ids.reshape(-1)
        order = ids.argsort(kind="stable")
        distinct, starts = np.unique(ids[order], return_index=True)
        self.embeddings.write_rows(distinct, np.add.reduceat(dy.reshape(len(ids), -1)[order], starts))


@dataclass(eq=False)
class Masking(Layer):
    """y = x, and steps whose features all are `mask_value` are padding.   x (m, steps, n) -> y of the same shape.

    The layers after this one leave those steps out. In y they are 0, as in Keras.

    mask_value  default: 0
    """

    mask_value: float = real(default=0.0)

    @property
    def makes_mask(self) -> bool:
        return True

    def compute_mask(self, x: np.ndarray, mask: Any) -> np.ndarray:
        return np.asarray((x != self.mask_value).any(axis=-1))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.counts = counts = self.compute_mask(x, None)[..., None]
        return x * counts

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.counts
