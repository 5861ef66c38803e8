"""Penalties on weights.

Added to a loss, BinaryCrossentropy() + L2(0.7), a penalty sees every kernel and no bias; handed to one layer,
Dense(8, kernel_regularizer=L2(0.7)), it sees that kernel alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import validation
from .parameters import Penalty


@dataclass(frozen=True)
class L2(Penalty):
    """R = lambd / (2 m) sum w^2,   dR/dw = (lambd / m) w.   m the rows of the batch; lambd >= 0.

    The notebook's, and scikit-learn's alpha. For the same m: Keras's L2(l2) with l2 = lambd / (2 m), PyTorch's
    weight_decay = lambd / m, given for the weights alone. (Hoerl & Kennard 1970; Krogh & Hertz 1992)
    """

    lambd: float

    def __post_init__(self) -> None:
        validation.keep_number(self, "lambd", "[0, inf)")

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.lambd / (2 * m) * (w @ w)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.lambd / m * w


@dataclass(frozen=True)
class L1(Penalty):
    """R = (lambd / m) sum |w|,   dR/dw = (lambd / m) sign(w), 0 at 0.   m the rows of the batch; lambd >= 0.

    Drives weights to zero. Keras's L1(l1) with l1 = lambd / m. (Tibshirani 1996)
    """

    lambd: float

    def __post_init__(self) -> None:
        validation.keep_number(self, "lambd", "[0, inf)")

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.lambd / m * np.maximum(w, -w).sum()  # |w|, also for complex w

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.lambd / m * np.sign(w)


@dataclass(frozen=True)
class L1L2(Penalty):
    """R = (l1 / m) sum |w| + l2 / (2 m) sum w^2: L1(l1) and L2(l2) in one, for where one penalty is asked for.

    The elastic net. Keras's L1L2 with l1 / m and l2 / (2 m). (Zou & Hastie 2005)
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        validation.keep_number(self, "l1", "[0, inf)")
        validation.keep_number(self, "l2", "[0, inf)")

    def value(self, w: np.ndarray, m: float) -> Any:
        return L1(self.l1).value(w, m) + L2(self.l2).value(w, m)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return L1(self.l1).gradient(w, m) + L2(self.l2).gradient(w, m)
