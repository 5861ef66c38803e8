"""Saving and loading whole models: the name says the format when writing, the first bytes when reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import SettingError
from ..model import Model
from . import atomic, keras_archive, native
from .tree import named, read_bytes
from .values import Objects

OTHERS = {".onnx": "minidl.files.export_onnx", ".safetensors": "save_weights"}


def save(model: Model, path: str | Path) -> None:
    """Write the whole model: layers, weights, compile settings, optimiser, generator, and where the training is.

    The file is replaced at once or not at all. The same model gives the same bytes. `load_model` reads it; and Keras 3
    reads the weights out of it, if its name ends in .weights.h5. To a name in .keras go layers and weights alone, for
    keras.models.load_model.

    Raises SettingError for what the file cannot hold and for the name of a format that another function writes,
    NonFiniteError for weights that are not finite.
    """
    if (suffix := Path(path).suffix) in OTHERS:
        raise SettingError(f"save: {OTHERS[suffix]} writes {suffix}; name a whole model .h5 or .keras, got {path}")
    content = keras_archive.archive(model) if str(path).endswith(".keras") else native.content(model)
    atomic.write(path, content)


def load_model(
    path: str | Path,
    custom_objects: Objects | None = None,
    *,
    max_bytes: int = 2**31,
    sha256: str | None = None,
) -> Model:
    """A model as it was saved, `model.position` where its training was; or the one in a .keras archive, not compiled.

    custom_objects  {name: class or function}, for layers, losses, ... that are not minidl's
    max_bytes       larger files are refused
    sha256          of the contents, in hexadecimal, as `minidl.files.checksum` tells: no other file of minidl is loaded

    Nothing in the file is run, no other file is opened, and memory is in proportion to the file. The checksum inside
    finds damage, not forgery. Raises ModelFileError for a file that is not exactly as it should be.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise SettingError(f"load_model: custom_objects must be a dict {{name: class}}, got {custom_objects!r}")
    with named("load_model", path):
        content = read_bytes(path, max_bytes)
        if content.startswith(b"PK") and sha256 is None:
            return keras_archive.from_archive(content)
        return native.from_content(content, custom_objects or {}, sha256)


def checksum(path: str | Path) -> str:
    """The SHA-256 that `load_model(sha256=...)` compares, of a file that is whole."""
    with named("checksum", path):
        return native.digest(read_bytes(path, 2**63)).hex()
