"""Layers that normalize, and layers that add noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from . import constraints, regularizers
from ._layer import Common, Layer, channels_last, only
from ._translation import core_of, initializer


class Standardization(Layer):
    """Base class: what gamma and beta begin with, and their penalties and constraints."""

    def __init__(
        self,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **common: Unpack[Common],
    ) -> None:
        self.beta_initializer, self.gamma_initializer = initializer(beta_initializer), initializer(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        super().__init__(**common)

    def _core_settings(self, *names: str) -> dict[str, Any]:
        """Return the settings of the core's layer: those that all have, and these."""
        kinds = ("initializer", "regularizer", "constraint")
        of_weights = [f"{weight}_{kind}" for weight in ("beta", "gamma") for kind in kinds]
        return {
            name: core_of(getattr(self, name)) for name in ("axis", "epsilon", "center", "scale", *of_weights, *names)
        }


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
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self.axis, self.momentum, self.epsilon, self.center, self.scale = axis, momentum, epsilon, center, scale
        self.moving_mean_initializer = initializer(moving_mean_initializer)
        self.moving_variance_initializer = initializer(moving_variance_initializer)
        self.synchronized, self.renorm, self.renorm_clipping = synchronized, renorm, renorm_clipping
        self.renorm_momentum = renorm_momentum
        only("BatchNormalization", "renorm", renorm, False)
        starts, penalties = (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer)
        super().__init__(*starts, *penalties, beta_constraint, gamma_constraint, **common)

    def make(self) -> Iterable[core.Layer]:
        names = ("momentum", "moving_mean_initializer", "moving_variance_initializer")
        return [core.BatchNormalization(**self._core_settings(*names))]


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
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        starts, penalties = (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer)
        super().__init__(*starts, *penalties, beta_constraint, gamma_constraint, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.LayerNormalization(**self._core_settings())]


class GroupNormalization(Standardization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of groups of channels."""

    def __init__(
        self,
        groups: int = 32,
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
        **common: Unpack[Common],
    ) -> None:
        self.groups, self.axis, self.epsilon, self.center, self.scale = groups, axis, epsilon, center, scale
        starts, penalties = (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer)
        super().__init__(*starts, *penalties, beta_constraint, gamma_constraint, **common)

    def make(self) -> Iterable[core.Layer]:
        return [core.GroupNormalization(**self._core_settings("groups"))]


class UnitNormalization(Layer):
    """y = x / |x|, |x| the root of the sum of squares along the axis."""

    def __init__(self, axis: Any = -1, **common: Unpack[Common]) -> None:
        self.axis: Any = list(axis) if isinstance(axis, list | tuple) else axis
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.UnitNormalization(self.axis)]


class Dropout(Layer):
    """y = x mask / (1 - rate) in training, y = x otherwise. minidl draws the masks from the model's generator."""

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **common: Unpack[Common]) -> None:
        self.rate, self.seed = rate, seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Dropout(self.rate, self.noise_shape)]


class GaussianNoise(Layer):
    """y = x + stddev e, e ~ N(0, 1), in training, y = x otherwise."""

    def __init__(self, stddev: float, seed: Any = None, **common: Unpack[Common]) -> None:
        self.stddev, self.seed = stddev, seed
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.GaussianNoise(self.stddev)]


class SpatialDropout(Layer):
    """Base class: Keras's layers take no argument trainable, so configs hold none."""

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        config = super().get_config()
        del config["trainable"]
        return config


class SpatialDropout1D(SpatialDropout):
    """Dropout of whole features of sequences."""

    def __init__(self, rate: float, seed: Any = None, **common: Unpack[Common]) -> None:
        self.rate, self.seed = rate, seed
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.SpatialDropout1D(self.rate)]


class SpatialDropout2D(SpatialDropout):
    """Dropout of whole channels of images."""

    def __init__(self, rate: float, data_format: Any = None, seed: Any = None, **common: Unpack[Common]) -> None:
        self.rate, self.seed = rate, seed
        self.data_format = channels_last("SpatialDropout2D", data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.SpatialDropout2D(self.rate)]
