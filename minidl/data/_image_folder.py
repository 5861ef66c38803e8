"""Folders of images, one for each class, read batch by batch while the model trains."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from ..seeding import legacy_order, new_sequence
from ..validation import check_boolean, check_choice, check_integer, check_real
from ._adapters import ClassWeight, DataSpec, DiskData, Inputs
from ._batches import Examples, Source
from ._image_files import ImageReader, Size, pillow
from ._validation import target_rows

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # Keras's
AHEAD = 2  # batches that are read while the model trains on one
THREADS = min(4, os.cpu_count() or 1)  # Pillow decodes without Python's lock

Batch = tuple[np.ndarray, np.ndarray]


def image_folder(
    directory: str | Path,
    image_size: Size = (256, 256),
    *,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    skip_broken: bool = False,
) -> Any:
    """Return the images of a directory as an ImageFolder, which `fit`, `evaluate` and `predict` take as x.

    The directory has one folder for each class; images in folders inside it belong to the class, too. Files in .jpg,
    .jpeg, .png, .bmp and .gif are read, without those whose names begin with a dot. The settings are those of Keras's
    image_dataset_from_directory, and the same seed splits the files as Keras does.

    image_size        (height, width); the images are resized as `ImageReader` says
    labels            "inferred" from the names of the folders, in alphabetical order; one class number for each file in
                      the order of their paths; None
    label_mode        "int": class numbers; "categorical": one-hot rows; "binary": 0 or 1, for two classes; None
    class_names       the folders to use, in the order of their class numbers
    shuffle           shuffle the files before they are split, with the seed; `fit` shuffles in every epoch, too
    validation_split  the fraction of the files at the end that subset "validation" has; "training" has the others;
                      "both": return both, a pair
    follow_links      enter folders that are links
    skip_broken       read all files now, and leave out, with a warning, those that cannot be read; else such a file
                      raises DataError when it is read

    Raises FileNotFoundError, DataError if there are no images, ModuleNotFoundError without Pillow.
    """
    who = "image_folder"
    pillow(who)
    reader = ImageReader(image_size, color_mode, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio)
    check_boolean(who, "shuffle", shuffle)
    seed = None if seed is None else check_integer(who, "seed", seed, 0)
    part = _check_split(validation_split, subset, shuffle, seed)
    if label_mode is not None:
        check_choice(who, "label_mode", label_mode, ("int", "categorical", "binary"))
    mode = None if labels is None else label_mode
    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(f"{who}: there is no directory {root}")
    paths, numbers, names = _indexed(root, labels, class_names, check_boolean(who, "follow_links", follow_links))
    if mode == "binary" and len(names) != 2:
        raise SettingError(f"{who}: label_mode 'binary' needs two classes, {root} has {len(names)}: {', '.join(names)}")
    whole = ImageFolder(reader, paths, numbers, names, mode)
    if check_boolean(who, "skip_broken", skip_broken):
        whole = whole[_readable(whole)]
    if shuffle:
        whole = whole[_shuffled(len(whole), seed)]
    return _split(whole, part, subset)


# ---- the files


def _indexed(
    root: Path, labels: str | Sequence[int] | None, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[Path], np.ndarray, list[str]]:
    """Return the files, their class numbers, and the names of the classes."""
    if isinstance(labels, str):
        check_choice("image_folder", "labels", labels, ("inferred",))
        return _by_folder(root, class_names, follow_links)
    if class_names is not None:
        raise SettingError("image_folder: class_names are names of folders, for labels='inferred'")
    paths = list(_images(root, follow_links))
    _check_found(root, paths)
    if labels is None:
        return paths, np.zeros(len(paths), np.int32), []
    numbers = np.asarray(labels)
    if numbers.shape != (len(paths),) or numbers.dtype.kind not in "iu":
        got = f"{numbers.dtype} of shape {numbers.shape}"
        raise DataError(f"image_folder: labels must be {len(paths)} class numbers, one for each file, got {got}")
    classes = sorted({int(number) for number in numbers})
    return paths, numbers.astype(np.int32), [str(label) for label in classes]


def _by_folder(
    root: Path, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[Path], np.ndarray, list[str]]:
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    names = folders if class_names is None else [str(name) for name in class_names]
    if missing := [name for name in names if name not in folders]:
        there = ", ".join(folders) or "none"
        raise DataError(f"image_folder: {root} has no folder {missing[0]!r} for its class; there are: {there}")
    found = [list(_images(root / name, follow_links)) for name in names]
    paths = [path for files in found for path in files]
    _check_found(root, paths)
    if empty := [name for name, files in zip(names, found, strict=True) if not files]:
        warnings.warn(f"image_folder: no images in the folders of the classes {', '.join(empty)}", stacklevel=4)
    return paths, np.repeat(np.arange(len(names), dtype=np.int32), [len(files) for files in found]), names


def _check_found(root: Path, paths: list[Path]) -> None:
    if not paths:
        wanted = f"wanted a folder for each class, with files in {', '.join(SUFFIXES)}"
        raise DataError(f"image_folder: there are no images in {root}; {wanted}")


def _images(folder: Path, follow_links: bool) -> Iterator[Path]:
    """Yield the image files of a folder and of those inside it, in alphabetical order."""
    seen = set[Path]()  # a link may lead back to a folder above it
    roots = []
    for root, inside, files in os.walk(folder, followlinks=follow_links):
        inside[:] = [name for name in inside if not name.startswith(".")]
        real = Path(root).resolve()
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        roots.append((root, files))
    for root, files in sorted(roots):
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(root, name)


def _readable(whole: ImageFolder) -> np.ndarray:
    """Return the numbers of the files that can be read. Warn of the others."""

    def problem(path: Path) -> str | None:
        try:
            whole.reader.read(path)
        except DataError as error:
            return str(error).removeprefix("image_folder: ").rpartition(";")[0]
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        problems = list(pool.map(problem, whole.file_paths))
    broken = [one for one in problems if one is not None]
    if len(broken) == len(problems):
        raise DataError(f"image_folder: none of the {len(broken)} files can be read; the first: {broken[0]}")
    if broken:
        listed = "\n  ".join(broken)
        warnings.warn(f"image_folder: {len(broken)} files are left out:\n  {listed}", stacklevel=3)
    return np.array([number for number, one in enumerate(problems) if one is None])


# ---- order and split


def _shuffled(count: int, seed: int | None) -> np.ndarray:
    """Return a random order; with a seed, the one that Keras draws."""
    return np.random.default_rng(new_sequence(None)).permutation(count) if seed is None else legacy_order(count, seed)


def _check_split(fraction: float | None, subset: str | None, shuffle: bool, seed: int | None) -> float:
    """Return the fraction of the files that are for validation."""
    if (fraction is None) != (subset is None):
        given = "validation_split" if subset is None else "subset"
        raise SettingError(f"image_folder: {given} is given alone; validation_split and subset belong together")
    if fraction is None or subset is None:
        return 0.0
    check_choice("image_folder", "subset", subset, ("training", "validation", "both"))
    if shuffle and seed is None and subset != "both":
        remedy = "pass the same seed to both calls, or subset='both'"
        raise SettingError(f"image_folder: without a seed, training and validation would overlap; {remedy}")
    return check_real("image_folder", "validation_split", fraction, "(0, 1)")


def _split(whole: ImageFolder, fraction: float, subset: str | None) -> Any:
    if subset is None:
        return whole
    at = len(whole) - int(fraction * len(whole))
    if not 0 < at < len(whole):
        raise SettingError(f"image_folder: validation_split={fraction} of {len(whole)} files leaves one side empty")
    parts = {"training": whole[np.arange(at)], "validation": whole[np.arange(at, len(whole))]}
    return (parts["training"], parts["validation"]) if subset == "both" else parts[subset]


# ---- the data


@dataclass(eq=False)
class ImageFolder(DiskData):
    """Images in files, made by `image_folder`: fit(folder) reads them batch by batch, with values 0 to 255.

    The next two batches are read while the model trains on one. No other images are in memory. A slice, or an array of
    numbers, gives an ImageFolder of some of the images: folder[:100].

    reader       reads a file
    file_paths   the files, in order
    numbers      the class number of each
    class_names  the names of the classes
    label_mode   "int", "categorical", "binary", or None for images without labels
    """

    reader: ImageReader
    file_paths: list[Path]
    numbers: np.ndarray
    class_names: list[str]
    label_mode: str | None

    def __len__(self) -> int:
        return len(self.file_paths)

    def __getitem__(self, part: Any) -> ImageFolder:
        chosen = np.arange(len(self))[part]
        paths = [self.file_paths[number] for number in np.atleast_1d(chosen)]
        return replace(self, file_paths=paths, numbers=self.numbers[np.atleast_1d(chosen)])

    @property
    def row_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """The shape of an image, (height, width, channels)."""
        return self.reader.shape

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of all images: (m,) class numbers, (m, classes) one-hot rows, or (m, 1) of 0 and 1."""
        if self.label_mode is None:
            return None
        if self.label_mode == "int":
            return self.numbers
        if self.label_mode == "binary":
            return self.numbers[:, None].astype(np.float32)
        return (self.numbers[:, None] == np.arange(len(self.class_names))).astype(np.float32)

    def load(self) -> Any:
        """Return all images in memory, uint8 (m, height, width, channels), with their labels: (x, y), or x alone."""
        x = np.empty((len(self), *self.row_shape), np.uint8)
        for numbers, images in self.read(np.arange(len(self)), 32):
            x[numbers] = images
        return x if self.label_mode is None else (x, self.labels)

    def read(self, order: np.ndarray, size: int, start: int = 0) -> Iterator[Batch]:
        """Yield (numbers, images) of each batch, from number `start` on, reading the next ones meanwhile."""
        parts = (order[first : first + size] for first in range(start * size, len(order), size))
        pool = ThreadPoolExecutor(THREADS)
        try:
            reading = ((part, [pool.submit(self.reader.read, self.file_paths[n]) for n in part]) for part in parts)
            coming = deque(islice(reading, AHEAD))
            while coming:
                part, images = coming.popleft()
                coming.extend(islice(reading, 1))
                yield part, np.stack([image.result() for image in images])
        finally:
            pool.shutdown(cancel_futures=True)

    # ---- for fit, evaluate and predict

    def first(self, who: str) -> tuple[Any, Any, Any]:
        if self.labels is None:
            raise DataError(f"{who}: these images have no labels; call image_folder with labels and a label_mode")
        return self.reader.read(self.file_paths[0])[None], self.labels[:1], None

    def source(self, who: str, spec: DataSpec, class_weight: ClassWeight) -> Source:
        shape = self.fitting_shape(who, "image_folder", spec.row_shape)
        return ImageBatches(self, who, replace(spec, row_shape=shape), class_weight)

    def inputs(self, who: str, row_shape: tuple[int, ...], dtype: np.dtype[Any], vocabulary: int | None) -> Inputs:
        shape = self.fitting_shape(who, "image_folder", row_shape)

        def batches(size: int) -> Iterator[np.ndarray]:
            for _, images in self.read(np.arange(len(self)), size):
                yield images.reshape(len(images), *shape).astype(dtype)

        return Inputs(len(self), lambda size: -(-len(self) // size), batches)


class ImageBatches(Source):
    """The batches of an ImageFolder, for training and evaluation."""

    def __init__(self, data: ImageFolder, who: str, spec: DataSpec, class_weight: ClassWeight) -> None:
        self.data, self.spec = data, spec
        y = target_rows(who, data.labels, data.numbers)
        self.checked = spec.join(who, np.empty((len(data), 0), spec.dtype), y, (), None, class_weight)  # without x

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return rng.permutation(len(self.data)) if size < len(self.data) else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        numbers = np.arange(len(self.data)) if order is None else order
        for part, images in self.data.read(numbers, size, start):
            rows = self.checked[part]
            rows.x = images.reshape(len(images), *self.row_shape).astype(self.spec.dtype)
            yield rows

    def steps(self, size: int) -> int:
        return -(-len(self.data) // size)

    @property
    def rows(self) -> float:
        return len(self.data)

    def batch_rows(self, size: int) -> int:
        return min(size, len(self.data))

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.spec.row_shape
