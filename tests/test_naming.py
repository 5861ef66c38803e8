"""Keras's names for things."""

import pytest

from minidl import naming


# Keras 3.15.1: keras.src.utils.naming.to_snake_case of its own class names
@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Dense", "dense"),
        ("ReLU", "re_lu"),
        ("PReLU", "p_re_lu"),
        ("BatchNormalization", "batch_normalization"),
        ("Conv2D", "conv2d"),
        ("LeakyReLU", "leaky_re_lu"),
        ("Sequential", "sequential"),
    ],
)
def test_snake_case_is_keras_snake_case(name, snake):
    assert naming.snake_case(name) == snake
