"""Flatten: forward, backward, images."""

import numpy as np

from minidl import Sequential
from minidl.layers import (
    Dense,
    Flatten,
)


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
