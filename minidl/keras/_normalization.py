"""Layers that normalize, and layers that add noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from ..initializers import Ones, Zeros
from ._layer import Common, Layer, only
from ._translation import core_of, initializer


class Standardization(Layer):
    """Base class: gamma begins with ones, beta with zeros, without penalties and constraints."""

    def __init__(
        self,
        axis: Any,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **common: Unpack[Common],
    ) -> None:
        who = type(self).__name__
        self.axis = axis
        self.beta_initializer, self.gamma_initializer = initializer(beta_initializer), initializer(gamma_initializer)
        only(who, "beta_initializer", core_of(self.beta_initializer), Zeros())
        only(who, "gamma_initializer", core_of(self.gamma_initializer), Ones())
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self.beta_constraint, self.gamma_constraint = beta_constraint, gamma_constraint
        for name in ("beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"):
            only(who, name, getattr(self, name), None)
        super().__init__(**common)

    def check_axis(self, row_shape: tuple[int, ...]) -> None:
        """Raise SettingError for an axis that is not the last one."""
        last = len(row_shape)
        only(type(self).__name__, "axis", self.axis, -1, [-1], (-1,), last, [last], (last,))

    def compute_shapes(self, shapes: Any) -> Any:
        self.check_axis(shapes[0][1:])
        return super().compute_shapes(shapes)


class BatchNormalization(Standardization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, of the batch in training, of moving averages after it."""

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        **common: Unpack[Common],
    ) -> None:
        self.momentum, self.epsilon, self.center, self.scale = momentum, epsilon, center, scale
        self.moving_mean_initializer = initializer(moving_mean_initializer)
        self.moving_variance_initializer = initializer(moving_variance_initializer)
        only("BatchNormalization", "moving_mean_initializer", core_of(self.moving_mean_initializer), Zeros())
        only("BatchNormalization", "moving_variance_initializer", core_of(self.moving_variance_initializer), Ones())
        self.synchronized, self.renorm, self.renorm_clipping = synchronized, renorm, renorm_clipping
        self.renorm_momentum = renorm_momentum
        only("BatchNormalization", "renorm", renorm, False)
        starts, penalties = (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer)
        super().__init__(axis, *starts, *penalties, beta_constraint, gamma_constraint, **common)

    def make(self) -> Iterable[core.Layer]:
        momentum, epsilon = self.momentum, self.epsilon
        return [core.BatchNormalization(momentum=momentum, epsilon=epsilon, center=self.center, scale=self.scale)]


class LayerNormalization(Standardization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each row."""

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **common: Unpack[Common],
    ) -> None:
        only("LayerNormalization", "rms_scaling", rms_scaling, False)
        self.rms_scaling = rms_scaling
        self.epsilon, self.center, self.scale = epsilon, center, scale
        starts, penalties = (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer)
        super().__init__(axis, *starts, *penalties, beta_constraint, gamma_constraint, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.LayerNormalization(epsilon=self.epsilon, center=self.center, scale=self.scale)]


class Dropout(Layer):
    """y = x mask / (1 - rate) in training, y = x otherwise. minidl draws the masks from the model's generator."""

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **common: Unpack[Common]) -> None:
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed
        only("Dropout", "noise_shape", noise_shape, None)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Dropout(self.rate)]


class GaussianNoise(Layer):
    """y = x + stddev e, e ~ N(0, 1), in training, y = x otherwise."""

    def __init__(self, stddev: float, seed: Any = None, **common: Unpack[Common]) -> None:
        self.stddev, self.seed = stddev, seed
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.GaussianNoise(self.stddev)]
