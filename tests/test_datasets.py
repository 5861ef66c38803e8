"""Data sets, and the files of photographs."""

import h5py
import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons

from minidl import DataError, SettingError
from minidl.datasets import FILES, circles, flower, load_cats, moons, spiral, write_photographs

MAKERS = {"circles": circles, "moons": moons, "flower": flower, "spiral": spiral}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("points", [None, 60])
def test_shapes_and_classes(name, points):
    x, y = MAKERS[name](seed=0) if points is None else MAKERS[name](points, seed=0)
    # the notebook: 300 points on the circles, 400 on the flower, 50 on the spiral
    count = points or {"circles": 300, "moons": 300, "flower": 400, "spiral": 50}[name]
    assert x.shape == (count, 2)
    assert y.shape == (count,)
    assert np.isfinite(x).all()
    assert list(np.bincount(y)) == [count // 2] * 2


@pytest.mark.parametrize("name", ["flower", "spiral"])
def test_both_classes_have_the_same_number_of_points(name):
    x, y = MAKERS[name](7)
    assert x.shape == (6, 2)
    assert list(y) == [0, 0, 0, 1, 1, 1]
    for points in (1, -4, 2.0, "9", None):
        with pytest.raises(SettingError, match=f"^{name}: points must be an integer of at least 2, got "):
            MAKERS[name](points)


@pytest.mark.parametrize("name", MAKERS)
def test_the_seed_decides(name):
    make = MAKERS[name]
    assert all(np.array_equal(*pair) for pair in zip(make(seed=3), make(seed=3), strict=True))
    assert not np.array_equal(make(seed=3)[0], make(seed=4)[0])
    assert not np.array_equal(make()[0], make()[0])


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("name", ["circles", "moons"])
def test_circles_and_moons_equal_scikit_learn(name, seed):
    theirs = {"circles": make_circles, "moons": make_moons}[name](90, noise=0.1, random_state=seed)
    assert all(np.array_equal(*pair) for pair in zip(MAKERS[name](90, noise=0.1, seed=seed), theirs, strict=True))


def test_the_flower_without_noise_is_its_formula():
    x, y = flower(400, noise=0, seed=0)
    for label in (0, 1):
        t = np.linspace(3.12 * label, 3.12 * (label + 1), 200)  # the notebook
        r = 4 * np.sin(4 * t)
        assert np.allclose(x[y == label], np.stack([r * np.sin(t), r * np.cos(t)], axis=1), rtol=0, atol=1e-14)
    # by hand: the last point of class 0 and the first of class 1 are both t = 3.12
    assert np.allclose(x[199], x[200], atol=1e-14)
    assert np.array_equal(x[0], [0, 0])


def test_the_spiral_without_noise_is_its_formula():
    x, y = spiral(50, noise=0, seed=0)
    for label, (factor, start) in enumerate([(0.3, 0), (0.2, 1)]):
        t = np.linspace(start, 4 * 3.1415, 25)  # the notebook
        r = factor * t**2
        assert np.allclose(x[y == label], np.stack([r * np.cos(t), r * np.sin(t)], axis=1), rtol=0, atol=1e-12)
    assert np.hypot(*x[24]) == pytest.approx(0.3 * 12.566**2, rel=1e-14)  # 4 * 3.1415 = 12.566
    assert np.hypot(*x[25]) == pytest.approx(0.2, rel=1e-14)


@pytest.mark.parametrize("make", [flower, spiral])
def test_noise_moves_the_points_in_proportion(make):
    still, little, twice = (make(4000, noise=noise, seed=0)[0] for noise in (0, 1e-6, 2e-6))
    assert np.hypot(*(little - still).T).max() > 1e-6
    assert np.allclose(twice - still, 2 * (little - still), rtol=0, atol=1e-9)


def test_the_spirals_noise_is_normal_on_the_radius():
    still, moved = spiral(4000, noise=0, seed=0)[0], spiral(4000, noise=0.5, seed=0)[0]
    distance = np.hypot(*(moved - still).T)
    # the mean of |N(0, s^2)| is s sqrt(2 / pi), its deviation s sqrt(1 - 2 / pi)
    assert abs(distance.mean() - 0.5 * np.sqrt(2 / np.pi)) < 5 * 0.5 * np.sqrt((1 - 2 / np.pi) / 4000)


# ---- photographs

X_TRAIN = np.random.default_rng(0).integers(0, 256, (7, 64, 64, 3), np.uint8)
X_TEST = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), np.uint8)
Y_TRAIN, Y_TEST = np.array([0, 1, 1, 0, 1, 0, 0]), np.array([1, 0, 1, 1, 0])


def write(directory, **changed):
    """A good pair, with some datasets changed (None: left out)."""
    parts = {
        "train": {"train_set_x": X_TRAIN, "train_set_y": Y_TRAIN, "list_classes": np.array([b"non-cat", b"cat"])},
        "test": {"test_set_x": X_TEST, "test_set_y": Y_TEST, "list_classes": np.array([b"non-cat", b"cat"])},
    }
    for part, datasets in parts.items():
        with h5py.File(directory / FILES[part], "w") as file:
            for name, array in (datasets | {k: v for k, v in changed.items() if k in datasets}).items():
                if isinstance(array, str) and array == "group":
                    file.create_group(name)
                elif array is not None:
                    file[name] = array
    return directory


def test_a_pair_of_files_is_loaded(tmp_path):
    photographs = load_cats(write(tmp_path))
    expected = X_TRAIN, Y_TRAIN, X_TEST, Y_TEST
    assert all(np.array_equal(*pair) for pair in zip(photographs[:4], expected, strict=True))
    assert photographs.classes == ("non-cat", "cat")
    assert photographs.x_train.dtype == np.uint8
    assert load_cats(str(tmp_path)).classes == photographs.classes


def test_labels_may_be_a_column_and_class_names_text(tmp_path):
    names = np.array(["no", "yes"], dtype=h5py.string_dtype())
    photographs = load_cats(
        write(tmp_path, train_set_y=Y_TRAIN[:, None], test_set_y=Y_TEST[:, None], list_classes=names)
    )
    assert photographs.y_train.shape == (7,)
    assert np.array_equal(photographs.y_test, Y_TEST)
    assert photographs.classes == ("no", "yes")
    assert all(type(name) is str for name in photographs.classes)


@pytest.mark.parametrize("part", FILES)
def test_a_missing_file_raises_an_error_with_its_name(tmp_path, part):
    write(tmp_path)
    (tmp_path / FILES[part]).unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"load_cats: .*{FILES[part]} is missing; the directory must hold train"
    ):
        load_cats(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"PK\x03\x04" + bytes(5000)])
def test_a_file_that_is_not_hdf5_raises_an_error(tmp_path, content):
    (write(tmp_path) / FILES["test"]).write_bytes(content)
    with pytest.raises(DataError, match=r"load_cats: .*test_catvnoncat.h5 cannot be read as an HDF5 file"):
        load_cats(tmp_path)


@pytest.mark.parametrize("kept", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_raises_an_error(tmp_path, kept):
    path = write(tmp_path) / FILES["train"]
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=r"load_cats: .*train_catvnoncat.h5 cannot be read as an HDF5 file"):
        load_cats(tmp_path)


WRONG = {
    "three axes": ("train_set_x", X_TRAIN[..., 0], "train_set_x, uint8 (m, 64, 64, 3); found uint8 (7, 64, 64)"),
    "other size": ("test_set_x", X_TEST[:, :32], "test_set_x, uint8 (m, 64, 64, 3); found uint8 (5, 32, 64, 3)"),
    "16 bits": ("test_set_x", X_TEST.astype("u2"), "test_set_x, uint8 (m, 64, 64, 3); found uint16 (5, 64, 64, 3)"),
    "floats": ("train_set_x", X_TRAIN / 255, "train_set_x, uint8 (m, 64, 64, 3); found float64 (7, 64, 64, 3)"),
    "float labels": ("train_set_y", Y_TRAIN / 2, "train_set_y, integers (7,); found float64 (7,)"),
    "labels short": ("train_set_y", Y_TRAIN[:6], "train_set_y, integers (7,); found int64 (6,)"),
    "labels as a row": ("test_set_y", Y_TEST[None], "test_set_y, integers (5,); found int64 (1, 5)"),
    "a group": ("train_set_x", "group", "train_set_x, uint8 (m, 64, 64, 3); found no dataset of this name"),
    "missing": ("test_set_y", None, "test_set_y, integers (5,); found no dataset of this name"),
    "one class": ("list_classes", np.array([b"cat"]), "list_classes, names (2,); found |S3 (1,)"),
    "numbers for names": ("list_classes", np.array([0, 1]), "list_classes, names (2,); found int64 (2,)"),
    "a scalar": ("train_set_y", 1, "train_set_y, integers (7,); found int64 ()"),
    "an empty dataset": ("train_set_x", h5py.Empty("u1"), "train_set_x, uint8 (m, 64, 64, 3); found uint8 None"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_dataset_raises_an_error_with_what_was_expected(tmp_path, kind):
    name, array, message = WRONG[kind]
    with pytest.raises(DataError) as caught:
        load_cats(write(tmp_path, **{name: array}))
    part = "test" if name == "list_classes" else name.split("_")[0]
    assert str(caught.value) == f"load_cats: {tmp_path / FILES[part]} must hold a dataset {message}"


def test_written_photographs_can_be_loaded(tmp_path):
    write_photographs(tmp_path)
    photographs = load_cats(tmp_path)
    # the notebook: 209 to train on, 50 to test on, 64 x 64 pixels of three colours
    assert photographs.x_train.shape == (209, 64, 64, 3)
    assert photographs.x_test.shape == (50, 64, 64, 3)
    assert photographs.classes == ("china", "flower")
    assert list(np.bincount(photographs.y_train)) == [105, 104]
    assert list(np.bincount(photographs.y_test)) == [25, 25]
    assert photographs.x_train.reshape(209, -1).std(axis=1).min() > 0


def test_the_written_photographs_depend_only_on_the_seed(tmp_path):
    loaded = []
    for place, seed in enumerate((0, 0, 1)):
        directory = tmp_path / str(place)
        directory.mkdir()
        write_photographs(directory, seed=seed)
        loaded.append(load_cats(directory))
    assert all(np.array_equal(*pair) for pair in zip(loaded[0], loaded[1], strict=True))
    assert not np.array_equal(loaded[0].x_train, loaded[2].x_train)


def test_training_and_test_patches_share_no_pixel(tmp_path):
    from sklearn.datasets import load_sample_image

    write_photographs(tmp_path)
    photographs = load_cats(tmp_path)
    pictures = [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    border = 2 * pictures[0].shape[1] // 3
    for x, y, left, right in (
        (photographs.x_train, photographs.y_train, 0, border),
        (photographs.x_test, photographs.y_test, border, pictures[0].shape[1]),
    ):
        for patch, label in list(zip(x, y, strict=True))[:10]:
            side = pictures[label][:, left:right]
            corners = np.argwhere((side == patch[0, 0]).all(axis=2))
            found = [np.array_equal(side[i : i + 64, j : j + 64], patch) for i, j in corners]
            assert any(found)
