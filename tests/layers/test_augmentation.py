"""Augmentation: Keras 3's numbers for the same transformations, drawn for each row, in training alone."""

from dataclasses import fields

import numpy as np
import pytest

from minidl import NotBuiltError, Sequential, SettingError, ShapeError
from minidl.diagnostics._evidence import without_noise
from minidl.layers import (
    AUGMENTATIONS,
    Dense,
    Flatten,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from minidl.layers._augmentation import Contrast, Flips

IMAGES = np.random.default_rng(0).uniform(0, 255, (40, 6, 5, 3)).astype(np.float32)
LAYERS = [RandomFlip(), RandomTranslation(0.2, 0.3), RandomRotation(0.1), RandomZoom(0.3), RandomContrast(0.5)]


def seeded(layer, seed=0):
    layer = layer.clone()
    layer.rng = np.random.default_rng(seed)
    return layer


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_prediction_leaves_images_as_they_are(layer):
    assert seeded(layer).forward(IMAGES) is IMAGES
    assert layer.build((6, 5, 3)) == (6, 5, 3)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_each_row_is_changed_in_its_own_way(layer):
    same = np.repeat(IMAGES[:1], 40, axis=0)
    y = seeded(layer).forward(same, training=True)
    assert y.dtype == np.float32
    assert len({image.tobytes() for image in y}) == (2 if isinstance(layer, RandomFlip) else 40)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_numbers_drawn_do_not_depend_on_the_dtype(layer):
    single, double = (seeded(layer).forward(IMAGES.astype(kind), training=True) for kind in ("f4", "f8"))
    assert np.allclose(single, double, rtol=1e-5, atol=1e-3)
    imaginary = seeded(layer).forward(IMAGES.astype(complex), training=True)
    assert np.allclose(imaginary.real, double, rtol=1e-14)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_first_layer_of_a_model_computes_no_derivative(layer):
    layer = seeded(layer)
    layer.forward(IMAGES, training=True)
    assert layer.backward(IMAGES) is not None
    layer.mark_first()
    assert layer.backward(IMAGES) is None


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_model_with_the_layer_trains_and_predicts(layer):
    model = Sequential([layer.clone(), Flatten(), Dense(1)], seed=0)
    model.fit(IMAGES / 255, np.arange(40) / 40, epochs=2)
    plain = Sequential(model.layers[1:])
    assert np.array_equal(model.predict(IMAGES), plain.predict(IMAGES))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_diagnosis_switches_the_layer_off(layer):
    model = Sequential([layer.clone(), Flatten(), Dense(1)], seed=0)
    model.build((6, 5, 3))
    quiet = without_noise(model.objective).network.layers[0]
    assert quiet.forward(IMAGES, training=True) is IMAGES
    assert model.layers[0].active


def test_the_list_of_augmentations_has_all():
    assert {type(layer) for layer in LAYERS} == set(AUGMENTATIONS)


# ---- what is drawn


def test_half_of_the_images_are_flipped():
    same = np.repeat(IMAGES[:1], 4000, axis=0)
    for mode, axes in {"horizontal": 1, "vertical": 0, "horizontal_and_vertical": (0, 1)}.items():
        y = seeded(RandomFlip(mode)).forward(same, training=True)
        flipped = (y == np.flip(same[0], axes)).all(axis=(1, 2, 3))
        assert (flipped | (y == same).all(axis=(1, 2, 3))).all()
        assert abs(flipped.mean() - 0.5) < 5 * np.sqrt(0.25 / 4000)


def drawn(layer, images=5000):
    return seeded(layer).matrices(images, 11, 21)


def interval(values):
    return pytest.approx((values.min(), values.max()), abs=0.01)


def test_translations_are_fractions_of_height_and_width():
    matrices = drawn(RandomTranslation(0.1, (0.5, -0.2)))
    assert interval(matrices[:, 1, 2]) == (-1.1, 1.1)
    assert interval(matrices[:, 0, 2]) == (-0.5 * 21, 0.2 * 21)
    assert np.array_equal(matrices[:, :, :2], np.broadcast_to(np.eye(2), (5000, 2, 2)))


def test_angles_are_fractions_of_a_turn():
    cos, sin = drawn(RandomRotation((0.05, 0.2)))[:, 1, [1, 0]].T
    assert interval(np.arctan2(sin, cos) / (2 * np.pi)) == (0.05, 0.2)
    cos, sin = drawn(RandomRotation(-0.1))[:, 1, [1, 0]].T
    assert interval(np.arctan2(sin, cos) / (2 * np.pi)) == (-0.1, 0.1)


def test_zooms_keep_the_proportions_unless_the_width_has_its_own_factor():
    matrices = drawn(RandomZoom(0.3))
    assert interval(matrices[:, 1, 1]) == (0.7, 1.3)
    assert np.array_equal(matrices[:, 1, 1], matrices[:, 0, 0])
    matrices = drawn(RandomZoom((-0.3, -0.1), 0.5))
    assert interval(matrices[:, 1, 1]) == (0.7, 0.9)
    assert interval(matrices[:, 0, 0]) == (0.5, 1.5)


def test_contrast_is_drawn_around_1():
    for factor, low, high in ((0.2, 0.8, 1.2), ((0.1, 0.5), 0.9, 1.5), ((0.5, 0.1), 0.9, 1.5)):
        assert (low, high) == interval(seeded(RandomContrast(factor)).draw(5000, 2, 2).factors)


# ---- Keras


def chosen(layer, images, rng):
    """Return (a transformation in Keras's form, ours) with the same numbers, drawn at random."""
    m, height, width, _ = images.shape
    lower, upper = -0.4, 0.4
    a, b = rng.uniform(lower, upper, (2, m)).astype(np.float32)
    if isinstance(layer, RandomFlip):
        flips = a < 0
        axes = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}[layer.mode]
        return {"flips": flips.reshape(-1, 1, 1, 1)}, Flips(flips, axes)
    if isinstance(layer, RandomContrast):
        factors = (1 + a).reshape(-1, 1, 1, 1)
        return {"contrast_factor": factors}, Contrast(factors, *layer.value_range)
    draws = iter([a, b])
    layer = layer.clone()
    layer.uniform = lambda low, high, images: next(draws).astype(float)
    ours = layer.draw(m, height, width)
    if isinstance(layer, RandomTranslation):
        return {"translations": np.stack([width * b, height * a], axis=1)}, ours
    if isinstance(layer, RandomZoom):
        b = a if layer.width_factor is None else b
        return {"height_zoom": 1 + a[:, None], "width_zoom": 1 + b[:, None]}, ours
    return {"rotation_matrix": np.concatenate([ours.matrices.reshape(m, 6), np.zeros((m, 2))], 1).astype("f4")}, ours


def affine(kind, **settings):
    factors = (0.4,) if kind is RandomRotation else (0.4, 0.4)
    return kind(*factors, **settings)


SAME = [
    *(RandomFlip(mode) for mode in ("horizontal", "vertical", "horizontal_and_vertical")),
    RandomContrast(0.4),
    RandomContrast(0.4, value_range=(100, 130)),
    RandomZoom(0.4),
    *(
        affine(kind, fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value)
        for kind in (RandomTranslation, RandomRotation, RandomZoom)
        for fill_mode, fill_value in (("reflect", 0), ("wrap", 0), ("nearest", 0), ("constant", 0), ("constant", 7.5))
        for interpolation in ("bilinear", "nearest")
    ),
]


@pytest.mark.peers
@pytest.mark.parametrize("layer", SAME, ids=repr)
@pytest.mark.parametrize("shape", [(7, 6, 5, 3), (2, 1, 4, 1), (3, 8, 8, 2)])
def test_the_same_transformation_gives_keras_s_numbers(layer, shape):
    keras = pytest.importorskip("keras")

    rng = np.random.default_rng(1)
    images = rng.uniform(0, 255, shape).astype(np.float32)
    theirs, ours = chosen(layer, images, rng)
    settings = {field.name: getattr(layer, field.name) for field in fields(layer) if field.name != "name"}
    twin = getattr(keras.layers, type(layer).__name__)(**settings)
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in theirs.items()}
    expected = twin.transform_images(keras.ops.convert_to_tensor(images), tensors).numpy()
    assert np.allclose(ours.forward(images), expected, rtol=0, atol=1e-4 * 255)


@pytest.mark.peers
def test_an_angle_turns_the_way_that_keras_turns():
    keras = pytest.importorskip("keras")

    twin, layer = keras.layers.RandomRotation((0.1, 0.1)), seeded(RandomRotation((0.1, 0.1)))
    expected = twin(IMAGES, training=True).numpy()
    assert np.allclose(layer.forward(IMAGES, training=True), expected, rtol=0, atol=1e-4 * 255)


# ---- PyTorch


@pytest.mark.peers
@pytest.mark.parametrize(("fill_mode", "padding"), [("constant", "zeros"), ("nearest", "border")])
@pytest.mark.parametrize("kind", [RandomTranslation, RandomRotation, RandomZoom])
def test_values_and_derivatives_are_those_of_grid_sample(kind, fill_mode, padding):
    torch = pytest.importorskip("torch")

    layer = seeded(affine(kind, fill_mode=fill_mode))
    x = IMAGES.astype(float)
    height, width = x.shape[1:3]
    y, dy = layer.forward(x, training=True), np.random.default_rng(2).normal(size=x.shape)
    # grid_sample counts places from -1 at the first pixel to 1 at the last
    h, w = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = np.einsum("mij,hwj->mhwi", layer.drawn.matrices, np.stack([w, h, np.ones_like(h)], axis=-1))
    grid = torch.tensor(2 * places / [width - 1, height - 1] - 1)
    inputs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    outputs = torch.nn.functional.grid_sample(inputs, grid, padding_mode=padding, align_corners=True)
    outputs.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    assert np.allclose(y, outputs.detach().numpy().transpose(0, 2, 3, 1), rtol=0, atol=1e-10)
    assert np.allclose(layer.backward(dy), inputs.grad.numpy().transpose(0, 2, 3, 1), rtol=0, atol=1e-12)


@pytest.mark.peers
def test_the_derivative_of_contrast_is_that_of_pytorch():
    torch = pytest.importorskip("torch")

    layer = seeded(RandomContrast(0.9, value_range=(50, 200)))
    x, dy = IMAGES.astype(float), np.random.default_rng(2).normal(size=IMAGES.shape)
    layer.forward(x, training=True)
    t = torch.tensor(x, requires_grad=True)
    mean = t.mean((1, 2), keepdim=True)
    ((t - mean) * torch.tensor(layer.drawn.factors) + mean).clip(50, 200).backward(torch.tensor(dy))
    assert np.allclose(layer.backward(dy), t.grad.numpy(), rtol=0, atol=1e-12)


# ---- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomFlip("both"), "RandomFlip: mode must be one of horizontal, vertical, horizontal_and_vertical"),
        (lambda: RandomTranslation(1.5, 0), r"RandomTranslation: height_factor must be in \[-1, 1\], got 1.5"),
        (lambda: RandomTranslation(0, (0, 1, 2)), r"width_factor must be \(lower, upper\), each in \[-1, 1\], got"),
        (lambda: RandomRotation("0.1"), "RandomRotation: factor must be in"),
        (
            lambda: RandomRotation(0.1, "mirror"),
            "fill_mode must be one of reflect, wrap, constant, nearest, got",
        ),
        (lambda: RandomRotation(0.1, interpolation="cubic"), "interpolation must be one of nearest, bilinear"),
        (lambda: RandomZoom(-1), r"RandomZoom: height_factor must be in \(-1, 1\], got -1"),
        (lambda: RandomZoom(0.1, (-1, 0)), r"RandomZoom: width_factor must be in \(-1, 1\], got -1"),
        (lambda: RandomContrast(-0.1), r"RandomContrast: factor must be in \[0, 1\], got -0.1"),
        (lambda: RandomContrast(0.1, value_range=255), r"value_range must be \(lower, upper\)"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_rows_that_are_no_images_are_refused():
    with pytest.raises(ShapeError, match=r"RandomFlip: rows have shape \(4, 4\), wanted images \(height, width, chan"):
        Sequential([RandomFlip()]).build((4, 4))


def test_a_layer_outside_a_model_needs_a_generator():
    with pytest.raises(NotBuiltError, match="RandomFlip draws random numbers: put it into a model, or set its rng"):
        RandomFlip().forward(IMAGES, training=True)
