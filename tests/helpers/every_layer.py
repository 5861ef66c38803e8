"""Every layer with every option, from the gradient-check table: a new layer is in these tests from its row on."""

import math
from zlib import crc32

import numpy as np

from minidl import Sequential
from minidl.gradcheck._layer_subject import random_rows, with_one_input
from minidl.layers import Chain, Dense, Flatten
from minidl.registry import entry_of
from tests.gradcheck.test_table import LAYERS


def row(layer, shape):
    """Return (layer, shape of its input's rows). Several inputs or outputs are side by side, in a Graph."""
    if isinstance(shape, int):
        return layer, (shape,)
    if layer.several_inputs and isinstance(shape[0], tuple):
        return with_one_input(layer, shape), (sum(math.prod(part) for part in shape),)
    return with_one_input(layer, (shape,)) if layer.several_outputs else layer, shape


ROWS = [row(layer, shape) for layer, shape in LAYERS]
FLOAT32 = 4e-6  # other programs add up to 24 terms in another order, each rounded to 6e-8, in two products in a row


def parts(layer):
    """Return the layer and all layers inside it."""
    return [part for _, part in layer.walk()]


def rows_with(counterpart, *kinds):
    """Return the rows whose layers all have a counterpart of one of these kinds: rows_with("keras", KerasLayer).

    Stateful layers have none: Keras needs batches of one size for them, and an ONNX graph keeps nothing.
    """
    return [
        (layer, shape)
        for layer, shape in ROWS
        if all(isinstance(getattr(entry_of(part), counterpart), kinds) for part in parts(layer))
        and not any(getattr(part, "stateful", False) for part in parts(layer))
    ]


def around(layer, shape, dtype="float32"):
    """Return (model, x): the layer on the inputs, and again inside a Chain, with random weights and statistics.

    The numbers depend on this row alone, not on the rows beside it.
    """
    seed = crc32(f"{layer} {shape}".encode())
    rng = np.random.default_rng(seed)
    between = [Flatten(), Dense(*shape)] if len(shape) == 1 else []
    twice = [layer.clone(), *between, Chain(layer.clone())]
    keeps_shape = layer.vocabulary_size is None and (between or layer.clone().build(shape) == shape)
    parts_of_model = twice if keeps_shape else [Chain(layer.clone())]
    ending = [] if layer.makes_mask else [Flatten()]  # Flatten ends masks
    model = Sequential([*parts_of_model, *ending, Dense(2)], seed=seed, dtype=dtype)
    model.build(shape)
    randomize(model, rng)
    return model, random_rows(model.layer, 6, shape, rng).astype(dtype)


def randomize(model, rng):
    """Move the weights away from their first values, and the moving statistics away from 0 and 1."""
    model.params.theta += 0.1 * rng.standard_normal(model.params.theta.size)
    for state in model.layer.named_state().values():
        if state.dtype.kind == "f":  # a count stays
            state += rng.random(state.shape)


def difference(a, b):
    return np.max(np.abs(a - b) / np.maximum(1, np.abs(b)))
