"""The optimizer's state in Keras's .weights.h5 files: iterations, learning rate, then the slots.

Keras has an array per parameter for each vector of minidl. Adam's m and v are stored by minidl without the factors
1 - beta_1 and 1 - beta_2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..errors import ModelFileError
from ..model import Model
from ..optimizers import SGD, Adagrad, Adam, AdamW, AMSGrad, Clip, Optimizer, RMSprop, WeightDecay
from ._hdf5_reader import FLOATS, HDF5Reader
from ._keras_layout import Setter

FOLDER = "/optimizer/vars"

# (vector, factor) in Keras's order. Those of one group alternate, parameter by parameter.
Slots = list[list[tuple[str, float]]]


class SlotArray(NamedTuple):
    """One of Keras's arrays: `factor` times the region of the vector that belongs to a parameter of this shape."""

    vector: str
    factor: float
    region: slice
    shape: tuple[int, ...]


def _slots(optimizer: Optimizer) -> Slots | None:
    """The slots of an optimizer; None for one that Keras lacks."""
    if isinstance(optimizer, Adam) and type(optimizer) in (Adam, AdamW, AMSGrad):
        square = 1 - optimizer.beta_2
        slots: Slots = [[("m", 1 - optimizer.beta_1), ("v", square)]]
        return [*slots, [("largest", square)]] if type(optimizer) is AMSGrad else slots
    names = {SGD: ["velocity"], RMSprop: ["v", "u", "a"], Adagrad: ["v"]}.get(type(optimizer))
    if names is None:
        return None
    return [[(name, 1.0)] for name in names if getattr(optimizer, name) is not None]


def _without_wrappers(optimizer: Optimizer) -> Optimizer:
    # clipping and weight decay are settings of Keras's optimizers, and have no state
    return next(inner for inner in optimizer.walk() if not isinstance(inner, Clip | WeightDecay))


def _slot_arrays(model: Model, slots: Slots) -> Iterator[SlotArray]:
    for group in slots:
        for path, parameter in model.params.items():
            for name, factor in group:
                yield SlotArray(name, factor, model.params.slices[path], parameter.shape)


def optimizer_arrays(model: Model) -> dict[str, np.ndarray]:
    """Return the arrays by path; none for an optimizer that has not started, or that Keras lacks."""
    optimizer = _without_wrappers(model.optimizer)
    if not optimizer.built or (slots := _slots(optimizer)) is None:
        return {}
    arrays = [np.array(optimizer.iterations, np.int64)]
    if not callable(optimizer.learning_rate):
        arrays.append(np.array(optimizer.learning_rate, np.float32))
    for slot in _slot_arrays(model, slots):
        arrays.append((getattr(optimizer, slot.vector)[slot.region] * slot.factor).reshape(slot.shape))
    return {f"{FOLDER}/{number}": array for number, array in enumerate(arrays)}


def read_optimizer(file: HDF5Reader, model: Model) -> Setter:
    """Read and check the optimizer's state; the function returned sets it. Warns if it is that of another optimizer."""
    count = file.count(FOLDER)
    if not count:
        return lambda: None
    model.prepare_optimizer()
    optimizer = _without_wrappers(model.optimizer)
    slots = _slots(optimizer)
    arrays = [] if slots is None else list(_slot_arrays(model, slots))
    first = 1 if callable(optimizer.learning_rate) else 2  # Keras writes no rate if a schedule computes it
    if slots is None or count != first + len(arrays):
        kind = type(optimizer).__name__
        message = f"load_weights: the file's {count} optimizer arrays do not fit {kind}; they are left out"
        warnings.warn(message, stacklevel=4)
        return lambda: None
    return _read_state(file, optimizer, arrays, first)


def _read_state(file: HDF5Reader, optimizer: Optimizer, arrays: list[SlotArray], first: int) -> Setter:
    iterations = int(file.array(f"{FOLDER}/0", ("int32", "int64"), ()))
    rate = float(file.array(f"{FOLDER}/1", FLOATS, ())) if first == 2 else None
    if iterations < 0 or not (rate is None or 0 <= rate < math.inf):
        raise ModelFileError(f"its optimizer has done {iterations} steps, and its learning rate is {rate}")
    vectors = {slot.vector: np.empty_like(getattr(optimizer, slot.vector)) for slot in arrays}
    for number, slot in enumerate(arrays, first):
        array = file.array(f"{FOLDER}/{number}", FLOATS, slot.shape)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, as it would in a float32 training
            vectors[slot.vector][slot.region] = array.reshape(-1) / slot.factor

    def assign() -> None:
        optimizer.iterations = iterations
        if rate is not None:
            optimizer.learning_rate = rate
        for name, vector in vectors.items():
            getattr(optimizer, name)[:] = vector

    return assign
