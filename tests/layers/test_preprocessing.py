"""Normalization and Rescaling, with the numbers of Keras."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError, load_model
from minidl.errors import DataError
from minidl.layers import Dense, Normalization, Rescaling
from tests.helpers.keras_layers import assert_same_as_keras, keras_layers

# Keras 3.15 on PyTorch 2.13 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(3, 2, shape)


def built(layer, row_shape, dtype="float64"):
    Sequential([layer], seed=0, dtype=dtype).build(row_shape)
    return layer


# ---- Normalization against Keras


def drawn(seed):
    """Return (settings, shape of a row): any axes, mean and variance given or adapted, both directions."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    axes = [int(axis) for axis in rng.permutation(len(shape))[: rng.integers(len(shape) + 1)] + 1]
    settings = {"axis": None if not axes else axes[0] if len(axes) == 1 else axes, "invert": bool(rng.random() < 0.4)}
    if axes and rng.random() < 0.3:
        settings["axis"] = [axis - len(shape) - 1 for axis in axes]
    if rng.random() < 0.4:
        kept = [shape[axis - 1] for axis in sorted(axes)]
        given = tuple(kept[int(rng.integers(len(kept) + 1)) :])
        settings |= {"mean": rng.normal(size=given).tolist(), "variance": rng.uniform(0.1, 3, given).tolist()}
    return settings, shape


@pytest.mark.peers
def test_three_hundred_random_settings_agree_with_keras():
    theirs = keras_layers()
    for seed in range(300):
        settings, shape = drawn(seed)
        ours, layer = Normalization(**settings), theirs.Normalization(**settings)
        rng = np.random.default_rng(seed)
        if "mean" not in settings:
            x = data(9, *shape, seed=seed)
            ours.adapt(x)
            layer.adapt(x.astype(np.float32))
            for mine, other in zip((ours.adapt_mean, ours.adapt_variance), layer.weights[:2], strict=True):
                np.testing.assert_allclose(mine, other.numpy(), rtol=1e-5, atol=1e-5)
        assert_same_as_keras(ours, layer, shape, rng)


def test_the_random_settings_are_of_every_kind():
    cases = [drawn(seed)[0] for seed in range(300)]
    assert {type(case["axis"]) for case in cases} == {int, list, type(None)}
    assert {np.ndim(case.get("mean", np.zeros((9, 9, 9, 9)))) for case in cases} == {0, 1, 2, 3, 4}


# ---- adapt


def test_adapted_features_have_mean_0_and_variance_1():
    layer = Normalization()
    layer.adapt(data(50, 4, 3))
    y = built(layer, (4, 3)).forward(data(50, 4, 3))
    assert np.allclose(y.mean(axis=(0, 1)), 0, atol=1e-14)
    assert np.allclose(y.var(axis=(0, 1)), 1, rtol=1e-12)
    back = Normalization(invert=True)
    back.adapt(data(50, 4, 3))
    assert np.allclose(built(back, (4, 3)).forward(y), data(50, 4, 3), rtol=1e-12)


def test_batches_have_the_moments_of_all_their_rows():
    whole, parts = Normalization(), Normalization()
    x = data(30, 3) + 1e6
    whole.adapt(x)
    for given in ([x[:7], x[7:8], x[8:8], x[8:]], [(x[:9], None), (x[9:], None)], (part for part in (x[:20], x[20:]))):
        parts.adapt(given)
        assert np.allclose(parts.adapt_mean, whole.adapt_mean, rtol=1e-14)
        assert np.allclose(parts.adapt_variance, whole.adapt_variance, rtol=1e-8)  # 1e6 leaves ten digits
        assert parts.count == whole.count == 30


@pytest.mark.parametrize("given", [[1, 2, 3, 4, 5], np.arange(1, 6), np.arange(1, 6, dtype=np.uint8)])
def test_numbers_of_one_feature_are_adapted_to_without_an_axis(given):
    layer = Normalization(axis=None)
    layer.adapt(given)  # the example of Keras's page
    assert np.allclose(built(layer, (1,)).forward(np.array([[1.0], [2], [3]])).T, [[-1.4142135, -0.70710677, 0]])


def test_adapting_works_before_and_after_building_and_again():
    layer, x = built(Normalization(), (3,)), data(20, 3)
    assert np.array_equal(layer.forward(x), x)  # mean 0, variance 1
    for seed in (0, 1):
        layer.adapt(data(20, 3, seed=seed))
        assert np.allclose(layer.adapt_mean, data(20, 3, seed=seed).mean(axis=0))


def test_a_constant_feature_is_divided_by_a_small_number():
    layer = Normalization()
    layer.adapt(np.full((5, 1), 7.0))
    assert np.array_equal(built(layer, (1,)).forward(np.array([[7.0], [8.0]])), [[0], [1 / 1e-7]])


@pytest.mark.parametrize(
    ("axis", "given", "error", "message"),
    [
        (-1, np.ones(4), ShapeError, r"axis=-1 needs rows of features.* write axis=None, or data\[:, None\]"),
        (2, np.ones((4, 3)), ShapeError, r"Normalization: axis=2 does not fit rows of shape \(3,\)"),
        (-1, [["a"]], DataError, "adapt: data must be an array of numbers with rows, got <U1"),
        (-1, 3.0, DataError, r"adapt: data must be an array of numbers with rows, got float64 of shape \(\)"),
        (-1, [[1.0, np.nan]], DataError, "adapt: the data hold numbers that are not finite"),
        (-1, [], DataError, "adapt: got no rows"),
        (-1, iter([]), DataError, "adapt: got no rows"),
        (
            -1,
            [np.ones((2, 3)), np.ones((2, 4))],
            ShapeError,
            r"adapt: batches have features of shape \(3,\) and \(4,\)",
        ),
    ],
)
def test_data_that_cannot_be_adapted_to(axis, given, error, message):
    with pytest.raises(error, match=message):
        Normalization(axis).adapt(given)


def test_features_that_differ_from_those_of_adapt():
    layer = Normalization()
    layer.adapt(data(5, 3))
    with pytest.raises(ShapeError, match=r"adapt received features of shape \(3,\), but those of rows of shape \(4,\)"):
        built(layer, (4,))
    with pytest.raises(ShapeError, match=r"adapt: the layer has features of shape \(2,\), the data have \(3,\)"):
        built(Normalization(), (2,)).adapt(data(5, 3))
    with pytest.raises(SettingError, match="adapt computes mean and variance, but the layer was given both"):
        Normalization(mean=1.0, variance=1.0).adapt(data(5, 3))


# ---- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": 1.0}, "mean and variance must be given together, in one shape; got mean=1.0 and variance=None"),
        ({"mean": [1, 2], "variance": [1]}, "mean and variance must be given together, in one shape"),
        ({"mean": 0, "variance": -1}, "variance must be at least 0, got -1.0"),
        ({"mean": "a", "variance": 1}, "mean must be a number, or an array of numbers, got 'a'"),
        ({"mean": [[1], [1, 2]], "variance": 1}, "mean must be a number, or an array of numbers"),
        ({"axis": 0}, "axis must be an axis of x after the batch"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(SettingError, match=f"Normalization: {message}"):
        Normalization(**settings)


def test_given_moments_fit_the_features():
    with pytest.raises(ShapeError, match=r"Normalization: mean has shape \(3,\), which does not fit \(4,\)"):
        built(Normalization(mean=[1, 2, 3], variance=[1, 1, 1]), (4,))
    assert Normalization(mean=np.ones(2), variance=np.ones(2)).mean == (1.0, 1.0)
    assert Normalization([], mean=1, variance=2).axis is None


# ---- in a model


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_moments_are_not_trained_and_come_back_from_files(tmp_path, ending):
    layer, x = Normalization(), data(40, 3)
    layer.adapt(x)
    model = Sequential([layer, Dense(1)], seed=0)
    model.fit(x, x[:, 0], epochs=2)
    assert np.array_equal(layer.adapt_mean, x.mean(axis=0))
    assert list(model.params) == ["dense/kernel", "dense/bias"]
    model.save(tmp_path / f"m{ending}")
    back = load_model(tmp_path / f"m{ending}")
    assert np.array_equal(back.predict(x), model.predict(x))
    assert back.layers[0].count == 40


@pytest.mark.parametrize("ending", ["weights.h5", "safetensors"])
def test_moments_come_back_from_files_of_weights(tmp_path, ending):
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    first, second = (Sequential([Normalization(), Dense(1)], seed=seed) for seed in (0, 1))
    first.layers[0].adapt(data(9, 3))
    for model in (first, second):
        model.build((3,))
    first.save_weights(tmp_path / f"m.{ending}")
    second.load_weights(tmp_path / f"m.{ending}")
    assert np.array_equal(second.predict(data(5, 3)), first.predict(data(5, 3)))


def test_both_keep_float32():
    layers = [Normalization(mean=[1, 2, 3], variance=[1, 2, 3]), Rescaling([1, 2, 3], offset=1), Rescaling(0.5)]
    layers.append(Normalization())
    layers[-1].adapt(data(9, 3))
    for layer in layers:
        x = np.ones((2, 3), np.float32)
        assert built(layer, (3,), "float32").forward(x).dtype == layer.backward(x).dtype == np.float32


# ---- Rescaling


@pytest.mark.peers
def test_rescaling_agrees_with_keras():
    theirs = keras_layers()
    for settings in ({"scale": 1 / 255}, {"scale": -2.0, "offset": 1}, {"scale": [1.0, 2.0], "offset": [0.5, -1.0]}):
        for shape in ((2,), (3, 2), (4, 3, 2)):
            rng = np.random.default_rng(0)
            assert_same_as_keras(Rescaling(**settings), theirs.Rescaling(**settings), shape, rng)


def test_a_scale_of_other_channels_is_refused():
    with pytest.raises(ShapeError, match=r"Rescaling: scale has shape \(2,\), which does not fit \(4, 3\)"):
        built(Rescaling([1.0, 2.0]), (4, 3))
    with pytest.raises(ShapeError, match=r"Rescaling: offset has shape \(1, 4, 3\), which does not fit \(4, 3\)"):
        built(Rescaling(1, offset=np.ones((1, 4, 3))), (4, 3))
    with pytest.raises(SettingError, match="Rescaling: scale must be a number, or an array of numbers, got None"):
        Rescaling(None)
