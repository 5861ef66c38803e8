"""What Keras's optimisers remember, as .weights.h5 files hold it: steps done, learning rate, then the slots.

Keras keeps an array per parameter where minidl keeps one vector; Adam's m and v are kept by minidl without the factors
1 - beta_1 and 1 - beta_2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..model import Model
from ..optimizers import SGD, Adagrad, Adam, AdamW, AMSGrad, Clip, Optimizer, RMSprop
from .tree import Tree

FOLDER = "/optimizer/vars"

# The slots in Keras's order: (vector, factor). Those of one group take turns, parameter by parameter.
Slots = list[list[tuple[str, float]]]


def _slots(optimizer: Optimizer) -> Slots | None:
    """The slots, None for an optimiser that Keras has not."""
    if type(optimizer) in (Adam, AdamW):
        return [[("m", 1 - optimizer.beta_1), ("v", 1 - optimizer.beta_2)]]  # type: ignore[attr-defined]
    if type(optimizer) is AMSGrad:
        square = 1 - optimizer.beta_2
        return [[("m", 1 - optimizer.beta_1), ("v", square)], [("largest", square)]]
    names = {SGD: ["velocity"], RMSprop: ["v", "u", "a"], Adagrad: ["v"]}.get(type(optimizer))
    if names is None:
        return None
    return [[(name, 1.0)] for name in names if getattr(optimizer, name) is not None]


def _inner(optimizer: Optimizer) -> Optimizer:
    # clipping is a setting of Keras's optimisers, and remembers nothing
    return _inner(optimizer.optimizer) if isinstance(optimizer, Clip) else optimizer


def _places(model: Model, slots: Slots) -> Iterator[tuple[str, float, slice, tuple[int, ...]]]:
    """(vector, factor, its part, shape there) of each of Keras's arrays, in their order."""
    for group in slots:
        for path, parameter in model.params.items():
            for name, factor in group:
                yield name, factor, model.params.slices[path], parameter.shape


def optimizer_arrays(model: Model) -> dict[str, np.ndarray]:
    """The arrays by path; none for an optimiser that has not begun, or that Keras has not."""
    optimizer = _inner(model.optimizer)
    if optimizer is None or not optimizer.built or (slots := _slots(optimizer)) is None:
        return {}
    arrays = [np.array(optimizer.iterations, np.int64)]
    if not callable(optimizer.learning_rate):
        arrays.append(np.array(optimizer.learning_rate, np.float32))
    for name, factor, part, shape in _places(model, slots):
        arrays.append((getattr(optimizer, name)[part] * factor).reshape(shape))
    return {f"{FOLDER}/{number}": array for number, array in enumerate(arrays)}


def read_optimizer(tree: Tree, model: Model) -> Callable[[], None]:
    """The optimiser's state, checked; what is returned sets it. That of another optimiser is left, with a warning."""
    count = tree.count(FOLDER)
    if not count:
        return lambda: None
    model.prepare_optimizer()
    optimizer = _inner(model.optimizer)
    slots, scheduled = _slots(optimizer), callable(optimizer.learning_rate)
    places = [] if slots is None else list(_places(model, slots))
    first = 1 if scheduled else 2  # Keras writes no rate where a schedule makes it
    if slots is None or count != first + len(places):
        kind = type(optimizer).__name__
        warnings.warn(
            f"load_weights: the optimiser's {count} arrays are none of {kind}'s; they are left out", stacklevel=4
        )
        return lambda: None
    return _read(tree, optimizer, places, scheduled)


def _read(tree: Tree, optimizer: Optimizer, places: list[Any], scheduled: bool) -> Callable[[], None]:
    iterations = int(tree.array(f"{FOLDER}/0", ("int32", "int64"), ()))
    rate = None if scheduled else float(tree.array(f"{FOLDER}/1", ("float32", "float64"), ()))
    if iterations < 0 or not (rate is None or 0 <= rate < math.inf):
        raise ModelFileError(f"its optimiser has done {iterations} steps, and its learning rate is {rate}")
    first, vectors = 1 if scheduled else 2, {name: np.empty_like(getattr(optimizer, name)) for name, *_ in places}
    for number, (name, factor, part, shape) in enumerate(places, first):
        array = tree.array(f"{FOLDER}/{number}", ("float32", "float64"), shape)
        with np.errstate(over="ignore"):  # what float64 held may be infinite here, as it would have become here
            vectors[name][part] = array.reshape(-1) / factor

    def assign() -> None:
        optimizer.iterations = iterations
        if rate is not None:
            optimizer.learning_rate = rate
        for name, vector in vectors.items():
            getattr(optimizer, name)[:] = vector

    return assign
