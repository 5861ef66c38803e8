"""Penalties on weights.

A penalty added to a loss, BinaryCrossentropy() + L2(0.7), applies to every kernel and to no bias. A penalty given to a
layer, Dense(8, kernel_regularizer=L2(0.7)), applies to that kernel alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .parameters import Penalty
from .validation import real


@dataclass(frozen=True)
class L2(Penalty):
    """R = lambd / (2 m) sum w^2,   dR/dw = (lambd / m) w.   m is the number of rows in the batch; lambd >= 0.

    lambd is scikit-learn's alpha and the notebook's lambda. For the same m it equals Keras's L2(l2) with
    l2 = lambd / (2 m), and PyTorch's weight_decay = lambd / m applied to the weights alone. (Hoerl & Kennard 1970;
    Krogh & Hertz 1992)
    """

    lambd: float = real("[0, inf)")

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.lambd / (2 * m) * (w @ w)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.lambd / m * w


@dataclass(frozen=True)
class L1(Penalty):
    """R = (lambd / m) sum |w|,   dR/dw = (lambd / m) sign(w), 0 at 0.   m is the number of rows in the batch;
    lambd >= 0.

    Makes many weights exactly or nearly 0. Equals Keras's L1(l1) with l1 = lambd / m. (Tibshirani 1996)
    """

    lambd: float = real("[0, inf)")

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.lambd / m * np.maximum(w, -w).sum()  # |w|, also for complex w

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.lambd / m * np.sign(w)


@dataclass(frozen=True)
class L1L2(Penalty):
    """R = (l1 / m) sum |w| + l2 / (2 m) sum w^2: the elastic net, the sum of L1(l1) and L2(l2).

    Equals Keras's L1L2 with l1 / m and l2 / (2 m). (Zou & Hastie 2005)
    """

    l1: float = real("[0, inf)", default=0.0)
    l2: float = real("[0, inf)", default=0.0)

    def value(self, w: np.ndarray, m: float) -> Any:
        return L1(self.l1).value(w, m) + L2(self.l2).value(w, m)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return L1(self.l1).gradient(w, m) + L2(self.l2).gradient(w, m)
