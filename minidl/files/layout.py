"""Where the weights of a model lie in an HDF5 file: as in Keras 3's .weights.h5, so that Keras reads them there.

/layers/dense_1/vars/0 is the first array of the second Dense: kernel, then bias; of a normalisation gamma, beta, then
its moving averages. A container's layers lie under /layers/<container>/layers. Names are those of the classes, numbered
in each container; a Chain is a `sequential`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import ModelFileError, NonFiniteError, SettingError
from ..layers import Chain, Layer
from ..naming import join_path, snake_case, unique
from ..parameters import Parameter
from .tree import Tree, shown


class Weight(NamedTuple):
    """A weight's path in the model, and where it lies there: an attribute of a parameter or of a layer."""

    name: str
    holder: Parameter | Layer
    attribute: str

    @property
    def array(self) -> np.ndarray:
        return getattr(self.holder, self.attribute)

    def set(self, array: np.ndarray) -> None:
        setattr(self.holder, self.attribute, array)


def weights(layer: Layer) -> dict[str, Weight]:
    """The weights of a model's layer by their paths in the file."""
    return dict(_inside(layer if type(layer) is Chain else Chain(layer), "", ""))


def _inside(container: Layer, group: str, path: str) -> Iterator[tuple[str, Weight]]:
    taken: set[str] = set()
    for name, layer in container.children.items():
        key = unique(_key(layer), taken)
        taken.add(key)
        yield from _of_layer(layer, f"{group}/layers/{key}", join_path(path, name))


def _of_layer(layer: Layer, group: str, path: str) -> Iterator[tuple[str, Weight]]:
    own = [Weight(f"{path}/{name}", parameter, "value") for name, parameter in layer.parameters.items()]
    own += [Weight(f"{path}/{name}", layer, name) for name in layer.state_names]
    yield from ((f"{group}/vars/{number}", weight) for number, weight in enumerate(own))
    yield from _inside(layer, group, path)


def _key(layer: Layer) -> str:
    key = "sequential" if type(layer) is Chain else snake_case(type(layer).__name__)
    if not re.fullmatch("[a-z0-9_]{1,60}", key):
        raise SettingError(f"{type(layer).__name__} must be an ASCII name of at most 60 characters to be one in a file")
    return key


def finite_arrays(found: Mapping[str, Weight]) -> dict[str, np.ndarray]:
    """The weights' arrays by path, all finite."""
    for weight in found.values():
        if not np.isfinite(weight.array).all():
            raise NonFiniteError(f"save: {weight.name} is not finite; nothing was written")
    return {path: weight.array for path, weight in found.items()}


def read_weights(tree: Tree, found: Mapping[str, Weight], dtypes: tuple[str, ...]) -> Callable[[], None]:
    """All the weights out of the file, checked; what is returned sets them.

    Parameters must be of one of the types there, and take the model's; a layer's state keeps the type it was saved in.
    """
    kinds = {}
    for path, weight in found.items():  # all are looked at before the first is given memory
        of_layer = isinstance(weight.holder, Layer)
        held = tree.expect(path, ("float32", "float64") if of_layer else dtypes, weight.array.shape)
        kinds[path] = held if of_layer else weight.array.dtype
    arrays = {}
    for path, weight in found.items():
        array = arrays[path] = np.empty(weight.array.shape, kinds[path])
        tree.read(path, array)
        if not np.isfinite(array).all():
            raise ModelFileError(f"{path} ({weight.name}) is not finite in {array.dtype}")

    def assign() -> None:
        for path, weight in found.items():
            weight.set(arrays[path])

    return assign


def allocate(model: Any, shape: tuple[int, ...], size: int) -> None:
    """Build a model for rows of this shape, its parameters 0, if a file of so many bytes can hold its weights."""
    _fits(model.layer, shape, size)
    model.allocate(shape)


def _fits(layer: Layer, shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    # layer by layer, since what `build` allocates for a layer grows with the width of the one before
    if isinstance(layer, Chain):
        for inner in layer.layers:
            shape = _fits(inner, shape, size)
    else:
        if layer.state_names and math.prod(shape) > size:
            raise ModelFileError(
                f"{type(layer).__name__} on rows of shape {shape} has more weights than the file has bytes"
            )
        shape = layer.build(shape)
    if sum(parameter.size for parameter in layer.named_parameters().values()) > size:
        raise ModelFileError(f"{type(layer).__name__} has more weights than the file has bytes")
    return shape


def refuse_names(model_name: str, layer: Layer) -> None:
    """Names must be plain, and a container's names its own."""
    names = [model_name]
    for path, container in layer.walk():
        given = [inner.name for inner in container.children.values() if inner.name is not None]
        if len(set(given)) < len(given):
            raise SettingError(f"two layers of {path or model_name} have the same name")
        names += given
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w .-]{0,63}", name, re.ASCII):
            allowed = "ASCII letters, digits, _ - . and spaces"
            raise SettingError(f"the name {shown(name)} cannot be in a file: use {allowed}")
