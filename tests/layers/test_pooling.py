"""Pooling: random settings against Keras 3.15, PyTorch 2.13 and onnxruntime, numbers by hand, properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Sequential
from minidl.layers import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from tests.helpers.image_peers import TOLERANCE, built, differences, gradients

MAXIMA = [MaxPooling1D, MaxPooling2D, GlobalMaxPooling1D, GlobalMaxPooling2D]
MEANS = [AveragePooling1D, AveragePooling2D]
GLOBAL_MEANS = [GlobalAveragePooling1D, GlobalAveragePooling2D]
RNG = np.random.default_rng(0)


def random_layer(kind, rng):
    """(layer, shape of a row) with sides 1 to 12."""

    def lengths(low, high):
        return tuple(int(n) for n in rng.integers(low, high, kind.dimensions))

    shape = (*lengths(1, 13), int(rng.integers(1, 4)))
    if kind.__name__.startswith("Global"):
        return kind(keepdims=bool(rng.integers(2))), shape
    strides = lengths(1, 4) if rng.integers(2) else None
    padding = str(rng.choice(["valid", "same"])) if rng.integers(2) else "same"
    return kind(tuple(min(n, side) for n, side in zip(lengths(1, 5), shape, strict=False)), strides, padding), shape


@pytest.mark.peers
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", MAXIMA)
def test_300_random_settings_find_maxima_and_gradients_as_keras_on_pytorch(kind, dtype):
    rng = np.random.default_rng(0)
    for _ in range(300):
        layer, shape = random_layer(kind, rng)
        assert max(differences(layer, shape, rng, dtype)) < TOLERANCE[dtype], (layer, shape)


def means_of_pytorch(layer, x):
    """Return the mean of each window without its padding, which TensorFlow documents: sum of pixels / sum of ones."""
    torch = pytest.importorskip("torch")
    size, strides = layer.pool_size, layer.strides or layer.pool_size
    padding = []
    for n, k, s in zip(x.shape[1:-1], size, strides, strict=True):
        total = max(k - (n % s or s), 0) if layer.padding == "same" else 0
        padding = [total // 2, total - total // 2, *padding]  # PyTorch begins with the last axis
    pool = getattr(torch.nn.functional, f"avg_pool{layer.dimensions}d")
    sums = [
        pool(torch.nn.functional.pad(images.movedim(-1, 1), padding), size, strides)
        for images in (x, torch.ones_like(x))
    ]
    return (sums[0] / sums[1]).movedim(1, -1)


def global_mean_of_pytorch(layer, x):
    return x.mean(dim=tuple(range(1, layer.dimensions + 1)), keepdim=layer.keepdims)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("kind", "theirs"),
    [*((kind, means_of_pytorch) for kind in MEANS), *((kind, global_mean_of_pytorch) for kind in GLOBAL_MEANS)],
)
def test_300_random_settings_compute_means_and_gradients_as_pytorch(kind, theirs, dtype):
    # Keras 3.15 on PyTorch puts odd padding in front, and computes the mean of all pixels in float32
    torch, rng = pytest.importorskip("torch"), np.random.default_rng(0)
    for _ in range(300):
        layer, shape = random_layer(kind, rng)
        built(layer, shape, rng, dtype)
        x = torch.tensor(rng.normal(size=(3, *shape)).astype(dtype), requires_grad=True)
        wanted, y = theirs(layer, x), layer.forward(x.detach().numpy())
        dy = rng.normal(size=y.shape).astype(dtype)
        (slope,) = torch.autograd.grad(wanted, x, torch.tensor(dy))
        for ours, theirs_ in ((y, wanted.detach()), (layer.backward(dy), slope)):
            assert ours.dtype == dtype
            assert np.abs(ours - theirs_.numpy()).max() < TOLERANCE[dtype], (layer, shape)


@pytest.mark.peers
@pytest.mark.parametrize("kind", MEANS)
def test_means_at_the_edges_are_those_of_onnxruntime(kind):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    for _ in range(60):
        layer, shape = random_layer(kind, rng)
        if any(step > n for step, n in zip(layer.strides or layer.pool_size, layer.pool_size, strict=True)):
            continue  # onnxruntime refuses strides that leave pixels out
        built(layer, shape, rng, "float32")
        attributes = {"kernel_shape": layer.pool_size, "strides": layer.strides or layer.pool_size}
        attributes["auto_pad"] = {"same": "SAME_UPPER", "valid": "VALID"}[layer.padding]
        node = onnx.helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=0, **attributes)
        ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
        graph = onnx.helper.make_graph([node], "pooling", ends[:1], ends[1:])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
        x = rng.normal(size=(2, *shape)).astype("float32")
        session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (wanted,) = session.run(None, {"x": np.moveaxis(x, -1, 1)})
        assert np.abs(layer.forward(x) - np.moveaxis(wanted, 1, -1)).max() < 1e-5, (layer, shape)


# ---- by hand

LINE = np.array([[[1.0], [5.0], [5.0], [2.0], [3.0]]])


def results(layer, x, dy):
    """Return the output and the gradient along the input, without the axes of one row and one channel."""
    built(layer, x.shape[1:], RNG)
    y, dx = layer.forward(x), layer.backward(np.asarray(dy, float).reshape(layer.forward(x).shape))
    return np.squeeze(y).tolist(), np.squeeze(dx).tolist()


def test_a_maximum_has_the_gradient_and_of_equal_ones_the_first():
    assert results(MaxPooling1D(3, 1), LINE, [1, 10, 100]) == ([5, 5, 5], [0, 11, 100, 0, 0])
    assert results(MaxPooling1D(2), LINE, [1, 10]) == ([5, 5], [0, 1, 10, 0, 0])
    assert results(MaxPooling1D(2, padding="same"), LINE, [1, 10, 100]) == ([5, 5, 3], [0, 1, 10, 0, 100])


def test_padding_is_less_than_every_number_and_in_no_mean():
    assert results(MaxPooling1D(3, 1, "same"), -LINE, [1] * 5)[0] == [-1, -1, -2, -2, -2]
    assert results(AveragePooling1D(2, padding="same"), LINE, [2, 2, 2]) == ([3, 3.5, 3], [1, 1, 1, 1, 2])
    assert results(AveragePooling1D(3, 2, "same"), LINE, [2, 3, 4]) == ([3, 4, 2.5], [1, 2, 1, 3, 2])


def test_equal_maxima_of_a_whole_image_share_the_gradient_as_in_keras():
    assert results(GlobalMaxPooling1D(), LINE, 4) == (5, [0, 2, 2, 0, 0])
    assert results(GlobalAveragePooling1D(), LINE, 5) == (3.2, [1] * 5)


def test_windows_of_an_image_have_rows_and_columns():
    image = np.arange(12.0).reshape(1, 3, 4, 1)
    assert results(MaxPooling2D((1, 2)), image, np.arange(6))[0] == [[1, 3], [5, 7], [9, 11]]
    assert results(MaxPooling2D((3, 1), (1, 3)), image, [1, 2])[0] == [8, 11]
    assert results(AveragePooling2D(2), image, [4, 8]) == ([2.5, 4.5], [[1, 1, 2, 2], [1, 1, 2, 2], [0] * 4])
    assert results(GlobalAveragePooling2D(keepdims=True), image, 12) == (5.5, [[1] * 4] * 3)


@pytest.mark.parametrize("kind", [*MAXIMA, *MEANS, *GLOBAL_MEANS])
def test_one_image_of_one_pixel_stays_as_it_is(kind):
    layer = kind() if kind.__name__.startswith("Global") else kind(1)
    x = np.array([[2.0, -3.0]]).reshape(1, *(1,) * kind.dimensions, 2)
    assert results(layer, x, [1, 2]) == ([2, -3], [1, 2])


@pytest.mark.parametrize("kind", [*MAXIMA, *MEANS, *GLOBAL_MEANS])
def test_a_first_layer_and_images_of_bytes_train(kind):
    x = RNG.integers(0, 256, (4, *(6, 6)[: kind.dimensions], 3), "uint8")
    model = Sequential([kind()])
    model.build(x.shape[1:])
    assert np.array_equal(model.predict(x), model.predict(x.astype(float)))
    assert model.predict(x).dtype == "float32"


# ---- properties


@given(st.sampled_from([*MAXIMA, *MEANS, *GLOBAL_MEANS]), st.integers(0, 2**31), st.floats(0.01, 100))
def test_pooling_commutes_with_a_positive_scale_and_a_shift_of_all_pixels(kind, seed, scale):
    rng = np.random.default_rng(seed)
    layer, shape = random_layer(kind, rng)
    built(layer, shape, rng)
    x = rng.normal(size=(2, *shape))
    assert np.allclose(layer.forward(scale * x + 3), scale * layer.forward(x) + 3, rtol=1e-12, atol=1e-10)


@given(st.sampled_from([*MEANS, *GLOBAL_MEANS]), st.integers(0, 2**31))
def test_the_gradient_of_a_mean_is_its_adjoint(kind, seed):
    rng = np.random.default_rng(seed)
    layer, shape = random_layer(kind, rng)
    built(layer, shape, rng)
    x = rng.normal(size=(2, *shape))
    y = layer.forward(x)
    dy = rng.normal(size=y.shape)
    assert np.isclose(np.vdot(y, dy), np.vdot(x, layer.backward(dy)), rtol=1e-10, atol=1e-10)


@given(st.sampled_from(MAXIMA), st.integers(0, 2**31))
def test_the_gradient_of_maxima_is_all_passed_on(kind, seed):
    rng = np.random.default_rng(seed)
    layer, shape = random_layer(kind, rng)
    built(layer, shape, rng)
    y = layer.forward(rng.integers(-1, 2, (2, *shape)).astype(float))
    dy = rng.normal(size=y.shape)
    assert np.isclose(gradients(layer, dy)[0].sum(), dy.sum(), rtol=1e-10, atol=1e-10)
