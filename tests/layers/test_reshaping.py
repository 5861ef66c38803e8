"""Flatten, Reshape, Permute and RepeatVector: forward, backward, images, and Keras's numbers."""

import math

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError
from minidl.layers import Dense, Flatten, Permute, RepeatVector, Reshape
from tests.helpers.keras_layers import assert_settings_agree_with_keras


def test_flatten_and_back():
    layer, x = Flatten(), np.arange(24.0).reshape(2, 3, 4)
    assert layer.build((3, 4)) == (12,)
    assert np.array_equal(layer.forward(x), np.arange(24).reshape(2, 12))
    assert np.array_equal(layer.backward(layer.forward(x)), x)


def test_images_go_through_flatten():
    model = Sequential([Flatten(), Dense(1)], seed=0)
    x = np.random.default_rng(0).random((6, 4, 4, 3))
    model.fit(x, np.zeros(6), epochs=1)
    assert model.predict(x).shape == (6, 1)


def drawn(seed):
    """Return (class, settings, shape of a row)."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5)))
    kind = [Reshape, Permute, RepeatVector][seed % 3]
    if kind is RepeatVector:
        return kind, {"n": int(rng.integers(1, 5))}, shape[:1]
    order = rng.permutation(len(shape))
    if kind is Permute:
        return kind, {"dims": tuple(int(axis) + 1 for axis in order)}, shape
    target = [shape[axis] for axis in order] + [1] * int(rng.integers(2))
    if rng.random() < 0.6:
        target[rng.integers(len(target))] = -1
    return kind, {"target_shape": tuple(target)}, shape


@pytest.mark.peers
def test_three_hundred_random_settings_of_each_layer_agree_with_keras():
    assert_settings_agree_with_keras(drawn, layers=3)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_reshape_keeps_the_order_of_the_numbers_of_a_row(rows):
    layer, x = Reshape([3, -1]), np.random.default_rng(0).random((rows, 2, 6))
    assert layer.build((2, 6)) == (3, 4)
    assert np.array_equal(layer.forward(x), x.reshape(rows, 3, 4))
    assert np.array_equal(layer.backward(layer.forward(x)), x)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Reshape((5, -1)), (12,), r"Reshape: rows of shape \(12,\) have 12 numbers, which do not fit target_shape"),
        (Reshape((5, 2)), (3, 4), r"Reshape: rows of shape \(3, 4\) have 12 numbers, .* target_shape \(5, 2\)"),
        (Permute((2, 1)), (3, 4, 5), r"Permute: dims \(2, 1\) do not fit rows of shape \(3, 4, 5\)"),
        (RepeatVector(3), (3, 4), r"RepeatVector takes rows of features, .* shape \(3, 4\): put Flatten\(\) before"),
    ],
)
def test_rows_that_do_not_fit_are_named(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.build(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Reshape(4), r"Reshape: target_shape must be a tuple such as \(4, 4, 1\), without the batch, got 4"),
        (lambda: Reshape((-1, -1)), r"Reshape: target_shape may have one -1, got \(-1, -1\)"),
        (lambda: Reshape((0, 3)), "Reshape: each of target_shape, but one -1, must be an integer of at least 1, got 0"),
        (lambda: Permute((0, 1)), "Permute: dims must hold each axis of a row once, 1 is the first"),
        (lambda: Permute((1, 1)), "Permute: dims must hold each axis of a row once"),
        (lambda: Permute(1), "Permute: dims must hold each axis of a row once"),
        (lambda: RepeatVector(0), "RepeatVector: n must be an integer of at least 1, got 0"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_the_random_settings_are_of_every_kind():
    cases = [drawn(seed) for seed in range(300)]
    assert {kind for kind, _, _ in cases} == {Reshape, Permute, RepeatVector}
    assert {-1 in settings["target_shape"] for kind, settings, _ in cases if kind is Reshape} == {True, False}
    assert max(math.prod(shape) for _, _, shape in cases) > 50
