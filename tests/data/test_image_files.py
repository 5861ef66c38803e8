"""Image files as arrays: Keras's numbers after resizing, and formats that photographs come in."""

import sys

import numpy as np
import pytest
from PIL import Image

from minidl import DataError, SettingError
from minidl.data import ImageReader

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
GREYS = RNG.integers(0, 256, (6, 5), dtype=np.uint8)


def saved(path, pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def read(path, size=(6, 5), color_mode="rgb", **settings):
    return ImageReader(size, color_mode, **settings).read(path)


def test_an_image_of_the_wanted_size_is_read_as_it_is(tmp_path):
    path = saved(tmp_path / "a.png", PIXELS)
    found = read(path, (37, 53))
    assert found.dtype == np.uint8
    assert np.array_equal(found, PIXELS)
    assert ImageReader((37, 53)).shape == (37, 53, 3)
    assert ImageReader(8, "grayscale").shape == (8, 8, 1)


@pytest.mark.peers
@pytest.mark.parametrize("size", [(16, 16), (64, 80), (20, 60), (1, 1), (37, 20)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("aspect", [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}], ids=repr)
def test_resized_images_are_those_of_keras(tmp_path, size, interpolation, aspect):
    keras = pytest.importorskip("keras")

    tensor = keras.ops.convert_to_tensor(PIXELS.astype(np.float32))
    expected = keras.ops.image.resize(tensor, size, interpolation, **aspect).numpy()
    found = read(saved(tmp_path / "a.png", PIXELS), size, interpolation=interpolation, **aspect)
    assert np.abs(found - expected).max() <= 0.51  # Keras keeps fractions


def test_bicubic_enlarging_along_one_axis_is_that_of_pillow(tmp_path):
    path = saved(tmp_path / "a.png", PIXELS)
    expected = np.asarray(Image.fromarray(PIXELS).resize((53, 90), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(read(path, (90, 53), interpolation="bicubic") - expected).max() <= 1


# ---- formats


def test_colour_modes_are_converted(tmp_path):
    path = saved(tmp_path / "a.png", PIXELS)
    grey = np.asarray(Image.fromarray(PIXELS).convert("L"))
    assert np.array_equal(read(path, (37, 53), "grayscale")[..., 0], grey)
    assert np.array_equal(read(path, (37, 53), "rgba"), np.dstack([PIXELS, np.full((37, 53), 255, np.uint8)]))
    path = saved(tmp_path / "grey.png", GREYS)
    assert np.array_equal(read(path), np.dstack([GREYS] * 3))


def test_greys_of_16_bits_become_8_bits(tmp_path):
    path = saved(tmp_path / "deep.png", GREYS.astype(np.uint16) * 257)
    assert np.array_equal(read(path, color_mode="grayscale")[..., 0], GREYS)
    assert np.array_equal(read(path), np.dstack([GREYS] * 3))


@pytest.mark.parametrize("transparency", [None, b"\x00\x80\xff"])
def test_palettes_are_looked_up(tmp_path, transparency):
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png", **({} if transparency is None else {"transparency": transparency}))
    colours = [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert read(tmp_path / "a.png", (1, 3)).tolist() == colours
    alpha = read(tmp_path / "a.png", (1, 3), "rgba")[0, :, 3].tolist()
    assert alpha == ([255, 255, 255] if transparency is None else [0, 128, 255])


def test_transparency_is_dropped_from_rgb(tmp_path):
    rgba = np.dstack([PIXELS, RNG.integers(0, 256, (37, 53), dtype=np.uint8)])
    assert np.array_equal(read(saved(tmp_path / "a.png", rgba), (37, 53)), PIXELS)


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_photographs_in_other_colours_are_read(tmp_path, mode):
    flat = np.full((16, 16, 3), 90, np.uint8)
    found = read(saved(tmp_path / "a.jpg", flat, mode), (16, 16))
    assert np.abs(found.astype(int) - 90).max() <= 3  # JPEG loses a little


def test_bits_become_black_and_white(tmp_path):
    bits = Image.new("1", (2, 1))
    bits.putdata([0, 1])
    bits.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png", (1, 2), "grayscale")[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", PIXELS, exif=exif)
    # the standard: where the rows and columns of the file are in the image
    upright = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.swapaxes(0, 1),
        6: PIXELS.swapaxes(0, 1)[:, ::-1],
        7: PIXELS.swapaxes(0, 1)[::-1, ::-1],
        8: PIXELS.swapaxes(0, 1)[::-1],
    }[orientation]
    assert np.array_equal(read(path, upright.shape[:2]), upright)


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(read(tmp_path / "a.gif", (4, 4)), np.full((4, 4, 3), [255, 0, 0]))


def test_the_contents_decide_on_the_format(tmp_path):
    path = saved(tmp_path / "a.jpg", PIXELS, format="PNG")
    assert np.array_equal(read(path, (37, 53)), PIXELS)


# ---- errors


def damaged(path, kind):
    if kind == "missing":
        return path
    saved(path, PIXELS)
    content = path.read_bytes()
    contents = {"text": b"no image", "empty": b"", "truncated": content[: len(content) // 2], "header": content[:20]}
    path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "header", "missing"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp"])
def test_damaged_files_are_named(tmp_path, kind, suffix):
    path = damaged(tmp_path / f"a.{suffix}", kind)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(f"image_folder: {path} cannot be read as an image (")
    assert str(caught.value).endswith("; delete it, or call image_folder with skip_broken=True")


def test_images_that_fill_the_memory_are_refused(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", PIXELS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"a.png cannot be read as an image \(.*decompression bomb"):
        read(path)


def test_settings_that_cannot_be_used_are_refused():
    for make, message in (
        (lambda: ImageReader((3, 4, 5)), r"image_size must be \(height, width\), got \(3, 4, 5\)"),
        (lambda: ImageReader(0), "image_size must be an integer of at least 1, got 0"),
        (lambda: ImageReader(color_mode="bgr"), "color_mode must be one of grayscale, rgb, rgba, got 'bgr'"),
        (lambda: ImageReader(interpolation="area"), "interpolation must be one of bilinear, nearest, bicubic"),
        (lambda: ImageReader(crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "exclude each other"),
    ):
        with pytest.raises(SettingError, match=message):
            make()


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", PIXELS)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match=r"with Pillow \(.*\); install it with pip install 'minidl\[ima"):
        read(path)
