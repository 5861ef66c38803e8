"""ZeroPadding and Cropping with the numbers of Keras."""

import numpy as np
import pytest

from minidl import SettingError, ShapeError
from minidl.layers import Cropping1D, Cropping2D, ZeroPadding1D, ZeroPadding2D
from tests.helpers.keras_layers import assert_settings_agree_with_keras, keras_layers

KINDS = [ZeroPadding1D, ZeroPadding2D, Cropping1D, Cropping2D]


def drawn(seed):
    """Return (class, settings, shape of a row): widths in each form that Keras takes."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % 4]
    number, pair, pairs = (rng.integers(0, 4, size).tolist() for size in ((), 2, (2, 2)))
    forms = [number, tuple(pair)] + [tuple(map(tuple, pairs))] * kind.__name__.endswith("2D")
    widths = forms[rng.integers(len(forms))]
    spatial = 2 if kind.__name__.endswith("2D") else 1
    least = 7 if kind.__name__.startswith("Cropping") else 1
    shape = tuple(int(n) for n in rng.integers(least, least + 4, spatial)) + (int(rng.integers(1, 4)),)
    return kind, {"cropping" if "Cropping" in kind.__name__ else "padding": widths}, shape


@pytest.mark.peers
def test_three_hundred_random_settings_of_each_layer_agree_with_keras():
    assert_settings_agree_with_keras(drawn, layers=4)


@pytest.mark.peers
@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_those_of_keras(kind):
    layer = getattr(keras_layers(), kind.__name__)()
    for name in ("padding", "cropping"):
        if hasattr(layer, name):
            assert getattr(kind(), name) == getattr(layer, name)


@pytest.mark.parametrize("rows", [0, 2])
def test_cropping_undoes_padding(rows):
    x = np.random.default_rng(0).random((rows, 3, 4, 2))
    sides = ((1, 0), (2, 3))
    padding, cropping = ZeroPadding2D(sides), Cropping2D(sides)
    assert padding.build((3, 4, 2)) == (4, 9, 2)
    y = padding.forward(x)
    assert y.shape == (rows, 4, 9, 2)
    assert y.sum() == pytest.approx(x.sum())
    assert np.array_equal(cropping.forward(y), x)
    assert np.array_equal(padding.backward(y), x)
    assert np.array_equal(cropping.backward(x), y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ZeroPadding1D(-1), "ZeroPadding1D: each of padding must be an integer of at least 0, got -1"),
        (lambda: ZeroPadding1D((1, 2, 3)), r"ZeroPadding1D: padding must be an integer or two, \(before, after\), got"),
        (lambda: ZeroPadding2D((1, 2, 3)), r"ZeroPadding2D: padding must be an integer, \(height, width\) or"),
        (lambda: ZeroPadding2D(((1, 2, 3), 1)), "ZeroPadding2D: padding must be an integer or two"),
        (lambda: Cropping2D("a"), "Cropping2D: each of cropping must be an integer of at least 0, got 'a'"),
        (lambda: Cropping1D(1.5), "Cropping1D: each of cropping must be an integer of at least 0, got 1.5"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Cropping1D(2), (4, 3), r"Cropping1D: cropping \(\(2, 2\),\) leaves nothing of rows of shape \(4, 3\)"),
        (Cropping2D(((0, 0), (3, 0))), (4, 3, 1), r"Cropping2D: .* leaves nothing of rows of shape \(4, 3, 1\)"),
        (
            ZeroPadding2D(),
            (4, 3),
            r"takes rows of shape \(height, width, channels\).*\(4, 3\): add an axis of channels",
        ),
        (
            ZeroPadding1D(),
            (4,),
            r"ZeroPadding1D takes rows of shape \(steps, features\), but its input has rows of shape \(4,\)",
        ),
    ],
)
def test_rows_that_do_not_fit_are_named(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.build(shape)
