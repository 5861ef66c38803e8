"""GaussianNoise: its deviation, its gradient, its generator."""

import numpy as np
import pytest

from minidl import NotBuiltError, SettingError
from minidl.layers import GaussianNoise


def rows(m=40, n=3, seed=0):
    return np.random.default_rng(seed).normal(2, 5, (m, n))


def noisy(stddev, x, seed=0):
    layer = GaussianNoise(stddev)
    layer.rng = np.random.default_rng(seed)
    return layer.forward(x, training=True)


def test_noise_has_the_given_deviation_and_mean_0():
    noise = noisy(0.3, np.ones((500, 400))) - 1
    n = noise.size
    assert abs(noise.mean()) < 5 * 0.3 / np.sqrt(n)
    assert abs(noise.var() - 0.09) < 5 * 0.09 * np.sqrt(2 / n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_keeps_the_dtype_and_does_not_depend_on_it(dtype):
    zeros = np.zeros((50, 4), dtype)
    assert noisy(0.3, zeros).dtype == dtype
    assert np.allclose(noisy(0.3, zeros), noisy(0.3, zeros.astype(complex)), rtol=1e-6)


def test_noise_passes_gradients_on_and_returns_its_input_at_stddev_0():
    x = rows()
    assert GaussianNoise(0.3).backward(x) is x
    assert noisy(0.0, x) is x


def test_noise_must_not_be_negative_and_needs_a_generator():
    with pytest.raises(SettingError, match=r"GaussianNoise: stddev must be in \[0, inf\), got -1"):
        GaussianNoise(-1)
    with pytest.raises(NotBuiltError, match="GaussianNoise draws random numbers: put it into a model"):
        GaussianNoise(1).forward(rows(), training=True)
