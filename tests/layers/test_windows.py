"""Windows: every small setting against the definitions, pixel by pixel."""

import math
from itertools import product

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError
from minidl.layers import AveragePooling1D, Conv1D, Conv2D, GlobalMaxPooling2D, MaxPooling1D, MaxPooling2D
from minidl.layers._windows import BLOCK, transposed_windows, windows_over

LINES = list(product(range(1, 7), range(1, 5), range(1, 4), range(1, 3)))  # length, kernel, strides, dilation


def same_padding(n, k, s, d):
    """(before, behind) of TensorFlow's padding "SAME": the formula of its documentation of tf.nn."""
    reach = (k - 1) * d + 1
    total = max(reach - s, 0) if n % s == 0 else max(reach - n % s, 0)
    return total // 2, total - total // 2


def line(n, k, s, d, padding):
    return windows_over("Conv2D", (n,), (k,), (s,), padding, (d,))


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_every_window_of_a_line_sees_what_the_definition_says(padding):
    for n, k, s, d in LINES:
        reach = (k - 1) * d + 1
        before, behind = {"valid": (0, 0), "same": same_padding(n, k, s, d), "causal": (reach - 1, 0)}[padding]
        if padding == "valid" and reach > n:
            with pytest.raises(ShapeError, match="a window reaches over"):
                line(n, k, s, d, padding)
            continue
        pixels = dict(enumerate(range(1, n + 1)))  # pixel i holds i + 1, and those outside 0
        starts = range(-before, n + behind - reach + 1, s)
        wanted = [[pixels.get(start + i * d, 0) for i in range(k)] for start in starts]
        windows = line(n, k, s, d, padding)
        image = np.arange(1.0, n + 1)[None, :, None]
        assert windows.positions == (len(wanted),)
        assert windows.of(image)[0, :, :, 0].tolist() == wanted


def test_an_image_has_the_windows_of_its_lines_in_each_direction():
    rng = np.random.default_rng(0)
    for padding in ("valid", "same"):
        for _ in range(100):
            (n, k, s, d), (n2, k2, s2, d2) = (LINES[i] for i in rng.integers(len(LINES), size=2))
            if padding == "valid" and ((k - 1) * d >= n or (k2 - 1) * d2 >= n2):
                continue
            windows = windows_over("Conv2D", (n, n2), (k, k2), (s, s2), padding, (d, d2))
            down, across = rng.normal(size=(1, n, 1)), rng.normal(size=(1, n2, 1))
            image = down[:, :, None] * across[:, None]
            rows, columns = line(n, k, s, d, padding).of(down)[0], line(n2, k2, s2, d2, padding).of(across)[0]
            assert np.array_equal(windows.of(image)[0], np.einsum("piz,qjz->pqijz", rows, columns))


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_the_cells_of_a_kernel_see_the_columns_of_the_windows(padding):
    for n, k, s, d in LINES:
        if padding == "valid" and (k - 1) * d >= n:
            continue
        windows, image = line(n, k, s, d, padding), np.arange(1.0, n + 1)[None, :, None]
        padded = windows.pad(image)
        for (i,), seen in windows.cells():
            assert np.array_equal(padded[seen], windows.of(image)[:, :, i])
        assert np.array_equal(windows.cut(padded), image)
        assert padded.sum() == image.sum()


def test_a_transposed_convolution_makes_the_image_that_has_these_windows():
    for n, k, s, d in LINES:
        for padding in ("valid", "same"):
            windows = transposed_windows((n,), (k,), (s,), padding, (d,), None)
            if padding == "same":
                assert windows.image == (n * s,)
                assert windows.positions == line(n * s, k, s, d, "same").positions
            elif s <= (k - 1) * d + 1:
                assert windows == line(*windows.image, k, s, d, "valid")


def test_images_without_padding_are_not_copied():
    image = np.zeros((2, 5, 5, 1))
    windows = windows_over("Conv2D", (5, 5), (2, 2), (1, 1), "valid", (1, 1))
    assert windows.pad(image) is image
    assert np.shares_memory(windows.of(image), image)
    assert not windows.of(image).flags.writeable


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_blocks_have_every_row_once_and_fit_the_cache(rows):
    images = np.zeros((rows, 32, 32, 3), "float32")
    windows = windows_over("Conv2D", (32, 32), (3, 3), (1, 1), "same", (1, 1))
    blocks = list(windows.blocks(images))
    assert [i for block in blocks for i in range(rows)[block]] == list(range(rows))
    row_bytes = math.prod(windows.positions) * 9 * 3 * 4
    assert all((block.stop - block.start) * row_bytes <= BLOCK for block in blocks)


def test_an_image_that_is_larger_than_a_block_is_a_block():
    images = np.zeros((3, 256, 256, 4))
    blocks = list(windows_over("Conv2D", (256, 256), (3, 3), (1, 1), "same", (1, 1)).blocks(images))
    assert [(block.start, block.stop) for block in blocks] == [(0, 1), (1, 2), (2, 3)]


# ---- bad input


def built(layer, *shape):
    Sequential([layer]).build(shape)


def test_channels_first_get_a_warning_that_says_what_to_do():
    for layer in (Conv2D(8, 3), MaxPooling2D(), GlobalMaxPooling2D()):
        name = type(layer).__name__
        with pytest.warns(
            UserWarning, match=rf"^{name}: rows of shape \(3, 32, 32\) look like .*transpose\(0, 2, 3, 1"
        ):
            built(layer, 3, 32, 32)


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28, 3), (1, 28, 1), (3, 3, 3), (1, 1, 512), (3, 40, 16)])
def test_channels_last_get_no_warning(shape):
    built(Conv2D(8, 1), *shape)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2D(8, 7), (5, 5, 1), "Conv2D: a window reaches over 7 x 7 pixels, but its input has 5 x 5: .*'same'"),
        (
            Conv2D(8, 3, dilation_rate=4),
            (5, 9, 1),
            "Conv2D: a window reaches over 9 x 9 pixels, but its input has 5 x 9",
        ),
        (Conv1D(8, 4), (3, 1), "Conv1D: a window reaches over 4 steps, but its input has 3: make the window smaller"),
        (MaxPooling2D(3), (2, 9, 1), "MaxPooling2D: a window reaches over 3 x 3 pixels, but its input has 2 x 9"),
        (AveragePooling1D(), (1, 2), "AveragePooling1D: a window reaches over 2 steps, but its input has 1"),
        (
            Conv2D(8, 3),
            (28, 28),
            r"Conv2D takes rows of shape \(height, width, channels\), .*\(28, 28\): .*x\[..., None",
        ),
        (Conv1D(8, 3), (28,), r"Conv1D takes rows of shape \(steps, features\), .*\(28,\): .*x\[..., None"),
        (Conv2D(8, 3), (784,), r"Conv2D takes rows of shape \(height, width, channels\), .*\(784,\): see Reshape"),
        (Conv1D(8, 3), (28, 28, 3), r"Conv1D takes rows .*\(28, 28, 3\): see Reshape"),
        (GlobalMaxPooling2D(), (28, 28), r"GlobalMaxPooling2D takes rows of shape \(height, width, channels\)"),
    ],
)
def test_rows_that_do_not_fit_are_rejected(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        built(layer, *shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(8, 3, 0), "Conv2D: strides must be an integer of at least 1, got 0"),
        (lambda: Conv2D(8, 3, (1, 0)), "Conv2D: strides must be an integer of at least 1, got 0"),
        (lambda: Conv2D(8, 3, dilation_rate=0), "Conv2D: dilation_rate must be an integer of at least 1, got 0"),
        (lambda: Conv2D(8, 2.0), r"Conv2D: kernel_size must be an integer of at least 1, got 2\.0"),
        (lambda: Conv2D(8, 3, padding="full"), "Conv2D: padding must be one of valid, same, got 'full'"),
        (lambda: Conv2D(8, 3, padding="causal"), "Conv2D: padding must be one of valid, same, got 'causal'"),
        (lambda: MaxPooling2D(0), "MaxPooling2D: pool_size must be an integer of at least 1, got 0"),
        (lambda: MaxPooling2D(2, "same"), "MaxPooling2D: strides must be an integer of at least 1, got 'same'"),
    ],
)
def test_settings_that_cannot_be_are_rejected_when_the_layer_is_made(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv1D(8, (3, 3)), (9, 1), r"^Conv1D: kernel_size must be an integer, got \(3, 3\); for images use Conv2D$"),
        (
            MaxPooling1D(2, (2, 2)),
            (9, 1),
            "^MaxPooling1D: strides must be an integer, .*; for images use MaxPooling2D$",
        ),
        (Conv2D(8, (3, 3, 3)), (9, 9, 1), r"^Conv2D: kernel_size must be an integer or 2 of them, got \(3, 3, 3\)$"),
        (Conv2D(8, 3, [2]), (9, 9, 1), r"^Conv2D: strides must be an integer or 2 of them, got \(2,\)$"),
    ],
)
def test_settings_for_other_axes_are_rejected(layer, shape, message):
    with pytest.raises(SettingError, match=message):
        built(layer, *shape)


def test_a_setting_of_one_axis_may_be_a_tuple_as_in_keras():
    layer = Conv1D(2, (3,), (2,), dilation_rate=[1])
    assert layer.build((7, 1)) == (3, 2)
    assert Conv1D(2, 3, 2).build((7, 1)) == (3, 2)
