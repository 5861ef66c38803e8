"""Files of models that Keras's own configs describe, as those of `minidl.keras`: .keras, .h5 and .weights.h5.

The caller brings the config and the weights by their paths in the file; this module writes, reads and checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..model import Model
from . import _atomic, _keras_archive, _strict_json
from ._hdf5_reader import FLOATS, HDF5Reader, open_hdf5, to_hdf5
from ._json_codec import Json
from ._keras_layout import Setter, StoredWeight, finite_arrays, read_weights
from ._keras_optimizer import optimizer_arrays, read_optimizer
from ._untrusted import errors_name, read_bytes

MODEL_WEIGHTS = "/model_weights"
VERSION = {"backend": "numpy", "keras_version": "3.0.0"}
Stored = Mapping[str, StoredWeight]
Layers = Mapping[str, list[StoredWeight]]  # of each layer by name


def write_weights(path: str | Path, weights: Stored, model: Model) -> None:
    """Write a .weights.h5 of Keras 3, with the state of the model's optimizer."""
    _atomic.write(path, _weights_file(weights, model))


def write_archive(path: str | Path, config: Json, weights: Stored, model: Model) -> None:
    """Write a .keras archive."""
    _atomic.write(path, _keras_archive.pack(config, _weights_file(weights, model)))


def _weights_file(weights: Stored, model: Model) -> bytes:
    return bytes(to_hdf5(finite_arrays(weights) | optimizer_arrays(model)))


def set_from_weights(content: bytes, weights: Stored, model: Model, *, optimizer: bool) -> None:
    """Set the weights, and the optimizer's state, from a .weights.h5 of Keras 3."""
    with open_hdf5(content) as file:
        setters = [_checked(file, weights)]
        setters += [read_optimizer(file, model)] if optimizer else []
    for assign in setters:
        assign()


def _checked(file: HDF5Reader, weights: Stored) -> Setter:
    assign = read_weights(file, weights, FLOATS)
    groups: dict[str, int] = {}
    for path in weights:
        group = path.rpartition("/")[0]
        groups[group] = groups.get(group, 0) + 1
    for group, wanted in groups.items():
        if file.count(group) != wanted:
            raise ModelFileError(f"{group} holds {file.count(group)} arrays, the model has {wanted} there")
    return assign


def read_weights_file(path: str | Path, weights: Stored, model: Model, *, max_bytes: int = 2**31) -> None:
    """Read a .weights.h5 of Keras 3."""
    with errors_name("load_weights", path):
        set_from_weights(read_bytes(path, max_bytes), weights, model, optimizer=True)


def read_archive(path: str | Path, *, max_bytes: int = 2**31) -> tuple[Json, bytes]:
    """Return the config in a .keras archive, and its weights for `set_from_weights`."""
    with errors_name("load_model", path):
        return _keras_archive.unpack(read_bytes(path, max_bytes))


# ---- .h5 of Keras 1 to 3


def write_legacy(path: str | Path, configs: Mapping[str, Json], layers: Layers) -> None:
    """Write a whole model as Keras does to a name in .h5: configs in attributes, the weights layer by layer."""
    texts = {name: _strict_json.dump(config).decode() for name, config in configs.items()}
    held: dict[str, Mapping[str, Any]] = {"": texts | VERSION, MODEL_WEIGHTS: {"layer_names": list(layers), **VERSION}}
    arrays: dict[str, np.ndarray] = {}
    for layer, weights in layers.items():
        group = f"{MODEL_WEIGHTS}/{layer}"
        held[group] = {"weight_names": [weight.name for weight in weights]}
        arrays |= finite_arrays({f"{group}/{weight.name}": weight for weight in weights})
    _atomic.write(path, to_hdf5(arrays, attributes=held))


def read_legacy(path: str | Path, *, max_bytes: int = 2**31) -> tuple[dict[str, Json], bytes]:
    """Return the configs in an .h5 by name, and its content for `set_from_legacy`."""
    with errors_name("load_model", path):
        content = read_bytes(path, max_bytes)
        with open_hdf5(content) as file:
            texts = {name: file.text("", name) for name in ("model_config", "training_config")}
        if texts["model_config"] is None:
            raise ModelFileError("it holds no model_config, which describes a model")
        return {name: _strict_json.parse(name, text.encode()) for name, text in texts.items() if text}, content


def set_from_legacy(content: bytes, layers: Layers) -> None:
    """Set the weights of the layers from the content of an .h5."""
    with open_hdf5(content) as file:
        stored = {path: weight for layer, own in layers.items() for path, weight in _pairs(file, layer, own)}
        assign = read_weights(file, stored, FLOATS)
    assign()


def _pairs(file: HDF5Reader, layer: str, weights: list[StoredWeight]) -> Iterable[tuple[str, StoredWeight]]:
    group = f"{MODEL_WEIGHTS}/{layer}"
    names = file.strings(group, "weight_names") or []
    if len(names) != len(weights):
        raise ModelFileError(f"{group} holds {len(names)} weights, the model's {layer} has {len(weights)}")
    return ((f"{group}/{name}", weight) for name, weight in zip(names, weights, strict=True))
