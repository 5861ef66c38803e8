"""The layout of a model's weights in HDF5: that of Keras 3's .weights.h5, so that Keras reads them.

/layers/dense_1/vars/0 is the first array of the second Dense: kernel, then bias; of a normalization gamma, beta, then
its moving averages; /layers/lstm/cell/vars/0 is that of an LSTM. The layers of a container are under
/layers/<container>/layers, those of a Bidirectional under /layers/bidirectional/forward_layer and backward_layer. The
names are those of the classes, numbered in each container; a Chain is a `sequential`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from heapq import nlargest

import numpy as np

from .._weights import Weight
from ..errors import ModelFileError, NonFiniteError, SettingError, ShapeError
from ..layers import EXAMPLES, Chain, Layer, has_any_length, with_lengths
from ..model import Model
from ..naming import join_path, snake_case, unique
from ..registry import LAYERS, KerasLayer, entry_of
from ._hdf5_reader import FLOATS, INTEGERS, HDF5Reader
from ._untrusted import abbreviate

Weights = Mapping[str, "StoredWeight"]
Setter = Callable[[], None]


@dataclass(frozen=True)
class StoredWeight(Weight):
    """A weight with its path in the model."""

    name: str = field(kw_only=True)


def weights_by_path(layer: Layer) -> dict[str, StoredWeight]:
    """Return the weights of a model's layer by their paths in a file."""
    return dict(_weights_inside(layer if type(layer) is Chain else Chain(layer), "", ""))


def _weights_inside(container: Layer, group: str, path: str) -> Iterator[tuple[str, StoredWeight]]:
    taken: set[str] = set()
    for name, layer in container.children.items():
        key = unique(_key(layer), taken)
        taken.add(key)
        yield from _weights_of(layer, f"{group}/layers/{key}", join_path(path, name))


def _weights_of(layer: Layer, group: str, path: str) -> Iterator[tuple[str, StoredWeight]]:
    keras = entry_of(layer).keras
    places = keras if isinstance(keras, KerasLayer) else KerasLayer()
    own = [StoredWeight(parameter, name=f"{path}/{name}") for name, parameter in layer.parameters.items()]
    own += [StoredWeight(layer, name, name=f"{path}/{name}") for name in layer.state_names]
    holder = f"{group}/{places.group}" if places.group else group
    yield from ((f"{holder}/vars/{number}", weight) for number, weight in enumerate(own))
    if not places.layers:
        yield from _weights_inside(layer, group, path)
    for name in places.layers.values():
        yield from _weights_of(layer.children[name], f"{group}/{name}", join_path(path, name))


# The groups in the group of a layer that hold weights, besides vars and layers
INNER_GROUPS = {
    name
    for entry in LAYERS.values()
    if isinstance(entry.keras, KerasLayer)
    for name in (entry.keras.group, *entry.keras.layers.values())
    if name
}


def _key(layer: Layer) -> str:
    key = "sequential" if type(layer) is Chain else snake_case(type(layer).__name__)
    if not re.fullmatch("[a-z0-9_]{1,60}", key):
        raise SettingError(f"{type(layer).__name__} cannot be saved: its name must be ASCII, of at most 60 characters")
    return key


def finite_arrays(weights: Weights) -> dict[str, np.ndarray]:
    """Return the arrays of the weights by path. Raises NonFiniteError for a weight that is not finite."""
    for weight in weights.values():
        if not np.isfinite(weight.array).all():
            raise NonFiniteError(f"save: {weight.name} is not finite; nothing was written")
    return {path: weight.array for path, weight in weights.items()}


def read_weights(file: HDF5Reader, weights: Weights, dtypes: tuple[str, ...]) -> Setter:
    """Read and check all weights; the function returned sets them.

    Parameters must have one of the types, and are converted to the model's. The state of a layer keeps its type.
    """
    kinds = {}
    for path, weight in weights.items():  # all are checked before the first gets memory
        of_layer = isinstance(weight.holder, Layer)
        held = _checked_type(file, path, weight, state_types(weight) if of_layer else dtypes)
        kinds[path] = held if of_layer else weight.array.dtype
    arrays = {}
    for path, weight in weights.items():
        array = arrays[path] = np.empty(weight.array.shape, kinds[path])
        file.read(path, array)
        if not np.isfinite(array).all():
            raise ModelFileError(f"{path} ({weight.name}) is not finite in {array.dtype}")

    def assign() -> None:
        for path, weight in weights.items():
            weight.set(arrays[path])

    return assign


def state_types(weight: Weight) -> tuple[str, ...]:
    """Return the types that a layer's state may have in a file: floats, or integers for a count."""
    return INTEGERS if weight.array.dtype.kind == "i" else FLOATS


def _checked_type(file: HDF5Reader, path: str, weight: StoredWeight, dtypes: tuple[str, ...]) -> str:
    try:
        return file.check_array(path, dtypes, weight.array.shape)
    except ModelFileError as error:
        raise ModelFileError(f"{error}, for the model's {weight.name}") from None


def allocate(model: Model, row_shape: tuple[int, ...], size: int) -> None:
    """Build a model with parameters 0. Raises ModelFileError if its weights do not fit in a file of `size` bytes."""
    check_size(model.layer, row_shape, size)
    model.allocate(row_shape)


def check_size(layer: Layer, shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return the shape of the outputs. Raises ModelFileError if the weights do not fit in a file of `size` bytes."""
    for length, *_ in EXAMPLES[:-1] if has_any_length(shape) else ():
        with suppress(ShapeError):  # the windows of a kernel may be longer, or too few positions known
            return check_size(layer, with_lengths(shape, length), size)
    shape = with_lengths(shape, EXAMPLES[-1][0])
    # layer by layer, since what `build` allocates for a layer grows with the width of the one before
    if isinstance(layer, Chain):
        for inner in layer.layers:
            shape = check_size(inner, shape, size)
    else:
        with _bounded_states(layer, size):
            shape = layer.build(shape)
    if sum(parameter.size for parameter in layer.named_parameters().values()) > size:
        raise ModelFileError(f"{type(layer).__name__} has more weights than the file has bytes")
    return shape


@contextmanager
def _bounded_states(layer: Layer, size: int) -> Iterator[None]:
    """Let `build` of each layer with state, at any depth, raise ModelFileError before it allocates too much."""
    # parameters get memory later, state gets it in `build`, and only a container knows the shapes inside it
    stateful = [inner for _, inner in layer.walk() if inner.state_names]
    for inner in stateful:
        vars(inner)["build"] = partial(_build_bounded, inner, size)
    try:
        yield
    finally:
        for inner in stateful:
            vars(inner).pop("build", None)


def _build_bounded(layer: Layer, size: int, row_shape: tuple[int, ...]) -> tuple[int, ...]:
    if _largest_state(layer, row_shape) > size:
        name = type(layer).__name__
        raise ModelFileError(f"{name} on rows of shape {row_shape} has more weights than the file has bytes")
    return type(layer).build(layer, row_shape)


def _largest_state(layer: Layer, row_shape: tuple[int, ...]) -> int:
    """Return the most numbers that an array of state can have: along the axes of its setting `axis`, or along all."""
    axes = getattr(layer, "axis", row_shape)
    count = 0 if axes is None else 1 if isinstance(axes, int) else len(axes)
    return math.prod(nlargest(count, row_shape))


def check_names(model_name: str, layer: Layer) -> None:
    """Raise SettingError for a name that is not plain, and for two layers of a container with the same name."""
    names = [model_name]
    for path, container in layer.walk():
        own = [inner.name for inner in container.children.values() if inner.name is not None]
        if len(set(own)) < len(own):
            raise SettingError(f"two layers of {path or model_name} have the same name")
        names += own
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w .-]{0,63}", name, re.ASCII):
            allowed = "use ASCII letters, digits, _ - . and spaces"
            raise SettingError(f"the name {abbreviate(name)} cannot be saved; {allowed}")
