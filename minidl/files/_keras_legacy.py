"""The layout of weights in the .h5 files of Keras 1 and 2, which Keras 3 writes on request. It is read, not written.

The attribute layer_names of the file, or of /model_weights in a whole model, lists the groups of the layers, and the
attribute weight_names of each group the paths of its arrays: /dense/dense/kernel:0. A list that is too long for one
attribute is cut into layer_names0, layer_names1, ... Before Keras 1 the groups were /layer_0, /layer_1, ..., and the
arrays param_0, param_1, ...

The layers with weights come in the order of the model. So do the arrays of a layer, the trainable ones first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ModelFileError
from ..layers import BatchNormalization, Chain, Layer
from ._hdf5_reader import HDF5Reader
from ._keras_layout import StoredWeight, Weights
from ._untrusted import abbreviate

# Keras's weights by the ends of their names, the longer ones first; the short names are those of Keras 1
NAMES = "recurrent_kernel kernel bias gamma beta moving_mean moving_variance alpha embeddings"
MEANINGS = {name: name for name in NAMES.split()} | {
    "W": "kernel",
    "b": "bias",
    "alphas": "alpha",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",  # the name is wrong: Keras 1 stored the variance, and Keras 2 reads it as such
}


class LayerInFile(NamedTuple):
    """A layer with weights: its name, and the paths of its arrays."""

    name: str
    arrays: list[str]


class LayerInModel(NamedTuple):
    """A layer with weights: its path, and its weights in the order of Keras."""

    path: str
    weights: list[StoredWeight]


def legacy_weights(file: HDF5Reader, layer: Layer) -> Weights | None:
    """Return the weights of a model's layer by their paths in the file; None for a file of another layout.

    Raises ModelFileError if the numbers of layers or of weights differ, or if the name of an array is that of another
    weight.
    """
    stored = _layers_in_file(file, layer)
    if stored is None:
        return None
    layers = list(_layers_in_model(layer))
    if len(stored) != len(layers):
        sides = f"{_listed(held.name for held in stored)}; the model has {_listed(own.path for own in layers)}"
        raise ModelFileError(f"it holds {len(stored)} layers with weights, wanted {len(layers)}: {sides}")
    return {path: weight for pair in zip(stored, layers, strict=True) for path, weight in _pairs(*pair)}


def _listed(names: Iterator[str]) -> str:
    return abbreviate(", ".join(names))


def _pairs(stored: LayerInFile, own: LayerInModel) -> Iterator[tuple[str, StoredWeight]]:
    if len(stored.arrays) != len(own.weights):
        wanted = ", ".join(weight.name for weight in own.weights)
        name, count = abbreviate(stored.name), len(stored.arrays)
        raise ModelFileError(f"its layer {name} has {count} arrays, wanted {len(own.weights)}: {wanted}")
    for path, weight in zip(stored.arrays, own.weights, strict=True):
        meanings = {_meaning(path), _meaning(weight.name)} - {None}
        if len(meanings) > 1:
            raise ModelFileError(f"it holds {abbreviate(path)} in the place of {weight.name}")
        yield path, weight


def _meaning(path: str) -> str | None:
    name = path.rpartition("/")[2].partition(":")[0]
    return next((MEANINGS[end] for end in MEANINGS if name == end or name.endswith(f"_{end}")), None)


# ---- the file


def _layers_in_file(file: HDF5Reader, layer: Layer) -> list[LayerInFile] | None:
    for group in ("", "/model_weights"):
        names = _name_list(file, group, "layer_names")
        if names is not None:
            paths = {name: _name_list(file, f"{group}/{name}", "weight_names") or [] for name in names}
            found = [LayerInFile(name, [f"{group}/{name}/{path}" for path in paths[name]]) for name in names]
            return [held for held in found if held.arrays]
    return _numbered_layers(file, layer) if "layer_0" in file.names("") else None


def _name_list(file: HDF5Reader, group: str, attribute: str) -> list[str] | None:
    """Return the strings of an attribute, whole or in pieces; None if the group has neither."""
    names = file.strings(group, attribute)
    if names is None and (piece := file.strings(group, f"{attribute}0")) is not None:
        names, number = [], 0
        while piece is not None:
            names, number = names + piece, number + 1
            piece = file.strings(group, f"{attribute}{number}")
    return names


def _numbered_layers(file: HDF5Reader, layer: Layer) -> list[LayerInFile]:
    if any(isinstance(inner, BatchNormalization) for _, inner in layer.walk()):
        raise ModelFileError("it is older than Keras 1, whose BatchNormalization kept another moving average")
    names = [f"layer_{number}" for number in range(len(file.names("")))]
    counts = {name: file.count(f"/{name}") for name in names}
    return [LayerInFile(name, [f"/{name}/param_{n}" for n in range(counts[name])]) for name in names if counts[name]]


# ---- the model


def _layers_in_model(layer: Layer) -> Iterator[LayerInModel]:
    for name, child in (layer if type(layer) is Chain else Chain(layer)).children.items():
        if weights := _in_order_of_keras(child, name):
            yield LayerInModel(name, weights)


def _in_order_of_keras(layer: Layer, name: str) -> list[StoredWeight]:
    """The weights of a layer and of those inside it: first the trainable parameters, then the others and the state."""
    trained: list[StoredWeight] = []
    others: list[StoredWeight] = []
    for path, inner in layer.walk(name):
        own = [StoredWeight(parameter, name=f"{path}/{key}") for key, parameter in inner.parameters.items()]
        (trained if inner.trainable else others).extend(own)
        others += [StoredWeight(inner, key, name=f"{path}/{key}") for key in inner.state_names]
    return trained + others
