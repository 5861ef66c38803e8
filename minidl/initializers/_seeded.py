"""An initializer with a seed of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..validation import instance, integer
from ._base import Initializer


@dataclass(frozen=True)
class Seeded(Initializer):
    """The wrapped initializer, with the same numbers at every call, whatever the seed of the model.

    seed  determines them; Keras's HeNormal(seed=1) is made in this way, with other numbers than Keras's
    """

    initializer: Initializer = instance(Initializer)
    seed: int = integer(0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.initializer(shape, np.random.default_rng(self.seed))
