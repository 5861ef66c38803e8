"""Images in files: the same arrays as Keras 3.15 reads, writes and resizes."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from minidl import keras
from minidl.errors import DataError, SettingError, ShapeError
from tests.keras.peer import assert_same, both

utils = keras.utils
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.peers
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
@pytest.mark.parametrize("keep", [False, True])
def test_an_image_is_loaded_as_on_keras(path, color_mode, interpolation, keep):
    def program(keras, weights):
        loaded = keras.utils.load_img(path, color_mode, (16, 12), interpolation, keep)
        return keras.utils.img_to_array(loaded).tolist()

    assert_same(*both(program))


@pytest.mark.peers
def test_arrays_become_images_and_files_as_on_keras(tmp_path):
    arrays = [
        PIXELS,
        RNG.normal(size=(5, 4, 1)),
        RNG.random((5, 4, 4)),
        np.zeros((2, 2, 3)),
        300 * RNG.random((5, 4, 1)),
    ]

    def program(keras, weights):
        found = []
        for number, array in enumerate(arrays):
            for scale in (True, False):
                if array.min() >= 0:
                    found.append(np.asarray(keras.utils.array_to_img(array, scale=scale)).tolist())
                keras.utils.save_img(tmp_path / f"{number}.png", array, scale=True)
                found.append(np.asarray(Image.open(tmp_path / f"{number}.png")).tolist())
        first = keras.utils.img_to_array(Image.fromarray(PIXELS), data_format="channels_first", dtype="float64")
        back = keras.utils.array_to_img(first, data_format="channels_first", scale=False)
        return found, first.tolist(), str(first.dtype), np.asarray(back).tolist()

    assert_same(*both(program), tolerance=1e-7)


def test_forms_of_files(path, tmp_path):
    assert np.array_equal(utils.img_to_array(utils.load_img(str(path))), PIXELS)
    assert np.array_equal(utils.img_to_array(utils.load_img(io.BytesIO(path.read_bytes()))), PIXELS)
    with pytest.warns(UserWarning, match="JPEG has no transparency"):
        utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    held = io.BytesIO()
    utils.save_img(held, PIXELS, file_format="png", scale=False)
    assert np.array_equal(utils.img_to_array(utils.load_img(held)), PIXELS)


def test_images_that_cannot_be_used_are_refused(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    for make, error, message in (
        (lambda: utils.load_img(tmp_path / "a.png"), DataError, r"load_img: .*a.png cannot be read as an image"),
        (lambda: utils.load_img(tmp_path / "b.png"), FileNotFoundError, "b.png"),
        (lambda: utils.array_to_img(np.zeros((2, 2))), ShapeError, r"x has shape \(2, 2\), wanted \(height, width, ch"),
        (lambda: utils.array_to_img(np.zeros((2, 2, 2))), ShapeError, "x has 2 channels, wanted 1, 3 or 4"),
        (lambda: utils.img_to_array(np.zeros(2)), ShapeError, "wanted 2 or 3 axes"),
        (lambda: utils.img_to_array(PIXELS, "first"), SettingError, "data_format must be one of channels_last"),
    ):
        with pytest.raises(error, match=message):
            make()


# ---- folders


@pytest.fixture
def directory(tmp_path):
    for number in range(20):
        folder = tmp_path / ("cat" if number % 2 else "dog")
        folder.mkdir(exist_ok=True)
        Image.fromarray(PIXELS[number : number + 8, :10]).save(folder / f"{number:02}.png")
    return tmp_path


def dataset(directory, **settings):
    return utils.image_dataset_from_directory(directory, image_size=(8, 10), verbose=False, **settings)


def test_batches_have_keras_s_types_and_shapes(directory):
    data = dataset(directory, batch_size=6, shuffle=False)
    assert (data.class_names, len(data)) == (["cat", "dog"], 4)
    batches = list(data)
    assert [x.shape for x, _ in batches] == [(6, 8, 10, 3)] * 3 + [(2, 8, 10, 3)]
    assert (batches[0][0].dtype, batches[0][1].dtype) == (np.float32, np.int32)
    assert np.array_equal(batches[0][0][0], PIXELS[1:9, :10])
    assert data.file_paths[0] == str(directory / "cat" / "01.png")
    (x, y), *_ = dataset(directory, label_mode="binary")
    assert (y.shape, y.dtype) == ((20, 1), np.float32)
    x, y = next(iter(dataset(directory, batch_size=None, label_mode="categorical", color_mode="grayscale")))
    assert (x.shape, y.shape) == ((8, 10, 1), (2,))
    assert next(iter(dataset(directory, labels=None))).shape == (20, 8, 10, 3)
    assert dataset(directory, labels=None).class_names is None


def test_a_dataset_is_shuffled_anew_in_each_run(directory):
    data = dataset(directory, batch_size=20, seed=1)
    first, second = (next(iter(data))[0] for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first.sum(axis=(1, 2, 3))), np.sort(second.sum(axis=(1, 2, 3))))
    assert np.array_equal(next(iter(dataset(directory, batch_size=20, seed=1)))[0], first)
    assert len(list(dataset(directory, batch_size=6).take(2))) == len(dataset(directory, batch_size=6).take(2)) == 2


@pytest.mark.peers
def test_the_files_of_a_subset_are_those_of_keras(directory):
    dataset_utils = pytest.importorskip("keras.src.utils.dataset_utils")

    paths, labels, _ = dataset_utils.index_directory(str(directory), "inferred", (".png",), seed=7, verbose=False)
    for subset in ("training", "validation"):
        part, _ = dataset_utils.get_training_or_validation_split(paths, labels, 0.3, subset)
        ours = dataset(directory, seed=7, validation_split=0.3, subset=subset).file_paths
        assert ours == [os.path.normpath(path) for path in part]


def test_a_model_trains_on_a_dataset(directory, capsys):
    options = {"image_size": (8, 10), "batch_size": 4, "validation_split": 0.2, "seed": 0}
    train, held_out = utils.image_dataset_from_directory(directory, subset="both", **options)
    assert capsys.readouterr().out == "Using 16 files for training.\nUsing 4 files for validation.\n"
    layers = [keras.Input((8, 10, 3)), keras.layers.Rescaling(1 / 255), keras.layers.RandomFlip("horizontal")]
    model = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=held_out, epochs=2, verbose=0).history
    assert sorted(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert model.predict(held_out, verbose=0).shape == (4, 2)
    assert len(model.evaluate(held_out, verbose=0)) == 2
    utils.image_dataset_from_directory(directory)
    assert capsys.readouterr().out == "Found 20 files belonging to 2 classes.\n"


def test_functions_change_the_batches_of_a_dataset(directory):
    data = dataset(directory, batch_size=6, shuffle=False)
    flip = keras.layers.RandomFlip("horizontal")
    moved = data.map(lambda x, y: (x / 255, 1 - y)).map(lambda x, y: (flip(x), y), num_parallel_calls=8).prefetch(1)
    assert (len(moved), moved.class_names) == (4, ["cat", "dog"])
    for (x, y), (given, labels) in zip(moved, data, strict=True):
        assert np.array_equal(y, 1 - labels)
        for image, before in zip(np.asarray(x), given / np.float32(255), strict=True):
            assert np.array_equal(image, before) or np.array_equal(image, before[:, ::-1])
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(moved, moved, strict=True))
    (images,) = dataset(directory, labels=None).map(lambda x: x[:, :2]).take(1)
    assert images.shape == (20, 2, 10, 3)
    weighted = data.map(lambda x, y: (x[:, :, :2], y, np.full(len(y), 2.0)))
    model = keras.Sequential([keras.Input((8, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    once = model.evaluate(data.map(lambda x, y: (x[:, :, :2], y)), verbose=0)
    assert model.evaluate(weighted, verbose=0) == pytest.approx(2 * once, rel=1e-5)
    assert len(model.fit(moved.map(lambda x, y: (x[:, :, :2], y)), epochs=2, verbose=0).history["loss"]) == 2


def test_arguments_that_cannot_be_used_are_refused(directory):
    for settings, message in (
        ({"format": "torch"}, "format must be one of tf, grain, got 'torch'"),
        ({"data_format": "channels_first"}, "minidl has only data_format='channels_last'"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"interpolation": "area"}, "interpolation must be one of bilinear, nearest, bicubic, got 'area'"),
        ({"validation_split": 0.2}, "validation_split is given alone"),
    ):
        with pytest.raises(SettingError, match=message):
            dataset(directory, **settings)
