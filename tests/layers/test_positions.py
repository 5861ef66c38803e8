"""Encodings of positions: their numbers, their gradient, and what they refuse."""

import math

import numpy as np
import pytest

from minidl import Sequential, ShapeError
from minidl.errors import SettingError
from minidl.layers import PositionEmbedding, Residual, SinePositionEncoding
from tests.layers.test_attention import built


def test_sines_and_cosines_are_those_of_the_paper():
    """Vaswani et al. 2017, section 3.5: PE(t, 2i) = sin(t / 10000^(2i/n)), PE(t, 2i + 1) = cos of the same."""
    y = SinePositionEncoding().forward(np.zeros((2, 50, 6)))
    for t in (0, 1, 7, 49):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            assert y[1, t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-14)
            assert y[1, t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-14)


def test_an_odd_number_of_features_ends_with_a_sine():
    """KerasHub 0.20: the exponent of feature j is 2 (j // 2) / n."""
    y = SinePositionEncoding(100).forward(np.zeros((1, 4, 3)))
    assert np.allclose(y[0, :, 2], np.sin(np.arange(4) * 100 ** (-2 / 3)), rtol=1e-14)


def test_sines_keep_the_dtype_of_x_and_are_exact_at_far_positions():
    y = SinePositionEncoding().forward(np.zeros((1, 100_001, 2), np.float32))
    assert y.dtype == np.float32
    assert y[0, -1, 0] == np.float32(math.sin(100_000))


def test_embeddings_are_one_vector_for_each_position_in_every_row():
    layer = built(PositionEmbedding(5), (3, 2))
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    y = layer.forward(x)
    assert np.array_equal(y, np.stack([layer.embeddings.value[:3]] * 4))
    dy = np.random.default_rng(1).normal(size=y.shape)
    assert not layer.backward(dy).any()
    assert np.array_equal(layer.embeddings.grad[:3], dy.sum(axis=0))
    assert not layer.embeddings.grad[3:].any()


def test_residual_adds_them_to_x():
    layer = built(Residual(PositionEmbedding(3)), (3, 2))
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    assert np.array_equal(layer.forward(x), x + layer.layers[0].embeddings.value)
    assert np.array_equal(layer.backward(x), x)


def test_an_embedding_serves_shorter_sequences_than_it_was_built_for():
    model = Sequential([PositionEmbedding(6)], seed=0)
    model.build((6, 2))
    assert np.array_equal(model.layer.forward(np.zeros((1, 4, 2)))[0], model.layers[0].embeddings.value[:4])


def test_what_they_refuse():
    with pytest.raises(ShapeError, match="sequence_length=3 steps, got 4; give it more"):
        PositionEmbedding(3).build((4, 2))
    with pytest.raises(ShapeError, match=r"SinePositionEncoding takes sequences, rows \(steps, features\)"):
        SinePositionEncoding().build((4,))
    with pytest.raises(SettingError):
        SinePositionEncoding(0)
    with pytest.raises(SettingError):
        PositionEmbedding(0)
