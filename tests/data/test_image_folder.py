"""Folders of images: Keras's files, labels and splits, read batch by batch as arrays train."""

import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from minidl import DataError, Sequential, SettingError, ShapeError, image_folder, set_random_seed
from minidl.layers import Dense, Flatten, RandomFlip, Sigmoid, Softmax

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 5, 4, 3), dtype=np.uint8)
NAMES = ["ant", "bee", "cat"]


@pytest.fixture
def directory(tmp_path):
    """Eight photographs of each of three classes, some in folders further down, with suffixes in both cases."""
    for number, pixels in enumerate(PIXELS):
        folder = tmp_path / NAMES[number // 8] / ("" if number % 3 else "deep")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:02}.{'PNG' if number % 2 else 'bmp'}")
    return tmp_path


def network(layers=(), outputs=3):
    end = Softmax() if outputs > 1 else Sigmoid()
    return Sequential([*layers, Flatten(), Dense(outputs), end], seed=0)


def folder_of(directory, **settings):
    return image_folder(directory, (5, 4), **settings)


def numbers_of(folder):
    """The numbers in the names of the files, which say which pixels they have."""
    return [int(path.stem) for path in folder.file_paths]


def test_files_are_found_with_their_labels(directory):
    folder = folder_of(directory, shuffle=False)
    assert folder.class_names == NAMES
    assert len(folder) == 24
    assert folder.row_shape == (5, 4, 3)
    assert [number // 8 for number in numbers_of(folder)] == folder.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    x, y = folder.load()
    assert x.dtype == np.uint8
    assert np.array_equal(x, PIXELS[numbers_of(folder)])
    assert np.array_equal(y, folder.labels)


def test_labels_have_the_wanted_form(directory):
    assert np.array_equal(folder_of(directory, shuffle=False, label_mode="categorical").labels, np.eye(3).repeat(8, 0))
    two = folder_of(directory, shuffle=False, label_mode="binary", class_names=["cat", "ant"])
    assert two.class_names == ["cat", "ant"]
    assert np.array_equal(two.labels, np.repeat([[0.0], [1.0]], 8, axis=0))
    assert [number // 8 for number in numbers_of(two)] == [2] * 8 + [0] * 8
    given = folder_of(directory, shuffle=False, labels=list(range(24)))
    assert given.labels.tolist() == list(range(24))
    assert given.class_names[:3] == ["0", "1", "2"]
    for plain in (folder_of(directory, labels=None), folder_of(directory, label_mode=None)):
        assert plain.labels is None
        assert plain.load().shape == (24, 5, 4, 3)


@pytest.mark.peers
@pytest.mark.parametrize("settings", [{}, {"labels": None}, {"class_names": ["bee", "ant"]}], ids=repr)
def test_order_and_split_are_those_of_keras(directory, settings):
    dataset_utils = pytest.importorskip("keras.src.utils.dataset_utils")

    formats = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
    options = {"labels": "inferred"} | settings
    for shuffle, seed in ((False, None), (True, 3)):
        paths, labels, names = dataset_utils.index_directory(
            str(directory), formats=formats, shuffle=shuffle, seed=seed, verbose=False, **options
        )
        ours = folder_of(directory, shuffle=shuffle, seed=seed, **settings)
        assert [str(path) for path in ours.file_paths] == [os.path.normpath(path) for path in paths]
        assert (ours.labels is None) if labels is None else np.array_equal(ours.labels, labels)
        assert ours.class_names == (names or [])
        for subset in ("training", "validation"):
            part, _ = dataset_utils.get_training_or_validation_split(paths, labels, 0.3, subset)
            split = folder_of(directory, shuffle=shuffle, seed=seed, validation_split=0.3, subset=subset, **settings)
            assert [str(path) for path in split.file_paths] == [os.path.normpath(path) for path in part]


def test_both_parts_come_at_once(directory):
    train, held_out = folder_of(directory, validation_split=0.25, subset="both")
    assert (len(train), len(held_out)) == (18, 6)
    assert sorted(numbers_of(train) + numbers_of(held_out)) == list(range(24))


def test_the_seed_decides_on_the_order(directory):
    assert numbers_of(folder_of(directory, seed=1)) == numbers_of(folder_of(directory, seed=1))
    assert numbers_of(folder_of(directory, seed=1)) != numbers_of(folder_of(directory, seed=2))
    set_random_seed(5)
    first = numbers_of(folder_of(directory)), numbers_of(folder_of(directory))
    set_random_seed(5)
    assert first == (numbers_of(folder_of(directory)), numbers_of(folder_of(directory)))
    assert first[0] != first[1]


def test_a_slice_has_some_of_the_images(directory):
    folder = folder_of(directory, seed=1)
    part = folder[4:9]
    assert numbers_of(part) == numbers_of(folder)[4:9]
    assert np.array_equal(part.labels, folder.labels[4:9])


# ---- training


@pytest.mark.parametrize("label_mode", ["int", "categorical"])
@pytest.mark.parametrize("options", [{"batch_size": 7}, {"batch_size": 100}, {"batch_size": 1}, {"shuffle": False}])
def test_files_train_to_the_same_bits_as_arrays(directory, label_mode, options):
    folder = folder_of(directory, label_mode=label_mode)
    x, y = folder.load()
    from_files, from_arrays = network([RandomFlip()]), network([RandomFlip()])
    options = options | {"epochs": 2, "class_weight": {1: 2.0}}
    one = from_files.fit(folder, validation_data=folder, **options).history
    two = from_arrays.fit(x, y, validation_data=(x, y), **options).history
    assert one == two
    assert np.array_equal(from_files.params.theta, from_arrays.params.theta)
    assert from_files.evaluate(folder) == from_arrays.evaluate(x, y)
    assert np.array_equal(from_files.predict(folder, batch_size=5), from_arrays.predict(x, batch_size=5))


def test_two_classes_train_one_output(directory):
    folder = folder_of(directory, label_mode="binary", class_names=["ant", "bee"])
    model = network(outputs=1)
    model.fit(folder)
    assert model.predict(folder).shape == (16, 1)


def test_a_model_of_flat_rows_gets_flat_rows(directory):
    folder = folder_of(directory)
    model = Sequential([Dense(3), Softmax()], seed=0)
    model.fit(folder)
    assert model.input_shape == (60,)
    assert np.array_equal(model.predict(folder), model.predict(folder.load()[0].reshape(24, 60)))
    assert network().predict(folder_of(directory, labels=None)).shape == (24, 3)


def test_values_are_not_scaled(directory):
    folder = folder_of(directory)
    model = Sequential([Flatten(), Dense(1, kernel_initializer="ones")], seed=0)
    model.build((5, 4, 3))
    assert np.allclose(model.predict(folder)[:, 0], folder.load()[0].sum(axis=(1, 2, 3), dtype=float))


def test_memory_holds_few_images(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(200):
        Image.new("RGB", (8, 8)).save(tmp_path / "a" / f"{number}.png")
    folder = image_folder(tmp_path, (200, 200))  # 24 MB as uint8, 96 MB as float32
    model = Sequential([Flatten(), Dense(1)], seed=0)
    model.fit(folder[:8], batch_size=4)
    tracemalloc.start()
    try:
        model.fit(folder)
        model.predict(folder)
        model.evaluate(folder)
        # of 32 images, 15 MB as float32 twice, and 4 MB as uint8 four times
        assert tracemalloc.get_traced_memory()[1] < 55e6
    finally:
        tracemalloc.stop()


def test_a_training_that_stops_early_leaves_no_thread(directory):
    import threading

    batches = folder_of(directory).read(np.arange(24), 2)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


# ---- what is in a directory


def test_other_files_and_hidden_ones_are_left_out(directory):
    (directory / "ant" / "notes.txt").write_text("no image")
    (directory / "ant" / "._00.png").write_text("what macOS writes beside an image")
    (directory / ".hidden").mkdir()
    (directory / "bee" / ".thumbnails").mkdir()
    Image.new("RGB", (2, 2)).save(directory / "bee" / ".thumbnails" / "99.png")
    (directory / "alone.png").write_text("in no class")
    folder = folder_of(directory)
    assert sorted(numbers_of(folder)) == list(range(24))
    assert folder.class_names == NAMES
    plain = folder_of(directory, labels=None)
    assert "alone" in [path.stem for path in plain.file_paths]


def test_links_to_files_are_followed_and_links_to_folders_if_wanted(directory, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.new("RGB", (2, 2)).save(elsewhere / "98.png")
    (directory / "ant" / "97.png").symlink_to(elsewhere / "98.png")
    (directory / "ant" / "linked").symlink_to(elsewhere)
    (directory / "ant" / "round").symlink_to(directory / "ant")
    (directory / "dog").symlink_to(elsewhere)  # the folder of a class
    assert sorted(numbers_of(folder_of(directory)))[24:] == [97, 98]
    assert sorted(numbers_of(folder_of(directory, follow_links=True)))[24:] == [97, 98, 98]


def test_a_class_without_images_keeps_its_number(directory):
    (directory / "aardvark").mkdir()
    with pytest.warns(UserWarning, match="image_folder: no images in the folders of the classes aardvark"):
        folder = folder_of(directory, shuffle=False)
    assert folder.class_names == ["aardvark", *NAMES]
    assert folder.labels[0] == 1


def test_broken_files_are_named_or_left_out(directory):
    broken = directory / "bee" / "09.PNG" if (directory / "bee" / "09.PNG").exists() else directory / "bee/deep/09.PNG"
    broken.write_bytes(broken.read_bytes()[:60])
    (directory / "cat" / "text.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"image_folder: .*(09.PNG|text.jpg) cannot be read as an image"):
        network().fit(folder_of(directory))
    with pytest.raises(DataError, match="cannot be read as an image"):
        folder_of(directory).load()
    with pytest.warns(UserWarning) as warned:
        folder = folder_of(directory, skip_broken=True)
    assert str(warned[0].message).startswith("image_folder: 2 files are left out:\n  ")
    assert str(broken) in str(warned[0].message)
    assert warned[0].filename == __file__
    assert sorted(numbers_of(folder)) == [number for number in range(24) if number != 9]
    network().fit(folder)
    assert len(folder_of(directory, class_names=["ant"], skip_broken=True)) == 8  # all can be read: no warning


# ---- errors


def test_arguments_that_cannot_be_used_are_refused(directory, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    (directory / "broken").mkdir()
    (directory / "broken" / "a.png").write_text("no image")
    for make, error, message in (
        (lambda: folder_of(directory / "nowhere"), FileNotFoundError, "image_folder: there is no directory .*nowhere"),
        (lambda: folder_of(empty), DataError, "image_folder: there are no images in .*wanted a folder for each class"),
        (lambda: folder_of(directory, class_names=["dog"]), DataError, "no folder 'dog' for its class; there are: ant"),
        (lambda: folder_of(directory, label_mode="binary"), SettingError, "needs two classes, .* has 4: ant, bee"),
        (
            lambda: folder_of(directory, label_mode="one-hot"),
            SettingError,
            "label_mode must be one of int",
        ),
        (lambda: folder_of(directory, labels="given"), SettingError, "labels must be one of inferred, got 'given'"),
        (lambda: folder_of(directory, labels=[1, 2]), DataError, "labels must be 25 class numbers, one for each file"),
        (
            lambda: folder_of(directory, labels=None, class_names=["ant"]),
            SettingError,
            "class_names are names",
        ),
        (lambda: folder_of(directory, validation_split=0.2), SettingError, "validation_split is given alone"),
        (lambda: folder_of(directory, subset="both"), SettingError, "subset is given alone"),
        (lambda: folder_of(directory, validation_split=0.2, subset="training"), SettingError, "would overlap"),
        (lambda: folder_of(directory, validation_split=2, subset="both"), SettingError, r"must be in \(0, 1\), got 2"),
        (lambda: folder_of(directory, validation_split=0.01, subset="both"), SettingError, "leaves one side empty"),
        (lambda: folder_of(directory, validation_split=0.2, subset="test"), SettingError, "subset must be one of"),
        (lambda: folder_of(directory, seed=-1), SettingError, "seed must be an integer of at least 0, got -1"),
        (
            lambda: folder_of(directory, class_names=["broken"], skip_broken=True),
            DataError,
            "none of the 1 files",
        ),
    ):
        with pytest.raises(error, match=message):
            make()


def test_data_that_do_not_fit_a_model_are_refused(directory):
    with pytest.raises(DataError, match="fit: these images have no labels; call image_folder with labels"):
        network().fit(folder_of(directory, labels=None))
    model = network()
    model.build((8, 8, 3))
    with pytest.raises(ShapeError, match=r"image_folder has rows of shape \(5, 4, 3\), this model was built for"):
        model.fit(folder_of(directory))
    with pytest.raises(SettingError, match="batch_size"):
        network().fit(folder_of(directory), steps_per_epoch=2)
    with pytest.raises(DataError, match="the model has 2 classes, numbered 0 to 1"):
        network(outputs=2).fit(folder_of(directory))
