"""Layers of images against Keras 3.15 on PyTorch 2.13: outputs, and the gradients that PyTorch derives from Keras's."""

import numpy as np
import pytest

from minidl import Sequential, ShapeError
from minidl.registry import entry_of

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def built(layer, shape, rng, dtype="float64"):
    """Return the layer in a model, with random weights, ready for the gradient along its input."""
    model = Sequential([layer], dtype=dtype)
    model.build(shape)
    model.params.theta[:] = rng.normal(size=model.params.theta.size)
    layer.unmark_first()
    return layer


def gradients(layer, dy):
    """Return the gradients along the input and all parameters."""
    return [layer.backward(dy), *(parameter.grad for parameter in layer.parameters.values())]


def differences(layer, shape, rng, dtype):
    """Return the largest differences of output and gradients, None if the layer does not fit on rows of this shape."""
    try:
        built(layer, shape, rng, dtype)
    except ShapeError:
        return None
    x = rng.integers(-2, 3, (3, *shape)) if rng.integers(2) else rng.normal(size=(3, *shape))  # integers have ties
    x = x.astype(dtype)
    y = layer.forward(x)
    dy = rng.normal(size=y.shape).astype(dtype)
    wanted = of_keras(layer, x, dy, dtype)
    found = [y, *gradients(layer, dy)]
    assert [array.shape for array in found] == [array.shape for array in wanted]
    assert {array.dtype.name for array in found} == {dtype}
    return [_difference(ours, theirs) for ours, theirs in zip(found, wanted, strict=True)]


def _difference(ours, theirs):
    """Return the largest difference, relative to the largest number: a sum of many products may be near 0."""
    return np.abs(ours - theirs).max() / max(1, np.abs(theirs).max())


def of_keras(layer, x, dy, dtype):
    """Return the output and the gradients of the layer of Keras with the same settings and weights."""
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    settings = {name: getattr(layer, name) for name in entry_of(layer).keras.settings}
    theirs = getattr(keras.layers, type(layer).__name__)(**settings, dtype=dtype)
    theirs.build((None, *x.shape[1:]))
    for weight, parameter in zip(theirs.weights, layer.parameters.values(), strict=True):
        weight.value.data = _in_torchs_order(torch.tensor(parameter.value))
    rows = _in_torchs_order(torch.tensor(x)).requires_grad_()
    y = theirs(rows)
    leaves = [rows, *(weight.value for weight in theirs.weights)]
    threads = torch.get_num_threads()
    # on two, PyTorch 2.13's dL/dx of a transposed convolution is wrong for images one pixel wide
    torch.set_num_threads(1)
    try:
        slopes = torch.autograd.grad(y, leaves, _in_torchs_order(torch.tensor(dy)))
    finally:
        torch.set_num_threads(threads)
    return [part.detach().numpy() for part in (y, *slopes)]


def _in_torchs_order(tensor):
    """Return the tensor with the channels before the other axes in memory: PyTorch 2.13 derives no others."""
    if tensor.ndim < 3:
        return tensor
    return tensor.movedim((-1, -2), (0, 1)).contiguous().movedim((0, 1), (-1, -2))
