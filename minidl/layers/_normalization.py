"""Layers that give their input mean 0 and variance 1, then scale and shift it by learned parameters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..constraints import Constraint, check_constraint
from ..errors import ShapeError
from ..initializers import Initializer, Ones, Zeros, check_initializer
from ..ops import column_products, column_sums, mean_weights, over_positions, row_products, row_sums
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import boolean, check_integer, real, setting
from ._axes import Axes, Unfolding, check_axes, check_axis, mixes_steps, places
from ._base import Layer


@dataclass(eq=False)
class Standardization(Layer):
    """y = gamma h + beta,   h = (x - mean) / sqrt(variance + epsilon).   gamma and beta begin with 1 and 0.

    A subclass chooses mean and variance, and passes arrays whose last axis is that of gamma and beta.

    epsilon            above 0; it avoids a division by 0 if x is constant
    center             False: no beta
    scale              False: no gamma
    beta_initializer   an Initializer or a Keras string; default: Zeros
    gamma_initializer  the same for gamma; default: Ones
    beta_regularizer   a penalty on beta; penalties added to the loss leave beta and gamma out
    gamma_regularizer  a penalty on gamma
    beta_constraint    puts beta back into a set after every update
    gamma_constraint   the same for gamma
    """

    keeps_mask = True

    epsilon: float = real("(0, inf)", default=1e-3, kw_only=True)
    center: bool = boolean(default=True, kw_only=True)
    scale: bool = boolean(default=True, kw_only=True)
    beta_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    gamma_initializer: Initializer | str = setting(check_initializer, default=Ones(), kw_only=True)
    beta_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    gamma_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    beta_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    gamma_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def make_parameters(self, shape: tuple[int, ...]) -> None:
        """Make gamma and beta of the shape, unless the settings leave them out."""
        if self.scale:
            penalty, limit = self.gamma_regularizer, self.gamma_constraint
            self.gamma = Parameter(
                shape, self.gamma_initializer, penalized=False, regularizer=penalty, constraint=limit
            )
        if self.center:
            penalty, limit = self.beta_regularizer, self.beta_constraint
            self.beta = Parameter(shape, self.beta_initializer, penalized=False, regularizer=penalty, constraint=limit)

    def affine(self, h: np.ndarray) -> np.ndarray:
        """Return gamma h + beta. Rows of h may hold several rows of features side by side."""
        if not self.scale:
            return h + repeated(self.beta.value, h) if self.center else h
        y = h * repeated(self.gamma.value, h)
        if self.center:
            y += repeated(self.beta.value, h)
        return y

    def set_gradients(self, beta_grad: np.ndarray, gamma_grad: np.ndarray) -> None:
        """Set the gradients of beta and gamma, if the layer has them."""
        if self.center:
            self.beta.grad = beta_grad.reshape(self.beta.shape)
        if self.scale:
            self.gamma.grad = gamma_grad.reshape(self.gamma.shape)


def repeated(v: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the vector as often, one after the other, as it fits into a row."""
    v = v.reshape(-1)
    return v if v.size == rows.shape[-1] else np.tile(v, rows.shape[-1] // v.size)


def feature_sums(sums: np.ndarray, n: int) -> np.ndarray:
    """Return the sums for each of n features from those of the columns, which hold the features several times."""
    return sums if sums.size == n else sums.reshape(-1, n).sum(axis=0)


@dataclass(eq=False)
class BatchNormalization(Standardization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each feature alone: along all axes but one.

    x (m, ..., n) -> y of the same shape;  gamma, beta (n,);  state moving_mean, moving_variance (n,).

    In training, mean and variance are those of the batch, so every row of y depends on every row of x, and the moving
    averages are updated: moving = momentum moving + (1 - momentum) batch, with the variance divided by m as in Keras
    (PyTorch divides by m - 1). Otherwise mean and variance are the moving averages; also in training if trainable is
    False, as in Keras. If x has a mask, mean and variance are those of the steps that count. (Ioffe & Szegedy 2015)

    axis                         of the features, counted as in Keras: 1 is the first after the batch, -1 the last
    momentum                     in [0, 1]; Keras's default, 0.99 (PyTorch's momentum is 1 - momentum)
    epsilon                      above 0; it avoids a division by 0 if a feature is constant
    center                       False: no beta
    scale                        False: no gamma
    beta_initializer             an Initializer or a Keras string; default: Zeros
    gamma_initializer            the same for gamma; default: Ones
    beta_regularizer             a penalty on beta; penalties added to the loss leave beta and gamma out
    gamma_regularizer            a penalty on gamma
    beta_constraint              puts beta back into a set after every update
    gamma_constraint             the same for gamma
    moving_mean_initializer      the first moving mean; default: Zeros. A random one draws the same numbers each time
    moving_variance_initializer  the first moving variance; default: Ones
    """

    axis: int = setting(check_axis, default=-1)
    momentum: float = real("[0, 1]", default=0.99, kw_only=True)
    moving_mean_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    moving_variance_initializer: Initializer | str = setting(check_initializer, default=Ones(), kw_only=True)

    state_names = ("moving_mean", "moving_variance")

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.unfolding = Unfolding.of(input_shape, places(type(self).__name__, self.axis, input_shape))
        shape = (self.unfolding.size,)
        self.make_parameters(shape)
        self.moving_mean = _first_state(self.moving_mean_initializer, shape)
        self.moving_variance = _first_state(self.moving_variance_initializer, shape)
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y: np.ndarray = self.masked_forward(x, None, training)[0]
        return y

    def masked_forward(self, x: np.ndarray, mask: Any, training: bool = False) -> tuple[np.ndarray, Any]:
        rows, n, of_batch = self.unfolding.wide_matrix(x), self.unfolding.size, training and self.trainable
        counts, share = self._counts(x, mask) if of_batch else (None, 0.0)
        if of_batch:
            mean = feature_sums(column_sums(_counting(rows, counts)), n) * share
            h = rows - repeated(mean, rows)
            variance = feature_sums(column_products(_counting(h, counts), h), n) * share
            self.moving_mean = self._moved(self.moving_mean, mean)
            self.moving_variance = self._moved(self.moving_variance, variance)
        else:
            h = rows - repeated(self.moving_mean.astype(x.real.dtype), rows)
            variance = self.moving_variance.astype(x.real.dtype)
        deviation = np.sqrt(variance + self.epsilon)
        h *= repeated(1 / deviation, rows)
        self.h, self.deviation, self.of_batch, self.counts, self.share = h, deviation, of_batch, counts, share
        return self.unfolding.fold(self.affine(h), x.shape), mask

    def _counts(self, x: np.ndarray, mask: Any) -> tuple[Any, Any]:
        """Return 1 for the entries of the rows that count, 0 for the others, and 1 / the number of 1s in a feature.

        None if all entries count.
        """
        n = self.unfolding.size
        if mask is None:
            return None, n / x.size
        everywhere = np.broadcast_to(over_positions(x.shape, mask), x.shape)
        counts = self.unfolding.wide_matrix(everywhere).astype(x.real.dtype)
        return counts, 1 / np.maximum(feature_sums(column_sums(counts), n), 1)

    def _moved(self, moving: np.ndarray, batch: np.ndarray) -> np.ndarray:
        return moving + (1 - self.momentum) * (batch - moving)

    def backward(self, dy: np.ndarray) -> Any:
        rows, n, h = self.unfolding.wide_matrix(dy), self.unfolding.size, self.h
        sums, products = feature_sums(column_sums(rows), n), feature_sums(column_products(rows, h), n)
        self.set_gradients(sums, products)
        slope = repeated((self.gamma.value if self.scale else 1) / self.deviation, rows)
        if not self.of_batch:
            return self.unfolding.fold(rows * slope, dy.shape)
        dx = rows - _counting(repeated(sums * self.share, rows), self.counts)
        dx -= _counting(h, self.counts) * repeated(products * self.share, rows)
        dx *= slope
        return self.unfolding.fold(dx, dy.shape)


def _counting(entries: np.ndarray, counts: Any) -> np.ndarray:
    """Return the entries, with 0 for those that do not count."""
    return entries if counts is None else entries * counts


def _first_state(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    # the generators of the model come after build
    return np.asarray(initializer(shape, np.random.default_rng(0)), np.float32)


@dataclass(eq=False)
class LayerNormalization(Standardization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of each row.

    x (m, ..., n) -> y of the same shape;  gamma, beta (n,). The mean and variance are those along the axis, or along
    several axes, whose lengths are then the shape of gamma and beta: axis=(1, 2, 3) takes whole images. The same in
    training and prediction. (Ba et al. 2016)

    axis               one or several axes of x, counted as in Keras: 1 is the first after the batch, -1 the last
    epsilon            above 0; Keras's default, 1e-3 (PyTorch's is 1e-5)
    center             False: no beta
    scale              False: no gamma
    beta_initializer   an Initializer or a Keras string; default: Zeros
    gamma_initializer  the same for gamma; default: Ones
    beta_regularizer   a penalty on beta; penalties added to the loss leave beta and gamma out
    gamma_regularizer  a penalty on gamma
    beta_constraint    puts beta back into a set after every update
    gamma_constraint   the same for gamma
    """

    axis: Axes = setting(check_axes, default=-1)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.unfolding = Unfolding.of(input_shape, places(type(self).__name__, self.axis, input_shape))
        axes = sorted(self.axis) if isinstance(self.axis, tuple) else [self.axis]  # in the order of Keras
        self.make_parameters(tuple((0, *input_shape)[axis] for axis in axes))
        return input_shape

    @property
    def uses_padding(self) -> bool:
        return mixes_steps(self.unfolding.axes, self.row_shape)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        rows, n = self.unfolding.matrix(x), self.unfolding.size
        h = rows - row_sums(rows) / n
        deviation = np.sqrt(row_products(h, h) / n + self.epsilon)
        h *= 1 / deviation
        self.h, self.deviation = h, deviation
        return self.unfolding.fold(self.affine(h), x.shape)

    def backward(self, dy: np.ndarray) -> Any:
        rows, n, h = self.unfolding.matrix(dy), self.unfolding.size, self.h
        self.set_gradients(column_sums(rows), column_products(rows, h))
        dh = rows * self.gamma.value.reshape(-1) if self.scale else rows
        dx = dh - row_sums(dh) / n
        dx -= h * (row_products(dh, h) / n)
        dx *= 1 / self.deviation
        return self.unfolding.fold(dx, dy.shape)


def _check_groups(who: str, name: str, value: Any) -> int:
    return -1 if value == -1 else check_integer(who, f"{name}, if not -1,", value, 1)


@dataclass(eq=False)
class GroupNormalization(Standardization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each row's groups of channels.

    x (m, ..., channels) -> y of the same shape;  gamma, beta (channels,). A group are channels / groups neighbouring
    channels, at all places of a row. The same in training and prediction. (Wu & He 2018)

    groups             divides the channels; 1 takes all channels together, -1 each alone (instance normalization)
    axis               of the channels, counted as in Keras: 1 is the first after the batch, -1 the last
    epsilon            above 0; Keras's default, 1e-3 (PyTorch's is 1e-5)
    center             False: no beta
    scale              False: no gamma
    beta_initializer   an Initializer or a Keras string; default: Zeros
    gamma_initializer  the same for gamma; default: Ones
    beta_regularizer   a penalty on beta; penalties added to the loss leave beta and gamma out
    gamma_regularizer  a penalty on gamma
    beta_constraint    puts beta back into a set after every update
    gamma_constraint   the same for gamma
    """

    groups: int = setting(_check_groups, default=32)
    axis: int = setting(check_axis, default=-1)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self.unfolding = Unfolding.of(input_shape, places(type(self).__name__, self.axis, input_shape))
        channels = self.unfolding.size
        self.group_count = channels if self.groups == -1 else self.groups
        if channels % self.group_count:
            remedy = f"choose groups that divide {channels}, or groups=-1 for each channel alone"
            raise ShapeError(f"GroupNormalization: {channels} channels do not make {self.groups} groups; {remedy}")
        self.make_parameters((channels,))
        return input_shape

    @property
    def uses_padding(self) -> bool:
        return len(self.row_shape or ()) > 1

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        rows = self._places(x)
        h = rows - self._means(mean_weights(rows.shape[1], rows.dtype) @ rows)
        variance = self._means(np.einsum("msc,msc->mc", h, h) / rows.shape[1])
        deviation = np.sqrt(variance + self.epsilon)
        h *= 1 / deviation
        self.h, self.deviation = h, deviation
        return self.unfolding.fold(self.affine(h), x.shape)

    def backward(self, dy: np.ndarray) -> Any:
        rows, h, places = self._places(dy), self.h, 1 / self.h.shape[1]
        sums, products = rows.sum(axis=1), np.einsum("msc,msc->mc", rows, h)
        self.set_gradients(sums.sum(axis=0), products.sum(axis=0))
        gamma = self.gamma.value if self.scale else 1
        dx = rows * gamma if self.scale else rows.copy()
        dx -= self._means(gamma * sums * places)
        dx -= h * self._means(gamma * products * places)
        dx *= 1 / self.deviation
        return self.unfolding.fold(dx, dy.shape)

    def _places(self, x: np.ndarray) -> np.ndarray:
        """Return (m, places, channels)."""
        return self.unfolding.matrix(x).reshape(len(x), -1, self.unfolding.size)

    def _means(self, channels: np.ndarray) -> np.ndarray:
        """Return the means over the groups of channels, for each channel: (m, channels) -> (m, 1, channels)."""
        m, n = channels.shape
        size = n // self.group_count
        means = channels.reshape(m, self.group_count, size).mean(axis=-1)
        return np.repeat(means, size, axis=1)[:, None]
