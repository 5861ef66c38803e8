"""Convolutions: random settings against Keras 3.15 on PyTorch 2.13, numbers by hand, properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import DataError, Sequential, SettingError, ShapeError, check_layer
from minidl.constraints import MaxNorm
from minidl.initializers import VarianceScaling
from minidl.layers import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    SeparableConv2D,
)
from minidl.layers._correlation import Correlation, DepthwiseCorrelation
from minidl.layers._windows import windows_over
from minidl.regularizers import L2
from tests.helpers.image_peers import TOLERANCE, built, differences, gradients

KINDS = [Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D]


def random_settings(kind, rng):
    """(settings, shape of a row) with sides 1 to 12. Keras has strides or dilation, not both."""
    dimensions = 1 if kind is Conv1D else 2
    plain, deep = kind in (Conv1D, Conv2D), kind in (DepthwiseConv2D, SeparableConv2D)

    def lengths(low, high):
        return tuple(int(n) for n in rng.integers(low, high, dimensions))

    groups = int(rng.integers(1, 4)) if plain else 1
    paddings = ["valid", "same", *(["causal"] if kind is Conv1D else [])]
    settings = {"kernel_size": lengths(1, 4), "padding": str(rng.choice(paddings)), "use_bias": bool(rng.integers(2))}
    if rng.integers(2):
        settings["strides"] = lengths(1, 4)
    else:
        settings["dilation_rate"] = lengths(1, 4)
    if kind is not DepthwiseConv2D:
        settings["filters"] = int(rng.integers(1, 4)) * groups
    if plain:
        settings["groups"] = groups
    if deep:
        settings["depth_multiplier"] = int(rng.integers(1, 4))
    if kind is Conv2DTranspose and rng.integers(2):
        settings["output_padding"] = tuple(int(rng.integers(s)) for s in settings.get("strides", (1, 1)))
    return settings, (*lengths(1, 13), int(rng.integers(1, 4)) * groups)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_300_random_settings_compute_outputs_and_gradients_as_keras_on_pytorch(kind, dtype):
    rng, compared = np.random.default_rng(0), 0
    while compared < 300:
        settings, shape = random_settings(kind, rng)
        found = differences(kind(**settings), shape, rng, dtype)
        if found is not None:
            compared += 1
            assert max(found) < TOLERANCE[dtype], (settings, shape)


@pytest.mark.parametrize("layer", [Conv1D(6, 3, groups=3), Conv2D(4, (2, 3), groups=2)], ids=repr)
def test_groups_are_convolutions_of_parts_side_by_side(layer):
    rng, groups = np.random.default_rng(0), layer.groups
    shape = (*(7, 6)[: layer.dimensions], 2 * groups)
    whole = built(layer.clone(), shape, rng)
    x = rng.normal(size=(2, *shape))
    parts = []
    for k, c, b in zip(
        np.split(whole.kernel.value, groups, -1),
        np.split(x, groups, -1),
        np.split(whole.bias.value, groups),
        strict=True,
    ):
        part = built(type(layer)(layer.filters // groups, layer.kernel_size), c.shape[1:], rng)
        part.kernel.value, part.bias.value = k, b
        parts.append(part.forward(c))
    assert np.allclose(whole.forward(x), np.concatenate(parts, -1), rtol=1e-12, atol=1e-12)


# ---- by hand


def by_hand(layer, x, kernel, **others):
    x = np.asarray(x, float)
    built(layer, x.shape[1:], np.random.default_rng(0))
    layer.kernel.value, layer.bias.value = np.asarray(kernel, float).reshape(layer.kernel.value.shape), others["bias"]
    return layer.forward(x)


def test_the_kernel_is_not_flipped():
    y = by_hand(Conv1D(1, 3), [[[1], [2], [3], [4]]], [1, 10, 100], bias=[0.5])
    assert y.tolist() == [[[321.5], [432.5]]]


def test_a_causal_window_sees_no_step_after_its_own():
    y = by_hand(Conv1D(1, 2, padding="causal", dilation_rate=2), [[[1], [2], [3], [4]]], [1, 10], bias=[0])
    assert y.tolist() == [[[10], [20], [31], [42]]]


def test_odd_padding_has_one_zero_more_behind():
    y = by_hand(Conv1D(1, 2, padding="same"), [[[1], [2], [3]]], [1, 10], bias=[0])
    assert y.tolist() == [[[21], [32], [3]]]


def test_an_image_and_its_gradients():
    layer = Conv2D(1, 2)
    y = by_hand(layer, [[[[1], [2], [3]], [[4], [5], [6]]]], [1, 10, 100, 1000], bias=[7])
    assert y.tolist() == [[[[5428], [6539]]]]
    dx, dkernel, dbias = gradients(layer, np.array([[[[1.0], [2.0]]]]))
    assert dx[0, :, :, 0].tolist() == [[1, 12, 20], [100, 1200, 2000]]
    assert dkernel[:, :, 0, 0].tolist() == [[1 + 4, 2 + 6], [4 + 10, 5 + 12]]
    assert dbias.tolist() == [3]


def test_a_transposed_convolution_puts_down_a_kernel_for_each_pixel():
    y = by_hand(Conv2DTranspose(1, 2, 2), [[[[1], [2]]]], [1, 10, 100, 1000], bias=[0.5])
    assert y[0, :, :, 0].tolist() == [[1.5, 10.5, 2.5, 20.5], [100.5, 1000.5, 200.5, 2000.5]]


def test_a_depthwise_convolution_keeps_channels_apart():
    y = by_hand(
        DepthwiseConv2D((1, 2), depth_multiplier=2),
        [[[[1, 5], [2, 6]]]],
        [[1, 10, 2, 20], [1, 10, 2, 20]],
        bias=[0] * 4,
    )
    assert y.tolist() == [[[[3, 30, 22, 220]]]]


def test_a_kernel_of_one_pixel_is_a_dense_layer():
    rng = np.random.default_rng(0)
    convolution, dense = built(Conv2D(4, 1), (3, 5, 2), rng), built(Dense(4), (3, 5, 2), rng)
    dense.kernel.value, dense.bias.value = convolution.kernel.value[0, 0], convolution.bias.value
    x, dy = rng.normal(size=(2, 3, 5, 2)), rng.normal(size=(2, 3, 5, 4))
    assert np.allclose(convolution.forward(x), dense.forward(x), rtol=1e-13, atol=1e-14)
    for ours, theirs in zip(gradients(convolution, dy), gradients(dense, dy), strict=True):
        assert np.allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12, atol=1e-12)


def test_a_separable_convolution_is_a_depthwise_one_and_one_of_single_pixels():
    rng = np.random.default_rng(0)
    both = built(SeparableConv2D(3, 2, padding="same", depth_multiplier=2), (4, 5, 2), rng)
    deep, mix = (
        built(DepthwiseConv2D(2, padding="same", depth_multiplier=2, use_bias=False), (4, 5, 2), rng),
        Conv2D(3, 1),
    )
    built(mix, (4, 5, 4), rng)
    deep.kernel.value, mix.kernel.value = both.depthwise_kernel.value, both.pointwise_kernel.value
    mix.bias.value = both.bias.value
    x = rng.normal(size=(2, 4, 5, 2))
    assert np.allclose(both.forward(x), mix.forward(deep.forward(x)), rtol=1e-12, atol=1e-13)


def test_many_images_take_blocks_whose_results_are_the_same():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(9, 64, 64, 4)), rng.normal(size=(9, 64, 64, 8))
    for layer in (Conv2D(8, 3, padding="same", groups=2), DepthwiseConv2D(3, padding="same", depth_multiplier=2)):
        built(layer, x.shape[1:], rng)
        assert len(list(layer.correlation.windows.blocks(x))) > 1
        y, (dx, *slopes) = layer.forward(x), [np.copy(slope) for slope in gradients(layer, dy)]
        one_by_one = []
        for i in range(len(x)):
            output = layer.forward(x[i : i + 1])
            one_by_one.append([np.copy(array) for array in (output, *gradients(layer, dy[i : i + 1]))])
        outputs, inputs, *parts = zip(*one_by_one, strict=True)
        assert np.allclose(y, np.concatenate(outputs), rtol=1e-12, atol=1e-12)
        assert np.allclose(dx, np.concatenate(inputs), rtol=1e-12, atol=1e-12)
        for slope, of_images in zip(slopes, parts, strict=True):
            assert np.allclose(slope, np.sum(of_images, axis=0), rtol=1e-10, atol=1e-9)


# ---- properties

SMALL = st.integers(1, 4)
SETTINGS = st.tuples(SMALL, SMALL, st.integers(1, 3), st.integers(1, 2), st.sampled_from(["valid", "same", "causal"]))


def random_correlation(kind, axes, seed):
    """(correlation, x, kernel, dy) of random numbers, for axes (length, kernel, stride, dilation, padding)."""
    rng = np.random.default_rng(seed)
    image, size, strides, dilation, (padding, *_) = zip(*axes, strict=True)
    image = tuple(n + (k - 1) * d for n, k, d in zip(image, size, dilation, strict=True))  # so that the kernel fits
    correlation = kind(windows_over("Conv2D", image, size, strides, padding, dilation))
    c, q = rng.integers(1, 4, 2)
    out = c * q if kind is DepthwiseCorrelation else q
    draws = ((2, *image, c), (*size, c, q), (2, *correlation.windows.positions, out))
    return correlation, *(rng.normal(size=shape) for shape in draws)


any_correlation = st.builds(
    random_correlation,
    st.sampled_from([Correlation, DepthwiseCorrelation]),
    st.lists(SETTINGS, min_size=1, max_size=3),
    st.integers(0, 2**31),
)


def close(a, b):
    return np.allclose(a, b, rtol=1e-9, atol=1e-9)


@given(any_correlation, st.floats(-3, 3))
def test_a_correlation_is_linear_in_image_and_kernel(case, factor):
    correlate, x, kernel, _ = case
    other_x, other_kernel = x[::-1], kernel[::-1]
    y = correlate(x, kernel)
    assert close(correlate(x + factor * other_x, kernel), y + factor * correlate(other_x, kernel))
    assert close(correlate(x, kernel + factor * other_kernel), y + factor * correlate(x, other_kernel))


@given(any_correlation)
def test_both_derivatives_are_adjoint(case):
    correlate, x, kernel, dy = case
    product = np.vdot(correlate(x, kernel), dy)
    assert close(product, np.vdot(x, correlate.input_gradient(dy, kernel)))
    assert close(product, np.vdot(kernel, correlate.kernel_gradient(x, dy)))


@given(SMALL, SMALL, st.integers(1, 3), st.integers(1, 2), st.integers(0, 2**31))
def test_an_image_shifted_by_the_strides_has_its_output_shifted(height, width, stride, dilation, seed):
    rng = np.random.default_rng(seed)
    layer = Conv2D(2, (height, width), stride, dilation_rate=dilation)
    size = 4 * stride + 4 * dilation
    built(layer, (size, size, 2), rng)
    x = rng.normal(size=(1, size, size, 2))
    shifted = np.roll(x, (stride, stride), axis=(1, 2))
    assert close(layer.forward(shifted)[:, 1:, 1:], layer.forward(x)[:, :-1, :-1])


# ---- settings of the weights


# Keras 3.15.1, keras.src.initializers.random_initializers.compute_fans on the shape of each layer's kernel
@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (Conv1D(8, 5), 5 * 3, 5 * 8),
        (Conv2D(8, (2, 5)), 10 * 3, 10 * 8),
        (Conv2D(6, 5, groups=3), 25 * 1, 25 * 6),
        (Conv2DTranspose(8, 5), 25 * 8, 25 * 3),
        (DepthwiseConv2D(5, depth_multiplier=2), 25 * 3, 25 * 2),
        (SeparableConv2D(8, 5, depth_multiplier=2), 25 * 3, 25 * 2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_kernels_are_scaled_by_the_fans_of_keras(layer, fan_in, fan_out, mode):
    of_kernel = "kernel" if hasattr(layer, "kernel_initializer") else "depthwise"
    layer = layer.clone()
    setattr(layer, f"{of_kernel}_initializer", VarianceScaling(1.0, mode, "uniform"))
    Sequential([layer], dtype="float64", seed=0).build((*(12, 12)[: layer.dimensions], 3))
    kernel = next(iter(layer.parameters.values())).value
    bound = np.sqrt(3 / {"fan_in": fan_in, "fan_out": fan_out}[mode])
    assert 0.9 * bound < np.abs(kernel).max() <= bound


def test_penalties_constraints_and_biases_are_those_of_dense():
    first = Conv2D(2, 2, kernel_regularizer=L2(0.1), bias_initializer="ones", bias_constraint=MaxNorm(0.5))
    second = SeparableConv2D(2, 2, pointwise_regularizer=L2(0.2), depthwise_constraint=MaxNorm(0.5), use_bias=False)
    model = Sequential([first, second, Flatten(), Dense(1)], seed=0)
    model.compile(optimizer="sgd", loss="mse")
    x, y = np.random.default_rng(0).normal(size=(8, 4, 4, 1)), np.ones(8)
    model.build((4, 4, 1))
    assert first.bias.value.tolist() == [1, 1]
    assert list(second.parameters) == ["depthwise_kernel", "pointwise_kernel"]
    model.fit(x, y, epochs=1, verbose=0)
    assert np.sqrt((second.depthwise_kernel.value**2).sum(axis=0)).max() < 0.5 + 1e-6
    assert np.linalg.norm(first.bias.value) < 0.5 + 1e-6


# ---- bad input


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2D(6, 2, groups=2), (4, 4, 3), "^Conv2D: the 3 channels cannot be cut into groups=2 equal parts$"),
        (Conv1D(5, 2, groups=2), (4, 4), "^Conv1D: the 5 filters cannot be cut into groups=2 equal parts$"),
        (
            Conv2DTranspose(2, 3, (2, 1), output_padding=(1, 1)),
            (4, 4, 1),
            r"^Conv2DTranspose: output_padding \(1, 1\) must be less than the strides \(2, 1\)$",
        ),
    ],
)
def test_groups_that_do_not_divide_and_too_much_padding_are_rejected(layer, shape, message):
    with pytest.raises(SettingError, match=message):
        Sequential([layer]).build(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 3), "Conv2D: filters must be an integer of at least 1, got 0"),
        (lambda: Conv2D(8), "kernel_size"),
        (lambda: Conv2D(8, 3, groups=0), "Conv2D: groups must be an integer of at least 1, got 0"),
        (lambda: Conv2D(8, 3, activation="relu"), r"Conv2D has no setting 'activation': .*ReLU\(\)"),
        (lambda: Conv2D(8, 3, input_shape=(28, 28, 1)), r"Conv2D has no setting 'input_shape': write Input"),
        (lambda: DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier must be an integer of at least 1, got 0"),
        (lambda: Conv2DTranspose(8, 3, output_padding=-1), "output_padding must be an integer of at least 0, got -1"),
    ],
)
def test_settings_that_cannot_be_are_rejected(make, message):
    with pytest.raises((SettingError, TypeError), match=message):
        make()


def classifier():
    layers = [Conv2D(4, 3, padding="same"), GlobalAveragePooling2D(), Dense(1)]
    model = Sequential(layers, seed=0)
    model.compile(optimizer="sgd", loss="mse")
    return model


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), "uint8")


def test_images_of_bytes_and_of_floats_mix():
    model, y = classifier(), np.zeros(6)
    model.fit(IMAGES, y, validation_data=(IMAGES.astype("float64"), y), verbose=0)
    assert np.array_equal(model.predict(IMAGES), model.predict(IMAGES.astype("float32")))
    model.fit(IMAGES / 255, y, verbose=0)
    assert model.predict(IMAGES).dtype == "float32"


@pytest.mark.parametrize("shape", [(1, 5, 7, 3), (4, 1, 1, 3), (1, 1, 1, 3)])
def test_one_image_and_images_of_one_pixel(shape):
    x = np.random.default_rng(0).normal(size=shape)
    model = classifier()
    model.fit(x, np.zeros(len(x)), verbose=0)
    assert model.predict(x).shape == (len(x), 1)
    for layer in (Conv2D(2, 3, padding="same"), Conv2DTranspose(2, 3, 2), SeparableConv2D(2, 1), DepthwiseConv2D(1)):
        assert check_layer(layer, shape[1:]).passed


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x[..., 0], ShapeError, r"x has shape \(5, 7\) a row, this model was built for shape \(5, 7, 3\)$"),
        (lambda x: x[0], ShapeError, r"built for shape \(5, 7, 3\)\. For one row pass x\[None\]$"),
        (lambda x: x.transpose(0, 3, 1, 2), ShapeError, r"\. minidl has channels last: .* x\.transpose\(0, 2, 3, 1\)$"),
        (lambda x: np.where(x == x.max(), np.nan, x), DataError, r"x\[\d, \d, \d, \d\] is nan"),
        (lambda x: x[:0], DataError, r"x is empty, its shape is \(0, 5, 7, 3\)"),
    ],
)
def test_images_that_do_not_fit_the_model_are_rejected(change, error, message):
    model = classifier()
    model.build((5, 7, 3))
    x = change(IMAGES.astype("float32"))
    for call in (model.predict, lambda x: model.fit(x, np.zeros(len(x)))):
        with pytest.raises(error, match=rf"^(predict|fit): .*{message}"):
            call(x)


def test_images_without_channels_are_told_how_to_get_them():
    model = Sequential([Conv2D(4, 3), Flatten(), Dense(1)])
    model.build((28, 28, 1))
    with pytest.raises(ShapeError, match=r"^predict: x has shape \(28, 28\) a row, .*: pass x\[\.\.\., None\]$"):
        model.predict(np.zeros((2, 28, 28)))
    with pytest.raises(
        ShapeError, match=r"^Conv2D takes rows of shape \(height, width, channels\), .*x\[\.\.\., None\]$"
    ):
        classifier().fit(np.zeros((2, 28, 28)), np.zeros(2))
