"""Encodings of the position in a sequence, which attention alone does not see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError
from ..initializers import GlorotUniform, Initializer, check_initializer
from ..parameters import Parameter
from ..validation import integer, real, setting
from ._base import Layer


class PositionEncoding(Layer):
    """y_t = a vector of the position t alone.   x (m, steps, n) -> y of the same shape;  dL/dx = 0."""

    keeps_mask = True

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 2:
            who = type(self).__name__
            raise ShapeError(f"{who} takes sequences, rows (steps, features), got rows of shape {input_shape}")
        return input_shape

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return np.zeros(dy.shape, dy.dtype)


@dataclass(eq=False)
class PositionEmbedding(PositionEncoding):
    """y_t = E_t, a learned vector for each position t.   x (m, steps, n) -> y (m, steps, n);  embeddings E (length, n).

    Residual(PositionEmbedding(length)) adds it to x. The layer and its settings are KerasHub's. (Devlin et al. 2019)

    sequence_length  the most steps that x may have
    initializer      an Initializer or a Keras string; penalties added to the loss leave the vectors out
    """

    sequence_length: int = integer(1)
    initializer: Initializer | str = setting(check_initializer, default=GlorotUniform())

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        super().build(input_shape)
        if input_shape[0] > self.sequence_length:
            longest = f"sequence_length={self.sequence_length} steps"
            raise ShapeError(f"PositionEmbedding has vectors for {longest}, got {input_shape[0]}; give it more")
        self.embeddings = Parameter((self.sequence_length, input_shape[-1]), self.initializer, penalized=False)
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        # a copy: y must not change when E is trained
        return np.repeat(self.embeddings.value[None, : x.shape[1]], len(x), axis=0)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.embeddings.grad = 0
        self.embeddings.grad[: dy.shape[1]] = dy.sum(axis=0)
        return super().backward(dy)


@dataclass(eq=False)
class SinePositionEncoding(PositionEncoding):
    """y_t,2i = sin(t w_i),   y_t,2i+1 = cos(t w_i),   w_i = max_wavelength^(-2i / n).

    x (m, steps, n) -> y of the same shape. Residual(SinePositionEncoding()) adds it to x. The layer
    and its setting are KerasHub's. (Vaswani et al. 2017)

    max_wavelength  above 0; the longest wave has this length times 2 pi
    """

    max_wavelength: float = real("(0, inf)", default=10000.0)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        steps, n = x.shape[1:]
        features = np.arange(n)
        angles = np.arange(steps)[:, None] * self.max_wavelength ** (-2 * (features // 2) / n)
        waves = np.where(features % 2, np.cos(angles), np.sin(angles))
        y: np.ndarray = np.broadcast_to(waves.astype(x.dtype), x.shape)
        return y
