"""UpSampling with the numbers of Keras and of PyTorch."""

import numpy as np
import pytest

from minidl import SettingError, ShapeError
from minidl.layers import UpSampling1D, UpSampling2D
from tests.helpers.keras_layers import assert_settings_agree_with_keras, built


def drawn(seed):
    """Return (class, settings, shape of a row)."""
    rng = np.random.default_rng(seed)
    number, pair = int(rng.integers(1, 5)), tuple(int(n) for n in rng.integers(1, 5, 2))
    shape = tuple(int(n) for n in rng.integers(1, 6, 3))
    if seed % 3 == 0:
        return UpSampling1D, {"size": number}, shape[:2]
    size = number if rng.random() < 0.3 else pair
    return UpSampling2D, {"size": size, "interpolation": ["nearest", "bilinear"][seed % 3 - 1]}, shape


@pytest.mark.peers
def test_three_hundred_random_settings_of_each_layer_agree_with_keras():
    assert_settings_agree_with_keras(drawn, layers=2)


@pytest.mark.peers
def test_two_hundred_random_settings_agree_with_pytorch_in_float64():
    torch = pytest.importorskip("torch")
    for seed in range(300):
        kind, settings, shape = drawn(seed)
        if kind is UpSampling1D:
            continue
        layer, rng = kind(**settings), np.random.default_rng(seed)
        output = built(layer, shape, rng)
        x, dy = rng.normal(size=(2, *shape)), rng.normal(size=(2, *output))
        given = torch.tensor(x, requires_grad=True)
        y = torch.nn.functional.interpolate(
            given.permute(0, 3, 1, 2),
            size=output[:2],
            mode=layer.interpolation,
            align_corners=False if layer.interpolation == "bilinear" else None,
        ).permute(0, 2, 3, 1)
        y.backward(torch.tensor(dy))
        np.testing.assert_allclose(layer.forward(x), y.detach().numpy(), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(layer.backward(dy), given.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_constant_images_stay_constant(interpolation):
    layer = UpSampling2D((2, 3), interpolation=interpolation)
    assert layer.build((4, 5, 2)) == (8, 15, 2)
    assert np.allclose(layer.forward(np.full((2, 4, 5, 2), 3.0)), np.full((2, 8, 15, 2), 3.0), rtol=1e-14)
    assert np.allclose(layer.backward(np.ones((2, 8, 15, 2))).sum(), 480, rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UpSampling1D(0), "UpSampling1D: size must be an integer of at least 1, got 0"),
        (lambda: UpSampling2D((2, 0)), "UpSampling2D: each of size must be an integer of at least 1, got 0"),
        (lambda: UpSampling2D((2, 2, 2)), r"UpSampling2D: size must be an integer or two, \(height, width\), got"),
        (
            lambda: UpSampling2D(interpolation="bicubic"),
            "interpolation must be one of nearest, bilinear, got 'bicubic'",
        ),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_rows_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match=r"UpSampling2D takes rows of shape \(height, width, channels\)"):
        UpSampling2D().build((4, 3))
    with pytest.raises(ShapeError, match=r"UpSampling1D takes rows of shape \(steps, features\)"):
        UpSampling1D().build((4, 3, 2))
