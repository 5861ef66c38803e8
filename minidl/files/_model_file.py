"""Saving and loading whole models. The name chooses the format when writing, the first bytes when reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import SettingError
from ..model import Model
from . import _atomic, _keras_archive, _minidl_format
from ._json_codec import Customs
from ._other_formats import check_name, reject_others
from ._untrusted import errors_name, read_bytes


def save(model: Model, path: str | Path) -> None:
    """Write the whole model: layers, weights, compile settings, optimizer, generator, and the place in its training.

    The file is replaced at once or not at all. The same model gives the same bytes. `load_model` reads it; Keras 3
    reads the weights in it, if its name ends in .weights.h5. A name in .keras gets layers and weights alone, for
    keras.models.load_model.

    Raises SettingError for settings that cannot be saved and for the name of a format that another function writes,
    NonFiniteError for weights that are not finite.
    """
    check_name("save", path)
    encode = _keras_archive.encode_model if str(path).endswith(".keras") else _minidl_format.encode_model
    _atomic.write(path, encode(model))


def load_model(
    path: str | Path,
    custom_objects: Customs | None = None,
    *,
    max_bytes: int = 2**31,
    sha256: str | None = None,
) -> Model:
    """Load a model as it was saved, with the place in its training as `model.position`. A .keras archive has
    no compile settings.

    custom_objects  {name: class or function}, for layers, losses, ... that are not minidl's
    max_bytes       larger files are rejected
    sha256          of the contents, in hexadecimal, from `minidl.files.checksum`: any other file is rejected

    Nothing in the file is run, no other file is opened, and memory is in proportion to the file. The checksum inside
    finds damage, not forgery. Raises ModelFileError for a file that differs in anything from what minidl writes, and
    OSError for one that cannot be opened.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise SettingError(f"load_model: custom_objects must be a dict {{name: class}}, got {custom_objects!r}")
    with errors_name("load_model", path):
        content = read_bytes(path, max_bytes)
        reject_others(path, content)
        if content.startswith(b"PK") and sha256 is None:
            return _keras_archive.decode_model(content)
        return _minidl_format.decode_model(content, custom_objects or {}, sha256)


def checksum(path: str | Path) -> str:
    """Return the SHA-256 of a model file of any size, for `load_model(sha256=...)`.

    Raises ModelFileError for a file that is damaged or of another kind.
    """
    with errors_name("checksum", path):
        return _minidl_format.checked_digest(read_bytes(path)).hex()
