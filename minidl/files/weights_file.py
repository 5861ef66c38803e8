"""Weights alone: in Keras 3's .weights.h5, or in safetensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import ModelFileError, SettingError
from ..model import Model
from ..parameters import Parameter
from . import atomic, native
from .extras import extra
from .keras_optimizer import optimizer_arrays, read_optimizer
from .layout import Weight, finite_arrays, read_weights, weights
from .tree import Tree, image, named, open_tree, read_bytes, said, shown

SUFFIXES = (".weights.h5", ".safetensors")


def save_weights(model: Model, path: str | Path) -> None:
    """Write the weights: to x.weights.h5 as Keras 3 does, with the optimiser's state, or to x.safetensors.

    The state is that of SGD, RMSprop, Adagrad, Adam, AMSGrad and AdamW; others are left out. The file is replaced at
    once or not at all. Raises NonFiniteError for weights that are not finite.
    """
    model.params  # noqa: B018  an unbuilt model says so here
    found = weights(model.layer)
    arrays = finite_arrays(found)
    if str(path).endswith(".weights.h5"):
        atomic.write(path, image(arrays | optimizer_arrays(model)))
    elif str(path).endswith(".safetensors"):
        with extra("safetensors"):
            from safetensors.numpy import save
        atomic.write(path, save({weight.name: weight.array.copy() for weight in found.values()}))
    else:
        raise SettingError(f"save_weights: the name must end in {' or '.join(SUFFIXES)}, got {str(path)!r}")


def load_weights(model: Model, path: str | Path, *, max_bytes: int = 2**31) -> None:
    """Set the weights from a .weights.h5 of Keras 3 or of minidl, from a model file of minidl, or from safetensors.

    From .weights.h5 a compiled model takes the optimiser's state too. Everything is checked before the first weight is
    set. Raises ModelFileError for a file whose weights are not exactly those of this model.
    """
    model.params  # noqa: B018
    with named("load_weights", path):
        content = read_bytes(path, max_bytes)
        if str(path).endswith(".safetensors"):
            _set_from_safetensors(model, content)
            return
        if native.is_sealed(content):
            native.unsealed(content)
        set_weights(model, content)


def set_weights(model: Model, content: bytes) -> None:
    """Set the weights, and the optimiser's state, from the bytes of an HDF5 file in Keras's layout."""
    found = weights(model.layer)
    with open_tree(content) as tree:
        _refuse_different(set(_arrays(tree, "")), found)
        assign = [read_weights(tree, found, ("float32", "float64")), read_optimizer(tree, model)]
    for setting in assign:
        setting()


def _arrays(tree: Tree, group: str) -> Iterator[str]:
    """The paths of all the weights in the file."""
    for key in tree.names(f"{group}/layers"):
        inner = f"{group}/layers/{key}"
        if strange := set(tree.names(inner)) - {"vars", "layers"}:
            raise ModelFileError(f"{inner} holds {shown(min(strange))}: there is no such layer in minidl")
        yield from (f"{inner}/vars/{number}" for number in range(tree.count(f"{inner}/vars")))
        yield from _arrays(tree, inner)


def _refuse_different(held: set[str], found: dict[str, Weight]) -> None:
    if missing := [path for path in found if path not in held]:
        raise ModelFileError(f"{missing[0]} is missing, the model's {found[missing[0]].name}")
    if more := sorted(held - set(found)):
        raise ModelFileError(f"it holds {more[0]}, for which the model has no weight")


def _set_from_safetensors(model: Model, content: bytes) -> None:
    with extra("safetensors"):
        from safetensors import SafetensorError
        from safetensors.numpy import load

    found = {weight.name: weight for weight in weights(model.layer).values()}
    try:
        arrays = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(f"it cannot be read ({said(error)})") from None
    if different := sorted(set(arrays) ^ set(found)):
        raise ModelFileError(f"the file and the model do not both have {shown(different[0])}")
    checked = {name: _checked(name, weight, arrays[name]) for name, weight in found.items()}
    for name, weight in found.items():
        weight.set(checked[name])


def _checked(name: str, weight: Weight, array: np.ndarray) -> np.ndarray:
    """The array for a weight: a parameter has the model's type, a layer's state the type it was saved in."""
    if array.shape != weight.array.shape or array.dtype not in (np.float32, np.float64):
        kind = f"{array.dtype} {array.shape}"
        raise ModelFileError(f"{name} is {kind}, wanted {weight.array.dtype} {weight.array.shape}")
    with np.errstate(over="ignore"):
        converted = array.astype(weight.array.dtype if isinstance(weight.holder, Parameter) else array.dtype)
    if not np.isfinite(converted).all():
        raise ModelFileError(f"{name} is not finite in {converted.dtype}")
    return converted
