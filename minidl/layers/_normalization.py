"""Layers that bring their input to mean 0 and variance 1, and then to a scale and a centre that they learn."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import validation
from ..parameters import Parameter
from ._base import Layer


@dataclass(eq=False)
class Normalization(Layer):
    """y = gamma h + beta,   h = (x - mean) / sqrt(variance + epsilon).   x (m, ..., n) -> y;  gamma, beta (n,).

    A subclass says what mean and variance are taken over, in forward and backward.

    epsilon        above 0: what keeps a constant feature finite
    center, scale  whether there is a beta, a gamma
    """

    epsilon: float = field(default=1e-3, kw_only=True)
    center: bool = field(default=True, kw_only=True)
    scale: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        who = type(self).__name__
        self.epsilon = validation.check_real(who, "epsilon", self.epsilon, "(0, inf)")
        validation.check_boolean(who, "center", self.center)
        validation.check_boolean(who, "scale", self.scale)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.scale:
            self.gamma = Parameter(input_shape[-1:], "ones")
        if self.center:
            self.beta = Parameter(input_shape[-1:], "zeros")
        return input_shape

    def _affine(self, h: np.ndarray) -> np.ndarray:
        y = h * self.gamma.value if self.scale else h
        return y + self.beta.value if self.center else y

    def _affine_backward(self, dy: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Sets the two gradients, returns dL/dh."""
        rows = tuple(range(dy.ndim - 1))
        if self.center:
            self.beta.grad = dy.sum(axis=rows)
        if not self.scale:
            return dy
        self.gamma.grad = (dy * h).sum(axis=rows)
        return dy * self.gamma.value


def _moments(x: np.ndarray, axis: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance; np.var would take the modulus of complex numbers."""
    mean = x.mean(axis=axis, keepdims=True)
    return mean, ((x - mean) ** 2).mean(axis=axis, keepdims=True)


def _through_moments(dh: np.ndarray, h: np.ndarray, axis: Any) -> np.ndarray:
    """sqrt(variance + epsilon) dL/dx, where mean and variance are themselves functions of x."""
    return dh - dh.mean(axis=axis, keepdims=True) - h * (dh * h).mean(axis=axis, keepdims=True)


@dataclass(eq=False)
class BatchNormalization(Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, each feature (of the last axis) for itself.

    x (m, ..., n) -> y of the same shape;  gamma, beta (n,);  state moving_mean, moving_variance (n,).

    In training mean and variance are those of the batch, so that every row depends on every other, and each batch draws
    the moving ones along: moving = momentum moving + (1 - momentum) of the batch, with the variance divided by m as in
    Keras (PyTorch divides it by m - 1). Otherwise the moving ones are used. (Ioffe & Szegedy 2015)

    momentum       in [0, 1]; Keras's default, 0.99 (PyTorch counts the other way: 1 - momentum)
    epsilon        above 0: what keeps a constant feature finite
    center, scale  whether there is a beta, a gamma
    """

    momentum: float = field(default=0.99, kw_only=True)

    state_names = ("moving_mean", "moving_variance")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.momentum = validation.check_real("BatchNormalization", "momentum", self.momentum, "[0, 1]")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.moving_mean = np.zeros(input_shape[-1:], np.float32)
        self.moving_variance = np.ones(input_shape[-1:], np.float32)
        return super().build(input_shape)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        axis = tuple(range(x.ndim - 1)) if training else None
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = _moments(x, axis)
            self.moving_mean = self._drawn_along(self.moving_mean, mean)
            self.moving_variance = self._drawn_along(self.moving_variance, variance)
        deviation = np.sqrt(variance + self.epsilon)
        h = (x - mean) / deviation
        self.axis, self.h, self.deviation = axis, h, deviation
        return self._affine(h)

    def _drawn_along(self, moving: np.ndarray, batch: np.ndarray) -> np.ndarray:
        return moving + (1 - self.momentum) * (batch.reshape(moving.shape) - moving)

    def backward(self, dy: np.ndarray) -> Any:
        dh = self._affine_backward(dy, self.h)
        return (dh if self.axis is None else _through_moments(dh, self.h, self.axis)) / self.deviation


@dataclass(eq=False)
class LayerNormalization(Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance those of the row, over the last axis.

    x (m, ..., n) -> y of the same shape;  gamma, beta (n,). The same in training and outside. (Ba et al. 2016)

    epsilon        above 0; Keras's default, 1e-3 (PyTorch's is 1e-5)
    center, scale  whether there is a beta, a gamma
    """

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        mean, variance = _moments(x, -1)
        deviation = np.sqrt(variance + self.epsilon)
        h = (x - mean) / deviation
        self.h, self.deviation = h, deviation
        return self._affine(h)

    def backward(self, dy: np.ndarray) -> Any:
        return _through_moments(self._affine_backward(dy, self.h), self.h, -1) / self.deviation
