"""Outputs and gradients of single layers, of Keras 3.15 on PyTorch, in float32, and of minidl, in float64."""

from collections import Counter

import numpy as np
import pytest

from minidl import Sequential
from minidl.layers import run_masked
from tests.helpers.every_layer import randomize


def keras_layers():
    """Return keras.layers, or skip the test."""
    pytest.importorskip("torch")
    return pytest.importorskip("keras").layers


def by_keras(layer, x, dy, weights=(), training=False, mask=None):
    """Return y, dL/dx, the gradients of the trainable weights, and all weights afterwards."""
    import torch

    if not layer.built:
        layer.build(x.shape)
    layer.set_weights(weights)
    given = torch.tensor(x, dtype=torch.float32, requires_grad=True)
    y = layer(given, training=training, **({} if mask is None else {"mask": torch.tensor(mask)}))
    y.backward(torch.tensor(dy(y.shape), dtype=torch.float32))
    gradients = [weight.value.grad for weight in layer.trainable_weights]
    return [_numbers(part) for part in (y, given.grad, *gradients, *(weight.value for weight in layer.weights))]


def _numbers(tensor):
    return tensor.detach().cpu().numpy()


def by_minidl(layer, x, dy, training=False, mask=None):
    """Return the same of a layer that is built, and check that the arrays are of the shape that build promised."""
    y = run_masked(layer, x, mask, training)[0]
    dx = layer.backward(dy(y.shape))
    return [y, dx, *(parameter.grad for parameter in layer.parameters.values()), *layer.get_weights()]


def built(layer, row_shape, rng):
    """Build a layer in float64 and move its weights away from their first values. Return the shape of an output row."""
    model = Sequential([layer], seed=0, dtype="float64")
    model.build(row_shape)
    randomize(model, rng)
    for name in layer.state_names:
        setattr(layer, name, getattr(layer, name).astype(float))
    return model.output_shape


def assert_same_as_keras(ours, theirs, row_shape, rng, *, rows=4, training=False, tolerance=1e-5, mask=None):
    """Compare a layer of minidl with the same layer of Keras. mask: (rows, steps)."""
    output_shape = built(ours, row_shape, rng)
    x, dy = rng.normal(size=(rows, *row_shape)), rng.normal(size=(rows, *output_shape))

    def gradient(shape):
        assert tuple(shape) == dy.shape
        return dy

    expected = by_keras(theirs, x, gradient, ours.get_weights(), training, mask)
    found = by_minidl(ours, x, gradient, training, mask)
    assert [part.shape for part in found] == [part.shape for part in expected]
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


def assert_settings_agree_with_keras(drawn, layers, settings_of_each=300):
    """Compare so many settings of each layer with Keras: drawn(seed) returns the class, the settings and a shape."""
    theirs, compared, seed = keras_layers(), Counter(), 0
    while len(compared) < layers or min(compared.values()) < settings_of_each:
        kind, settings, shape = drawn(seed)
        layer = getattr(theirs, kind.__name__)(**settings)
        assert_same_as_keras(kind(**settings), layer, shape, np.random.default_rng(seed), rows=2)
        compared[kind] += 1
        seed += 1
