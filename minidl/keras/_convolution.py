"""Convolutions of sequences and images, with an activation."""

from __future__ import annotations

from typing import Any, Unpack

from .. import layers as core
from ._dense import Activated
from ._layer import Common, channels_last


class Convolution(Activated):
    """Base class: the settings of the windows, as Keras keeps them, and those of an activated layer."""

    dimensions = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: Any,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        *bias: Any,
        **common: Unpack[Common],
    ) -> None:
        self.kernel_size = for_axes(kernel_size, self.dimensions)
        self.strides, self.dilation_rate = for_axes(strides, self.dimensions), for_axes(dilation_rate, self.dimensions)
        self.padding = lower(padding)
        self.data_format = channels_last(type(self).__name__, data_format)
        super().__init__(activation, use_bias, *bias, **common)


class PlainConvolution(Convolution):
    """y[p] = activation(sum_i x[p strides + i dilation_rate] W[i] + b), in as many dimensions as the subclass says."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.filters, self.groups = filters, groups
        self.keep_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(*windows, activation, use_bias, *bias, **common)


class Conv2D(PlainConvolution):
    """y[p] = activation(sum_i x[p strides + i dilation_rate] W[i] + b), with p and i pairs (row, column)."""

    core_class = core.Conv2D


class Conv1D(PlainConvolution):
    """y[t] = activation(sum_i x[t strides + i dilation_rate] W[i] + b)."""

    core_class, dimensions = core.Conv1D, 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Unpack[Common],
    ) -> None:
        windows = (filters, kernel_size, strides, padding, data_format, dilation_rate, groups)
        starts, penalties = (kernel_initializer, bias_initializer), (kernel_regularizer, bias_regularizer)
        constraints = (kernel_constraint, bias_constraint)
        super().__init__(*windows, activation, use_bias, *starts, *penalties, *constraints, **common)


class Conv2DTranspose(Convolution):
    """The derivative of a Conv2D along its input, with a bias and an activation: it makes images larger."""

    core_class = core.Conv2DTranspose

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: Any = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.filters = filters
        self.output_padding = None if output_padding is None else for_axes(output_padding, 2)
        self.keep_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(*windows, activation, use_bias, *bias, **common)


class DepthwiseConv2D(Convolution):
    """y[p, c q + k] = activation(sum_i x[p strides + i dilation_rate, c] W[i, c, k] + b)."""

    core_class = core.DepthwiseConv2D

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: Any = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.depth_multiplier = depth_multiplier
        self.keep_weight("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(*windows, activation, use_bias, *bias, **common)


class SeparableConv2D(Convolution):
    """A depthwise convolution, then a matrix that mixes the channels of each pixel, a bias, and an activation."""

    core_class = core.SeparableConv2D

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.filters, self.depth_multiplier = filters, depth_multiplier
        self.keep_weight("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.keep_weight("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(*windows, activation, use_bias, *bias, **common)


def for_axes(given: Any, dimensions: int) -> Any:
    """Return a setting of windows as Keras keeps it: a tuple of a number for each axis."""
    return tuple(given) if isinstance(given, tuple | list) else (given,) * dimensions


def lower(padding: Any) -> Any:
    """Return the padding in lower case, as Keras takes it."""
    return padding.lower() if isinstance(padding, str) else padding
