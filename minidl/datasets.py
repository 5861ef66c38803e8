"""Data sets of two classes: points x (m, 2), y (m,) in {0, 1}, and photographs in the HDF5 format of the course."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import validation
from .errors import DataError
from .seeding import new_sequence

FILES = {"train": "train_catvnoncat.h5", "test": "test_catvnoncat.h5"}


def _seed(seed: int | None) -> int:
    # with None, scikit-learn would use NumPy's global generator
    return int(new_sequence(None).generate_state(1)[0]) if seed is None else seed


def _half(who: str, points: int) -> int:
    """Return the number of points of each of two classes."""
    return validation.check_integer(who, "points", points, 2) // 2


def circles(points: int = 300, *, noise: float = 0.05, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return a small circle inside a large one: scikit-learn's make_circles."""
    from sklearn.datasets import make_circles

    return make_circles(points, noise=noise, random_state=_seed(seed))


def moons(points: int = 300, *, noise: float = 0.1, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return two interleaving half circles: scikit-learn's make_moons."""
    from sklearn.datasets import make_moons

    return make_moons(points, noise=noise, random_state=_seed(seed))


def flower(points: int = 400, *, noise: float = 0.2, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the notebook's flower: petals r = 4 sin(4 t), each half of the turn one class, noise on angle and radius.

    If points is odd, one point less is returned.
    """
    rng, each = np.random.default_rng(_seed(seed)), _half("flower", points)
    parts = []
    for label in (0, 1):
        t = np.linspace(3.12 * label, 3.12 * (label + 1), each) + noise * rng.standard_normal(each)
        r = 4 * np.sin(4 * t) + noise * rng.standard_normal(each)
        parts.append(np.column_stack([r * np.sin(t), r * np.cos(t)]))
    return np.concatenate(parts), np.repeat([0, 1], each)


def spiral(points: int = 50, *, noise: float = 1.0, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the notebook's spiral: arms r = 0.3 t^2 for t in [0, 4 pi] and r = 0.2 t^2 for t in [1, 4 pi], noise on r.

    If points is odd, one point less is returned.
    """
    rng, each = np.random.default_rng(_seed(seed)), _half("spiral", points)
    parts = []
    for factor, start in ((0.3, 0.0), (0.2, 1.0)):
        t = np.linspace(start, 4 * 3.1415, each)
        r = factor * t**2 + noise * rng.standard_normal(each)
        parts.append(np.column_stack([r * np.cos(t), r * np.sin(t)]))
    return np.concatenate(parts), np.repeat([0, 1], each)


class Photographs(NamedTuple):
    """Photographs x, uint8 (m, 64, 64, 3), labels y (m,) in {0, 1}, and the names of the two classes."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]


def load_cats(directory: str | Path) -> Photographs:
    """Load the course's HDF5 files train_catvnoncat.h5 and test_catvnoncat.h5, or files made by `write_photographs`.

    Raises FileNotFoundError if a file is missing, DataError if it does not hold the expected datasets.
    """
    parts = {}
    for part, name in FILES.items():
        path = Path(directory) / name
        if not path.is_file():
            raise FileNotFoundError(
                f"load_cats: {path} is missing; the directory must hold {' and '.join(FILES.values())}"
            )
        parts[part] = _read_part(path, part)
    classes = parts["test"].pop("list_classes")
    names = tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in classes.tolist())
    return Photographs(
        **{f"{key}_{part}": array for part in FILES for key, array in parts[part].items()}, classes=names
    )


def _read_part(path: Path, part: str) -> dict[str, Any]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            x = _dataset(file, path, f"{part}_set_x", "uint8", (None, 64, 64, 3))
            found = {"x": x, "y": _dataset(file, path, f"{part}_set_y", "integers", (len(x),), (len(x), 1)).ravel()}
            if part == "test":
                found["list_classes"] = _dataset(file, path, "list_classes", "names", (2,))
            return found
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(f"load_cats: {path} cannot be read as an HDF5 file ({error})") from None


KINDS: dict[str, Callable[[np.dtype], bool]] = {
    "uint8": lambda dtype: dtype == np.uint8,
    "integers": lambda dtype: dtype.kind in "iu",
    "names": lambda dtype: dtype.kind in "SO",
}


def _dataset(file: Any, path: Path, key: str, kind: str, *shapes: tuple[int | None, ...]) -> np.ndarray:
    """Return the dataset as an array. Raise DataError unless dtype and shape are as expected (None: any length)."""
    import h5py

    found = file.get(key)
    array = found if isinstance(found, h5py.Dataset) and KINDS[kind](found.dtype) and found.shape else None
    if array is None or not {array.shape, (None, *array.shape[1:])} & set(shapes):
        got = f"{found.dtype} {found.shape}" if isinstance(found, h5py.Dataset) else "no dataset of this name"
        shape = str(shapes[0]).replace("None", "m")
        raise DataError(f"load_cats: {path} must hold a dataset {key}, {kind} {shape}; found {got}")
    return array[()]


def write_photographs(directory: str | Path, *, seed: int | None = 0) -> None:
    """Write files of the same names, keys and shapes as the course's photographs of cats, without a download.

    The rows are patches of 64 x 64 pixels from two photographs in scikit-learn: 209 for training from their left two
    thirds, 50 for testing from the right third; class 0 is "china" (a temple), class 1 "flower".
    """
    import h5py
    from sklearn.datasets import load_sample_image

    rng = np.random.default_rng(_seed(seed))
    pictures = [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    for part, count in (("train", 209), ("test", 50)):
        y = rng.permutation(np.arange(count) % 2)
        x = np.stack([_patch(pictures[label], part, rng) for label in y])
        with h5py.File(Path(directory) / FILES[part], "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"] = x, y.astype(np.int64)
            file["list_classes"] = np.array([b"china", b"flower"])


def _patch(picture: np.ndarray, part: str, rng: np.random.Generator) -> np.ndarray:
    height, width = picture.shape[:2]
    split = 2 * width // 3
    low, high = (0, split - 64) if part == "train" else (split, width - 64)
    top, left = rng.integers(0, height - 64, endpoint=True), rng.integers(low, high, endpoint=True)
    return picture[top : top + 64, left : left + 64]
