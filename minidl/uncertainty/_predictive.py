"""The base class of predictions with an uncertainty: intervals of numbers, probabilities of classes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from statistics import NormalDist
from typing import Any, NamedTuple, Self

import numpy as np

from .. import validation
from ..errors import DataError, SettingError
from ..layers import Layer, Sigmoid, Softmax
from ..losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, SparseCategoricalCrossentropy
from ..model import Model
from ._calibration import temperature


class Moments(NamedTuple):
    """Mean (m, k) and variance (m, k) of the outputs of rows, over the uncertain parameters."""

    mean: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True, eq=False)
class Predictive(ABC):
    """Predictions with their uncertainty. Made by `laplace`, `ensemble` and `dropout`.

    noise    the standard deviation of the targets around the function, 0 for classes
    """

    model: Model
    _: KW_ONLY
    noise: float = 0.0
    scores: np.ndarray | None = None  # of `calibrate`: |y - mean| / std of its rows, sorted
    temperature: float = 1.0  # of `calibrate`, for classes

    @abstractmethod
    def moments(self, x: Any) -> Moments:
        """Return mean and variance of the outputs, or of the logits of classes, without the noise."""

    @abstractmethod
    def _log_probabilities(self, x: Any) -> np.ndarray:
        """Return logits (m, k) of the probabilities of the classes, at temperature 1."""

    def predict(self, x: Any, return_std: bool = False) -> Any:
        """Return the mean prediction (m, k), with return_std also its standard deviation (m, k), noise included.

        Of classes their probabilities, which have no standard deviation of their own.
        """
        if link_of(self.model) is not None:
            if return_std:
                raise SettingError("predict: probabilities of classes have no standard deviation; use moments(x)")
            return self.predict_proba(x)
        mean, variance = self.moments(x)
        return (mean, np.sqrt(variance + self.noise**2)) if return_std else mean

    def predict_interval(self, x: Any, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Return (low, high), (m, k) each: intervals that contain the share `level` in (0, 1) of new targets.

        mean +- q std. Without `calibrate`, q is the normal quantile; with it the ceil((n + 1) level)-th smallest of the
        scores |y - mean| / std of its n rows: then the share is right for rows of the same distribution, whatever the
        form of the noise. (Lei et al. 2018)
        """
        level = validation.check_real("predict_interval", "level", level, "(0, 1)")
        self._check_regression("predict_interval")
        mean, std = self.predict(x, return_std=True)
        width = std * (NormalDist().inv_cdf((1 + level) / 2) if self.scores is None else self._quantile(level))
        return mean - width, mean + width

    def predict_proba(self, x: Any) -> np.ndarray:
        """Return the probabilities of the classes (m, k), averaged over the uncertain parameters."""
        link = link_of(self.model)
        if link is None:
            raise SettingError("predict_proba: the model has no classes; use predict(x, return_std=True)")
        probabilities: np.ndarray = link().forward(self._log_probabilities(x) / self.temperature)
        return probabilities

    def calibrate(self, x: Any, y: Any) -> Self:
        """Return the same predictions, calibrated on rows that training has not seen.

        Numbers: `predict_interval` then uses the quantiles of their scores. Classes: their logits are divided by the
        temperature with the smallest cross-entropy on these rows (Guo et al. 2017).
        """
        rows = self.model.examples("calibrate", x, y)
        link = link_of(self.model)
        if link is not None:
            return replace(self, temperature=temperature(rows.y, self._log_probabilities(x), link is Sigmoid))
        mean, std = self.predict(x, return_std=True)
        return replace(self, scores=np.sort(np.abs(rows.y - mean) / std, axis=0))

    def _quantile(self, level: float) -> np.ndarray:
        scores = np.empty((0, 1)) if self.scores is None else self.scores
        rows, rounding = len(scores), 1e-9
        place = math.ceil((rows + 1) * level - rounding)
        if place > rows:
            needed = math.ceil(level / (1 - level) - rounding)
            raise DataError(f"predict_interval: level {level} needs at least {needed} rows in calibrate, got {rows}")
        quantile: np.ndarray = scores[place - 1]
        return quantile

    def _check_regression(self, who: str) -> None:
        if link_of(self.model) is not None:
            raise SettingError(f"{who}: the model has classes; use predict_proba")


def link_of(model: Model) -> type[Layer] | None:
    """Return Sigmoid or Softmax if the model's loss is a cross-entropy of logits, None if it predicts numbers."""
    loss = model.objective.loss
    if isinstance(loss, CategoricalCrossentropy | SparseCategoricalCrossentropy | BinaryCrossentropy):
        if not loss.from_logits:
            raise SettingError("uncertainty: the cross-entropy must follow a Sigmoid or Softmax, or have from_logits")
        return Sigmoid if isinstance(loss, BinaryCrossentropy) else Softmax
    return None


def check_squared(who: str, loss: Loss, y: np.ndarray) -> None:
    """Raise SettingError unless the loss of numbers is a squared error: then its targets have normal noise."""
    target = np.ones((1, y.shape[1]))
    near, far = (loss.terms(target + distance, target)[1] for distance in (1.0, 1000.0))
    if not near.all() or not np.allclose(far, 1000 * near):
        remedy = "use MeanSquaredError, or a cross-entropy after Sigmoid or Softmax"
        raise SettingError(f"{who}: {loss!r} is no squared error, so its noise is not normal; {remedy}")
