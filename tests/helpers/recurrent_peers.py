"""Recurrent layers of Keras 3.15 on PyTorch 2.13, and of PyTorch itself: outputs, states, and the gradients of PyTorch.

Every function returns [outputs ..., gradients of the sequence, the initial states and the weights ...].
"""

from contextlib import contextmanager

import numpy as np
import pytest

from minidl.layers import GRU, LSTM, SimpleRNN, build_layer
from minidl.parameters import Parameters
from minidl.validation import settings_of

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
OUT_OF_KERAS = ("name", "kernel_", "recurrent_initializer", "recurrent_regularizer", "recurrent_constraint", "bias_")


def built(layer, shape, rng, dtype):
    """Return the layer with random weights; a model of it alone could not have several outputs."""
    build_layer(layer, shape)
    params = Parameters(layer.named_parameters(), np.dtype(dtype))
    params.initialize(rng)
    params.theta[:] = 0.4 * rng.normal(size=params.theta.size)
    return layer


def initial_states(layer, m, rng):
    """Random initial states, or none."""
    if rng.integers(2):
        return []
    return [rng.normal(size=(m, layer.units)) for _ in range(layer.state_count)]


def difference(ours, theirs):
    """Return the largest difference of two lists of arrays, relative to the largest number of each array."""
    assert [array.shape for array in ours] == [array.shape for array in theirs]
    pairs = zip(ours, theirs, strict=True)
    return max(np.abs(a - b).max(initial=0) / max(1, np.abs(b).max(initial=0)) for a, b in pairs)


@contextmanager
def keras_in_float64():
    """Let Keras multiply float64 matrices in float64: outside TensorFlow it rounds them to float32."""
    dtypes = pytest.importorskip("keras.src.backend.common.dtypes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
        _forget(dtypes)
        yield
    _forget(dtypes)


def _forget(module):
    for function in vars(module).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


def of_minidl(layer, x, states, mask, dys, training=False):
    y, _ = layer.masked_forward((x, *states) if states else x, mask, training)
    dx = layer.backward(tuple(dys) if layer.several_outputs else dys[0])
    outputs = y if layer.several_outputs else (y,)
    found = [*outputs, *(dx if states else (dx,)), *(p.grad for p in layer.named_parameters().values())]
    assert {array.dtype for array in found} == {x.dtype}
    return found


def differentiate(y, leaves, dys):
    """Return the outputs, and the gradients that PyTorch derives; 0 for what the outputs do not depend on."""
    import torch

    used = [(part, dy) for part, dy in zip(y, dys, strict=True) if part.requires_grad]
    slopes = torch.autograd.grad(
        [part for part, _ in used], leaves, [torch.tensor(dy) for _, dy in used], allow_unused=True
    )
    slopes = [torch.zeros_like(leaf) if slope is None else slope for leaf, slope in zip(leaves, slopes, strict=True)]
    return [part.detach().numpy() for part in (*y, *slopes)]


def settings_for_keras(layer):
    """Return the settings of the layer, which Keras has under the same names."""
    return {name: value for name, value in settings_of(layer).items() if not name.startswith(OUT_OF_KERAS)}


def of_keras(layer, x, states, mask, dys, training=False, masks=(None, None)):
    """The layer of Keras with the same settings and weights. masks: of dropout of x and h, as the cell keeps them."""
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    theirs = getattr(keras.layers, type(layer).__name__)(**settings_for_keras(layer), dtype=str(x.dtype))
    theirs.build((None, *x.shape[1:]))
    for weight, parameter in zip(theirs.weights, layer.parameters.values(), strict=True):
        weight.value.data = torch.tensor(parameter.value)
    theirs.cell._dropout_mask, theirs.cell._recurrent_dropout_mask = masks
    rows = torch.tensor(x, requires_grad=True)
    first = [torch.tensor(state, requires_grad=True) for state in states]
    mask = None if mask is None else torch.tensor(mask)
    y = theirs(rows, initial_state=first or None, mask=mask, training=training)
    y = list(y) if layer.return_state else [y]
    return differentiate(y, [rows, *first, *(weight.value for weight in theirs.weights)], dys)


# ---- PyTorch


def gate_orders(layer):
    """Return the gates of PyTorch in the order of Keras, and those of Keras in the order of PyTorch."""
    if isinstance(layer, GRU):
        return [1, 0, 2], [1, 0, 2]  # r z n
    gates = list(range(layer.gates))
    return gates, gates


def reordered(array, order):
    """Change the order of the gates along the last axis."""
    return np.concatenate([np.split(array, len(order), axis=-1)[i] for i in order], axis=-1)


def of_torch(layer, x, states, lengths, dys):
    """torch.nn's layer with the same weights. lengths: of the rows, which are padded behind, or None."""
    torch = pytest.importorskip("torch")
    theirs = torch_layer(layer, x.shape[-1])
    leaves = list(theirs.parameters())
    rows = torch.tensor(x, requires_grad=True)
    first = [torch.tensor(state, requires_grad=True) for state in states]
    given = torch.flip(rows, [1]) if layer.go_backwards else rows
    if lengths is not None:
        given = torch.nn.utils.rnn.pack_padded_sequence(given, lengths, batch_first=True, enforce_sorted=False)
    begin = [state[None] for state in first] or None
    y, last = theirs(given, begin if begin is None or isinstance(layer, LSTM) else begin[0])
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    last = list(last) if isinstance(layer, LSTM) else [last]
    outputs = [y if layer.return_sequences else last[0][0], *(state[0] for state in last if layer.return_state)]
    found = differentiate(outputs, [rows, *first, *leaves], dys)
    before = len(outputs) + 1 + len(first)
    return found[:before] + _keras_gradients(layer, found[before:])


def torch_layer(layer, features):
    """Return PyTorch's layer with the weights of the layer, in their dtype."""
    import torch

    kind = {SimpleRNN: torch.nn.RNN, GRU: torch.nn.GRU, LSTM: torch.nn.LSTM}[type(layer)]
    options = {"nonlinearity": layer.activation} if kind is torch.nn.RNN else {}
    theirs = kind(features, layer.units, batch_first=True, bias=layer.use_bias, **options)
    _, order = gate_orders(layer)
    values = [reordered(layer.kernel.value, order).T, reordered(layer.recurrent_kernel.value, order).T]
    if layer.use_bias:
        bias = layer.bias.value if layer.bias.value.ndim == 2 else np.stack([layer.bias.value, 0 * layer.bias.value])
        values += list(reordered(bias, order))
    for weight, value in zip(theirs.parameters(), values, strict=True):
        weight.data = torch.tensor(np.ascontiguousarray(value))
    return theirs


def _keras_gradients(layer, gradients):
    order, _ = gate_orders(layer)
    kernel, recurrent, *biases = gradients
    found = [reordered(kernel.T, order), reordered(recurrent.T, order)]
    if biases:
        both = reordered(np.stack(biases), order)
        found.append(both if layer.bias.value.ndim == 2 else both[0])
    return found
