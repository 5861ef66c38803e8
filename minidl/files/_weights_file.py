"""Weights alone, in Keras 3's .weights.h5 or in safetensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import ModelFileError
from ..layers import Layer
from ..model import Model
from ..parameters import Parameter
from . import _atomic, _minidl_format
from ._hdf5_reader import FLOATS, HDF5Reader, open_hdf5, to_hdf5
from ._keras_layout import (
    INNER_GROUPS,
    StoredWeight,
    Weights,
    finite_arrays,
    read_weights,
    state_types,
    weights_by_path,
)
from ._keras_legacy import legacy_weights
from ._keras_optimizer import optimizer_arrays, read_optimizer
from ._optional import requires
from ._other_formats import check_name, reject_others
from ._unbuilt import build_for
from ._untrusted import abbreviate, describe_error, errors_name, read_bytes


def save_weights(model: Model, path: str | Path) -> None:
    """Write the weights: to x.weights.h5 as Keras 3 does, with the optimizer's state, or to x.safetensors.

    The state of SGD, RMSprop, Adagrad, Adam, AMSGrad and AdamW is saved; that of others is left out. The file is
    replaced at once or not at all. Raises NonFiniteError for weights that are not finite.
    """
    model.params  # noqa: B018  raises NotBuiltError
    check_name("save_weights", path, weights=True)
    weights = weights_by_path(model.layer)
    arrays = finite_arrays(weights)
    if str(path).endswith(".weights.h5"):
        _atomic.write(path, to_hdf5(arrays | optimizer_arrays(model)))
        return
    with requires("safetensors"):
        from safetensors.numpy import save
    _atomic.write(path, save({weight.name: weight.array.copy() for weight in weights.values()}))


def load_weights(model: Model, path: str | Path, *, max_bytes: int = 2**31) -> None:
    """Set the weights from a .weights.h5 of Keras 3 or of minidl, from a model file of minidl, from safetensors, or
    from an .h5 of Keras 1 or 2 with weights or a whole model.

    From .weights.h5 the model takes the optimizer's state too. Everything is checked before the first weight is
    set. A model that is not built is built for the rows that the first weight in the file belongs to. Raises
    ModelFileError for a file whose weights are not exactly those of this model.
    """
    first_shape, load = SAFETENSORS if str(path).endswith(".safetensors") else HDF5
    with errors_name("load_weights", path):
        content = read_bytes(path, max_bytes)
        reject_others(path, content)
        if content.startswith(b"PK"):
            raise ModelFileError("it is an archive; load_model reads those in .keras")
        if _minidl_format.is_sealed(content):
            _minidl_format.checked_digest(content)
        if not model.built:
            build_for(model, content, first_shape, load)
        load(model, content)


def set_weights(model: Model, content: bytes, *, optimizer: bool = True) -> None:
    """Set the weights, and on request the optimizer's state, from an HDF5 file in Keras's layout."""
    with open_hdf5(content) as file:
        setters = [read_weights(file, _weights_in(file, model.layer), FLOATS)]
        setters += [read_optimizer(file, model)] if optimizer else []
    for assign in setters:
        assign()


def _weights_in(file: HDF5Reader, layer: Layer) -> Weights:
    """Return the weights of a model's layer by their paths in the file, which has the layout of Keras 1 and 2 or 3."""
    if (weights := legacy_weights(file, layer)) is not None:
        return weights
    weights = weights_by_path(layer)
    if weights and not file.count("/layers"):
        found = abbreviate(file.names("")[:4])
        raise ModelFileError(f"it is an HDF5 file without weights of Keras or minidl; it holds {found}")
    _check_paths(set(_array_paths(file, "")), weights)
    return weights


def _first_shape_in_hdf5(content: bytes, layer: Layer) -> tuple[int, ...]:
    with open_hdf5(content) as file:
        return file.shape(next(iter(_weights_in(file, layer))))


def _array_paths(file: HDF5Reader, group: str) -> Iterator[str]:
    for key in file.names(f"{group}/layers"):
        yield from _arrays_of_layer(file, f"{group}/layers/{key}")


def _arrays_of_layer(file: HDF5Reader, group: str) -> Iterator[str]:
    found = set(file.names(group)) - {"vars", "layers", SEEDS}
    if unknown := found - INNER_GROUPS:
        raise ModelFileError(f"{group} holds {abbreviate(min(unknown))}; minidl has no such layer")
    yield from (f"{group}/vars/{number}" for number in range(file.count(f"{group}/vars")))
    yield from _array_paths(file, group)
    for name in sorted(found):
        yield from _arrays_of_layer(file, f"{group}/{name}")


def _check_paths(paths: set[str], weights: Weights) -> None:
    if missing := [path for path in weights if path not in paths]:
        raise ModelFileError(f"{missing[0]} is missing, the model's {weights[missing[0]].name}")
    if more := sorted(paths - set(weights)):
        raise ModelFileError(f"it holds {more[0]}, for which the model has no weight")


def _first_shape_in_safetensors(content: bytes, layer: Layer) -> tuple[int, ...]:
    arrays, weight = _safetensors(content), next(iter(weights_by_path(layer).values()))
    if weight.name not in arrays:
        raise ModelFileError(f"{weight.name} is missing")
    return arrays[weight.name].shape


def _safetensors(content: bytes) -> dict[str, np.ndarray]:
    with requires("safetensors"):
        from safetensors import SafetensorError
        from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(f"it cannot be read ({describe_error(error)})") from None


def _set_from_safetensors(model: Model, content: bytes) -> None:
    weights = {weight.name: weight for weight in weights_by_path(model.layer).values()}
    arrays = _safetensors(content)
    if different := sorted(set(arrays) ^ set(weights)):
        raise ModelFileError(f"only one of the file and the model has {abbreviate(different[0])}")
    checked = {name: _checked(weight, arrays[name]) for name, weight in weights.items()}
    for name, weight in weights.items():
        weight.set(checked[name])


def _checked(weight: StoredWeight, array: np.ndarray) -> np.ndarray:
    """The array for a weight: a parameter takes the model's dtype, the state of a layer the one it was saved in."""
    if array.shape != weight.array.shape or array.dtype.name not in state_types(weight):
        kind = f"{array.dtype} {array.shape}"
        raise ModelFileError(f"{weight.name} is {kind}, wanted {weight.array.dtype} {weight.array.shape}")
    with np.errstate(over="ignore"):
        converted = array.astype(weight.array.dtype if isinstance(weight.holder, Parameter) else array.dtype)
    if not np.isfinite(converted).all():
        raise ModelFileError(f"{weight.name} is not finite in {converted.dtype}")
    return converted


SEEDS = "seed_generator"  # the group of a random state, which the first releases of Keras 3 stored

HDF5 = (_first_shape_in_hdf5, set_weights)
SAFETENSORS = (_first_shape_in_safetensors, _set_from_safetensors)
