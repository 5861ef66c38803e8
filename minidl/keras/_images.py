"""Images in files: single ones with Pillow, and folders of them as batches."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..data import ImageFolder, image_folder, pillow
from ..errors import DataError, SettingError, ShapeError
from ..seeding import new_sequence
from ..validation import check_choice, check_integer
from ._datasets import BatchDataset
from .config import floatx

FORMATS = ("channels_last", "channels_first")
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
DEEP = ("I;16", "I")  # greys of 16 or 32 bits, which Keras leaves as they are
FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


# ---- single images


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Any = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Return the image in a file, or in a BytesIO, as a PIL image.

    target_size        (height, width) that it is resized to, by a filter of Pillow
    keep_aspect_ratio  cut off edges instead of distorting it
    """
    mode = MODES[check_choice("load_img", "color_mode", color_mode, tuple(MODES))]
    module = pillow("load_img")
    try:
        content = path if isinstance(path, io.BytesIO) else io.BytesIO(Path(path).read_bytes())
        image = module.open(content)
        if image.mode != mode and not (mode == "L" and image.mode in DEEP):
            image = image.convert(mode)
        image.load()
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many kinds for damaged files
        raise DataError(f"load_img: {path} cannot be read as an image ({error})") from None
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    check_choice("load_img", "interpolation", interpolation, FILTERS)
    box = _middle(image.size, target_size) if keep_aspect_ratio else None
    return image.resize((target_size[1], target_size[0]), module.Resampling[interpolation.upper()], box=box)


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of the largest box with the proportions of the target (height, width)."""
    width, height = size
    high = min(height, width * target[0] // target[1])
    wide = min(width, height * target[1] // target[0])
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """Return a PIL image as an array (height, width, channels) of floats, 0 to 255."""
    first = _is_first("img_to_array", data_format)
    array = np.asarray(img).astype(dtype or floatx())
    if array.ndim not in (2, 3):
        raise ShapeError(f"img_to_array: the image has shape {array.shape}, wanted 2 or 3 axes")
    array = array[:, :, None] if array.ndim == 2 else array
    return array.transpose(2, 0, 1) if first else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """Return an array (height, width, channels) as a PIL image. scale: its values become 0 to 255."""
    first = _is_first("array_to_img", data_format)
    array = np.asarray(x).astype(dtype or floatx())
    if array.ndim != 3:
        raise ShapeError(f"array_to_img: x has shape {array.shape}, wanted (height, width, channels)")
    array = array.transpose(1, 2, 0) if first else array
    if array.shape[2] not in (1, 3, 4):
        raise ShapeError(f"array_to_img: x has {array.shape[2]} channels, wanted 1, 3 or 4")
    if scale:
        array = array - array.min()
        array = 255 * (array / (array.max() or 1))
    deep = array.shape[2] == 1 and array.max() > 255
    pixels = array.astype(np.int32 if deep else np.uint8)
    return pillow("array_to_img").fromarray(pixels[:, :, 0] if array.shape[2] == 1 else pixels)


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **options: Any,
) -> None:
    """Write an array as an image file, in the format that its name ends with. options: those of PIL.Image.save."""
    kind = file_format
    if kind is None and isinstance(path, str | Path):
        kind = Path(path).suffix[1:].lower()
    kind = "jpeg" if kind and kind.lower() == "jpg" else kind
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and kind == "jpeg":
        warnings.warn("save_img: JPEG has no transparency, which is dropped", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=kind, **options)


def _is_first(who: str, data_format: str | None) -> bool:
    """Return True if the channels are the first axis."""
    return data_format is not None and check_choice(who, "data_format", data_format, FORMATS) == "channels_first"


# ---- folders of images


class ImageDataset(BatchDataset):
    """Batches (images, labels) of the files of an ImageFolder, or images without labels: float32, 0 to 255."""

    data: ImageFolder

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes; None without labels."""
        return None if self.data.labels is None else self.data.class_names

    @property
    def file_paths(self) -> list[str]:
        """The files."""
        return [str(path) for path in self.data.file_paths]

    def read(self, numbers: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        labels = self.data.labels
        for part, images in self.data.read(numbers, size):
            yield images.astype(np.float32), None if labels is None else labels[part]


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return an ImageDataset of the images in a directory, with a folder for each class; a pair for subset "both".

    The arguments are those of `minidl.image_folder`, which reads the files. format is that of Keras's object.
    """
    who = "image_dataset_from_directory"
    check_choice(who, "format", format, ("tf", "grain"))
    if _is_first(who, data_format):
        raise SettingError(f"{who}: minidl has only data_format='channels_last', got {data_format!r}")
    size = None if batch_size is None else check_integer(who, "batch_size", batch_size, 1)
    files: dict[str, Any] = {"labels": labels, "label_mode": label_mode, "class_names": class_names}
    files |= {"shuffle": shuffle, "seed": seed, "validation_split": validation_split, "subset": subset}
    files |= {"follow_links": follow_links, "color_mode": color_mode, "interpolation": interpolation}
    files |= {"crop_to_aspect_ratio": crop_to_aspect_ratio, "pad_to_aspect_ratio": pad_to_aspect_ratio}
    found = image_folder(directory, image_size, **files)
    parts = found if isinstance(found, tuple) else (found,)
    # Keras does not shuffle the validation of a pair
    drawn = [np.random.default_rng(new_sequence(seed)) if shuffle and part is parts[0] else None for part in parts]
    sets = [ImageDataset(part, size, order) for part, order in zip(parts, drawn, strict=True)]
    if verbose:
        _report(sets, subset)
    return sets if subset == "both" else sets[0]


def _report(sets: list[ImageDataset], subset: str | None) -> None:
    """Print the number of files, as Keras does."""
    for part, name in zip(sets, ("training", "validation") if subset == "both" else (subset,), strict=True):
        classes = "" if part.class_names is None else f" belonging to {len(part.class_names)} classes"
        count = len(part.data)
        print(f"Found {count} files{classes}." if name is None else f"Using {count} files for {name}.")
