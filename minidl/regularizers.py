"""Penalties on weights.

A penalty added to a loss, BinaryCrossentropy() + L2(0.7), applies to every kernel and to no bias. A penalty given to a
layer, Dense(8, kernel_regularizer=L2(0.7)), applies to that kernel alone.

m is the number of rows that `fit` trains on, those of a whole epoch without the validation rows. It is settled when the
training begins and saved with the model, so the penalty of given weights is one number: in every batch, in validation,
`evaluate` and gradient checks, for every batch size. With m the objective is the notebook's, (1/m) sum of the rows'
losses + lambd / (2 m) sum w^2, of which mini-batches are samples. scikit-learn divides by the rows of each batch:
`BatchL2(0.01)`. Keras and PyTorch do not divide: `L2.keras(0.01)`, `L2.pytorch(0.01)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from . import _traced
from .errors import SettingError, ShapeError
from .ops import to_unit_length
from .parameters import Penalty
from .validation import boolean, check_real, choice, hint, real, setting


@dataclass(frozen=True, repr=False)
class L2(Penalty):
    """R = lambd / (2 m) sum w^2,   dR/dw = (lambd / m) w.   m is the number of rows of the training; lambd >= 0.

    `L2.keras(l2)` is Keras's l2 sum w^2, and `L2.pytorch(weight_decay)` PyTorch's weight_decay / 2 sum w^2, on the
    weights alone. For 1,000 rows, L2(0.01) is 2,000 times weaker than Keras's L2(0.01). (Hoerl & Kennard 1970; Krogh &
    Hertz 1992)

    m  None: the rows of the training; or a number above 0 to divide by
    """

    lambd: float = real("[0, inf)")
    m: float | None = real("(0, inf)", default=None, optional=True)

    @classmethod
    def keras(cls, l2: float = 0.01) -> Self:
        """R = l2 sum w^2, whatever the number of rows: Keras's L2(l2)."""
        return cls(2 * check_real("L2.keras", "l2", l2, "[0, inf)"), m=1)

    @classmethod
    def pytorch(cls, weight_decay: float) -> Self:
        """R = weight_decay / 2 sum w^2,   dR/dw = weight_decay w: weight_decay of PyTorch's SGD."""
        return cls(check_real("L2.pytorch", "weight_decay", weight_decay, "[0, inf)"), m=1)

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.lambd / (2 * (self.m or m)) * (w @ w)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.lambd / (self.m or m) * w


class BatchL2(L2):
    """R = lambd / (2 m) sum w^2,   dR/dw = (lambd / m) w,   with m the rows of each batch: scikit-learn's alpha.

    `MLPClassifier` and `MLPRegressor` use it, to end at scikit-learn's weights. The last batch of an epoch may be
    smaller, and is penalized more for it; evaluation divides by the rows evaluated.
    """

    per_batch = True


@dataclass(frozen=True, repr=False)
class L1(Penalty):
    """R = (lambd / m) sum |w|,   dR/dw = (lambd / m) sign(w), 0 at 0.   m is the number of rows of the training;
    lambd >= 0.

    Makes many weights exactly or nearly 0. `L1.keras(l1)` is Keras's l1 sum |w|. (Tibshirani 1996)

    m  None: the rows of the training; or a number above 0 to divide by
    """

    lambd: float = real("[0, inf)")
    m: float | None = real("(0, inf)", default=None, optional=True)

    @classmethod
    def keras(cls, l1: float = 0.01) -> Self:
        """R = l1 sum |w|, whatever the number of rows: Keras's L1(l1)."""
        return cls(check_real("L1.keras", "l1", l1, "[0, inf)"), m=1)

    def value(self, w: np.ndarray, m: float) -> Any:
        return self.lambd / (self.m or m) * np.maximum(w, -w).sum()  # |w|, also for complex w

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return self.lambd / (self.m or m) * np.sign(w.real)


@dataclass(frozen=True, repr=False)
class L1L2(Penalty):
    """R = (l1 / m) sum |w| + l2 / (2 m) sum w^2: the elastic net, the sum of L1(l1) and L2(l2).

    `L1L2.keras(l1, l2)` is Keras's l1 sum |w| + l2 sum w^2. (Zou & Hastie 2005)

    m  None: the rows of the training; or a number above 0 to divide by
    """

    l1: float = real("[0, inf)", default=0.0)
    l2: float = real("[0, inf)", default=0.0)
    m: float | None = real("(0, inf)", default=None, optional=True)

    @classmethod
    def keras(cls, l1: float = 0.0, l2: float = 0.0) -> Self:
        """R = l1 sum |w| + l2 sum w^2, whatever the number of rows: Keras's L1L2(l1, l2)."""
        return cls(l1, 2 * check_real("L1L2.keras", "l2", l2, "[0, inf)"), m=1)

    def value(self, w: np.ndarray, m: float) -> Any:
        return L1(self.l1, self.m).value(w, m) + L2(self.l2, self.m).value(w, m)

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        return L1(self.l1, self.m).gradient(w, m) + L2(self.l2, self.m).gradient(w, m)


def _check_function(who: str, name: str, value: Any) -> Any:
    if not callable(value) or isinstance(value, type):
        raise SettingError(f"{who}: {name} must be a function of the weights, got {value!r}")
    return value


@dataclass(frozen=True, repr=False)
class FunctionPenalty(Penalty):
    """R = function(w), whatever the number of rows. dR/dw is found by reverse mode.

    FunctionPenalty(lambda w: 0.01 * np.sum(np.abs(w)))   The functions that may be used are those of `FunctionLoss`.

    shaped  False: w are all weights in one vector; True: of each parameter on its own, in its shape
    """

    function: Callable[[Any], Any] = setting(_check_function)
    shaped: bool = boolean(default=False, kw_only=True)

    m = 1.0

    def value(self, w: np.ndarray, m: float) -> Any:
        return self._trace(w)[1].value[()]

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        source, found = self._trace(w)
        return _traced.backpropagate(found, source, np.ones((), w.dtype))

    def _trace(self, w: np.ndarray) -> tuple[_traced.Traced, _traced.Traced]:
        source, name = _traced.Traced(w), getattr(self.function, "__name__", "the function")
        found: Any = self.function(source)
        if not isinstance(found, _traced.Traced) or found.shape != ():
            raise SettingError(f"FunctionPenalty: {name} must compute one number from the weights, got {found!r}")
        return source, found


@dataclass(frozen=True, repr=False)
class OrthogonalRegularizer(Penalty):
    """R = factor / (n (n - 1)) sum_{i != j} |u_i . u_j|,   u_i = w_i / |w_i| the n rows of a matrix as unit vectors.

    The mean of the cosines of all pairs of rows, without their signs, whatever the number of rows of the data: 0 if the
    rows are orthogonal, or if there is one alone. dR/dw_i = (d_i - u_i (u_i . d_i)) / |w_i|,
    d_i = 2 factor / (n (n - 1)) sum_{j != i} sign(u_i . u_j) u_j. Lengths below 1e-12 count as 1e-12.

    factor  at least 0
    mode    "rows", or "columns" for those of a kernel (inputs, units), the units
    """

    factor: float = real("[0, inf)", default=0.01)
    mode: str = choice("rows", "columns", default="rows")

    m = 1.0
    shaped = True

    def value(self, w: np.ndarray, m: float) -> Any:
        share, cosines, *_ = self._pairs(w)
        return share * np.maximum(cosines, -cosines).sum()

    def gradient(self, w: np.ndarray, m: float) -> np.ndarray:
        share, cosines, u, length, is_short = self._pairs(w)
        d = 2 * share * np.sign(cosines.real) @ u
        dw: np.ndarray = (d - u * (u * d).sum(axis=1, keepdims=True) * ~is_short) / length
        return dw if self.mode == "rows" else dw.T

    def _pairs(self, w: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return factor / (n (n - 1)), the cosines of pairs, 0 on the diagonal, and the result of `to_unit_length`."""
        if w.ndim != 2:
            raise ShapeError(f"OrthogonalRegularizer: the weights must be a matrix, got the shape {w.shape}")
        u, length, is_short = to_unit_length(w if self.mode == "rows" else w.T, 1)
        n, cosines = len(u), u @ u.T
        np.fill_diagonal(cosines, 0)
        return self.factor / max(n * (n - 1), 1), cosines, u, length, is_short


# Keras's strings and class names, on Keras's scale
REGULARIZERS: dict[str, Callable[[], Penalty]] = {
    "l1": L1.keras,
    "l2": L2.keras,
    "l1_l2": lambda: L1L2.keras(0.01, 0.01),
    "L1": L1.keras,
    "L2": L2.keras,
    "L1L2": L1L2.keras,
}


def check_penalty(who: str, name: str, value: Any) -> Penalty:
    """Return the value, which must be a Penalty, or make the one that a Keras string such as "l2" names."""
    if isinstance(value, str) and value in REGULARIZERS:
        return REGULARIZERS[value]()
    if not isinstance(value, Penalty):
        wanted = "a penalty such as L2(0.7), a string such as 'l2', or None"
        raise SettingError(f"{who}: {name} must be {wanted}, got {value!r}{hint(value, Penalty)}")
    return value
