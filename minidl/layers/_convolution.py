"""Convolution in one and two dimensions."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..constraints import Constraint, check_constraint
from ..errors import SettingError
from ..initializers import GlorotUniform, Initializer, Zeros, check_initializer
from ..ops import column_sums
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import boolean, choice, integer, setting
from ._base import Layer
from ._correlation import Correlation, DepthwiseCorrelation, GroupedCorrelation
from ._windows import Lengths, Windows, check_image, check_lengths, for_axes, transposed_windows, windows_over

AnyCorrelation: TypeAlias = Correlation | GroupedCorrelation | DepthwiseCorrelation


@dataclass(eq=False)
class Convolution(Layer):
    """A layer that moves a kernel over the axes between the batch and the channels, with a bias for each filter."""

    dimensions: ClassVar[int]

    dilation_rate: int | Lengths = setting(check_lengths, default=1, kw_only=True)
    use_bias: bool = boolean(default=True, kw_only=True)
    bias_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    bias_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    bias_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def _lengths(self, setting: str) -> Lengths:
        return for_axes(self, setting, self.dimensions)

    def _windows(self, input_shape: tuple[int, ...], padding: str) -> Windows:
        image = check_image(self, self.dimensions, input_shape)
        size, strides, dilation = (self._lengths(name) for name in ("kernel_size", "strides", "dilation_rate"))
        return windows_over(type(self).__name__, image, size, strides, padding, dilation)

    def _correlation_over(self, input_shape: tuple[int, ...]) -> AnyCorrelation:
        """Return the correlation with rows of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must write _correlation_over(input_shape)")

    def _keep_correlation(self, input_shape: tuple[int, ...]) -> None:
        self.first_shape, self.correlation = input_shape, self._correlation_over(input_shape)

    def _correlation_for(self, x: np.ndarray) -> AnyCorrelation:
        """Return the correlation with x, whose axes may have other lengths than the layer was built for."""
        return self.correlation if x.shape[1:] == self.first_shape else self._correlation_over(x.shape[1:])

    def _make_bias(self, filters: int) -> None:
        if self.use_bias:
            self.bias = Parameter(
                (filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _bias_backward(self, dy: np.ndarray) -> None:
        if self.use_bias:
            column_sums(dy.reshape(-1, dy.shape[-1]), out=self.bias.grad)


@dataclass(eq=False)
class KernelConvolution(Convolution):
    """y = the correlation of x with one kernel, plus the bias. A subclass chooses the correlation."""

    def _make(self, input_shape: tuple[int, ...], kernel: Parameter, filters: int) -> tuple[int, ...]:
        """Keep what forward needs, and return the shape of an output row."""
        self.kernel = kernel
        self._keep_correlation(input_shape)
        self._make_bias(filters)
        return (*self.correlation.windows.positions, filters)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x, self.used = x, (correlation := self._correlation_for(x))
        return correlation(x, self.kernel.value, self.bias.value if self.use_bias else None)

    def backward(self, dy: np.ndarray) -> Any:
        self.kernel.grad = self.used.kernel_gradient(self.x, dy)
        self._bias_backward(dy)
        return None if self.is_first else self.used.input_gradient(dy, self.kernel.value)


@dataclass(eq=False)
class PlainConvolution(KernelConvolution):
    """y[p] = sum_i x[p strides + i dilation_rate] W[i] + b, in as many dimensions as the subclass says."""

    filters: int = integer(1)
    kernel_size: int | Lengths = setting(check_lengths)
    strides: int | Lengths = setting(check_lengths, default=1)
    padding: str = choice("valid", "same", default="valid")
    groups: int = integer(1, default=1, kw_only=True)
    kernel_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    kernel_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    kernel_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        channels = input_shape[-1]
        for what, number in (("channels", channels), ("filters", self.filters)):
            if number % self.groups:
                who = type(self).__name__
                raise SettingError(f"{who}: the {number} {what} cannot be cut into groups={self.groups} equal parts")
        kernel = Parameter(
            (*self._lengths("kernel_size"), channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        return self._make(input_shape, kernel, self.filters)

    def _correlation_over(self, input_shape: tuple[int, ...]) -> AnyCorrelation:
        windows = self._windows(input_shape, self.padding)
        return GroupedCorrelation(windows, self.groups) if self.groups > 1 else Correlation(windows)


@dataclass(eq=False)
class Conv1D(PlainConvolution):
    """y[t] = sum_i x[t strides + i dilation_rate] W[i] + b.   x (m, steps, c) -> y (m, new steps, filters).

    kernel W (kernel_size, c / groups, filters), bias b (filters,). As everywhere in deep learning, the kernel is not
    flipped: mathematics calls the sum a correlation.

    filters        at least 1
    kernel_size    at least 1
    strides        steps from one window to the next
    padding        "valid": windows inside the sequence; "same": steps / strides windows (rounded up), zeros around;
                   "causal": the same number, and y[t] depends on no step after t
    dilation_rate  steps between the cells of the kernel
    groups         channels and filters are cut into so many groups, which do not see each other
    use_bias and the settings of kernel and bias are those of Dense.

    Raises ShapeError if the kernel does not fit in the sequence. (LeCun et al. 1989)
    """

    dimensions = 1

    padding: str = choice("valid", "same", "causal", default="valid")


@dataclass(eq=False)
class Conv2D(PlainConvolution):
    """y[p] = sum_i x[p strides + i dilation_rate] W[i] + b, with p and i pairs (row, column).

    x (m, height, width, c) -> y (m, new height, new width, filters);  kernel W (kernel height, kernel width,
    c / groups, filters), bias b (filters,). As everywhere in deep learning, the kernel is not flipped: mathematics
    calls the sum a correlation.

    filters        at least 1
    kernel_size    an integer, or (height, width)
    strides        pixels from one window to the next
    padding        "valid": windows inside the image; "same": size / strides windows (rounded up), zeros around
    dilation_rate  pixels between the cells of the kernel
    groups         channels and filters are cut into so many groups, which do not see each other
    use_bias and the settings of kernel and bias are those of Dense.

    Raises ShapeError if the kernel does not fit in the image. (LeCun et al. 1989)
    """

    dimensions = 2


@dataclass(eq=False)
class Conv2DTranspose(Convolution):
    """y[p strides + i dilation_rate] += W[i] x[p], then + b: the derivative of a Conv2D along its input.

    x (m, height, width, c) -> y (m, new height, new width, filters);  kernel W (kernel height, kernel width, filters,
    c), bias b (filters,). It makes images larger: "same" gives size * strides pixels. (Zeiler et al. 2010)

    filters         at least 1
    kernel_size     an integer, or (height, width)
    strides         pixels from one window to the next
    padding         "valid": all that the windows cover; "same": size * strides pixels of it
    output_padding  less than the strides: pixels to add behind, as in Keras; None: what the sizes above need
    dilation_rate   pixels between the cells of the kernel
    use_bias and the settings of kernel and bias are those of Dense.
    """

    dimensions = 2

    filters: int = integer(1)
    kernel_size: int | Lengths = setting(check_lengths)
    strides: int | Lengths = setting(check_lengths, default=1)
    padding: str = choice("valid", "same", default="valid")
    output_padding: int | Lengths | None = setting(
        partial(check_lengths, low=0), default=None, optional=True, kw_only=True
    )
    kernel_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    kernel_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    kernel_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._keep_correlation(input_shape)
        self.kernel = Parameter(
            (*self._lengths("kernel_size"), self.filters, input_shape[-1]),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self._make_bias(self.filters)
        return (*self.correlation.windows.image, self.filters)

    def _correlation_over(self, input_shape: tuple[int, ...]) -> Correlation:
        positions = check_image(self, 2, input_shape)
        size, strides, dilation = (self._lengths(name) for name in ("kernel_size", "strides", "dilation_rate"))
        more = None if self.output_padding is None else self._lengths("output_padding")
        if more is not None and any(extra >= s for extra, s in zip(more, strides, strict=True)):
            raise SettingError(f"Conv2DTranspose: output_padding {more} must be less than the strides {strides}")
        return Correlation(transposed_windows(positions, size, strides, self.padding, dilation, more))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.x, self.used = x, (correlation := self._correlation_for(x))
        y = correlation.input_gradient(x, self.kernel.value)
        if self.use_bias:
            y += self.bias.value
        return y

    def backward(self, dy: np.ndarray) -> Any:
        self.kernel.grad = self.used.kernel_gradient(dy, self.x)
        self._bias_backward(dy)
        return None if self.is_first else self.used(dy, self.kernel.value)


@dataclass(eq=False)
class DepthwiseConv2D(KernelConvolution):
    """y[p, c q + k] = sum_i x[p strides + i dilation_rate, c] W[i, c, k] + b: every channel has its own q kernels.

    x (m, height, width, c) -> y (m, new height, new width, c q);  kernel W (kernel height, kernel width, c, q), bias
    b (c q,). (Sifre 2014)

    kernel_size       an integer, or (height, width)
    strides           pixels from one window to the next
    padding           "valid": windows inside the image; "same": size / strides windows (rounded up), zeros around
    depth_multiplier  q, the number of filters for each channel
    dilation_rate     pixels between the cells of the kernel
    depthwise_initializer, depthwise_regularizer, depthwise_constraint of the kernel, and the settings of the bias, are
    those of Dense.
    """

    dimensions = 2

    kernel_size: int | Lengths = setting(check_lengths)
    strides: int | Lengths = setting(check_lengths, default=1)
    padding: str = choice("valid", "same", default="valid")
    depth_multiplier: int = integer(1, default=1)
    depthwise_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    depthwise_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    depthwise_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        channels = input_shape[-1]
        kernel = Parameter(
            (*self._lengths("kernel_size"), channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        return self._make(input_shape, kernel, channels * self.depth_multiplier)

    def _correlation_over(self, input_shape: tuple[int, ...]) -> AnyCorrelation:
        return DepthwiseCorrelation(self._windows(input_shape, self.padding))


@dataclass(eq=False)
class SeparableConv2D(Convolution):
    """y[p] = h[p] P + b,   h[p, c q + k] = sum_i x[p strides + i dilation_rate, c] D[i, c, k].

    A DepthwiseConv2D without bias, then a matrix P that mixes the channels of each pixel.
    x (m, height, width, c) -> y (m, new height, new width, filters);  depthwise kernel D (kernel height, kernel width,
    c, q), pointwise kernel P (1, 1, c q, filters), bias b (filters,). (Sifre 2014; Chollet 2017)

    filters           at least 1
    kernel_size       an integer, or (height, width)
    strides           pixels from one window to the next
    padding           "valid": windows inside the image; "same": size / strides windows (rounded up), zeros around
    dilation_rate     pixels between the cells of the kernel
    depth_multiplier  q, the number of channels of h for each channel of x
    depthwise_* and pointwise_* (initializer, regularizer, constraint) of the kernels, and the settings of the bias, are
    those of Dense.
    """

    dimensions = 2

    filters: int = integer(1)
    kernel_size: int | Lengths = setting(check_lengths)
    strides: int | Lengths = setting(check_lengths, default=1)
    padding: str = choice("valid", "same", default="valid")
    depth_multiplier: int = integer(1, default=1, kw_only=True)
    depthwise_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    pointwise_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    depthwise_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    pointwise_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    depthwise_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    pointwise_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._keep_correlation(input_shape)
        channels = input_shape[-1]
        self.depthwise_kernel = Parameter(
            (*self._lengths("kernel_size"), channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.pointwise_kernel = Parameter(
            (1, 1, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self._make_bias(self.filters)
        return (*self.correlation.windows.positions, self.filters)

    def _correlation_over(self, input_shape: tuple[int, ...]) -> AnyCorrelation:
        return DepthwiseCorrelation(self._windows(input_shape, self.padding))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        correlation = self._correlation_for(x)
        h = correlation(x, self.depthwise_kernel.value)
        self.x, self.h, self.used = x, h, correlation
        y = h.dot(self.pointwise_kernel.value[0, 0])
        if self.use_bias:
            y += self.bias.value
        return y

    def backward(self, dy: np.ndarray) -> Any:
        h, slopes = self.h.reshape(-1, self.h.shape[-1]), dy.reshape(-1, self.filters)
        self.pointwise_kernel.grad = h.T.dot(slopes)
        self._bias_backward(dy)
        dh = dy.dot(self.pointwise_kernel.value[0, 0].T)
        self.depthwise_kernel.grad = self.used.kernel_gradient(self.x, dh)
        return None if self.is_first else self.used.input_gradient(dh, self.depthwise_kernel.value)
