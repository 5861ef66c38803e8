"""Layers that normalize their input to mean 0 and variance 1, then scale and shift it by learned parameters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import Parameter
from ..validation import boolean, real
from ._base import Layer


@dataclass(eq=False)
class Normalization(Layer):
    """y = gamma h + beta,   h = (x - mean) / sqrt(variance + epsilon).   x (m, ..., n) -> y;  gamma, beta (n,).

    A subclass chooses mean and variance in forward and backward.

    epsilon  above 0; it avoids a division by 0 if a feature is constant
    center   False: no beta
    scale    False: no gamma
    """

    epsilon: float = real("(0, inf)", default=1e-3, kw_only=True)
    center: bool = boolean(default=True, kw_only=True)
    scale: bool = boolean(default=True, kw_only=True)

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
        """Set the gradients of gamma and beta, return dL/dh."""
        rows = tuple(range(dy.ndim - 1))
        if self.center:
            self.beta.grad = dy.sum(axis=rows)
        if not self.scale:
            return dy
        self.gamma.grad = (dy * h).sum(axis=rows)
        return dy * self.gamma.value


def _moments(x: np.ndarray, axis: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance. np.var would take the absolute value of complex numbers."""
    mean = x.mean(axis=axis, keepdims=True)
    return mean, ((x - mean) ** 2).mean(axis=axis, keepdims=True)


def _through_moments(dh: np.ndarray, h: np.ndarray, axis: Any) -> np.ndarray:
    """Return sqrt(variance + epsilon) dL/dx for mean and variance that are functions of x."""
    return dh - dh.mean(axis=axis, keepdims=True) - h * (dh * h).mean(axis=axis, keepdims=True)


@dataclass(eq=False)
class BatchNormalization(Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each feature (of the last axis) alone.

    x (m, ..., n) -> y of the same shape;  gamma, beta (n,);  state moving_mean, moving_variance (n,).

    In training, mean and variance are those of the batch, so every row of y depends on every row of x, and the moving
    averages are updated: moving = momentum moving + (1 - momentum) batch, with the variance divided by m as in Keras
    (PyTorch divides by m - 1). Otherwise mean and variance are the moving averages; also in training if trainable is
    False, as in Keras. (Ioffe & Szegedy 2015)

    momentum  in [0, 1]; Keras's default, 0.99 (PyTorch's momentum is 1 - momentum)
    epsilon   above 0; it avoids a division by 0 if a feature is constant
    center    False: no beta
    scale     False: no gamma
    """

    momentum: float = real("[0, 1]", default=0.99, kw_only=True)

    state_names = ("moving_mean", "moving_variance")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.moving_mean = np.zeros(input_shape[-1:], np.float32)
        self.moving_variance = np.ones(input_shape[-1:], np.float32)
        return super().build(input_shape)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        training = training and self.trainable
        axis = tuple(range(x.ndim - 1)) if training else None
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = _moments(x, axis)
            self.moving_mean = self._update_moving_average(self.moving_mean, mean)
            self.moving_variance = self._update_moving_average(self.moving_variance, variance)
        deviation = np.sqrt(variance + self.epsilon)
        h = (x - mean) / deviation
        self.axis, self.h, self.deviation = axis, h, deviation
        return self._affine(h)

    def _update_moving_average(self, moving: np.ndarray, batch: np.ndarray) -> np.ndarray:
        return moving + (1 - self.momentum) * (batch.reshape(moving.shape) - moving)

    def backward(self, dy: np.ndarray) -> Any:
        dh = self._affine_backward(dy, self.h)
        return (dh if self.axis is None else _through_moments(dh, self.h, self.axis)) / self.deviation


class LayerNormalization(Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of each row (the last axis).

    x (m, ..., n) -> y of the same shape;  gamma, beta (n,). The same in training and prediction. (Ba et al. 2016)

    epsilon  above 0; Keras's default, 1e-3 (PyTorch's is 1e-5)
    center   False: no beta
    scale    False: no gamma
    """

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        mean, variance = _moments(x, -1)
        deviation = np.sqrt(variance + self.epsilon)
        h = (x - mean) / deviation
        self.h, self.deviation = h, deviation
        return self._affine(h)

    def backward(self, dy: np.ndarray) -> Any:
        return _through_moments(self._affine_backward(dy, self.h), self.h, -1) / self.deviation
